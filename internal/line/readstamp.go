package line

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/nacredb/nacre"
)

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
