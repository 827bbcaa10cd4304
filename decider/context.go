package decider

import (
	"context"
	"time"
)

// Context is all that a decision may know beside state and command. The metadata of the events that the
// decision leads to keep it.
type Context struct {
	// ID is the instance's: "ann" in the stream account-ann. Whoever runs the decider sets it.
	ID string

	// CommandID makes a command that is given again have its first result, for ever; "" where no retry
	// needs to be told. 1 to 256 bytes. It counts within its stream.
	CommandID string

	// Time is the command's, in UTC: the only clock of a decider. Whoever runs the decider sets it where
	// it is zero.
	Time time.Time

	// Actor is who asks; CorrelationID what the whole chain of commands and events has in common;
	// CausationID the event or command that led to this one; SourceDevice where it was said. "" where
	// that is not known.
	Actor, CorrelationID, CausationID, SourceDevice string

	// Metadata are further members of the events' metadata, of any value that encodes as JSON. It is not
	// changed.
	Metadata map[string]any
}

// With lets the commands that are executed under the returned context carry c.
func With(ctx context.Context, c Context) context.Context { return context.WithValue(ctx, key{}, c) }

// From gives what With put there, or the zero Context.
func From(ctx context.Context) Context {
	c, _ := ctx.Value(key{}).(Context)
	return c
}

type key struct{}
