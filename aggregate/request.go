package aggregate

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
)

// request is a command that waits, or a look at the state.
type request[S, C, E any] struct {
	ctx      context.Context
	look     bool // and no command
	command  C
	context  decider.Context
	metadata string // of its events, without braces
	ids      string // of its events, but for their index; "" without a command id
	expected nacre.ExpectedVersion

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

// parted gives a group's commands and its looks.
func parted[S, C, E any](group []*request[S, C, E]) (commands, looks []*request[S, C, E]) {
	if !slices.ContainsFunc(group, func(q *request[S, C, E]) bool { return q.look }) {
		return group, nil
	}
	for _, q := range group {
		if q.look {
			looks = append(looks, q)
		} else {
			commands = append(commands, q)
		}
	}
	return commands, looks
}

func fail[S, C, E any](group []*request[S, C, E], err error) {
	for _, q := range group {
		q.answer(Result[S, E]{}, err)
	}
}

// groupContext ends once all callers of a group have gone.
func groupContext[S, C, E any](group []*request[S, C, E]) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(group[0].ctx))
	var staying atomic.Int32
	staying.Store(int32(len(group)))
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

// await has a request worked on, by its caller where nobody else is at work, and gives its result.
func (in *instance[S, C, E]) await(q *request[S, C, E]) (Result[S, E], error) {
	if in.alone(q) {
		return q.result, q.err
	}
	select {
	case <-q.done:
		return q.result, q.err
	case <-q.ctx.Done():
	}
	err := q.ctx.Err()
	if q.leave() {
		return Result[S, E]{}, ended(err, "while the request waited for its turn: nothing was written")
	}
	// It is being worked on: an answer that is there already is better than none.
	select {
	case <-q.done:
		return q.result, q.err
	default:
		return Result[S, E]{}, ended(err, "while the request was worked on: whether a command's events were written is not known; its command id tells")
	}
}

// now is the state as of the stream's last event.
func (in *instance[S, C, E]) now(ctx context.Context) (S, place, error) {
	state, at, ok, err := in.glance(ctx)
	if ok || err != nil {
		return state, at, err
	}
	result, err := in.await(&request[S, C, E]{ctx: ctx, look: true})
	return result.State, place{version: result.Version, position: result.Position}, err
}

func ended(err error, when string) error {
	return nacre.Errorf(codeOf(err), "%w %s", err, when)
}
