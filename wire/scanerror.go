package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// fail keeps the first error, with the path of what is read.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = &nacre.Error{Code: nacre.CodeInvalid, Field: s.where(), Message: fmt.Sprintf(format, args...)}
	}
}

// missing refuses the innermost object, in which a member should have been; it has been closed.
func (s *scanner) missing(name, hint string) {
	s.failAt(name, "is missing: %s", hint)
}

// failAt is fail for a member of what is read.
func (s *scanner) failAt(name, format string, args ...any) {
	if s.err != nil {
		return
	}
	s.fail(format, args...)
	if at := s.path; len(at) == 0 && s.root == "" {
		s.err.Field = name
	} else {
		s.err.Field += "." + name
	}
}

// where is the path of what is read, "body" for the whole.
func (s *scanner) where() string {
	var b strings.Builder
	b.WriteString(s.root)
	for i := range s.path {
		f := &s.path[i]
		switch {
		case f.list && f.index >= 0:
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		case !f.list && f.name != nil:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(shorten(f.name))
		}
	}
	if b.Len() == 0 {
		return "body"
	}
	return b.String()
}

// shorten keeps names in errors readable.
func shorten(name []byte) string {
	const most = 64
	if len(name) > most {
		return strconv.Quote(string(name[:most]) + "…")
	}
	for _, b := range name {
		if b <= ' ' || b == '"' || b >= 0x7f {
			return strconv.Quote(string(name))
		}
	}
	if len(name) == 0 {
		return `""`
	}
	return string(name)
}

// unexpected tells of a syntax that is not JSON's.
func (s *scanner) unexpected(want string) {
	if s.err != nil {
		return
	}
	if s.at >= len(s.src) {
		s.fail("byte %d: the body ends where %s should stand", s.at, want)
		return
	}
	r, _ := utf8.DecodeRune(s.src[s.at:])
	s.fail("byte %d: %q stands where %s should", s.at, r, want)
}

// wrongKind tells of a value that is of another kind.
func (s *scanner) wrongKind(want string) {
	if s.err != nil {
		return
	}
	if s.at >= len(s.src) {
		s.unexpected(want)
		return
	}
	rest := string(s.src[s.at:min(len(s.src), s.at+5)])
	kind := ""
	switch b := rest[0]; {
	case b == '{':
		kind = "an object"
	case b == '[':
		kind = "a list"
	case b == '"':
		kind = "text"
	case b == '-' || b-'0' <= 9:
		kind = "a number"
	case strings.HasPrefix(rest, "true"):
		kind = "true"
	case strings.HasPrefix(rest, "false"):
		kind = "false"
	case strings.HasPrefix(rest, "null"):
		kind = "null"
	default:
		s.unexpected(want)
		return
	}
	s.fail("is %s, and must be %s", kind, want)
}

// enumerate is "a, b and c are", for errors that say what would have been right.
func enumerate(names []string, one, many string) string {
	if len(names) == 1 {
		return names[0] + " " + one
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last] + " " + many
}

// escapeLen is the length of the escape that begins text, a surrogate pair being one.
func escapeLen(text []byte) (n int, problem string) {
	if len(text) < 2 {
		return 0, "no closing quote"
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		r, _ := utf8.DecodeRune(text[1:])
		return 0, fmt.Sprintf(`the escape \%c, which JSON does not have`, r)
	}
	unit, ok := hex4(text[2:])
	switch {
	case !ok:
		return 0, `\u without four hexadecimal digits`
	case unit < 0xd800 || unit > 0xdfff:
		return 6, ""
	}
	if unit < 0xdc00 && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if low, ok := hex4(text[8:]); ok && low >= 0xdc00 && low <= 0xdfff {
			return 12, ""
		}
	}
	return 0, fmt.Sprintf("the lone surrogate %s, which is no character", text[:6])
}

func hex4(text []byte) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[:4]), 16, 16)
	return rune(n), err == nil
}

// appendUnescaped appends the text of a string that has been checked.
func appendUnescaped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			dst = append(dst, text[i])
			i++
			continue
		}
		n, _ := escapeLen(text[i:])
		switch b := text[i+1]; b {
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
			r, _ := hex4(text[i+2:])
			if n == 12 {
				low, _ := hex4(text[i+8:])
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a backslash or a slash
			dst = append(dst, b)
		}
		i += n
	}
	return dst
}
