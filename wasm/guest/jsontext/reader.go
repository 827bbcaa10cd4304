package jsontext

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may be nested.
const MaxDepth = 1000

// Reader reads one JSON text. The zero value reads nothing: see [Reader.Reset].
type Reader struct {
	data    []byte
	at      int
	depth   int
	strict  bool
	repeats bool // an object that is skipped may have a name twice
	first   bool // nothing of the innermost object or array was read
	err     *Error

	name    []byte // of the member that is read
	named   bool   // name is in scratch
	scratch []byte // for text with escapes
	unknown names  // of the objects that are open
}

// NewReader gives a reader of a text. A strict one refuses unknown members.
func NewReader(data []byte, strict bool) *Reader {
	r := new(Reader)
	r.Reset(data, strict)
	return r
}

// Reset begins with another text. The reader refers to it until the next Reset.
func (r *Reader) Reset(data []byte, strict bool) {
	*r = Reader{data: data, strict: strict, scratch: r.scratch[:0], unknown: r.unknown[:0]}
}

// Err is the first error, nil where there was none.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// End wants the text to end, and gives the first error.
func (r *Reader) End() error {
	if r.err == nil && r.space() < len(r.data) {
		r.unexpected("the end")
	}
	return r.Err()
}

// Strict tells whether unknown members are refused.
func (r *Reader) Strict() bool { return r.strict }

// next is the byte that the next value begins with; 0 where there is none, or where there was an error, which leaves
// the reader at the end. It is small, so that it is compiled into what calls it.
func (r *Reader) next() byte {
	if r.at < len(r.data) && r.data[r.at] > ' ' {
		return r.data[r.at]
	}
	return r.nextBehindSpace()
}

// Peek is the byte that the next value begins with; 0 where there is none.
func (r *Reader) Peek() byte { return r.next() }

func (r *Reader) nextBehindSpace() byte {
	if r.space() < len(r.data) {
		return r.data[r.at]
	}
	return 0
}

// space passes over white space.
func (r *Reader) space() int {
	i := r.at
	for i < len(r.data) && r.data[i] <= ' ' && (r.data[i] == ' ' || r.data[i] == '\n' || r.data[i] == '\t' || r.data[i] == '\r') {
		i++
	}
	r.at = i
	return i
}

// Null takes a null, and is false where another value stands.
func (r *Reader) Null() bool {
	if r.next() != 'n' {
		return false
	}
	return r.literal("null")
}

func (r *Reader) literal(text string) bool {
	if end := r.at + len(text); end <= len(r.data) && string(r.data[r.at:end]) == text {
		r.at = end
		return true
	}
	r.unexpected("a value")
	return false
}

// Object begins an object, whose members [Reader.Member] gives. It is false for a null, which is taken, and for
// anything else, which is an error.
func (r *Reader) Object() bool { return r.open('{', "an object") }

// Array begins an array, whose elements [Reader.Element] gives. It is false for a null, which is taken, and for
// anything else, which is an error.
func (r *Reader) Array() bool { return r.open('[', "an array") }

func (r *Reader) open(bracket byte, want string) bool {
	switch r.next() {
	case bracket:
	case 'n':
		r.literal("null")
		return false
	default:
		r.mismatch(want)
		return false
	}
	if r.depth == MaxDepth {
		r.fail("it is nested too deep")
		return false
	}
	r.at++
	r.depth++
	r.first = true
	return true
}

// Member goes to the next member of the innermost object, of which the value is to be read next; false behind
// the last one.
func (r *Reader) Member() bool {
	// As hosts write it: without white space, and without escapes in the name.
	d, i := r.data, r.at
	switch {
	case i+1 >= len(d):
	case !r.first && d[i] == ',' && d[i+1] == '"':
		i++
		fallthrough
	case r.first && d[i] == '"':
		if end := plain(d, i+1); end > 0 && end+1 < len(d) && d[end+1] == ':' {
			r.name, r.named, r.at, r.first = d[i+1:end], false, end+2, false
			return true
		}
	}
	return r.memberInAnyForm()
}

func (r *Reader) memberInAnyForm() bool {
	if !r.more('}') {
		if len(r.unknown) > 0 {
			r.unknown.leave(r.depth + 1)
		}
		return false
	}
	if r.next() != '"' {
		r.unexpected("a name")
		return false
	}
	r.name, r.named = r.text(), true
	if r.next() != ':' {
		r.unexpected(`":"`)
		return false
	}
	r.at++
	return true
}

// Element goes to the next element of the innermost array; false behind the last one.
func (r *Reader) Element() bool { return r.more(']') }

// more is false behind the last one of what the bracket closes.
func (r *Reader) more(bracket byte) bool {
	b := r.next()
	switch {
	case b == bracket:
		r.at++
		r.depth--
		r.first = false
		return false
	case r.first:
		r.first = false
		return r.err == nil
	case b == ',':
		r.at++
		return true
	default:
		r.unexpected(`"," or "` + string(rune(bracket)) + `"`)
		return false
	}
}

// Name is that of the member which Member went to. It is good until the next name or text is read.
func (r *Reader) Name() []byte { return r.name }

// Twice tells an error: the object has the name twice.
func (r *Reader) Twice() { r.fail("the object has the name " + quoted(r.name) + " twice") }

