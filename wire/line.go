package wire

import (
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// ParseLine reads a stored line, whose checksum a store has verified, into e, which shares the line's memory:
// it is valid as long as the line is.
func ParseLine(text []byte, e *nacre.Event) error {
	var v line.View
	if err := line.ParseVerified(text, &v); err != nil {
		return nacre.Errorf(nacre.CodeDamaged, "a stored line: %w", err)
	}
	v.Event(e, true)
	return nil
}
