package query

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions of this file read JSON that a store checked when it was written. What is not JSON after all reads as
// nothing, and never panics.

// space passes over white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString gives the index behind the string that begins at i, -1 where it does not end.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// skip gives the index behind the value that begins at i, -1 where it does not end.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				if i = skipString(b, i) - 1; i < 0 {
					return -1
				}
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
	begin := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] != ' ' && b[i] != '\n' && b[i] != '\t' && b[i] != '\r' {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

// walker goes through the members of an object or the elements of an array.
type walker struct {
	b     []byte
	i     int
	name  []byte // of a member, with its quotes
	value []byte
}

// walk begins behind the brace or bracket that b begins with.
func walk(b []byte) walker { return walker{b: b, i: 1} }

func (w *walker) next(object bool) bool {
	b := w.b
	i := space(b, w.i)
	if i < len(b) && b[i] == ',' {
		i = space(b, i+1)
	}
	if i >= len(b) || b[i] == '}' || b[i] == ']' {
		return false
	}
	if object {
		end := -1
		if b[i] == '"' {
			end = skipString(b, i)
		}
		if end < 0 {
			return false
		}
		w.name = b[i:end]
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return false
		}
		i = space(b, i+1)
	}
	end := skip(b, i)
	if end < 0 {
		return false
	}
	w.value, w.i = b[i:end], end
	return true
}

// nameIs tells whether a quoted name of JSON is a name.
func nameIs(quoted []byte, name string) bool {
	if inner := quoted[1 : len(quoted)-1]; !hasEscape(inner) {
		return string(inner) == name
	}
	return string(unquote(nil, quoted)) == name
}

func hasEscape(b []byte) bool { return bytes.IndexByte(b, '\\') >= 0 }

// step goes from a value into it; nil where there is nothing.
func step(b []byte, s *Step) []byte {
	if len(b) == 0 {
		return nil
	}
	if s.Index < 0 {
		if b[0] != '{' {
			return nil
		}
		for w := walk(b); w.next(true); {
			if nameIs(w.name, s.Name) {
				return w.value
			}
		}
		return nil
	}
	if b[0] != '[' {
		return nil
	}
	w := walk(b)
	for n := 0; w.next(false); n++ {
		if n == s.Index {
			return w.value
		}
	}
	return nil
}

// unquote appends the text of a string of JSON.
func unquote(dst, quoted []byte) []byte {
	if len(quoted) < 2 {
		return dst
	}
	s := quoted[1 : len(quoted)-1]
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
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
			r := hex4(s, i+1)
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(s, i+3))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// hex4 is the number of four hexadecimal digits, or a rune that is none.
func hex4(s []byte, i int) rune {
	if i+4 > len(s) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(s[i:i+4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// appendQuoted appends a text as a string of JSON.
func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// scratch holds what had to be made of a row's bytes to read them.
type scratch struct {
	buffer []byte
}

// text is the text of a string of JSON: a part of it where it has no escapes.
func (s *scratch) text(quoted []byte) []byte {
	if inner := quoted[1 : len(quoted)-1]; !hasEscape(inner) {
		return inner
	}
	begin := len(s.buffer)
	s.buffer = unquote(s.buffer, quoted)
	return s.buffer[begin:len(s.buffer):len(s.buffer)]
}

// read makes a value of JSON by the type of its property.
func (s *scratch) read(t Type, raw []byte) Value {
	if len(raw) == 0 || t == TypeJSON {
		return s.readJSON(raw)
	}
	quoted := len(raw) >= 2 && raw[0] == '"' && raw[len(raw)-1] == '"'
	switch t {
	case TypeText, TypeRef:
		if quoted {
			return Value{kind: KindText, b: s.text(raw)}
		}
	case TypeBool:
		if raw[0] == 't' || raw[0] == 'f' {
			return boolValue(raw[0] == 't')
		}
	case TypeInt64:
		if n, ok := parseInt(raw); ok {
			return intValue(n)
		}
	case TypeFloat64:
		if f, ok := parseFloat(raw); ok && !math.IsInf(f, 0) {
			return floatValue(f)
		}
	case TypeDecimal:
		if quoted {
			raw = s.text(raw)
		}
		begin := len(s.buffer)
		var ok bool
		if s.buffer, ok = appendDecimalKey(s.buffer, raw); ok {
			return Value{kind: KindDecimal, b: s.buffer[begin:len(s.buffer):len(s.buffer)]}
		}
	case TypeTime:
		if quoted {
			if n, ok := parseInstant(s.text(raw), false); ok {
				return Value{kind: KindTime, n: n}
			}
		}
	case TypeBytes:
		if quoted {
			return s.base64(s.text(raw))
		}
	}
	return Value{}
}

func (s *scratch) base64(text []byte) Value {
	for _, c := range text {
		if c == '\n' || c == '\r' { // which Go's decoder passes over
			return Value{}
		}
	}
	begin := len(s.buffer)
	decoded, err := base64.StdEncoding.Strict().AppendDecode(s.buffer, text)
	if err != nil {
		return Value{}
	}
	s.buffer = decoded
	return Value{kind: KindBytes, b: s.buffer[begin:len(s.buffer):len(s.buffer)]}
}

// readJSON makes a value of JSON by what stands there.
func (s *scratch) readJSON(raw []byte) Value {
	if len(raw) == 0 {
		return Value{}
	}
	switch raw[0] {
	case '"':
		if len(raw) >= 2 && raw[len(raw)-1] == '"' {
			return Value{kind: KindText, b: s.text(raw)}
		}
	case 't', 'f':
		return boolValue(raw[0] == 't')
	case '[':
		return Value{kind: KindArray, b: raw}
	case '{':
		return Value{kind: KindObject, b: raw}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if n, ok := parseInt(raw); ok {
			return intValue(n)
		}
		if f, ok := parseFloat(raw); ok {
			return floatValue(f)
		}
	}
	return Value{}
}

// parseInt reads an integer without fraction and exponent that fits 64 bits.
func parseInt(b []byte) (int64, bool) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, negative = 1, true
	}
	if i == len(b) || len(b)-i > 19 {
		return 0, false
	}
	var n uint64
	for ; i < len(b); i++ {
		c := b[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

// parseFloat reads a number of JSON as the nearest float, which is infinite beyond the range.
func parseFloat(b []byte) (float64, bool) {
	if len(b) == 0 || b[0] != '-' && (b[0] < '0' || b[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil || math.IsInf(f, 0)
}
