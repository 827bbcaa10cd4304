package merge

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be inside each other.
const maxDepth = 128

// maxPower bounds the power of ten of a number.
const maxPower = 1_000_000

// Canonical is the one text of all JSON values that mean the same: see spec/merge.md, "JSON". It is strict: valid UTF-8,
// no lone surrogates, no name twice in one object, one value and nothing behind it.
func Canonical(value []byte) ([]byte, error) {
	s := scanner{src: value}
	out, ok := s.document(make([]byte, 0, len(value)))
	if !ok {
		return nil, s.err
	}
	return out, nil
}

// scanner reads JSON and appends its canonical form.
type scanner struct {
	src []byte
	i   int
	err error

	segments []segment // of the objects that are open, the innermost's last
}

// segment is where a member stands in what was appended: its name with quotes, and its value's end.
type segment struct{ from, name, to int }

func (s *scanner) fail(format string, args ...any) bool {
	if s.err == nil {
		s.err = invalid("data", fmt.Sprintf("byte %d: %s", s.i, fmt.Sprintf(format, args...)))
	}
	return false
}

func (s *scanner) document(dst []byte) ([]byte, bool) {
	dst, ok := s.value(dst, 0)
	if !ok {
		return nil, false
	}
	s.space()
	if s.i < len(s.src) {
		return nil, s.fail("something stands behind the value")
	}
	return dst, true
}

func (s *scanner) space() {
	for s.i < len(s.src) && (s.src[s.i] == ' ' || s.src[s.i] == '\n' || s.src[s.i] == '\t' || s.src[s.i] == '\r') {
		s.i++
	}
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.src) {
		return s.src[s.i]
	}
	return 0
}

func (s *scanner) value(dst []byte, depth int) ([]byte, bool) {
	switch b := s.peek(); {
	case b == '"':
		return s.text(dst)
	case b == '{':
		return s.object(dst, depth)
	case b == '[':
		return s.array(dst, depth)
	case b == '-' || b >= '0' && b <= '9':
		return s.number(dst)
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(string(s.src[s.i:min(len(s.src), s.i+len(word))]), word) {
			s.i += len(word)
			return append(dst, word...), true
		}
	}
	return nil, s.fail("a value should stand here")
}

func (s *scanner) array(dst []byte, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return nil, s.fail("nested more than %d deep", maxDepth)
	}
	s.i++
	dst = append(dst, '[')
	if s.peek() == ']' {
		s.i++
		return append(dst, ']'), true
	}
	for {
		var ok bool
		if dst, ok = s.value(dst, depth+1); !ok {
			return nil, false
		}
		switch s.peek() {
		case ',':
			s.i++
			dst = append(dst, ',')
		case ']':
			s.i++
			return append(dst, ']'), true
		default:
			return nil, s.fail(`"," or "]" should stand here`)
		}
	}
}

func (s *scanner) object(dst []byte, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return nil, s.fail("nested more than %d deep", maxDepth)
	}
	s.i++
	dst = append(dst, '{')
	if s.peek() == '}' {
		s.i++
		return append(dst, '}'), true
	}
	own, sorted := len(s.segments), true
	for {
		if s.peek() != '"' {
			return nil, s.fail("a name in quotes should stand here")
		}
		seg := segment{from: len(dst)}
		var ok bool
		if dst, ok = s.text(dst); !ok {
			return nil, false
		}
		seg.name = len(dst)
		if s.peek() != ':' {
			return nil, s.fail(`":" should stand here`)
		}
		s.i++
		if dst, ok = s.value(append(dst, ':'), depth+1); !ok {
			return nil, false
		}
		seg.to = len(dst)
		if last := len(s.segments) - 1; last >= own {
			before := s.segments[last]
			sorted = sorted && compareNames(dst[before.from:before.name], dst[seg.from:seg.name]) < 0
		}
		s.segments = append(s.segments, seg)
		switch s.peek() {
		case ',':
			s.i++
			dst = append(dst, ',')
			continue
		case '}':
			s.i++
		default:
			return nil, s.fail(`"," or "}" should stand here`)
		}
		segments := s.segments[own:]
		s.segments = s.segments[:own]
		if !sorted && !s.sort(dst, segments) {
			return nil, false
		}
		return append(dst, '}'), true
	}
}

// sort brings members into the order of their names.
func (s *scanner) sort(dst []byte, segments []segment) bool {
	begin := segments[0].from
	text := slices.Clone(dst[begin:])
	name := func(seg segment) []byte { return text[seg.from-begin : seg.name-begin] }
	slices.SortFunc(segments, func(a, b segment) int { return compareNames(name(a), name(b)) })
	out := dst[:begin]
	for k, seg := range segments {
		if k > 0 {
			if bytes.Equal(name(seg), name(segments[k-1])) {
				return s.fail("the name %.100s stands twice in one object", name(seg))
			}
			out = append(out, ',')
		}
		out = append(out, text[seg.from-begin:seg.to-begin]...)
	}
	return true
}

// compareNames orders canonical names, which stand in quotes, by their text.
func compareNames(a, b []byte) int {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Compare(a[1:len(a)-1], b[1:len(b)-1])
	}
	x, _ := textOf(a)
	y, _ := textOf(b)
	return strings.Compare(x, y)
}

func (s *scanner) text(dst []byte) ([]byte, bool) {
	// What has no escape is canonical as it stands.
	for i := s.i + 1; i < len(s.src); i++ {
		switch b := s.src[i]; {
		case b == '"':
			if !utf8.Valid(s.src[s.i:i]) {
				return nil, s.fail("a string is not valid UTF-8")
			}
			dst = append(dst, s.src[s.i:i+1]...)
			s.i = i + 1
			return dst, true
		case b == '\\':
			text, ok := s.unquoted()
			if !ok {
				return nil, false
			}
			return appendString(dst, text), true
		case b < ' ':
			s.i = i
			return nil, s.fail("a control character in a string")
		}
	}
	return nil, s.fail("a string without its closing quote")
}

