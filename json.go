package nacre

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"sync"
	"unicode/utf8"
)

// compactJSON checks a JSON value and returns it without insignificant white space: the input itself,
// or a part of it, where none stands inside.
//
// It is strict: one value of RFC 8259 and nothing behind it, valid UTF-8, no lone surrogates, no name
// twice in one object, at most maxDepth deep. Numbers and strings stay as they are spelled. It runs for
// every event that is appended, so it is one pass by hand, without allocations in the usual case.
func compactJSON(src json.RawMessage) (json.RawMessage, error) {
	c := compacters.Get().(*compacter)
	out, err := c.compact(src)
	// What belongs to the caller is let go; scratch is kept while it is of a usual size.
	*c = compacter{names: c.names[:0], unescaped: c.unescaped[:0]}
	if cap(c.names) <= 1<<10 && cap(c.unescaped) <= 1<<16 {
		compacters.Put(c)
	}
	return out, err
}

var compacters = sync.Pool{New: func() any { return new(compacter) }}

// compacter walks over src. Its methods take the index of what they read and return the one behind it,
// or wrong where err says why.
type compacter struct {
	src    []byte
	out    []byte // nil until white space was found inside
	copied int    // what of src is in out, or was left out of it
	err    error

	names     []jsonName // of the objects that are open, the innermost's last
	unescaped []byte     // the text of names that have escapes
}

const wrong = -1

func (c *compacter) compact(src []byte) ([]byte, error) {
	c.src = src
	begin := c.space(0)
	c.copied = begin
	end := c.value(begin, c.at(begin), 0)
	if end == wrong {
		return nil, c.err
	}
	if behind := c.space(end); behind < len(src) {
		c.unexpected(behind, "the end")
		return nil, c.err
	}
	if c.out == nil {
		return src[begin:end], nil
	}
	return append(c.out, src[c.copied:end]...), nil
}

func (c *compacter) fail(at int, format string, args ...any) int {
	c.err = fmt.Errorf("byte %d: %s", at, fmt.Sprintf(format, args...))
	return wrong
}

func (c *compacter) unexpected(at int, want string) int {
	if at >= len(c.src) {
		return c.fail(at, "the value ends where %s should stand", want)
	}
	r, _ := utf8.DecodeRune(c.src[at:])
	return c.fail(at, "%q stands where %s should", r, want)
}

// space passes over white space.
func (c *compacter) space(i int) int {
	for i < len(c.src) && (c.src[i] == ' ' || c.src[i] == '\n' || c.src[i] == '\t' || c.src[i] == '\r') {
		i++
	}
	return i
}

// at is the byte at i, 0 behind the end.
func (c *compacter) at(i int) byte {
	if i < len(c.src) {
		return c.src[i]
	}
	return 0
}

// next passes over white space inside the value, and leaves it out; b is what stands behind it, 0 behind
// the end.
func (c *compacter) next(i int) (at int, b byte) {
	if i < len(c.src) && c.src[i] > ' ' {
		return i, c.src[i]
	}
	return c.cut(i)
}

func (c *compacter) cut(i int) (at int, b byte) {
	behind := c.space(i)
	if behind > i {
		if c.out == nil {
			c.out = make([]byte, 0, len(c.src)-c.copied)
		}
		c.out = append(c.out, c.src[c.copied:i]...)
		c.copied = behind
	}
	return behind, c.at(behind)
}

// value reads the value that begins with b, at i.
func (c *compacter) value(i int, b byte, depth int) int {
	switch b {
	case '"':
		end, _ := c.text(i)
		return end
	case '{':
		return c.object(i, depth)
	case '[':
		return c.array(i, depth)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return c.number(i)
	case 't':
		return c.literal(i, "true")
	case 'f':
		return c.literal(i, "false")
	case 'n':
		return c.literal(i, "null")
	default:
		return c.unexpected(i, "a value")
	}
}

func (c *compacter) literal(i int, text string) int {
	end := i + len(text)
	if end > len(c.src) || string(c.src[i:end]) != text {
		return c.unexpected(i, "a value")
	}
	return end
}

func (c *compacter) array(i, depth int) int {
	if depth == maxDepth {
		return c.fail(i, "nested more than %d deep", maxDepth)
	}
	i, b := c.next(i + 1)
	if b == ']' {
		return i + 1
	}
	for {
		if i = c.value(i, b, depth+1); i == wrong {
			return wrong
		}
		switch i, b = c.next(i); b {
		case ',':
			i, b = c.next(i + 1)
		case ']':
			return i + 1
		default:
			return c.unexpected(i, `"," or "]"`)
		}
	}
}

