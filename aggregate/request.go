package aggregate

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/nacredb/nacre/decider"
)

// request is a command that waits.
type request[S, C, E any] struct {
	ctx      context.Context
	command  C
	context  decider.Context
	metadata string // of its events, without braces
	ids      string // of its events, but for their index; "" without a command id

	taken    atomic.Int32  // one of the following
	answered bool          // of the goroutine that works on it
	done     chan struct{} // nil where the caller itself works on it
	result   Result[S, E]
	err      error
}

const (
	waiting int32 = iota
	working
	left
)

// take is false where the caller has gone. Once true, it stays so.
func (q *request[S, C, E]) take() bool {
	return q.taken.CompareAndSwap(waiting, working) || q.taken.Load() == working
}

// leave is true where nobody will work on it.
func (q *request[S, C, E]) leave() bool { return q.taken.CompareAndSwap(waiting, left) }

func (q *request[S, C, E]) answer(result Result[S, E], err error) {
	q.result, q.err, q.answered = result, err, true
	if q.done != nil {
		close(q.done)
	}
}

func fail[S, C, E any](group []*request[S, C, E], err error) []*request[S, C, E] {
	for _, q := range group {
		q.answer(Result[S, E]{}, err)
	}
	return nil
}

// groupContext ends once all callers of a group have gone.
func groupContext[S, C, E any](group []*request[S, C, E]) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(group[0].ctx))
	var staying atomic.Int32
	staying.Store(int32(len(group))) //nolint:gosec // at most groupCommands
	stops := make([]func() bool, len(group))
	for i, q := range group {
		stops[i] = context.AfterFunc(q.ctx, func() {
			if staying.Add(-1) == 0 {
				cancel(q.ctx.Err())
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// contexts are those of a group's commands.
func contexts[S, C, E any](group []*request[S, C, E]) iter.Seq2[context.Context, *decider.Context] {
	return func(yield func(context.Context, *decider.Context) bool) {
		for _, q := range group {
			if !yield(q.ctx, &q.context) {
				return
			}
		}
	}
}
