package line

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/nacredb/nacre"
)

// Rule is an error: the rule of the format that a line breaks.
type Rule string

// The rules of a line, in the order in which they are looked at.
const (
	RuleEnd      Rule = `the line does not end with "crc" and a brace`
	RuleChecksum Rule = "the checksum does not match"
	RuleStamp    Rule = "the stamp is not as a store writes it"
	RuleBatch    Rule = "the batch is not one of the line's position"
	RuleSynced   Rule = "synced is not before the line's position"
	RuleBegin    Rule = "the line does not begin with streamId, eventId and type"
	RuleData     Rule = "after type, there is no data, dataBase64 or dataHash that ends where it should"
	RuleBase64   Rule = "dataBase64 is not base64"
	RuleKeys     Rule = "what stands between data and the stamp is not metadata, tags, parents, transactionId and transactionSize, in this order"
	RulePadding  Rule = "spaces stand before the last brace, and nothing has been erased"
)

// Error implements error.
func (r Rule) Error() string { return string(r) }

// Check verifies a line's checksum and reads its stamp: what a copy of the line needs. bodyLen is where
// the stamp begins.
func Check(line []byte) (s Stamp, bodyLen int, err error) {
	crcAt, _, ok := crcOf(line)
	if !ok {
		return s, 0, RuleEnd
	}
	if !sumMatches(line, crcAt, crc32.Update(0, castagnoli, line[:crcAt])) {
		return s, 0, RuleChecksum
	}
	bodyLen, err = s.parse(line[:crcAt])
	return s, bodyLen, err
}

// Verify is Check for who only wants to know whether the line is good.
func Verify(line []byte) error {
	_, _, err := Check(line)
	return err
}

// ParseStamp reads the stamp from the line's end, without verifying the checksum.
func ParseStamp(line []byte) (s Stamp, bodyLen int, ok bool) {
	crcAt, _, ok := crcOf(line)
	if !ok {
		return s, 0, false
	}
	bodyLen, err := s.parse(line[:crcAt])
	return s, bodyLen, err == nil
}

// Prefix is the length of the good line at the text's beginning, 0 where there is none. What stands behind
// it may be anything.
func Prefix(text []byte) int {
	sum, summed := uint32(0), 0
	for at := 0; ; at++ {
		n := bytes.Index(text[at:], []byte(keyCRC))
		if n < 0 || len(text)-at-n < crcSize+len("}") {
			return 0
		}
		at += n
		sum, summed = crc32.Update(sum, castagnoli, text[summed:at]), at
		end := at + crcSize
		for end < len(text) && text[end] == ' ' {
			end++
		}
		if end++; end <= len(text) && sumMatches(text, at, sum) && Verify(text[:end]) == nil {
			return end
		}
	}
}

// crcSize is the length of what stands behind what the checksum covers, up to the brace.
const crcSize = len(keyCRC) + crcDigits + len(`"`)

// crcOf finds the member crc, which begins where what the checksum covers ends. padding is the number of
// spaces before the last brace.
func crcOf(line []byte) (at, padding int, ok bool) {
	n := len(line) - 1
	if n < crcSize || line[0] != '{' || line[n] != '}' {
		return 0, 0, false
	}
	for line[n-1] == ' ' {
		if n--; n < crcSize {
			return 0, 0, false
		}
	}
	at = n - crcSize
	return at, len(line) - 1 - n, string(line[at:at+len(keyCRC)]) == keyCRC && line[n-1] == '"'
}

func sumMatches(line []byte, crcAt int, sum uint32) bool {
	return binary.BigEndian.Uint64(line[crcAt+len(keyCRC):]) == hexOf(sum)
}

// SplitCRC verifies the checksum of any line that ends with the member crc, and gives what stands before
// it: the log's other checksummed lines are made like an event's.
func SplitCRC(line []byte) (covered []byte, err error) {
	at, padding, ok := crcOf(line)
	switch {
	case !ok || padding > 0:
		return nil, RuleEnd
	case !sumMatches(line, at, crc32.Update(0, castagnoli, line[:at])):
		return nil, RuleChecksum
	}
	return line[:at], nil
}

