package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

const (
	// framesAtOnce is how many bytes of frames go out in one write, beside a single frame that is longer.
	framesAtOnce = 16 << 10
	// positionsAtOnce is how many positions of the history are looked at between two looks at the clock.
	positionsAtOnce = 50_000
	// checkEvery is how often a follower that is not idle is asked whether it may still follow.
	checkEvery = 5 * time.Second
)

// sink takes a follower's frames. What was put is sent by flush, which blocks as long as the client does not
// read, and then needs no memory until the next frame.
type sink interface {
	event(c wire.Cursor, line []byte) error
	caughtUp(c wire.Cursor) error
	// alive is a sign of life. moved says that the cursor is behind the last one that was told; atEnd, that
	// everything up to it has been sent.
	alive(c wire.Cursor, moved, atEnd bool) error
	buffered() int
	flush() error
	// urgent tells that something was put by somebody else, and waits to be flushed. It may be nil.
	urgent() <-chan struct{}
}

// follow is a way through a log, from a cursor to its end and on with it: history out of the log, the end out
// of the feed's ring. It belongs to one goroutine, and knows nothing of HTTP.
//
// It gives each selected event once, in order. Caught-up is told when the end is reached for the first time,
// and again only after the follower had fallen so far behind that the ring had no longer what it needed.
type follow struct {
	store     *nacre.Store
	feed      *feed
	params    wire.ReadParams
	within    *within      // nil is nothing
	mayGoOn   func() error // nil is always
	guard     func() error // asked before anything of what is in the log by now is sent; nil is nothing
	sink      sink
	heartbeat time.Duration
	now       func() time.Time

	epoch    string
	seen     nacre.Position // everything up to it was sent or not selected
	told     nacre.Position // of the last cursor that was sent
	caughtUp bool           // was told, and has been true since
	all      bool           // every event is selected
	wrote    time.Time      // when something was sent last
	checked  time.Time

	// What others look at.
	position, sent atomic.Uint64
}

// begin checks the cursor against the log, and the filter: what can be refused is refused before the first byte.
func (f *follow) begin(ctx context.Context) error {
	head, err := f.store.Head(ctx)
	if err != nil {
		return err
	}
	if err := f.params.Cursor().Check(head); err != nil {
		return err
	}
	end := &nacre.ReadOptions{After: head.Position, Before: head.Position + 1, Borrowed: true}
	for _, err := range f.store.Read(ctx, f.params.Filter, end) {
		if err != nil {
			return err
		}
	}
	f.epoch, f.seen, f.told = head.Epoch, f.params.Options.After, f.params.Options.After
	f.all = f.params.Filter.All() && !f.params.Selective() && f.within == nil
	f.position.Store(uint64(f.seen))
	return nil
}

// run goes on until the context ends, with its cause, the sink fails, or the log cannot be read.
func (f *follow) run(ctx context.Context) error {
	f.wrote, f.checked = f.now(), f.now()
	timer := time.NewTimer(f.heartbeat)
	defer timer.Stop()
	for {
		err := f.history(ctx)
		if err == nil {
			err = f.end(ctx, timer)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil && !errors.Is(err, errStalled):
			return context.Cause(ctx)
		default:
			return err
		}
	}
}

func (f *follow) cursor() wire.Cursor { return wire.Cursor{Position: f.seen, Epoch: f.epoch} }

// history reads the log up to its end.
func (f *follow) history(ctx context.Context) error {
	for {
		head, err := f.store.Head(ctx)
		if err != nil {
			return err
		}
		if err := f.cursor().Check(head); err != nil {
			return err
		}
		if f.seen >= head.Position {
			return nil
		}
		if err := f.stretch(ctx, min(head.Position, f.seen+positionsAtOnce)); err != nil {
			return err
		}
	}
}

