package projection

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// item is an event, decoded; it may stand for several.
type item[E any] struct {
	event  nacre.Event
	values []codec.Event[E]
	err    error // that it cannot be decoded
}

// batch is a stretch of the log, without what the filter passes over.
type batch[E any] struct {
	items    []item[E]
	seen     nacre.Position // everything up to it has been seen
	caughtUp bool           // seen was the log's end
	err      error          // what ended the reading
}

// reader reads and decodes ahead of whoever applies.
type reader[E any] struct {
	batches <-chan batch[E]
	end     context.CancelFunc
}

// readAhead is how many batches wait to be applied.
const readAhead = 2

// read begins to read behind a checkpoint. Stop ends it.
func (g *engine[E, W]) read(ctx context.Context, after Checkpoint) *reader[E] {
	ctx, end := context.WithCancel(ctx) //nolint:gosec // it is called by stop
	out := make(chan batch[E], readAhead)
	go func() {
		defer close(out)
		var b batch[E]
		const few = 64
		room := few // as many as came in the batch before: growing a batch is a seventh of the work otherwise
		send := func() bool {
			room = max(few, len(b.items))
			select {
			case out <- b:
				b = batch[E]{}
				return true
			case <-ctx.Done():
				return false
			}
		}
		o := &nacre.SubscribeOptions{After: after.Position, Epoch: after.Epoch, Progress: func(seen nacre.Position, caughtUp bool) {
			b.seen, b.caughtUp = seen, caughtUp
			send()
		}}
		for e, err := range g.store.Subscribe(ctx, g.filter, o) {
			if err != nil {
				b.err = err
				break
			}
			if b.items == nil {
				b.items = make([]item[E], 0, min(g.o.Batch, room))
			}
			b.items, b.seen = append(b.items, g.decoded(e)), e.GlobalPosition
			if len(b.items) >= g.o.Batch && !send() {
				return
			}
		}
		send()
	}()
	return &reader[E]{batches: out, end: end}
}

// stop ends the reading and waits for it.
func (r *reader[E]) stop() {
	r.end()
	for range r.batches {
	}
}