// parse reads the stamp at the end of a line that has been cut before its crc.
func (s *Stamp) parse(line []byte) (bodyLen int, err error) {
	end := len(line)
	if end < minStamp-crcSize-1 {
		return 0, RuleStamp
	}
	synced, end := numberBefore(line, end)
	if !hasBefore(line, 0, end, keySynced) {
		return 0, RuleStamp
	}
	end -= len(keySynced)
	var first, last uint64
	if line[end-1] == ']' {
		if first, last, end = batchBefore(line, end); end == 0 {
			return 0, RuleBatch
		}
	}
	const created = len(keyCreatedAt) + timeSize + len(`"`)
	end -= created
	if end < 0 || string(line[end:end+len(keyCreatedAt)]) != keyCreatedAt || line[end+created-1] != '"' {
		return 0, RuleStamp
	}
	createdAt, ok := ParseTime(line[end+len(keyCreatedAt) : end+created-1])
	streamPosition, end := numberBefore(line, end)
	if !ok || !hasBefore(line, 0, end, keyStreamPosition) {
		return 0, RuleStamp
	}
	end -= len(keyStreamPosition)
	position, end := numberBefore(line, end)
	if !hasBefore(line, 0, end, keyPosition) || position == 0 {
		return 0, RuleStamp
	}
	end -= len(keyPosition)
	if last != 0 && (position < first || position > last) {
		return 0, RuleBatch
	}
	if synced >= position {
		return 0, RuleSynced
	}
	*s = Stamp{
		Position: nacre.Position(position), StreamPosition: int64(streamPosition), CreatedAt: createdAt,
		BatchFirst: nacre.Position(first), BatchLast: nacre.Position(last), Synced: nacre.Position(synced),
	}
	return end, nil
}

// batchBefore reads the member batch that ends at end, and gives where it begins, 0 where it is not one.
func batchBefore(line []byte, end int) (first, last uint64, begin int) {
	last, end = numberBefore(line, end-1)
	if !hasBefore(line, 0, end, ",") {
		return 0, 0, 0
	}
	first, end = numberBefore(line, end-1)
	if !hasBefore(line, 0, end, keyBatch) || first == 0 || first >= last {
		return 0, 0, 0
	}
	return first, last, end - len(keyBatch)
}

// numberBefore reads the number that ends at end; begin is where it does, 0 where there is none.
func numberBefore(line []byte, end int) (n uint64, begin int) {
	if end < 8 || end > len(line) {
		return 0, 0
	}
	// Eight characters at once: a digit becomes its value, and anything else reaches its byte's high bit.
	digits := binary.LittleEndian.Uint64(line[end-8:]) ^ ones*'0'
	others := (digits&(ones*0x7f) + ones*(0x7f-9) | digits) & (ones * 0x80)
	count := bits.LeadingZeros64(others) / 8
	n = eightDigits(digits &^ (1<<(64-8*count) - 1))
	begin = end - count
	if count == 8 {
		n, begin = moreDigits(line, n, begin)
	}
	if count == 0 || line[begin] == '0' && end-begin > 1 {
		return 0, 0
	}
	return n, begin
}

// eightDigits is the number of eight digits' values, the first one in the lowest byte.
func eightDigits(v uint64) uint64 {
	const pairs = 0x000000ff000000ff
	v = 10*v + v>>8
	return (v&pairs*(100+1_000_000<<32) + v>>16&pairs*(1+10_000<<32)) >> 32
}

// moreDigits reads on before the last eight digits.
func moreDigits(line []byte, n uint64, begin int) (uint64, int) {
	unit := uint64(100_000_000)
	for i := 8; begin > 0 && line[begin-1]-'0' <= 9; i++ {
		if i == maxDigits {
			return 0, 0
		}
		begin--
		n += uint64(line[begin]-'0') * unit
		unit *= 10
	}
	if n > math.MaxInt64 {
		return 0, 0
	}
	return n, begin
}