// stretch reads as much of the log as goes out in one write. Nothing of the log is held while it goes out.
func (f *follow) stretch(ctx context.Context, to nacre.Position) error {
	if err := f.guarded(); err != nil {
		return err
	}
	filter, narrowed := f.within.filter(&f.params), f.params.Selective() || f.within != nil
	full := false
	err := entries(ctx, f.store, filter, f.seen, to, func(e *entry) (bool, error) {
		if narrowed {
			event, err := e.asEvent()
			if err != nil {
				return false, err
			}
			if !f.narrow(event) {
				f.seen = e.position
				return true, nil
			}
		}
		err := f.put(e.position, e.line)
		full = f.sink.buffered() >= framesAtOnce
		return !full, err
	})
	if err != nil {
		return errors.Join(err, f.flush())
	}
	if !full {
		f.seen = to
	}
	return f.flush()
}

func (f *follow) guarded() error {
	if f.guard == nil {
		return nil
	}
	return f.guard()
}

// narrow applies what a filter of the store cannot say.
func (f *follow) narrow(e *nacre.Event) bool {
	return f.params.Selects(e) && f.within.selects(e)
}

func (f *follow) put(p nacre.Position, line []byte) error {
	f.seen, f.told = p, p
	f.sent.Add(1)
	return f.sink.event(f.cursor(), line)
}

// end follows the log at its end. It returns nil where the follower has fallen behind.
func (f *follow) end(ctx context.Context, timer *time.Timer) error {
	r := f.feed.join(f.seen, f.epoch) //nolint:contextcheck // the feed is of all that follow the log, and outlives each
	defer f.feed.leave(r)
	for {
		b, moved, err := r.after(f.seen)
		switch {
		case errors.Is(err, errBehind):
			f.caughtUp = false
			return f.flush()
		case err != nil:
			return errors.Join(err, f.flush())
		case b != nil:
			if err := f.take(b); err != nil {
				return errors.Join(err, f.flush())
			}
			if f.sink.buffered() < framesAtOnce && ctx.Err() == nil {
				continue
			}
		case !f.caughtUp:
			f.caughtUp, f.told = true, f.seen
			if err := f.sink.caughtUp(f.cursor()); err != nil {
				return err
			}
		}
		if err := f.flush(); err != nil {
			return err
		}
		if b != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if err := f.idle(ctx, moved, timer); err != nil {
			return err
		}
	}
}

// take puts what is selected of a batch, up to what goes out in one write.
func (f *follow) take(b *batch) error {
	if err := f.guarded(); err != nil {
		return err
	}
	for i := int(f.seen + 1 - b.first); i < len(b.ends); i++ {
		if !f.all {
			event, err := b.event(i)
			if err != nil {
				return err
			}
			if !f.params.Filter.Matches(event) || !f.narrow(event) {
				f.seen++
				continue
			}
		}
		if err := f.put(f.seen+1, b.line(i)); err != nil {
			return err
		}
		if f.sink.buffered() >= framesAtOnce {
			break
		}
	}
	return nil
}

// idle waits for something new, and gives signs of life meanwhile.
func (f *follow) idle(ctx context.Context, moved <-chan struct{}, timer *time.Timer) error {
	for {
		timer.Reset(max(f.heartbeat-f.now().Sub(f.wrote), time.Millisecond))
		select {
		case <-moved:
			return nil
		case <-f.sink.urgent():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
}

// flush sends what was put, and a sign of life where it is due.
func (f *follow) flush() error {
	f.position.Store(uint64(f.seen))
	now := f.now()
	idle := now.Sub(f.wrote) >= f.heartbeat
	if f.mayGoOn != nil && (idle || now.Sub(f.checked) >= checkEvery) {
		f.checked = now
		if err := f.mayGoOn(); err != nil {
			return err
		}
	}
	if idle && f.sink.buffered() == 0 {
		if err := f.sink.alive(f.cursor(), f.seen > f.told, f.caughtUp); err != nil {
			return err
		}
		f.told, f.wrote = f.seen, now
	}
	if f.sink.buffered() == 0 {
		return nil
	}
	err := f.sink.flush()
	f.wrote = f.now()
	return err
}
