package process

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Dispatcher is where commands go, such as an aggregate.Bus. It is called from many goroutines.
//
// The context carries a decider.Context whose CommandID is the same whenever the command is dispatched again: whoever
// executes it must give its first result then, and do nothing. An error without a [nacre.Code] is a domain error,
// which the manager's Rejected gets. Every other error is a failure: the command is dispatched again, unless
// the code says that this is of no use, and becomes a dead letter in the end. A dispatcher that talks to a network
// therefore gives its errors a code, by nacre.Errorf.
type Dispatcher interface {
	Dispatch(ctx context.Context, id string, command any) error
}

// CommandCodec is a Dispatcher that names commands itself; Manager.Commands is not needed then.
type CommandCodec interface {
	EncodeCommand(command any) (name string, payload []byte, err error)
	DecodeCommand(name string, payload []byte) (any, error)
}

// table names commands by Manager.Commands.
type table struct{ codec *codec.Codec[any] }

func (t table) EncodeCommand(command any) (string, []byte, error) {
	e, err := t.codec.Encode(command)
	return e.Type, e.Data, err
}

func (t table) DecodeCommand(name string, payload []byte) (any, error) {
	return t.codec.DecodeValue(name, payload)
}

// final are the codes of failures that no retry mends. Those of package aggregate are among them, which this
// package does not import.
var final = map[nacre.Code]bool{
	nacre.CodeInvalid:         true,
	nacre.CodeTooLarge:        true,
	nacre.CodeUnsupported:     true,
	nacre.CodeNotFound:        true,
	nacre.CodeWrongStreamKind: true,
	nacre.CodeParentMissing:   true,
	codec.CodeUnencodable:     true,
	codec.CodeUndecodable:     true,
	"AGGREGATE_PANICKED":      true,
	"FORBIDDEN":               true,
	"UNKNOWN_COMMAND":         true,
	nacre.CodeEventIDConflict: true,
}