// View is a parsed line. Its slices are parts of the line; those of absent members are nil.
type View struct {
	StreamID, ID, Type []byte
	Data               []byte // JSON
	Binary             []byte // base64
	DataHash           []byte
	Metadata           []byte // a JSON object
	Tags, Parents      []byte // JSON arrays of plain strings
	TransactionID      []byte
	TransactionSize    int
	Stamp
	Body []byte // from the first brace to before the stamp

	tags, parents []string // room for borrowed events
	binary        []byte
}

// Parse verifies a line's checksum, its stamp and the order of its keys, and sets v. On an error, v is
// of no use. The slices are valid as long as the line is.
func Parse(line []byte, v *View) error {
	crcAt, padding, ok := crcOf(line)
	if !ok {
		return RuleEnd
	}
	if !sumMatches(line, crcAt, crc32.Update(0, castagnoli, line[:crcAt])) {
		return RuleChecksum
	}
	return v.parse(line[:crcAt], padding)
}

// ParseVerified is Parse for a line whose checksum has been verified already.
func ParseVerified(line []byte, v *View) error {
	crcAt, padding, ok := crcOf(line)
	if !ok {
		return RuleEnd
	}
	return v.parse(line[:crcAt], padding)
}

func (v *View) parse(covered []byte, padding int) error {
	n, err := v.Stamp.parse(covered)
	if err != nil {
		return err
	}
	v.Body = covered[:n:n]
	err = v.parseBody()
	if err == nil && padding > 0 && v.DataHash == nil {
		return RulePadding
	}
	return err
}

// Sum is the body's checksum.
func (v *View) Sum() uint32 { return Checksum(v.Body) }

const (
	keyStreamID = `{"streamId":"`
	keyID       = `","eventId":"`
	keyType     = `","type":"`
	keyData     = `","data":`
	keyBase64   = `","dataBase64":"`
	keyDataHash = `","dataHash":"`

	keyMetadata        = `,"metadata":`
	keyTags            = `,"tags":`
	keyParents         = `,"parents":`
	keyTransaction     = `,"transactionId":`
	keyTransactionSize = `,"transactionSize":`
)

// parseBody sets the body's parts. The checksum has been verified, so what stands there is what a store
// wrote.
func (v *View) parseBody() error {
	b := v.Body
	if len(b) < len(keyStreamID) || string(b[:len(keyStreamID)]) != keyStreamID {
		return RuleBegin
	}
	var at int
	var ok bool
	if v.StreamID, at, ok = text(b, len(keyStreamID)); !ok || !hasAt(b, at, keyID) {
		return RuleBegin
	}
	if v.ID, at, ok = text(b, at+len(keyID)); !ok || !hasAt(b, at, keyType) {
		return RuleBegin
	}
	if v.Type, at, ok = text(b, at+len(keyType)); !ok {
		return RuleBegin
	}
	v.Data, v.Binary, v.DataHash, v.Metadata = nil, nil, nil, nil
	switch {
	case hasAt(b, at, keyData):
		return v.parseData(at + len(keyData))
	case hasAt(b, at, keyBase64):
		if v.Binary, at, ok = text(b, at+len(keyBase64)); !ok {
			return RuleData
		}
		if !isBase64(v.Binary) {
			return RuleBase64
		}
	case hasAt(b, at, keyDataHash):
		if v.DataHash, at, ok = text(b, at+len(keyDataHash)); !ok || len(v.DataHash) == 0 {
			return RuleData
		}
	default:
		return RuleData
	}
	return v.parseRest(at + 1)
}

// text gives what stands before the next quote, and where that is.
func text(b []byte, from int) (value []byte, quote int, ok bool) {
	n := bytes.IndexByte(b[from:], '"')
	if n < 0 {
		return nil, 0, false
	}
	return b[from : from+n : from+n], from + n, true
}

func hasAt(b []byte, at int, key string) bool {
	return len(b)-at >= len(key) && string(b[at:at+len(key)]) == key
}

