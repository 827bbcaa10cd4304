package jsontext

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
)

// Bool reads a truth value. Like all that read one value, it gives the zero value for a null.
func (r *Reader) Bool() bool {
	switch r.next() {
	case 'n':
		r.literal("null")
	case 't':
		return r.literal("true")
	case 'f':
		r.literal("false")
	default:
		r.mismatch("true or false")
	}
	return false
}

// String reads a text.
func (r *Reader) String() string {
	if b := r.next(); b != '"' {
		r.nullOr(b, "a text")
		return ""
	}
	text := r.text()
	if r.err != nil {
		return ""
	}
	return string(text)
}

// nullOr takes a null; anything else is an error.
func (r *Reader) nullOr(b byte, want string) {
	if b == 'n' {
		r.literal("null")
		return
	}
	r.mismatch(want)
}

// Text is String without a copy: good until the next name or text is read.
func (r *Reader) Text() []byte {
	if b := r.next(); b != '"' {
		r.nullOr(b, "a text")
		return nil
	}
	return r.text()
}

// number reads a number as it is spelled.
func (r *Reader) number(want string) []byte {
	b := r.next()
	begin := r.at
	i := begin
	if b != '-' && (b < '0' || b > '9') {
		r.mismatch(want)
		return nil
	}
	if b == '-' {
		i++
	}
	d := r.data
	switch {
	case i < len(d) && d[i] == '0':
		i++
	case i < len(d) && d[i] >= '1' && d[i] <= '9':
		i = digits(d, i)
	default:
		r.at = i
		r.unexpected("a digit")
		return nil
	}
	if i < len(d) && d[i] == '.' {
		end := digits(d, i+1)
		if end == i+1 {
			r.at = end
			r.unexpected("a digit")
			return nil
		}
		i = end
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		end := digits(d, i)
		if end == i {
			r.at = end
			r.unexpected("a digit")
			return nil
		}
		i = end
	}
	r.at = i
	return d[begin:i]
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}

// Number reads a number as it is spelled, or one that stands in a text.
func (r *Reader) Number() string {
	if r.Null() {
		return ""
	}
	if r.next() == '"' {
		text := r.String()
		inner := NewReader([]byte(text), false)
		if inner.number("a number"); r.err == nil && (inner.err != nil || inner.at < len(text)) {
			r.fail("wants a number, and not " + quoted([]byte(text)))
		}
		return text
	}
	return string(r.number("a number"))
}

// Int reads a whole number of so many bits.
func (r *Reader) Int(bits int) int64 {
	if bits >= 32 {
		if n, ok := r.short(); ok {
			return n
		}
	}
	if r.Null() {
		return 0
	}
	return r.int(r.number("a whole number"), bits)
}

// short reads a whole number of a few digits without a sign; not ok where something else stands, which is not taken.
func (r *Reader) short() (n int64, ok bool) {
	d, i := r.data, r.at
	begin := i
	for ; i < len(d); i++ {
		digit := d[i] - '0'
		if digit > 9 {
			break
		}
		n = n*10 + int64(digit)
	}
	const most = 9 // fits 32 bits
	if i == begin || i-begin > most || d[begin] == '0' && i-begin > 1 || i == len(d) || d[i] == '.' || d[i]|' ' == 'e' {
		return 0, false
	}
	r.at = i
	return n, true
}

func (r *Reader) int(text []byte, bits int) int64 {
	negative := len(text) > 0 && text[0] == '-'
	magnitude, ok := whole(text, negative)
	most := uint64(1)<<(bits-1) - 1
	if negative {
		most++
	}
	if !ok || magnitude > most {
		r.wrongNumber(text, "a whole number of "+strconv.Itoa(bits)+" bits")
		return 0
	}
	if negative {
		return -int64(magnitude)
	}
	return int64(magnitude)
}

// Uint reads a whole number of so many bits, without a sign.
func (r *Reader) Uint(bits int) uint64 {
	if r.Null() {
		return 0
	}
	return r.uint(r.number("a whole number"), bits)
}

