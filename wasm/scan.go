package wasm

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxDepth is how deep values may be nested: what a store takes.
const maxDepth = 128

// scanner reads JSON that a guest wrote, strictly: RFC 8259, valid UTF-8, no lone surrogates, no name twice in
// an object. It stops at the first thing that is wrong, which err tells. It belongs to one instance, and keeps
// its room.
type scanner struct {
	src   []byte
	i     int
	err   error
	loose bool // insignificant white space was passed over since this was set to false
	names []name
	text  []byte // the unescaped texts of names
}

// name is one of an open object, in src or, where it has escapes, in text.
type name struct {
	from, to int
	unescape bool
}

func (s *scanner) reset(src []byte) {
	s.src, s.i, s.err, s.loose, s.names, s.text = src, 0, nil, false, s.names[:0], s.text[:0]
}

func (s *scanner) fail(at int, format string, args ...any) bool {
	if s.err == nil {
		s.err = fmt.Errorf("byte %d: %s", at, fmt.Sprintf(format, args...))
	}
	return false
}

func (s *scanner) unexpected(want string) bool {
	if s.i >= len(s.src) {
		return s.fail(s.i, "it ends where %s should stand", want)
	}
	r, _ := utf8.DecodeRune(s.src[s.i:])
	return s.fail(s.i, "%q stands where %s should", r, want)
}

// peek is the next byte that is no white space, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.src) {
		switch b := s.src[s.i]; b {
		case ' ', '\n', '\t', '\r':
			s.i++
			s.loose = true
		default:
			return b
		}
	}
	return 0
}

// take passes over one byte, which has to be this.
func (s *scanner) take(b byte) bool {
	if s.peek() != b {
		return s.unexpected(fmt.Sprintf("%q", b))
	}
	s.i++
	return true
}

// end is true where nothing stands any more.
func (s *scanner) end() bool {
	return s.err == nil && (s.peek() == 0 && s.i == len(s.src) || s.unexpected("the end"))
}

// open begins an object or array; more tells, before each member or element, whether there is one.
func (s *scanner) more(first *bool, closing byte) bool {
	if s.err != nil {
		return false
	}
	b := s.peek()
	switch {
	case b == closing:
		s.i++
		return false
	case *first:
		*first = false
		return true
	case b == ',':
		s.i++
		return true
	}
	return s.unexpected(fmt.Sprintf(`"," or %q`, closing))
}

// frame is where the names of an object begin that is being read.
type frame struct{ names, text int }

func (s *scanner) enter() frame { return frame{len(s.names), len(s.text)} }

// leave is for an object's end: its names have to differ.
func (s *scanner) leave(f frame) bool {
	if s.err == nil && len(s.names)-f.names > fewNames {
		s.differ(f.names)
	}
	s.names, s.text = s.names[:f.names], s.text[:f.text]
	return s.err == nil
}

// member reads a member's name and its colon; a name that stood in the object before is wrong. What it gives is
// valid until the next name is read.
func (s *scanner) member(f frame) ([]byte, bool) {
	if s.peek() != '"' {
		return nil, s.unexpected("a name in quotes")
	}
	from := s.i
	escaped, ok := s.skipString()
	if !ok || !s.add(f.names, from+1, s.i-1, escaped) || !s.take(':') {
		return nil, false
	}
	return s.named(s.names[len(s.names)-1]), true
}

// value reads any value and gives its text.
func (s *scanner) value() ([]byte, bool) {
	s.peek()
	from := s.i
	if !s.skip(0) {
		return nil, false
	}
	return s.src[from:s.i:s.i], true
}

// str reads a string and gives what it says: a part of src where it has no escapes.
func (s *scanner) str() ([]byte, bool) {
	if s.peek() != '"' {
		return nil, s.unexpected("a string")
	}
	from := s.i
	escaped, ok := s.skipString()
	if !ok {
		return nil, false
	}
	raw := s.src[from+1 : s.i-1]
	if escaped {
		raw = unescape(nil, raw)
	}
	return raw, true
}

// integer reads a number that is a whole one from 0, of at most nine digits.
func (s *scanner) integer() (int, bool) {
	s.peek()
	from := s.i
	if !s.skip(0) {
		return 0, false
	}
	n := 0
	for _, b := range s.src[from:s.i] {
		if b < '0' || b > '9' || s.i-from > 9 {
			return 0, s.fail(from, "%.20s is no whole number from 0 to 999999999", s.src[from:s.i])
		}
		n = 10*n + int(b-'0')
	}
	return n, true
}

// boolean reads true or false.
func (s *scanner) boolean() (bool, bool) {
	switch s.peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.unexpected("true or false")
}

