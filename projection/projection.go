package projection

import (
	"context"
	"fmt"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// Projection writes events to a W: a transaction, a pointer to a Go value, a writer of one's own. E is the
// events' sum type.
type Projection[E, W any] struct {
	// Name is what its checkpoint, lease and status go by: 1 to 64 of "a-z A-Z 0-9 . _ -".
	Name string
	// Version is raised when what Apply writes has changed: the read model is then made again.
	Version int
	// Events are the names of the events that it wants, each with a value of its type; what the store
	// filters by, and what decodes them. A name may have a "*".
	Events map[string]E
	// Categories and Tags narrow that: to streams of one of these categories, to events with all of these
	// tags. Empty is every one.
	Categories, Tags []string
	// Codec has the upcasters of older events.
	Codec *codec.Options
	// Parallel is in how many goroutines Apply may run, for different streams; a stream's events stay in
	// order. Default 1. W has to bear it.
	Parallel int
	// Apply writes an event. An error or a panic undoes the batch that the event is in, where the read model
	// can, and then counts for this event only.
	Apply func(ctx context.Context, to W, e codec.Event[E]) error
}

// Checkpoint is how far a read model has come.
type Checkpoint struct {
	Position nacre.Position `json:"position"` // everything up to it has been seen
	Epoch    string         `json:"epoch"`    // of the log that Position belongs to
	Version  int            `json:"version"`  // of the projection
	// Late is the id of the dead letter whose event was applied last, long after its turn: so that it counts once,
	// also where the process ends before the letter is settled. Empty where there was none.
	Late string `json:"late,omitempty"`
}

// ReadModel keeps what a projection writes, and how far it has come.
type ReadModel[W any] interface {
	// Checkpoint is what the last Update left, and the zero value before the first one.
	Checkpoint(ctx context.Context, name string) (Checkpoint, error)
	// Update lets write write, and moves the checkpoint from one to the other, both or neither where it can.
	// Where the checkpoint is not from, it is CodeCheckpointMoved and nothing is written. Where write fails,
	// its error comes back; a model that could not undo all of it goes back to an earlier checkpoint.
	Update(ctx context.Context, name string, from, to Checkpoint, write func(W) error) error
}

// Resetter is a read model that can be emptied: what was written is gone, and the checkpoint is zero.
type Resetter interface {
	Reset(ctx context.Context, name string) error
}

// Rebuilder is a read model that can be made again beside itself.
type Rebuilder[W any] interface {
	// Fresh gives an empty read model beside this one. What an earlier attempt left is removed.
	Fresh(ctx context.Context, name string) (ReadModel[W], error)
	// Swap puts a fresh one in this one's place; whoever reads from now on reads it.
	Swap(ctx context.Context, name string, fresh ReadModel[W]) error
	// Discard removes a fresh one that is not wanted after all.
	Discard(ctx context.Context, name string, fresh ReadModel[W]) error
}

// Flusher is a read model that has something to keep when its runner stops.
type Flusher interface {
	Flush(ctx context.Context, name string) error
}

// private is a read model that each process has for itself.
type private interface{ private() }

// The codes of this package's errors.
const (
	// CodeCheckpointMoved: somebody else has written to the read model.
	CodeCheckpointMoved nacre.Code = "CHECKPOINT_MOVED"
	// CodeNoRebuild: the read model cannot be emptied, or not be made again beside itself.
	CodeNoRebuild nacre.Code = "NO_REBUILD"
	// CodeFailed: the projection has stopped at an event; see [ApplyError].
	CodeFailed nacre.Code = "PROJECTION_FAILED"
	// CodeStopped: the runner was stopped.
	CodeStopped nacre.Code = "PROJECTION_STOPPED"
)

// ApplyError has the code PROJECTION_FAILED: an event that could not be decoded or applied.
type ApplyError struct {
	Projection string
	Event      nacre.Event
	Err        error
}

func (e *ApplyError) Error() string {
	return fmt.Sprintf("projection %q fails at position %d (event %s of type %q in stream %q): %v",
		e.Projection, e.Event.GlobalPosition, e.Event.ID, e.Event.Type, e.Event.StreamID, e.Err)
}

// Unwrap gives the cause.
func (e *ApplyError) Unwrap() error { return e.Err }

// ErrorCode is what [nacre.CodeOf] finds.
func (e *ApplyError) ErrorCode() nacre.Code { return CodeFailed }

// Moved is the error of an Update whose checkpoint is not the expected one; for read models.
func Moved(name string, is, from Checkpoint) error {
	return nacre.Errorf(CodeCheckpointMoved, "the read model of %q is at position %d, not %d as expected: another process writes to it",
		name, is.Position, from.Position)
}

// check tells what is wrong in the declaration.
func (p *Projection[E, W]) check() error {
	id := runner.ID{Kind: runner.Projection, Name: p.Name}
	if err := id.Check(); err != nil {
		return err
	}
	switch {
	case p.Apply == nil:
		return invalid("Apply", "is nil in the projection %q", p.Name)
	case len(p.Events) == 0:
		return invalid("Events", "is empty in the projection %q: name the types that it wants, or \"*\"", p.Name)
	case p.Version < 0 || p.Parallel < 0:
		return invalid("Version", "or Parallel is negative in the projection %q", p.Name)
	}
	return nil
}

// filter is what the store filters by.
func (p *Projection[E, W]) filter(types []string) nacre.Filter {
	return nacre.Filter{{Types: types, Categories: p.Categories, Tags: p.Tags}}
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
