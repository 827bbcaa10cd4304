package wire

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
)

// Cursor is a place to go on behind, and the epoch of the log that it belongs to.
type Cursor struct {
	Position nacre.Position
	Epoch    string // "" where it is not known, and not checked
}

// String is "position@epoch", or the position alone.
func (c Cursor) String() string { return string(c.Append(nil)) }

// Append appends String.
func (c Cursor) Append(dst []byte) []byte {
	dst = appendNumber(dst, c.Position)
	if c.Epoch != "" {
		dst = append(append(dst, '@'), c.Epoch...)
	}
	return dst
}

// ParseCursor reads what String gives. field is what an error calls it.
func ParseCursor(field, text string) (Cursor, error) {
	number, epoch, hasEpoch := strings.Cut(text, "@")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err != nil || n > math.MaxInt64:
		return Cursor{}, invalid(field, "%.80q is not a position, nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE", text)
	case hasEpoch && !validEpoch(epoch):
		return Cursor{}, invalid(field, "%.80q has no epoch behind the @: give the position alone, or the cursor as it was told", text)
	}
	return Cursor{nacre.Position(n), epoch}, nil
}

func validEpoch(epoch string) bool {
	if epoch == "" || len(epoch) > 64 {
		return false
	}
	for i := range len(epoch) {
		if b := epoch[i]; b <= ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// Check refuses a cursor of another epoch, or ahead of the log, with LOG_REWOUND.
func (c Cursor) Check(h nacre.Head) error {
	const then = "it was cut or restored, or is another log; derived data must be made again from the start"
	if c.Epoch != "" && c.Epoch != h.Epoch {
		return nacre.Errorf(nacre.CodeLogRewound, "the cursor is of epoch %s, the log of epoch %s: %s", c.Epoch, h.Epoch, then)
	}
	if end := max(h.Position, h.Last); c.Position > end {
		return nacre.Errorf(nacre.CodeLogRewound, "the cursor is at position %d, the log ends at %d: %s", c.Position, end, then)
	}
	return nil
}

// cursor reads a position, as a number, or a cursor, as text.
func (s *scanner) cursor() Cursor {
	if s.err != nil || s.peek() != '"' {
		return Cursor{Position: s.position()}
	}
	c, err := ParseCursor("", s.text())
	if e, ok := errors.AsType[*nacre.Error](err); ok {
		s.fail("%s", e.Message)
	}
	return c
}
