package wire

import "github.com/nacredb/nacre"

// Cursor is a place to go on behind, and the epoch of the log that it belongs to.
type Cursor struct {
	Position nacre.Position
	Epoch    string // "" where it is not known, and not checked
}

// String is "position@epoch", or the position alone.
func (c Cursor) String() string { panic("later") }

// ParseCursor reads what String gives. field is what an error calls it.
func ParseCursor(field, text string) (Cursor, error) { panic("later") }

// Append appends String.
func (c Cursor) Append(dst []byte) []byte { panic("later") }

// Check refuses a cursor of another epoch, or ahead of the log, with LOG_REWOUND.
func (c Cursor) Check(h nacre.Head) error { panic("later") }