func (r *Reader) uint(text []byte, bits int) uint64 {
	magnitude, ok := whole(text, false)
	if !ok || bits < 64 && magnitude>>bits != 0 {
		r.wrongNumber(text, "a whole number of "+strconv.Itoa(bits)+" bits, without a sign")
		return 0
	}
	return magnitude
}

// whole is the number that digits make, behind a "-" where it is negative; not ok where there is anything else,
// or more than 64 bits.
func whole(text []byte, negative bool) (n uint64, ok bool) {
	if negative {
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false
	}
	for _, b := range text {
		d := uint64(b - '0')
		if d > 9 || n > math.MaxUint64/10 || n == math.MaxUint64/10 && d > math.MaxUint64%10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// Float reads a number of 32 or 64 bits.
func (r *Reader) Float(bits int) float64 {
	if r.Null() {
		return 0
	}
	return r.float(r.number("a number"), bits)
}

func (r *Reader) float(text []byte, bits int) float64 {
	if r.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(text), bits)
	if err != nil {
		r.wrongNumber(text, "a number of "+strconv.Itoa(bits)+" bits")
		return 0
	}
	return f
}

func (r *Reader) wrongNumber(text []byte, want string) {
	if r.err == nil {
		r.at -= len(text)
		r.fail("wants " + want + ", and not " + string(text[:min(len(text), 64)]))
	}
}

// Quoted begins a value that a struct tag's "string" puts in a text: the reader of what stands in the text. It is
// nil for a null, which is taken, and after an error. [Reader.Unquoted] ends it.
func (r *Reader) Quoted() *Reader {
	if b := r.next(); b != '"' {
		r.nullOr(b, "a text")
		return nil
	}
	text := r.text()
	if r.err != nil {
		return nil
	}
	return NewReader(append([]byte(nil), text...), false)
}

// Unquoted ends what Quoted began.
func (r *Reader) Unquoted(inner *Reader) {
	if inner.err != nil || inner.at < len(inner.data) {
		r.fail("the text does not hold what it should: " + quoted(inner.data))
	}
}

// Base64 reads bytes, which stand in a text as base64 with padding; line breaks in it are passed over. An array of
// numbers is taken as well.
func (r *Reader) Base64() []byte {
	if r.next() == '[' {
		out := []byte{}
		for ok := r.Array(); ok && r.Element(); {
			out = append(out, byte(r.Uint(8)))
		}
		return out
	}
	text := r.Text()
	if r.err != nil || text == nil {
		return nil
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		r.fail("a text is not base64")
		return nil
	}
	return out[:n:n]
}

// Time reads a time as RFC 3339 has it.
func (r *Reader) Time() time.Time {
	if r.Null() {
		return time.Time{}
	}
	text := r.String()
	if r.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.fail("wants a time as RFC 3339 has it, and not " + quoted([]byte(text)))
	}
	return t
}

// Any reads any value: nil, bool, float64, string, []any or map[string]any.
func (r *Reader) Any() any {
	switch r.next() {
	case '{':
		return r.anyObject()
	case '[':
		out := []any{}
		for ok := r.Array(); ok && r.Element(); {
			out = append(out, r.Any())
		}
		return out
	case '"':
		return r.String()
	case 't', 'f':
		return r.Bool()
	case 'n':
		r.literal("null")
		return nil
	default:
		return r.float(r.number("a value"), 64)
	}
}

func (r *Reader) anyObject() map[string]any {
	out := map[string]any{}
	for ok := r.Object(); ok && r.Member(); {
		name := string(r.name)
		if _, twice := out[name]; twice {
			r.Twice()
		}
		out[name] = r.Any()
	}
	return out
}

// IntName is the member's name as a whole number of so many bits.
func (r *Reader) IntName(bits int) int64 {
	n, err := strconv.ParseInt(string(r.name), 10, bits)
	if err != nil {
		r.fail("the name " + quoted(r.name) + " is no whole number of " + strconv.Itoa(bits) + " bits")
	}
	return n
}

// UintName is IntName without a sign.
func (r *Reader) UintName(bits int) uint64 {
	n, err := strconv.ParseUint(string(r.name), 10, bits)
	if err != nil {
		r.fail("the name " + quoted(r.name) + " is no whole number of " + strconv.Itoa(bits) + " bits, without a sign")
	}
	return n
}
