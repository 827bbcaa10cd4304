package line

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

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

// crcSize is the length of what stands behind what the checksum covers, up to the brace.
const crcSize = len(keyCRC) + crcDigits + len(`"`)

// crcOf finds the member crc, which begins where what the checksum covers ends. padding is the number of
// spaces before the last brace.
func crcOf(line []byte) (at, padding int, ok bool) {
	n := len(line) - 1
	if n < crcSize || line[n] != '}' {
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
	synced, end, ok := numberBefore(line, end, keySynced)
	if !ok {
		return 0, RuleStamp
	}
	s.BatchFirst, s.BatchLast = 0, 0
	if line[end-1] == ']' {
		var first, last uint64
		var ok1, ok2 bool
		last, end, ok1 = numberBefore(line, end-1, ",")
		first, end, ok2 = numberBefore(line, end, keyBatch)
		if !ok1 || !ok2 {
			return 0, RuleStamp
		}
		s.BatchFirst, s.BatchLast = nacre.Position(first), nacre.Position(last)
	}
	const created = len(keyCreatedAt) + timeSize + 1
	if end < created || line[end-1] != '"' || string(line[end-created:end-timeSize-1]) != keyCreatedAt {
		return 0, RuleStamp
	}
	if s.CreatedAt, ok = ParseTime(line[end-timeSize-1 : end-1]); !ok {
		return 0, RuleStamp
	}
	streamPosition, end, ok1 := numberBefore(line, end-created, keyStreamPosition)
	position, end, ok2 := numberBefore(line, end, keyPosition)
	if !ok1 || !ok2 || position == 0 {
		return 0, RuleStamp
	}
	s.Position, s.StreamPosition, s.Synced = nacre.Position(position), int64(streamPosition), nacre.Position(synced)
	if s.BatchLast != 0 && (s.BatchFirst >= s.BatchLast || s.Position < s.BatchFirst || s.Position > s.BatchLast) ||
		s.BatchLast == 0 && s.BatchFirst != 0 {
		return 0, RuleBatch
	}
	if s.Synced >= s.Position {
		return 0, RuleSynced
	}
	return end, nil
}

// numberBefore reads the number that ends at end and the key before it; begin is where the key does.
func numberBefore(line []byte, end int, key string) (n uint64, begin int, ok bool) {
	i, unit := end, uint64(1)
	for i > 0 && end-i < maxDigits {
		d := uint64(line[i-1]) - '0'
		if d > 9 {
			break
		}
		n += d * unit
		unit *= 10
		i--
	}
	begin = i - len(key)
	if i == end || begin < 1 || string(line[begin:i]) != key || line[i] == '0' && end-i > 1 || n > 1<<63-1 {
		return 0, 0, false
	}
	return n, begin, true
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
	Sum  uint32 // the body's checksum

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
	// The stamp is needed first, to sum the body apart; it is not believed before the sum is right.
	n, err := v.Stamp.parse(line[:crcAt])
	if err != nil {
		if !sumMatches(line, crcAt, crc32.Update(0, castagnoli, line[:crcAt])) {
			return RuleChecksum
		}
		return err
	}
	v.Body = line[:n:n]
	v.Sum = crc32.Update(0, castagnoli, v.Body)
	if !sumMatches(line, crcAt, crc32.Update(v.Sum, castagnoli, line[n:crcAt])) {
		return RuleChecksum
	}
	return v.parseParts(padding)
}

func (v *View) parseParts(padding int) error {
	err := v.parseBody()
	if err == nil && padding > 0 && v.DataHash == nil {
		return RulePadding
	}
	return err
}

// ParseVerified is Parse for a line whose checksum has been verified already. It does not set v.Sum.
func ParseVerified(line []byte, v *View) error {
	crcAt, padding, ok := crcOf(line)
	if !ok {
		return RuleEnd
	}
	n, err := v.Stamp.parse(line[:crcAt])
	if err != nil {
		return err
	}
	v.Body, v.Sum = line[:n:n], 0
	return v.parseParts(padding)
}

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
		if n, begin, ok := numberBefore(b, end, keyTransactionSize); ok && begin >= low {
			if n == 0 || n > 1<<31-1 {
				return 0, RuleKeys
			}
			v.TransactionSize, end = int(n), begin
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
		if at += n; hasBefore(b, low, at, keyMetadata) && objectEnd(b[:end], at) == end {
			return at
		}
	}
	return -1
}
