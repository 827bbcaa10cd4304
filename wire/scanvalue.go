package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// null takes a null, and tells whether there was one.
func (s *scanner) null() bool { return s.err == nil && s.peek() == 'n' && s.literal("null") }

func (s *scanner) literal(text string) bool {
	if !bytes.HasPrefix(s.src[s.at:], []byte(text)) {
		return false
	}
	s.at += len(text)
	return true
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	if s.err != nil {
		return false
	}
	switch b := s.peek(); {
	case b == 't' && s.literal("true"):
		return true
	case b == 'f' && s.literal("false"):
	default:
		s.wrongKind("true or false")
	}
	return false
}

// integer reads a whole number in these bounds.
func (s *scanner) integer(least, most int64) int64 {
	if s.err != nil {
		return 0
	}
	b, begin := s.peek(), s.at
	if b != '-' && b-'0' > 9 {
		s.wrongKind("a number")
		return 0
	}
	i := begin
	if b == '-' {
		i++
	}
	digits := i
	n, fits := uint64(0), true
	for ; i < len(s.src) && s.src[i]-'0' <= 9; i++ {
		d := uint64(s.src[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			fits = false
		}
		n = n*10 + d
		if i == digits && d == 0 {
			i++ // a number does not go on behind a leading zero
			break
		}
	}
	whole := i == len(s.src) || s.src[i] != '.' && s.src[i]|0x20 != 'e'
	value := int64(n)
	if b == '-' {
		value = -value
	}
	switch {
	case i == digits:
		s.at = i
		s.unexpected("a digit")
		return 0
	case !whole || !fits || value < least || value > most:
		s.fail("is not a whole number from %d to %d", least, most)
		return 0
	}
	s.at = i
	return value
}

// position reads a global position.
func (s *scanner) position() nacre.Position { return nacre.Position(s.integer(0, math.MaxInt64)) }

// text reads a string.
func (s *scanner) text() string {
	raw, ok := s.unquoted()
	if !ok {
		return ""
	}
	return s.texts.add(raw)
}

// given is text that must not be empty.
func (s *scanner) given() string {
	text := s.text()
	if text == "" && s.err == nil {
		s.fail("is empty")
	}
	return text
}

// eventType is text, made once for a run of events of few types.
func (s *scanner) eventType() string {
	raw, ok := s.unquoted()
	if !ok {
		return ""
	}
	for _, t := range s.types {
		if t == string(raw) {
			return t
		}
	}
	t := string(raw)
	s.types[s.older] = t
	s.older = (s.older + 1) % len(s.types)
	return t
}

// binary reads a string of base64.
func (s *scanner) binary() []byte {
	raw, ok := s.unquoted()
	if !ok {
		return nil
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Strict().Decode(out, raw)
	if err != nil || bytes.ContainsAny(raw, "\r\n") {
		s.fail("is not base64 with padding")
		return nil
	}
	return out[:n:n]
}

// time reads a time of RFC 3339, to the microsecond.
func (s *scanner) time() time.Time {
	raw, ok := s.unquoted()
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(raw)
	if !ok {
		s.fail("%.40q is not a time such as 2026-11-20T18:55:20.471204Z", raw)
	}
	return t
}

// parseTime takes times of the years 1 to 9999, but not the first moment, which stands for none.
func parseTime(text []byte) (time.Time, bool) {
	if micros, ok := line.ParseTime(text); ok {
		t := time.UnixMicro(micros).UTC()
		return t, !t.IsZero()
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	t = t.UTC().Truncate(time.Microsecond)
	return t, err == nil && t.Year() >= 1 && t.Year() <= 9999 && !t.IsZero()
}

// unquoted gives a string's text, valid until the next is read.
func (s *scanner) unquoted() ([]byte, bool) {
	if s.err != nil {
		return nil, false
	}
	if s.peek() != '"' {
		s.wrongKind("text")
		return nil, false
	}
	raw, escaped, ok := s.quoted()
	if escaped && ok {
		raw = appendUnescaped(nil, raw)
	}
	return raw, ok
}

// arena makes strings out of few allocations. They never share memory with what they were made of.
type arena struct{ chunk strings.Builder }

const (
	firstChunk = 256
	lastChunk  = 4 << 10
)

func (a *arena) add(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if free := a.chunk.Cap() - a.chunk.Len(); free < len(text) {
		size := min(max(2*a.chunk.Cap(), firstChunk), lastChunk)
		a.chunk = strings.Builder{}
		a.chunk.Grow(max(size, len(text)))
	}
	from := a.chunk.Len()
	a.chunk.Write(text)
	return a.chunk.String()[from:]
}
