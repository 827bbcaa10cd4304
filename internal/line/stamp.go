package line

import (
	"encoding/binary"
	"hash/crc32"
	"strconv"

	"github.com/nacredb/nacre"
)

// Stamp is what the log decided about an event.
type Stamp struct {
	Position       nacre.Position // from 1
	StreamPosition int64          // from 0
	CreatedAt      int64          // microseconds since 1970, UTC
	// BatchFirst and BatchLast are the positions of a batch of more than one event, both 0 elsewhere.
	BatchFirst, BatchLast nacre.Position
	// Synced is the last position that was known to be durable when the line was made.
	Synced nacre.Position
}

// Batch is the first and the last position of what was committed with the event, itself where it was alone.
func (s *Stamp) Batch() (first, last nacre.Position) {
	if s.BatchLast == 0 {
		return s.Position, s.Position
	}
	return s.BatchFirst, s.BatchLast
}

// The stamp's members, as they stand in a line.
const (
	keyPosition       = `,"globalPosition":`
	keyStreamPosition = `,"streamPosition":`
	keyCreatedAt      = `,"createdAt":"`
	keyBatch          = `,"batch":[`
	keySynced         = `,"synced":`
	keyCRC            = `,"crc":"`

	crcDigits = 8
	maxDigits = 19 // of the numbers, which fit into 63 bits
)

// MaxStamp is the most bytes that AppendStamp appends.
const MaxStamp = len(keyPosition) + maxDigits + len(keyStreamPosition) + maxDigits +
	len(keyCreatedAt) + timeSize + len(`"`) + len(keyBatch) + maxDigits + len(`,`) + maxDigits + len(`]`) +
	len(keySynced) + maxDigits + len(keyCRC) + crcDigits + len("\"}\n")

// minStamp is the least that a stamp has, without the line feed.
const minStamp = len(keyPosition) + 1 + len(keyStreamPosition) + 1 + len(keyCreatedAt) + timeSize + len(`"`) +
	len(keySynced) + 1 + len(keyCRC) + crcDigits + len(`"}`)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of a body, which AppendStamp continues.
func Checksum(body []byte) uint32 { return crc32.Update(0, castagnoli, body) }

// Encoder writes stamps. It remembers the last second's text; the zero value is ready.
type Encoder struct {
	second int64
	text   [19]byte // up to the second; text[0] is 0 as long as there is none
}

// AppendStamp appends the stamp and a line feed to dst, which ends with a body of the checksum bodySum.
// Numbers are taken as they are: positions below 1<<63, a stream position from 0.
func (e *Encoder) AppendStamp(dst []byte, bodySum uint32, s *Stamp) []byte {
	start := len(dst)
	dst = append(dst, keyPosition...)
	dst = appendNumber(dst, uint64(s.Position))
	dst = append(dst, keyStreamPosition...)
	dst = appendNumber(dst, uint64(s.StreamPosition))
	dst = append(dst, keyCreatedAt...)
	dst = e.appendTime(dst, s.CreatedAt)
	if s.BatchLast != 0 {
		dst = append(dst, `"`+keyBatch...)
		dst = appendNumber(dst, uint64(s.BatchFirst))
		dst = append(dst, ',')
		dst = appendNumber(dst, uint64(s.BatchLast))
		dst = append(dst, `]`+keySynced...)
	} else {
		dst = append(dst, `"`+keySynced...)
	}
	dst = appendNumber(dst, uint64(s.Synced))
	sum := crc32.Update(bodySum, castagnoli, dst[start:])
	return AppendCRC(dst, sum, "}\n")
}

// AppendCRC appends the member crc and an end. The log's other checksummed lines end the same way.
func AppendCRC(dst []byte, sum uint32, end string) []byte {
	dst = append(dst, keyCRC...)
	dst = appendHex(dst, sum)
	dst = append(dst, '"')
	return append(dst, end...)
}

// AppendStamp is [Encoder.AppendStamp] for a single line.
func AppendStamp(dst []byte, bodySum uint32, s *Stamp) []byte {
	var e Encoder
	return e.AppendStamp(dst, bodySum, s)
}

// Append appends an event's whole line to dst, line feed included.
func Append(dst []byte, event *nacre.Event, s *Stamp) []byte {
	start := len(dst)
	dst = event.AppendBody(dst)
	return AppendStamp(dst, Checksum(dst[start:]), s)
}

func appendHex(dst []byte, sum uint32) []byte {
	return binary.BigEndian.AppendUint64(dst, hexOf(sum))
}

// hexOf is the eight digits, the first one in the highest byte.
func hexOf(sum uint32) uint64 {
	const ones = 0x0101010101010101
	// Spread the nibbles over the bytes, then add to each what makes it its digit.
	x := uint64(sum)
	x = (x<<16 | x) & 0x0000ffff0000ffff
	x = (x<<8 | x) & 0x00ff00ff00ff00ff
	x = (x<<4 | x) & (ones * 0x0f)
	letters := (x + ones*6) >> 4 & ones
	return x + ones*'0' + letters*('a'-'9'-1)
}

func appendNumber(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }
