package jsontext

import (
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer appends one JSON text. The zero value is empty, and ready.
type Writer struct {
	buf   []byte
	err   error
	depth int
}

// roomKept is the most room that a writer keeps for the next text, in bytes.
const roomKept = 1 << 20

// Reset begins with another text, in the room of the one before.
func (w *Writer) Reset() {
	if cap(w.buf) > roomKept {
		w.buf = nil
	}
	w.buf, w.err, w.depth = w.buf[:0], nil, 0
}

// Bytes is what was written, good until the writer is used again.
func (w *Writer) Bytes() []byte { return w.buf }

// Len is how long what was written is.
func (w *Writer) Len() int { return len(w.buf) }

// Truncate forgets what was written behind a length.
func (w *Writer) Truncate(n int) { w.buf = w.buf[:n] }

// Err is the first error, nil where there was none.
func (w *Writer) Err() error { return w.err }

// Fail keeps an error, unless there is one.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Enter goes into a value that may hold itself; false where it does, so deep is it. [Writer.Leave] goes out.
func (w *Writer) Enter() bool {
	if w.depth++; w.depth > MaxDepth {
		w.Fail(errors.New("a value is nested too deep, or holds itself"))
		return false
	}
	return w.err == nil
}

// Leave ends what Enter began.
func (w *Writer) Leave() { w.depth-- }

// Raw appends what is JSON, or a part of it.
func (w *Writer) Raw(text string) { w.buf = append(w.buf, text...) }

// RawBytes is Raw for bytes.
func (w *Writer) RawBytes(text []byte) { w.buf = append(w.buf, text...) }

// Byte appends one byte of JSON.
func (w *Writer) Byte(b byte) { w.buf = append(w.buf, b) }

// Comma separates members or elements: it appends a ",", unless an object or array has just begun.
func (w *Writer) Comma() {
	if n := len(w.buf); n > 0 && w.buf[n-1] != '{' && w.buf[n-1] != '[' {
		w.buf = append(w.buf, ',')
	}
}

// Bool appends true or false.
func (w *Writer) Bool(b bool) { w.buf = strconv.AppendBool(w.buf, b) }

// Int appends a whole number.
func (w *Writer) Int(n int64) { w.buf = strconv.AppendInt(w.buf, n, 10) }

// Uint appends a whole number.
func (w *Writer) Uint(n uint64) { w.buf = strconv.AppendUint(w.buf, n, 10) }

// Float appends a number of 32 or 64 bits; one that JSON does not have is an error.
func (w *Writer) Float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.Fail(errors.New("JSON has no number " + strconv.FormatFloat(f, 'g', -1, bits)))
		return
	}
	form := byte('f')
	if abs := math.Abs(f); abs != 0 {
		if bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			form = 'e'
		}
	}
	w.buf = strconv.AppendFloat(w.buf, f, form, -1, bits)
	if n := len(w.buf); form == 'e' && n >= 4 && w.buf[n-4] == 'e' && (w.buf[n-3] == '-' || w.buf[n-3] == '+') && w.buf[n-2] == '0' {
		w.buf[n-2] = w.buf[n-1] // e-09 is e-9
		w.buf = w.buf[:n-1]
	}
}

// Number appends a number that is spelled already; "" is 0.
func (w *Writer) Number(text string) {
	if text == "" {
		text = "0"
	}
	r := NewReader([]byte(text), false)
	if r.number("a number"); r.err != nil || r.at < len(text) {
		w.Fail(errors.New(strconv.Quote(text) + " is no number"))
		return
	}
	w.Raw(text)
}

const hexDigits = "0123456789abcdef"

// String appends a text; one that is not UTF-8 is an error.
func (w *Writer) String(s string) {
	buf := append(w.buf, '"')
	done := 0
	ascii := true
	for i := range len(s) {
		b := s[i]
		if b >= utf8.RuneSelf {
			ascii = false
			continue
		}
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		buf = append(buf, s[done:i]...)
		done = i + 1
		switch b {
		case '"', '\\':
			buf = append(buf, '\\', b)
		case '\b':
			buf = append(buf, '\\', 'b')
		case '\f':
			buf = append(buf, '\\', 'f')
		case '\n':
			buf = append(buf, '\\', 'n')
		case '\r':
			buf = append(buf, '\\', 'r')
		case '\t':
			buf = append(buf, '\\', 't')
		default:
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	buf = append(buf, s[done:]...)
	w.buf = append(buf, '"')
	if !ascii && !utf8.ValidString(s) {
		w.Fail(errors.New("a text is not UTF-8: " + strconv.Quote(s[:min(len(s), 64)])))
	}
}

// Base64 appends bytes as a text.
func (w *Writer) Base64(b []byte) {
	w.buf = append(w.buf, '"')
	w.buf = base64.StdEncoding.AppendEncode(w.buf, b)
	w.buf = append(w.buf, '"')
}

// Time appends a time as RFC 3339 has it, with as many digits of a second as it needs.
func (w *Writer) Time(t time.Time) {
	w.buf = append(w.buf, '"')
	out, err := t.AppendText(w.buf)
	if err != nil {
		w.Fail(err)
		return
	}
	w.buf = append(out, '"')
}

// Value appends a value that somebody else encoded, without its white space; what is not JSON is an error. A name
// that an object has twice is none: as in encoding/json, that is up to whoever encoded it.
func (w *Writer) Value(text []byte) {
	r := NewReader(text, false)
	r.repeats = true
	r.Skip()
	if err := r.End(); err != nil {
		w.Fail(err)
		return
	}
	inside := false
	for i := 0; i < len(text); i++ {
		b := text[i]
		if !inside && b <= ' ' {
			continue
		}
		w.buf = append(w.buf, b)
		switch b {
		case '"':
			inside = !inside
		case '\\': // only in texts
			i++
			w.buf = append(w.buf, text[i])
		}
	}
}

// Any appends a value of the types that [Reader.Any] gives; false, with nothing appended, where v is, or holds,
// another.
func (w *Writer) Any(v any) bool {
	begin, depth := len(w.buf), w.depth
	if !w.any(v) {
		w.buf, w.depth = w.buf[:begin], depth
		return false
	}
	return true
}

func (w *Writer) any(v any) bool {
	switch v := v.(type) {
	case nil:
		w.Raw("null")
	case bool:
		w.Bool(v)
	case float64:
		w.Float(v, 64)
	case string:
		w.String(v)
	case []any:
		if v == nil {
			w.Raw("null")
			return true
		}
		return w.anyArray(v)
	case map[string]any:
		if v == nil {
			w.Raw("null")
			return true
		}
		return w.anyObject(v)
	default:
		return false
	}
	return true
}

func (w *Writer) anyArray(v []any) bool {
	defer w.Leave()
	if !w.Enter() {
		return true
	}
	w.Byte('[')
	for i, element := range v {
		if i > 0 {
			w.Byte(',')
		}
		if !w.any(element) {
			return false
		}
	}
	w.Byte(']')
	return true
}

func (w *Writer) anyObject(v map[string]any) bool {
	defer w.Leave()
	if !w.Enter() {
		return true
	}
	w.Byte('{')
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			w.Byte(',')
		}
		w.String(name)
		w.Byte(':')
		if !w.any(v[name]) {
			return false
		}
	}
	w.Byte('}')
	return true
}
