package line

import (
	"bytes"
	"hash/crc32"
	"math"
)

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
		end, err := v.parseTail(from + 1)
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
	end, err := v.parseTail(from)
	if err == nil && end != from {
		return RuleKeys
	}
	return err
}

// parseTail recognises the members after data from behind, and gives where the first of them begins.
// Nothing of them stands before low. It relies on two things: outside of strings, JSON has no quote that
// follows a backslash; and since the body is an object that has not been closed yet, a member that ends
// where the body does is one of the body's own.
func (v *View) parseTail(low int) (end int, err error) {
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
