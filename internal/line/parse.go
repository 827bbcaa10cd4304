package line

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Rule is an error: the rule of the format that a line breaks.
type Rule string

// The rules of a line, in the order in which they are looked at.
const (
	RuleEnd      Rule = `the line does not begin with a brace, or not end with "crc" and a brace`
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
