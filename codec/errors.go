package codec

import (
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// The codes of this package's errors.
const (
	// CodeUndecodable: this program cannot read an event; see [DecodeError].
	CodeUndecodable nacre.Code = "EVENT_UNDECODABLE"
	// CodeUnencodable: a value is none of the table's types, or does not encode as JSON.
	CodeUnencodable nacre.Code = "EVENT_UNENCODABLE"
)

// DecodeError has the code EVENT_UNDECODABLE.
type DecodeError struct {
	Stream         nacre.StreamID
	StreamPosition int64
	Position       nacre.Position
	ID, Type       string
	Reason         string
	Err            error // what the JSON library or an upcaster said; may be nil
}

func (e *DecodeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "event %s of type %q, at position %d (%d of stream %q), cannot be decoded: %s",
		e.ID, e.Type, e.Position, e.StreamPosition, e.Stream, e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// ErrorCode is what [nacre.CodeOf] finds.
func (e *DecodeError) ErrorCode() nacre.Code { return CodeUndecodable }

func (c *Codec[E]) failed(e nacre.Event, reason string, err error) error {
	return &DecodeError{
		// The event may be borrowed.
		Stream: nacre.StreamID(strings.Clone(string(e.StreamID))), StreamPosition: e.StreamPosition, Position: e.GlobalPosition,
		ID: strings.Clone(e.ID), Type: strings.Clone(e.Type), Reason: reason, Err: err,
	}
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