func (c *compacter) object(i, depth int) int {
	if depth == maxDepth {
		return c.fail(i, "nested more than %d deep", maxDepth)
	}
	i, b := c.next(i + 1)
	if b == '}' {
		return i + 1
	}
	own := nameSet{first: len(c.names)}
	for {
		if b != '"' {
			return c.unexpected(i, "a name in quotes")
		}
		end, escaped := c.text(i)
		if end == wrong || !c.add(&own, i, end, escaped) {
			return wrong
		}
		if i, b = c.next(end); b != ':' {
			return c.unexpected(i, `":"`)
		}
		i, b = c.next(i + 1)
		if i = c.value(i, b, depth+1); i == wrong {
			return wrong
		}
		switch i, b = c.next(i); b {
		case ',':
			i, b = c.next(i + 1)
		case '}':
			if len(c.names)-own.first > fewNames && !c.manyDiffer(own.first) {
				return wrong
			}
			c.names = c.names[:own.first]
			return i + 1
		default:
			return c.unexpected(i, `"," or "}"`)
		}
	}
}

// Eight bytes are looked at together.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// text reads a string from its opening quote to behind its closing one.
func (c *compacter) text(i int) (end int, escaped bool) {
	src, begin := c.src, i
	var high uint64 // the bits of all bytes, to know whether any is beyond ASCII
	for i++; ; {
		if i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			quote, slash := w^lowBits*'"', w^lowBits*'\\'
			// The high bit of the first byte that is a quote, a backslash or a control character; beyond
			// it also of others.
			found := ((quote-lowBits)&^quote | (slash-lowBits)&^slash | (w-lowBits*' ')&^w) & highBits
			if found == 0 {
				high |= w
				i += 8
				continue
			}
			n := bits.TrailingZeros64(found) &^ 7
			high |= w & (1<<n - 1)
			i += n / 8
		} else {
			for i < len(src) && src[i] != '"' && src[i] != '\\' && src[i] >= ' ' {
				high |= uint64(src[i])
				i++
			}
			if i == len(src) {
				return c.fail(begin, "a string without its closing quote"), false
			}
		}
		switch src[i] {
		case '"':
			if high&highBits != 0 && !utf8.Valid(src[begin:i]) {
				return c.fail(firstInvalid(src, begin), "not valid UTF-8"), false
			}
			return i + 1, escaped
		case '\\':
			escaped = true
			if i = c.escape(i); i == wrong {
				return wrong, false
			}
		default:
			return c.fail(i, "the control character %U in a string: write it as an escape", src[i]), false
		}
	}
}

func firstInvalid(src []byte, i int) int {
	for i < len(src) {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	return i
}

// escape reads an escape, or the two that are a surrogate pair.
func (c *compacter) escape(i int) int {
	switch c.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return c.unexpected(i+1, "an escape")
	}
	unit, ok := hex4(c.src, i+2)
	switch {
	case !ok:
		return c.fail(i, `\u without four hexadecimal digits`)
	case unit < 0xd800 || unit > 0xdfff:
		return i + 6
	}
	if unit < 0xdc00 && c.at(i+6) == '\\' && c.at(i+7) == 'u' {
		if low, ok := hex4(c.src, i+8); ok && low >= 0xdc00 && low <= 0xdfff {
			return i + 12
		}
	}
	return c.fail(i, "the lone surrogate %s, which is no character", c.src[i:i+6])
}

func hex4(src []byte, i int) (rune, bool) {
	if i+4 > len(src) {
		return 0, false
	}
	var v rune
	for _, b := range src[i : i+4] {
		switch {
		case b-'0' <= 9:
			b -= '0'
		case b|0x20-'a' <= 5:
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | rune(b)
	}
	return v, true
}

func (c *compacter) number(i int) int {
	begin := i
	if c.src[i] == '-' {
		i++
	}
	whole := i
	i = c.digits(i)
	switch {
	case i == whole:
		return c.unexpected(i, "a digit")
	case c.src[whole] == '0' && i > whole+1:
		return c.fail(begin, "a number with a leading zero")
	}
	if c.at(i) == '.' {
		fraction := i + 1
		if i = c.digits(fraction); i == fraction {
			return c.unexpected(i, "a digit")
		}
	}
	if c.at(i)|0x20 == 'e' {
		if i++; c.at(i) == '+' || c.at(i) == '-' {
			i++
		}
		exponent := i
		if i = c.digits(exponent); i == exponent {
			return c.unexpected(i, "a digit")
		}
	}
	return i
}

func (c *compacter) digits(i int) int {
	for i < len(c.src) && c.src[i]-'0' <= 9 {
		i++
	}
	return i
}
