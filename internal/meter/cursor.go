package meter

import (
	"fmt"
	"unicode/utf8"
)

// cursor reads a part of a binary. The first failure stays: everything that is read after it is zero, so that callers
// look at err once in each turn of a loop.
type cursor struct {
	buf      []byte
	pos, end int
	section  string
	function int
	err      error
}

func (c *cursor) fail(at int, format string, args ...any) {
	if c.err == nil {
		c.err = &Error{Section: c.section, Function: c.function, Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
	c.pos = c.end
}

// more tells whether there is anything left to read.
func (c *cursor) more() bool { return c.err == nil && c.pos < c.end }

func (c *cursor) byte() byte {
	if c.pos >= c.end {
		c.fail(c.pos, "the binary ends in the middle of something")
		return 0
	}
	b := c.buf[c.pos]
	c.pos++
	return b
}

// take gives the next n bytes, as a part of the binary.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > c.end-c.pos {
		c.fail(c.pos, "%d bytes are announced, and %d are left", n, c.end-c.pos)
		return nil
	}
	b := c.buf[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

// u32 reads an unsigned LEB128 number of 32 bits.
func (c *cursor) u32() uint32 {
	if c.pos < c.end && c.buf[c.pos] < 0x80 {
		c.pos++
		return uint32(c.buf[c.pos-1])
	}
	at := c.pos
	var v uint32
	for shift := 0; ; shift += 7 {
		b := c.byte()
		if shift == 28 && b > 0x0f {
			c.fail(at, "a number is longer than 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 number of the given bits.
func (c *cursor) signed(bits int) int64 {
	at := c.pos
	var v int64
	for shift := 0; ; shift += 7 {
		b := c.byte()
		if left := bits - shift; left <= 7 {
			// In the last byte, what is above the number repeats its sign.
			top := int8(b<<1) >> left // the sign bit, and all above it
			if b >= 0x80 || (top != 0 && top != -1) {
				c.fail(at, "a number is longer than %d bits", bits)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift < 57 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// name reads a text.
func (c *cursor) name() string {
	at := c.pos
	b := c.take(int(c.u32()))
	if !utf8.Valid(b) {
		c.fail(at, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// count reads how many things follow. Each of them takes at least a byte, so that nobody has to believe a number that
// the binary is too short for.
func (c *cursor) count(limit int, what string) int {
	at := c.pos
	n := c.u32()
	if c.err == nil && int64(n) > int64(limit) {
		c.fail(at, "there are %d %s; the limit is %d", n, what, limit)
		return 0
	}
	if int64(n) > int64(c.end-c.pos) {
		c.fail(at, "%d %s are announced, and %d bytes are left", n, what, c.end-c.pos)
		return 0
	}
	return int(n)
}

// done fails where something is left.
func (c *cursor) done() {
	if c.err == nil && c.pos != c.end {
		c.fail(c.pos, "%d bytes are left at the end", c.end-c.pos)
	}
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// appendPadded writes a number in five bytes, for a place that is known before the number is.
func appendPadded(b []byte, v uint32) []byte {
	return append(b, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21)|0x80, byte(v>>28))
}

func appendS64(b []byte, v int64) []byte {
	for {
		low := byte(v) & 0x7f
		v >>= 7
		if (v == 0 && low&0x40 == 0) || (v == -1 && low&0x40 != 0) {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
