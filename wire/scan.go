package wire

import (
	"bytes"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// scanner reads one JSON value in one pass, each member where it stands. The first error stays, and ends
// every loop: callers look at it once, at the end.
//
// Values that a store will check again are found and not checked: [scanner.raw].
type scanner struct {
	src   []byte
	at    int
	err   *nacre.Error
	root  string // what the value is called in errors
	path  []frame
	texts arena
	types [4]string // seen last: a batch's events are mostly of few types
	older int       // of types, the one to be replaced next

	steps [6]frame // path's first memory
}

// frame is an object or a list that is open.
type frame struct {
	name  []byte // of the member that is read
	index int    // of the element that is read, or how many members were begun
	seen  uint64 // a bit for each known member
	list  bool
}

func (s *scanner) init(src []byte, root string) {
	s.src, s.root = src, root
	s.path = s.steps[:0]
}

// peek passes over white space and gives the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.src) {
		b := s.src[s.at]
		if b > ' ' || b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b
		}
		s.at++
	}
	return 0
}

// object opens an object; the members follow with member.
func (s *scanner) object() { s.open('{', "an object") }

// list opens a list; the elements follow with element.
func (s *scanner) list() { s.open('[', "a list") }

func (s *scanner) open(b byte, kind string) {
	if s.err != nil {
		return
	}
	if s.peek() != b {
		s.wrongKind(kind)
		return
	}
	s.at++
	s.path = append(s.path, frame{index: -1, list: b == '['})
}

// more passes over what stands before the next member or element, or closes.
func (s *scanner) more(closing byte, want string) bool {
	if s.err != nil {
		return false
	}
	top := &s.path[len(s.path)-1]
	b := s.peek()
	switch {
	case b == closing:
		s.at++
		s.path = s.path[:len(s.path)-1]
		return false
	case top.index >= 0:
		if b != ',' {
			top.name = nil
			s.unexpected(want)
			return false
		}
		s.at++
	}
	top.index++
	return true
}

// element tells whether there is one more, which is read next.
func (s *scanner) element() bool { return s.more(']', `"," or "]"`) }

// count is the index of the element that is read, of the innermost list.
func (s *scanner) count() int { return s.path[len(s.path)-1].index }

// member reads the name of the next member, if there is one; its value is read next.
func (s *scanner) member() bool {
	if !s.more('}', `"," or "}"`) {
		return false
	}
	top := &s.path[len(s.path)-1]
	top.name = nil
	if s.peek() != '"' {
		s.unexpected("a name in quotes")
		return false
	}
	raw, escaped, ok := s.quoted()
	if !ok {
		return false
	}
	if escaped {
		raw = appendUnescaped(nil, raw)
	}
	if s.peek() != ':' {
		s.unexpected(`":"`)
		return false
	}
	s.at++
	top.name = raw
	return true
}

// find is the index of the member's name, -1 for one that is not among them.
func (s *scanner) find(names []string) int {
	name := s.path[len(s.path)-1].name
	for i := range names {
		if names[i] == string(name) {
			return i
		}
	}
	return -1
}

// known is find, refusing a name that is not among them, or stands twice.
func (s *scanner) known(names []string) int {
	i := s.find(names)
	if i < 0 {
		s.fail("is not known here: %s", enumerate(names, "is", "are"))
		return -1
	}
	top := &s.path[len(s.path)-1]
	if top.seen>>i&1 != 0 {
		s.fail("stands twice")
		return -1
	}
	top.seen |= 1 << i
	return i
}

// raw finds the end of any value, and gives it unchecked. What it gives is that value where it is JSON.
func (s *scanner) raw() []byte {
	if s.err != nil {
		return nil
	}
	b, begin := s.peek(), s.at
	var end int
	switch b {
	case '"':
		end = stringEnd(s.src, begin)
	case '{', '[':
		end = nestedEnd(s.src, begin)
	default:
		for end = begin; end < len(s.src) && !delimits(s.src[end]); end++ {
		}
	}
	switch {
	case end < 0:
		s.fail("does not end")
		return nil
	case end == begin:
		s.unexpected("a value")
		return nil
	}
	s.at = end
	return s.src[begin:end:end]
}

func delimits(b byte) bool {
	return b == ',' || b == '}' || b == ']' || b == ' ' || b == '\n' || b == '\t' || b == '\r'
}

// stringEnd is the index behind the string that begins at from, -1 where it does not end.
func stringEnd(src []byte, from int) int {
	for i := from + 1; ; {
		n := bytes.IndexByte(src[i:], '"')
		if n < 0 {
			return -1
		}
		quote := i + n
		before := quote
		for before > i && src[before-1] == '\\' {
			before--
		}
		i = quote + 1
		if (quote-before)%2 == 0 {
			return i
		}
	}
}

// nestedEnd is the index behind the object or list that begins at from, -1 where it does not end.
func nestedEnd(src []byte, from int) int {
	depth := 0
	for i := from; i < len(src); i++ {
		switch src[i] {
		case '"':
			end := stringEnd(src, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// quoted passes over the string that begins here, and gives what is between its quotes.
func (s *scanner) quoted() (raw []byte, escaped, ok bool) {
	begin := s.at + 1
	var high byte
	for i := begin; i < len(s.src); i++ {
		switch b := s.src[i]; {
		case b == '"':
			raw = s.src[begin:i]
			if high >= utf8.RuneSelf && !utf8.Valid(raw) {
				s.fail("has bytes that are not UTF-8")
				return nil, false, false
			}
			s.at = i + 1
			return raw, escaped, true
		case b == '\\':
			escaped = true
			n, problem := escapeLen(s.src[i:])
			if problem != "" {
				s.fail("has %s", problem)
				return nil, false, false
			}
			i += n - 1
		case b < ' ':
			s.fail("has the control character %U: write it as an escape", b)
			return nil, false, false
		default:
			high |= b
		}
	}
	s.fail("has no closing quote")
	return nil, false, false
}

// end refuses what stands behind the value, and gives the first error.
func (s *scanner) end() error {
	if s.peek(); s.err == nil && s.at < len(s.src) {
		s.unexpected("the end")
	}
	if s.err != nil {
		return s.err
	}
	return nil
}