// Unknown passes over a member that nobody asked for; a strict reader refuses it.
func (r *Reader) Unknown() {
	if r.strict {
		r.fail("there is no member " + quoted(r.name))
		return
	}
	if !r.unknown.add(r.depth, r.keptName()) {
		r.Twice()
		return
	}
	r.Skip()
}

// keptName is the member's name, good until the next Reset.
func (r *Reader) keptName() []byte {
	if r.named {
		return bytes.Clone(r.name)
	}
	return r.name
}

// Skip passes over a value, and checks it.
func (r *Reader) Skip() {
	switch r.next() {
	case '{':
		r.Object()
		for r.Member() {
			if !r.repeats && !r.unknown.add(r.depth, r.keptName()) {
				r.Twice()
			}
			r.Skip()
		}
	case '[':
		r.Array()
		for r.Element() {
			r.Skip()
		}
	case '"':
		r.text()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		r.number("a value")
	}
}

// Raw is the next value as it is spelled: a part of the input.
func (r *Reader) Raw() []byte {
	r.next()
	begin := r.at
	r.Skip()
	if r.err != nil {
		return nil
	}
	return r.data[begin:r.at:r.at]
}

// text reads a string, behind which it goes. The result is a part of the input, or of scratch.
func (r *Reader) text() []byte {
	begin := r.at + 1
	if end := plain(r.data, begin); end > 0 {
		r.at = end + 1
		return r.data[begin:end]
	}
	ascii := true
	for i := begin; i < len(r.data); i++ {
		switch b := r.data[i]; {
		case b == '"':
			r.at = i + 1
			if !ascii && !utf8.Valid(r.data[begin:i]) {
				r.at = begin
				r.fail("a text is not UTF-8")
			}
			return r.data[begin:i]
		case b == '\\':
			return r.escaped(begin)
		case b < ' ':
			r.at = i
			r.fail("a text has a control character that is not escaped")
			return nil
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.at = len(r.data)
	r.unexpected("the end of a text")
	return nil
}

// plain is the index of the quote that ends a text which begins at i, where nothing stands in it but ASCII without
// escapes; otherwise -1. It looks at eight bytes at a time: in WebAssembly, Go's loops are slow.
func plain(d []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for i+8 <= len(d) {
		x := binary.LittleEndian.Uint64(d[i:])
		quote, backslash := x^(ones*'"'), x^(ones*'\\')
		// The lowest bit that is set is exact: a quote, a backslash, less than a space, or not ASCII.
		found := ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x | x) & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if d[i] == '"' {
			return i
		}
		return -1
	}
	for ; i < len(d); i++ {
		switch b := d[i]; {
		case b == '"':
			return i
		case b == '\\' || b < ' ' || b >= utf8.RuneSelf:
			return -1
		}
	}
	return -1
}

// escaped reads a string with escapes, from behind its quote.
func (r *Reader) escaped(begin int) []byte {
	out := r.scratch[:0]
	i := begin
	for i < len(r.data) {
		plain := bytes.IndexAny(r.data[i:], "\"\\")
		if plain < 0 {
			break
		}
		for at := i; at < i+plain; at++ {
			if r.data[at] < ' ' {
				r.at = at
				r.fail("a text has a control character that is not escaped")
				return nil
			}
		}
		out = append(out, r.data[i:i+plain]...)
		i += plain
		if r.data[i] == '"' {
			r.at = i + 1
			r.scratch = out
			if !utf8.Valid(out) {
				r.at = begin
				r.fail("a text is not UTF-8")
			}
			return out
		}
		c, next := unescape(r.data, i)
		if next < 0 {
			r.at = i
			r.fail("a text has an escape that JSON does not know, or half a surrogate pair")
			return nil
		}
		out = utf8.AppendRune(out, c)
		i = next
	}
	r.at = len(r.data)
	r.unexpected("the end of a text")
	return nil
}

// unescape reads the escape at i, and gives the index behind it, or -1.
func unescape(data []byte, i int) (c rune, next int) {
	if i+1 >= len(data) {
		return 0, -1
	}
	switch b := data[i+1]; b {
	case '"', '\\', '/':
		return rune(b), i + 2
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		high, ok := hex4(data, i+2)
		if !ok || high >= 0xdc00 && high < 0xe000 {
			return 0, -1
		}
		if high < 0xd800 || high >= 0xe000 {
			return high, i + 6
		}
		low, ok := hex4(data, i+8)
		if !ok || data[i+6] != '\\' || data[i+7] != 'u' || low < 0xdc00 || low >= 0xe000 {
			return 0, -1
		}
		return 0x10000 + (high-0xd800)<<10 + low - 0xdc00, i + 12
	default:
		return 0, -1
	}
}

func hex4(data []byte, i int) (c rune, ok bool) {
	if i+4 > len(data) {
		return 0, false
	}
	for _, b := range data[i : i+4] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b >= 'a' && b <= 'f':
			b -= 'a' - 10
		case b >= 'A' && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		c = c<<4 | rune(b)
	}
	return c, true
}

// Strictly says whether unknown members are refused from now on.
func (r *Reader) Strictly(yes bool) { r.strict = yes }

// Offset is how far the reader is in the text, in bytes.
func (r *Reader) Offset() int { return r.at }