func (s *scanner) skip(depth int) bool {
	switch b := s.peek(); {
	case b == '"':
		_, ok := s.skipString()
		return ok
	case b == '{':
		return s.skipObject(depth)
	case b == '[':
		return s.skipArray(depth)
	case b == '-' || b-'0' <= 9:
		return s.skipNumber()
	case b == 't':
		return s.literal("true")
	case b == 'f':
		return s.literal("false")
	case b == 'n':
		return s.literal("null")
	}
	return s.unexpected("a value")
}

func (s *scanner) literal(text string) bool {
	if !bytes.HasPrefix(s.src[s.i:], []byte(text)) {
		return s.unexpected("a value")
	}
	s.i += len(text)
	return true
}

func (s *scanner) skipArray(depth int) bool {
	if depth == maxDepth {
		return s.fail(s.i, "nested more than %d deep", maxDepth)
	}
	s.i++
	first := true
	for s.more(&first, ']') {
		if !s.skip(depth + 1) {
			return false
		}
	}
	return s.err == nil
}

func (s *scanner) skipObject(depth int) bool {
	if depth == maxDepth {
		return s.fail(s.i, "nested more than %d deep", maxDepth)
	}
	s.i++
	f := s.enter()
	for first := true; s.more(&first, '}'); {
		if _, ok := s.member(f); !ok || !s.skip(depth+1) {
			return false
		}
	}
	return s.leave(f)
}

// fewNames is how many names of an object are compared with each other; more are sorted at the object's end.
const fewNames = 16

func (s *scanner) add(own, from, to int, escaped bool) bool {
	n := name{from: from, to: to}
	if escaped {
		at := len(s.text)
		s.text = unescape(s.text, s.src[from:to])
		n = name{from: at, to: len(s.text), unescape: true}
	}
	if open := s.names[own:]; len(open) < fewNames {
		for i := range open {
			if bytes.Equal(s.named(open[i]), s.named(n)) {
				return s.fail(from, "the name %q stands twice in an object", s.named(n))
			}
		}
	}
	s.names = append(s.names, n)
	return true
}

func (s *scanner) named(n name) []byte {
	if n.unescape {
		return s.text[n.from:n.to]
	}
	return s.src[n.from:n.to]
}

func (s *scanner) differ(own int) {
	open := s.names[own:]
	slices.SortFunc(open, func(a, b name) int { return bytes.Compare(s.named(a), s.named(b)) })
	for i := range open[1:] {
		if bytes.Equal(s.named(open[i]), s.named(open[i+1])) {
			s.fail(s.i, "the name %q stands twice in an object", s.named(open[i]))
			return
		}
	}
}

// skipString passes over a string, from its opening quote.
func (s *scanner) skipString() (escaped, ok bool) {
	src, begin := s.src, s.i
	var high byte
	for i := begin + 1; i < len(src); i++ {
		switch b := src[i]; {
		case b == '"':
			if high >= utf8.RuneSelf && !utf8.Valid(src[begin:i]) {
				return false, s.fail(begin, "a string that is not UTF-8")
			}
			s.i = i + 1
			return escaped, true
		case b == '\\':
			escaped = true
			n := escapeLength(src[i:])
			if n == 0 {
				return false, s.fail(i, "a backslash that begins no escape, or half of a surrogate pair")
			}
			i += n - 1
		case b < ' ':
			return false, s.fail(i, "the control character %U in a string", b)
		default:
			high |= b
		}
	}
	return false, s.fail(begin, "a string without its closing quote")
}

// escapeLength is how long an escape is, or a surrogate pair of two; 0 where it is wrong.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		switch r := hex4(b[2:]); {
		case r < 0:
			return 0
		case r < 0xd800 || r > 0xdfff:
			return 6
		case r < 0xdc00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u':
			if low := hex4(b[8:]); low >= 0xdc00 && low <= 0xdfff {
				return 12
			}
		}
	}
	return 0
}

func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends what the inside of a string says; it was read before.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		n := escapeLength(raw[i:])
		switch c := raw[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(raw[i+2:])
			if n == 12 {
				r = (r-0xd800)<<10 + hex4(raw[i+8:]) - 0xdc00 + 0x10000
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		i += n - 1
	}
	return dst
}

func (s *scanner) skipNumber() bool {
	if s.src[s.i] == '-' {
		s.i++
	}
	whole := s.i
	switch n := s.digits(); {
	case n == 0:
		return s.unexpected("a digit")
	case n > 1 && s.src[whole] == '0':
		return s.fail(whole, "a number with a leading zero")
	}
	if s.i < len(s.src) && s.src[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return s.unexpected("a digit")
		}
	}
	if s.i < len(s.src) && s.src[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.src) && (s.src[s.i] == '+' || s.src[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			return s.unexpected("a digit")
		}
	}
	return true
}

func (s *scanner) digits() int {
	from := s.i
	for s.i < len(s.src) && s.src[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i - from
}
