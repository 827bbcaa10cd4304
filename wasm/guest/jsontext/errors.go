package jsontext

import (
	"strconv"
	"unicode/utf8"
)

// Error tells what is wrong in a text, and where.
type Error struct {
	Path    string // of the value, as in "lines[2].count"; "" for the whole text
	Offset  int    // in bytes
	Message string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message + " (byte " + strconv.Itoa(e.Offset) + ")"
	}
	return e.Path + ": " + e.Message + " (byte " + strconv.Itoa(e.Offset) + ")"
}

// fail keeps the first error, with its place, and leaves the reader at the end, so that nothing more is read.
func (r *Reader) fail(message string) {
	if r.err == nil {
		r.err = &Error{Path: path(r.data, r.at), Offset: r.at, Message: message}
	}
	r.at = len(r.data)
}

// Fail tells that the value which was read last, or is to be read next, is not what it should be.
func (r *Reader) Fail(message string) { r.fail(message) }

// unexpected tells that the text is not JSON.
func (r *Reader) unexpected(want string) {
	if r.at >= len(r.data) {
		r.fail("the text ends where " + want + " should stand")
		return
	}
	c, _ := utf8.DecodeRune(r.data[r.at:])
	r.fail(strconv.QuoteRune(c) + " stands where " + want + " should")
}

// mismatch tells that the next value is of another kind.
func (r *Reader) mismatch(want string) {
	if r.err != nil {
		return
	}
	have := ""
	switch r.next() {
	case '{':
		have = "an object"
	case '[':
		have = "an array"
	case '"':
		have = "a text"
	case 't', 'f':
		have = "a truth value"
	case 'n':
		have = "null"
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		have = "a number"
	default:
		r.unexpected("a value")
		return
	}
	r.fail("wants " + want + ", and not " + have)
}

func quoted(name []byte) string {
	const most = 64
	if len(name) > most {
		name = append(append([]byte(nil), name[:most]...), "..."...)
	}
	return strconv.Quote(string(name))
}

// path is that of the value at an offset, in a text that is JSON up to there: what the objects and arrays are
// that stand open at it.
func path(data []byte, offset int) string {
	type frame struct {
		name  []byte
		index int // -1 in an object
	}
	var open []frame
	var last []byte
	for i := 0; i < offset && i < len(data); i++ {
		switch data[i] {
		case '{':
			open = append(open, frame{index: -1})
		case '[':
			open = append(open, frame{})
		case '}', ']':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case ',':
			if n := len(open) - 1; n >= 0 && open[n].index >= 0 {
				open[n].index++
			} else if n >= 0 {
				open[n].name = nil
			}
		case ':':
			if n := len(open) - 1; n >= 0 {
				open[n].name = last
			}
		case '"':
			begin := i + 1
			for i++; i < offset && i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			last = data[begin:min(i, len(data))]
		}
	}
	var text []byte
	for _, f := range open {
		switch {
		case f.index >= 0:
			text = append(strconv.AppendInt(append(text, '['), int64(f.index), 10), ']')
		case f.name != nil:
			if len(text) > 0 {
				text = append(text, '.')
			}
			text = append(text, f.name...)
		}
	}
	return string(text)
}
