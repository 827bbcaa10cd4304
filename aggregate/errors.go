package aggregate

import (
	"fmt"

	"github.com/nacredb/nacre"
)

// The codes of this package's errors, beside those of the store and of codec.
const (
	// CodePanicked: a Decide or an Evolve panicked, or what encodes or decodes an event; see [PanicError]. The
	// command wrote nothing.
	CodePanicked nacre.Code = "AGGREGATE_PANICKED"
	// CodeUnknownCommand: no aggregate takes the command.
	CodeUnknownCommand nacre.Code = "UNKNOWN_COMMAND"
	// CodeForbidden: an authorisation refused the command.
	CodeForbidden nacre.Code = "FORBIDDEN"
)

// ErrStateLost is for a Decide whose state is a reference to something that is gone: the command is decided again, on
// the state read anew from the log, three times at most. It has no other use.
var ErrStateLost = nacre.Errorf(nacre.CodeInternal, "the state of an aggregate is no longer at hand")

// PanicError has the code AGGREGATE_PANICKED. The stack is in the log.
type PanicError struct {
	Stream nacre.StreamID
	In     string // "Decide", "Evolve", or what else was going on, as in "the decoding of an event"
	Value  any
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("aggregate: %s of stream %q panicked: %v; the log has the stack", e.In, e.Stream, e.Value)
}

// ErrorCode is what [nacre.CodeOf] finds.
func (e *PanicError) ErrorCode() nacre.Code { return CodePanicked }