// unquoted reads the string that begins here, and gives its text.
func (s *scanner) unquoted() (string, bool) {
	s.i++
	begin := s.i
	var text []byte
	for {
		if s.i >= len(s.src) {
			return "", s.fail("a string without its closing quote")
		}
		switch b := s.src[s.i]; {
		case b == '"':
			text = append(text, s.src[begin:s.i]...)
			s.i++
			if !utf8.Valid(text) {
				return "", s.fail("a string is not valid UTF-8")
			}
			return string(text), true
		case b < ' ':
			return "", s.fail("a control character in a string")
		case b != '\\':
			s.i++
		default:
			text = append(text, s.src[begin:s.i]...)
			var ok bool
			if text, ok = s.escape(text); !ok {
				return "", false
			}
			begin = s.i
		}
	}
}

func (s *scanner) escape(text []byte) ([]byte, bool) {
	if s.i+1 >= len(s.src) {
		return nil, s.fail("a string without its closing quote")
	}
	b := s.src[s.i+1]
	if at := strings.IndexByte(`"\/bfnrt`, b); at >= 0 {
		s.i += 2
		return append(text, "\"\\/\b\f\n\r\t"[at]), true
	}
	if b != 'u' {
		return nil, s.fail("an escape that there is not")
	}
	unit, ok := s.hex(s.i + 2)
	switch {
	case !ok:
		return nil, s.fail(`\u without four hexadecimal digits`)
	case unit < 0xd800 || unit > 0xdfff:
		s.i += 6
		return utf8.AppendRune(text, unit), true
	}
	if unit < 0xdc00 && s.i+7 < len(s.src) && s.src[s.i+6] == '\\' && s.src[s.i+7] == 'u' {
		if low, ok := s.hex(s.i + 8); ok && low >= 0xdc00 && low <= 0xdfff {
			s.i += 12
			return utf8.AppendRune(text, (unit-0xd800)<<10+(low-0xdc00)+0x10000), true
		}
	}
	return nil, s.fail("a lone surrogate, which is no character")
}

func (s *scanner) hex(at int) (rune, bool) {
	if at+4 > len(s.src) || s.src[at] == '+' || s.src[at] == '-' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.src[at:at+4]), 16, 16)
	return rune(v), err == nil
}

// appendString appends a string in canonical form.
func appendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		switch b := text[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b >= ' ':
			dst = append(dst, b)
		default:
			if at := strings.IndexByte("\b\f\n\r\t", b); at >= 0 {
				dst = append(dst, '\\', "bfnrt"[at])
			} else {
				dst = fmt.Appendf(dst, `\u%04x`, b)
			}
		}
	}
	return append(dst, '"')
}

func (s *scanner) digits() []byte {
	begin := s.i
	for s.i < len(s.src) && s.src[s.i] >= '0' && s.src[s.i] <= '9' {
		s.i++
	}
	return s.src[begin:s.i]
}

func (s *scanner) number(dst []byte) ([]byte, bool) {
	begin := s.i
	negative := s.src[s.i] == '-'
	if negative {
		s.i++
	}
	whole := s.digits()
	if len(whole) == 0 || whole[0] == '0' && len(whole) > 1 {
		s.i = begin
		return nil, s.fail("a number without digits or with a leading zero")
	}
	var fraction []byte
	if s.i < len(s.src) && s.src[s.i] == '.' {
		s.i++
		if fraction = s.digits(); len(fraction) == 0 {
			return nil, s.fail("a point without digits behind it")
		}
	}
	power := 0
	if s.i < len(s.src) && s.src[s.i]|0x20 == 'e' {
		s.i++
		from := s.i
		if s.i < len(s.src) && (s.src[s.i] == '+' || s.src[s.i] == '-') {
			s.i++
		}
		if len(s.digits()) == 0 {
			return nil, s.fail("an exponent without digits")
		}
		var err error
		if power, err = strconv.Atoi(string(s.src[from:s.i])); err != nil || power > 1<<40 || power < -1<<40 {
			power = 1 << 40 // out of range, unless it is zero
		}
	}
	digits := append(slices.Clip(whole), fraction...)
	trimmed := strings.TrimLeft(string(digits), "0")
	power += len(whole) - (len(digits) - len(trimmed))
	trimmed = strings.TrimRight(trimmed, "0")
	if trimmed == "" {
		return append(dst, '0'), true
	}
	if power > maxPower || power < -maxPower {
		s.i = begin
		return nil, s.fail("a number beyond ten to the power of %d", maxPower)
	}
	if negative {
		dst = append(dst, '-')
	}
	return appendDecimal(dst, trimmed, power), true
}

// appendDecimal appends 0.digits times ten to the power in canonical form.
func appendDecimal(dst []byte, digits string, power int) []byte {
	n := len(digits)
	switch {
	case n <= power && power <= 100:
		dst = append(dst, digits...)
		return append(dst, strings.Repeat("0", power-n)...)
	case 0 < power && power <= 100:
		dst = append(dst, digits[:power]...)
		return append(append(dst, '.'), digits[power:]...)
	case -6 < power && power <= 0:
		dst = append(append(dst, "0."...), strings.Repeat("0", -power)...)
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if n > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	return strconv.AppendInt(append(dst, 'e'), int64(power-1), 10)
}