// parseData finds where data ends. Of a string or a scalar the end is seen; of an object or an array it
// is found from behind, which is many times faster than going through it: the members after it are
// recognised from the body's end.
func (v *View) parseData(from int) error {
	b := v.Body
	if from == len(b) {
		return RuleData
	}
	switch b[from] {
	case '{', '[':
		end, err := v.parseTail(from+1, true)
		if err != nil {
			return err
		}
		v.Data = b[from:end:end]
		if last := b[end-1]; end-from < 2 || last != b[from]+2 {
			return RuleData
		}
		return nil
	case '"':
		end := stringEnd(b, from)
		if end < 0 {
			return RuleData
		}
		v.Data = b[from:end:end]
		return v.parseRest(end)
	default:
		end := from
		for end < len(b) && b[end] != ',' {
			end++
		}
		v.Data = b[from:end:end]
		if end == from {
			return RuleData
		}
		return v.parseRest(end)
	}
}

// parseRest is for data whose end is known.
func (v *View) parseRest(from int) error {
	end, err := v.parseTail(from, false)
	if err == nil && end != from {
		return RuleKeys
	}
	return err
}

// parseTail recognises the members after data from behind, and gives where the first of them begins.
// Nothing of them stands before low. It relies on two things: outside of strings, JSON has no quote that
// follows a backslash; and since the body is an object that has not been closed yet, a member that ends
// where the body does is one of the body's own.
func (v *View) parseTail(low int, open bool) (end int, err error) {
	b := v.Body
	end = len(b)
	v.TransactionSize, v.TransactionID, v.Parents, v.Tags = 0, nil, nil, nil
	if end > low && b[end-1]-'0' <= 9 {
		if n, begin := numberBefore(b, end); hasBefore(b, low, begin, keyTransactionSize) {
			if n == 0 || n > math.MaxInt32 {
				return 0, RuleKeys
			}
			v.TransactionSize, end = int(n), begin-len(keyTransactionSize)
		}
	}
	if end > low && b[end-1] == '"' {
		if q := quoteBefore(b, low, end-1); q >= 0 && hasBefore(b, low, q, keyTransaction) {
			v.TransactionID, end = b[q+1:end-1:end-1], q-len(keyTransaction)
		}
	}
	if end > low && b[end-1] == ']' {
		begin := namesBefore(b, low, end)
		if begin >= 0 && hasBefore(b, low, begin, keyParents) {
			v.Parents, end = b[begin:end:end], begin-len(keyParents)
			begin = -1
			if end > low && b[end-1] == ']' {
				begin = namesBefore(b, low, end)
			}
		}
		if begin >= 0 && hasBefore(b, low, begin, keyTags) {
			v.Tags, end = b[begin:end:end], begin-len(keyTags)
		}
	}
	if end > low && b[end-1] == '}' {
		if begin := v.metadataBefore(low, end); begin >= 0 {
			v.Metadata, end = b[begin:end:end], begin-len(keyMetadata)
		}
	}
	return end, nil
}

func hasBefore(b []byte, low, end int, key string) bool {
	return end-low >= len(key) && string(b[end-len(key):end]) == key
}

// quoteBefore finds the quote that opens the string that is closed at end.
func quoteBefore(b []byte, low, end int) int {
	for i := end - 1; i >= low; i-- {
		if b[i] == '"' {
			return i
		}
	}
	return -1
}

// namesBefore finds the bracket that opens an array of plain strings which is closed before end, -1 where
// what stands there is something else.
func namesBefore(b []byte, low, end int) int {
	i := end - 2
	if i >= low && b[i] == '[' {
		return i
	}
	for i > low && b[i] == '"' {
		q := quoteBefore(b, low, i)
		if q <= low {
			return -1
		}
		switch b[q-1] {
		case '[':
			return q - 1
		case ',':
			i = q - 2
		default:
			return -1
		}
	}
	return -1
}

// metadataBefore finds the object that ends at end and is the member metadata, -1 where there is none.
func (v *View) metadataBefore(low, end int) int {
	b := v.Body
	for at := low; at < end; at++ {
		n := bytes.IndexByte(b[at:end], '{')
		if n < 0 {
			return -1
		}
		if at += n; hasBefore(b, low, at, keyMetadata) &&
			// Most metadata is flat: its only closing brace is its last byte.
			(bytes.IndexByte(b[at:end], '}') == end-1-at || objectEnd(b[:end], at) == end) {
			return at
		}
	}
	return -1
}
