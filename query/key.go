package query

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The tags of sort keys, by spec/query.md, "Order".
const (
	tagNull      = 0x05
	tagFalse     = 0x10
	tagTrue      = 0x11
	tagNumber    = 0x20
	tagDecimal   = 0x28
	tagTime      = 0x2c
	tagText      = 0x30
	tagBytes     = 0x38
	tagContainer = 0x40
)

// appendKey appends the part of a sort key that stands for a value.
func appendKey(dst []byte, v *Value) []byte {
	switch v.kind {
	case KindBool:
		return append(dst, tagFalse+byte(v.n))
	case KindInt:
		f := float64(v.n)
		if compareIntFloat(v.n, f) < 0 {
			f = math.Nextafter(f, math.Inf(-1))
		}
		return appendNumber(dst, f, uint16(v.n-int64(f)))
	case KindFloat:
		return appendNumber(dst, v.f, 0)
	case KindDecimal:
		return append(append(append(dst, tagDecimal), v.b...), 0)
	case KindTime:
		return binary.BigEndian.AppendUint64(append(dst, tagTime), uint64(v.n)^1<<63)
	case KindText:
		return appendEscaped(append(dst, tagText), v.b)
	case KindBytes:
		return appendEscaped(append(dst, tagBytes), v.b)
	case KindArray, KindObject:
		return append(dst, tagContainer)
	}
	return append(dst, tagNull)
}

func appendNumber(dst []byte, f float64, more uint16) []byte {
	if f == 0 {
		f = 0 // not -0
	}
	bits := math.Float64bits(f)
	if bits>>63 != 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	dst = binary.BigEndian.AppendUint64(append(dst, tagNumber), bits)
	return binary.BigEndian.AppendUint16(dst, more)
}

func appendEscaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(append(dst, b...), 0, 0)
		}
		dst = append(append(dst, b[:i]...), 0, 0xff)
		b = b[i+1:]
	}
}

// invert turns the order of a key around.
func invert(key []byte) {
	for i := range key {
		key[i] = ^key[i]
	}
}

// cutKey reads a value from the start of a key, and gives what follows. It tells whether there was one.
func cutKey(key []byte, desc bool) (Value, []byte, bool) {
	if len(key) == 0 {
		return Value{}, nil, false
	}
	flip := byte(0)
	if desc {
		flip = 0xff
	}
	tag, rest := key[0]^flip, key[1:]
	fixed := func(n int) []byte {
		if len(rest) < n {
			return nil
		}
		b := bytes.Clone(rest[:n])
		if desc {
			invert(b)
		}
		rest = rest[n:]
		return b
	}
	v, ok := Value{}, true
	switch tag {
	case tagNull:
	case tagFalse, tagTrue:
		v = boolValue(tag == tagTrue)
	case tagContainer:
		v.kind = KindArray
	case tagNumber:
		b := fixed(10)
		if ok = b != nil; ok {
			v, ok = numberOfKey(binary.BigEndian.Uint64(b), binary.BigEndian.Uint16(b[8:]))
		}
	case tagTime:
		b := fixed(8)
		if ok = b != nil; ok {
			v = Value{kind: KindTime, n: int64(binary.BigEndian.Uint64(b) ^ 1<<63)}
			ok = firstInstant <= v.n && v.n <= lastInstant
		}
	case tagDecimal:
		end := bytes.IndexByte(rest, flip)
		if ok = end >= 0; ok {
			v = Value{kind: KindDecimal, b: fixed(end)}
			rest = rest[1:]
			again, is := appendDecimalKey(nil, []byte(decimalText(v.b)))
			ok = is && bytes.Equal(again, v.b)
		}
	case tagText, tagBytes:
		v.kind = KindText
		if tag == tagBytes {
			v.kind = KindBytes
		}
		v.b, rest, ok = cutEscaped(rest, flip)
	default:
		ok = false
	}
	return v, rest, ok
}

func cutEscaped(b []byte, flip byte) (text, rest []byte, ok bool) {
	text = []byte{}
	for i := 0; i < len(b); i++ {
		c := b[i] ^ flip
		if c != 0 {
			text = append(text, c)
			continue
		}
		if i++; i == len(b) {
			return nil, nil, false
		}
		switch b[i] ^ flip {
		case 0:
			return text, b[i+1:], true
		case 0xff:
			text = append(text, 0)
		default:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func numberOfKey(bits uint64, more uint16) (Value, bool) {
	if bits>>63 != 0 {
		bits &^= 1 << 63
	} else {
		bits = ^bits
	}
	f := math.Float64frombits(bits)
	if math.IsNaN(f) {
		return Value{}, false
	}
	if isWhole(f) {
		return intValue(int64(f) + int64(more)), true
	}
	return floatValue(f), more == 0
}

// orderValues compares two values as ORDER BY does.
func orderValues(a, b *Value) int {
	x, y := rank(a), rank(b)
	if x != y {
		return compareInts(int64(x), int64(y))
	}
	if a.kind == KindBig || b.kind == KindBig {
		return compareBigs(a, b)
	}
	c, _ := compareValues(a, b)
	return c
}

// rank is the place of a value's type in the order.
func rank(v *Value) uint8 {
	switch v.kind {
	case KindNull:
		return 0
	case KindBool:
		return 1
	case KindInt, KindFloat, KindBig:
		return 2
	case KindDecimal:
		return 3
	case KindTime:
		return 4
	case KindText:
		return 5
	case KindBytes:
		return 6
	}
	return 7
}
