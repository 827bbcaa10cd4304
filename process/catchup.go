package process

import (
	"context"

	"github.com/nacredb/nacre"
)

// Summary is what catching up came to.
type Summary struct {
	// Reacted counts the events that instances have reacted to, and the timers.
	Reacted int64
	// Dispatched counts the commands that were dispatched and not refused, Rejected those that a domain error refused.
	Dispatched, Rejected int64
	// DeadLettered counts what was given up.
	DeadLettered int64
}

// CatchUp runs a manager until nothing is left to be done: the log's end is reached, commands are dispatched, and what those led
// to was reacted to as well; timers fire that are due. It is for programs that do not stay. A manager that is paused is
// CodePaused; one that another process runs is waited for.
func CatchUp[S any](ctx context.Context, store *nacre.Store, m Manager[S], to Dispatcher, o *Options) (Summary, error) {
	r, err := start(ctx, store, m, to, o, true)
	if err != nil {
		return Summary{}, err
	}
	<-r.Done()
	r.mu.Lock()
	f, err := r.figures, r.err
	r.mu.Unlock()
	if err == nil && ctx.Err() != nil {
		err = nacre.Errorf(nacre.CodeOf(ctx.Err()), "the process manager %q was stopped before it had caught up: %w", m.Name, ctx.Err())
	}
	return Summary{Reacted: f.reacted + f.fired, Dispatched: f.dispatched, Rejected: f.rejected, DeadLettered: f.buried}, err
}
