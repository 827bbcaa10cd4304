package projection

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// engine writes a projection's events to a read model. It is one goroutine's; the reader works ahead of it.
type engine[E, W any] struct {
	store   *nacre.Store
	p       Projection[E, W]
	o       Options
	codec   *codec.Codec[E]
	filter  nacre.Filter
	model   ReadModel[W]
	signals *signals
	seed    maphash.Seed

	cp      Checkpoint                                 // as the model has it
	seen    nacre.Position                             // at least cp.Position: nothing between is to be written
	stored  time.Time                                  // when the checkpoint was stored last
	parked  map[nacre.Position]string                  // the events of open dead letters: not to be applied in their turn
	lease   *runner.Lease                              // nil where it needs none
	bury    func(context.Context, runner.Letter) error // nil where letters cannot be kept
	letters int                                        // open dead letters
	moved   func(seen nacre.Position)                  // told of progress
}

func newEngine[E, W any](store *nacre.Store, p Projection[E, W], m ReadModel[W], o *Options) (*engine[E, W], error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	c, err := codec.New(p.Events, p.Codec)
	if err != nil {
		return nil, err
	}
	s, err := newSignals(&options, p.Name)
	if err != nil {
		return nil, err
	}
	g := &engine[E, W]{
		store: store, p: p, o: options, codec: c, filter: p.filter(c.Types()), model: m, signals: s,
		seed: maphash.MakeSeed(), moved: func(nacre.Position) {},
	}
	return g, nil
}

// begin takes the model's checkpoint, and empties the model where it is of another log or version.
func (g *engine[E, W]) begin(ctx context.Context) error {
	head, err := g.store.Head(ctx)
	if err != nil {
		return err
	}
	if g.cp, err = g.model.Checkpoint(ctx, g.p.Name); err != nil {
		return err
	}
	now := Checkpoint{Epoch: head.Epoch, Version: g.p.Version}
	why := ""
	switch {
	case g.cp == Checkpoint{}:
	case g.cp.Epoch != head.Epoch:
		why = "the log was cut or restored, or is another one"
	case g.cp.Position > head.Position:
		why = "it is ahead of the log"
	case g.cp.Version != g.p.Version:
		why = fmt.Sprintf("it was written by version %d of the projection, and this is %d", g.cp.Version, g.p.Version)
	}
	if why != "" {
		r, ok := g.model.(Resetter)
		if !ok {
			return nacre.Errorf(CodeNoRebuild, "the read model of %q has to be made again, since %s, and cannot empty itself: empty it, with its checkpoint", g.p.Name, why)
		}
		g.o.Logger.Info("a read model is made again", "projection", g.p.Name, "since", why)
		if err := r.Reset(ctx, g.p.Name); err != nil {
			return err
		}
		if err := g.amnesty(ctx); err != nil {
			return err
		}
		if g.cp, err = g.model.Checkpoint(ctx, g.p.Name); err != nil {
			return err
		}
	}
	if (g.cp == Checkpoint{}) {
		if err := g.model.Update(ctx, g.p.Name, g.cp, now, func(W) error { return nil }); err != nil {
			return err
		}
		g.cp = now
	}
	g.seen, g.stored = g.cp.Position, time.Now()
	return nil
}

// take writes a batch.
func (g *engine[E, W]) take(ctx context.Context, b *batch[E]) error {
	if len(b.items) > 0 {
		if err := g.commit(ctx, b.items); err != nil {
			if g.cp.Position > g.seen { // what went before it
				g.seen = g.cp.Position
				g.moved(g.seen)
			}
			return err
		}
	}
	if b.seen > g.seen {
		g.seen = b.seen
	}
	g.moved(g.seen)
	if g.seen > g.cp.Position && time.Since(g.stored) >= g.o.CheckpointEvery {
		return g.remember(ctx)
	}
	return nil
}

// remember stores how far it has seen.
func (g *engine[E, W]) remember(ctx context.Context) error {
	if g.seen <= g.cp.Position {
		return nil
	}
	return g.update(ctx, g.seen, nil)
}

// commit writes items, as many as go together; one that fails is tried alone.
func (g *engine[E, W]) commit(ctx context.Context, items []item[E]) error {
	for len(items) > 0 {
		err := g.update(ctx, items[len(items)-1].event.GlobalPosition, items)
		failed, ok := errors.AsType[*ApplyError](err)
		if !ok {
			return err
		}
		if err := g.back(ctx); err != nil {
			return err
		}
		at := failed.Event.GlobalPosition
		n := 0
		for n < len(items) && items[n].event.GlobalPosition < at {
			n++
		}
		if n > 0 {
			if err := g.update(ctx, items[n-1].event.GlobalPosition, items[:n]); err != nil {
				if _, again := errors.AsType[*ApplyError](err); !again {
					return err
				}
				if err := g.back(ctx); err != nil { // another one fails now: look again
					return err
				}
				continue
			}
		}
		if err := g.alone(ctx, &items[n], failed); err != nil {
			return err
		}
		items = items[n+1:]
	}
	return nil
}

// back looks where the model is after an Update that failed.
func (g *engine[E, W]) back(ctx context.Context) error {
	is, err := g.model.Checkpoint(ctx, g.p.Name)
	if err != nil {
		return err
	}
	if is == g.cp {
		return nil
	}
	to := g.cp.Position
	if is == (Checkpoint{}) {
		first := Checkpoint{Epoch: g.cp.Epoch, Version: g.cp.Version}
		if err := g.model.Update(ctx, g.p.Name, is, first, func(W) error { return nil }); err != nil {
			return err
		}
		is = first
	}
	if is.Position > to || is.Epoch != g.cp.Epoch || is.Version != g.cp.Version {
		return Moved(g.p.Name, is, g.cp)
	}
	// It could not undo what was half written, and went back: bring it here again.
	g.cp, g.seen = is, is.Position
	g.moved(g.seen)
	if err := g.replay(ctx, to); err != nil {
		return err
	}
	g.seen = g.cp.Position
	g.moved(g.seen)
	return nil
}

// replay applies again what had been applied, up to a position.
func (g *engine[E, W]) replay(ctx context.Context, to nacre.Position) error {
	var items []item[E]
	flush := func() error {
		if len(items) == 0 {
			return nil
		}
		err := g.update(ctx, items[len(items)-1].event.GlobalPosition, items)
		items = items[:0]
		return err
	}
	for e, err := range g.store.Read(ctx, g.filter, &nacre.ReadOptions{After: g.cp.Position, Before: to + 1}) {
		if err != nil {
			return err
		}
		it := g.decoded(e)
		if items = append(items, it); len(items) >= g.o.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if g.cp.Position < to {
		return g.update(ctx, to, nil)
	}
	return nil
}

// alone tries one event again and again, and then does with it what is wanted.
func (g *engine[E, W]) alone(ctx context.Context, it *item[E], failed *ApplyError) error {
	for attempt := 0; ; attempt++ {
		if attempt >= max(0, g.o.Retries) || it.err != nil {
			return g.failed(ctx, it, failed, attempt)
		}
		if err := pause(ctx, g.o.RetryAfter, attempt); err != nil {
			return err
		}
		err := g.update(ctx, it.event.GlobalPosition, []item[E]{*it})
		again, ok := errors.AsType[*ApplyError](err)
		if !ok {
			return err
		}
		failed = again
		if err := g.back(ctx); err != nil {
			return err
		}
	}
}

// failed stops at an event that fails for good, or parks it.
func (g *engine[E, W]) failed(ctx context.Context, it *item[E], failed *ApplyError, attempts int) error {
	g.signals.failed(ctx)
	if g.o.OnFailure != Park || g.bury == nil {
		return failed
	}
	e := &it.event
	letter := runner.Letter{
		ID: "event-" + fmt.Sprint(e.GlobalPosition), What: runner.LetterEvent,
		Position: e.GlobalPosition, EventID: e.ID, Stream: e.StreamID, Type: e.Type,
		Error: *runner.FailureOf(failed.Err, time.Now()), Attempts: attempts + 1, At: time.Now().UTC(),
	}
	if err := g.bury(ctx, letter); err != nil {
		return err
	}
	g.o.Logger.Error("an event is parked as a dead letter", "projection", g.p.Name, "error", failed)
	return g.update(ctx, e.GlobalPosition, nil)
}

// update moves the model up to a position, and writes items in the same commit. A commit that fails by itself is
// tried again.
func (g *engine[E, W]) update(ctx context.Context, to nacre.Position, items []item[E]) error {
	for attempt := 0; ; attempt++ {
		if g.lease != nil {
			if err := g.lease.Check(ctx); err != nil {
				return err
			}
		}
		next := g.cp
		next.Position = to
		spanned, end := g.signals.batch(ctx, g.p.Name, len(items), to)
		err := g.model.Update(spanned, g.p.Name, g.cp, next, func(w W) error { return g.apply(spanned, w, items) })
		end(err)
		if err == nil {
			g.cp, g.stored = next, time.Now()
			g.signals.applied(ctx, len(items))
			return nil
		}
		_, applying := errors.AsType[*ApplyError](err)
		if applying || nacre.CodeOf(err) == CodeCheckpointMoved || ctx.Err() != nil || attempt >= max(0, g.o.Retries) {
			return err
		}
		g.o.Logger.Warn("a commit of a read model failed, and is tried again", "projection", g.p.Name, "error", err)
		if err := pause(ctx, g.o.RetryAfter, attempt); err != nil {
			return err
		}
		if err := g.back(ctx); err != nil {
			return err
		}
	}
}

// decoded is an event as it is applied. A codec of the user's may panic.
func (g *engine[E, W]) decoded(e nacre.Event) (it item[E]) {
	it.event = e
	defer func() {
		if v := recover(); v != nil {
			it.values, it.err = nil, fmt.Errorf("decoding it panicked: %v\n%s", v, debug.Stack())
		}
	}()
	it.values, it.err = g.codec.Decode(e)
	return it
}

// apply writes items in the log's order, or in that of each stream.
func (g *engine[E, W]) apply(ctx context.Context, w W, items []item[E]) error {
	lanes := min(g.p.Parallel, len(items))
	if lanes < 2 {
		for i := range items {
			if err := g.one(ctx, w, &items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	failures := make([]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for i := range items {
				if int(maphash.String(g.seed, string(items[i].event.StreamID))%uint64(lanes)) != lane {
					continue
				}
				if failures[lane] = g.one(ctx, w, &items[i]); failures[lane] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	var first error
	for _, err := range failures {
		if err == nil {
			continue
		}
		a, _ := errors.AsType[*ApplyError](err)
		b, ok := errors.AsType[*ApplyError](first)
		if !ok || a != nil && a.Event.GlobalPosition < b.Event.GlobalPosition {
			first = err
		}
	}
	return first
}

// one applies one event. Its error is an ApplyError, unless ctx has ended.
func (g *engine[E, W]) one(ctx context.Context, w W, it *item[E]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.o.Logger.ErrorContext(ctx, "a projection panicked", "projection", g.p.Name, "position", it.event.GlobalPosition,
				"value", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("it panicked: %v; the log has the stack", v)
		}
		if err != nil && ctx.Err() == nil {
			err = &ApplyError{Projection: g.p.Name, Event: it.event, Err: err}
		}
	}()
	if id, parked := g.parked[it.event.GlobalPosition]; parked && id == it.event.ID {
		return nil
	}
	if it.err != nil {
		return it.err
	}
	for i := range it.values {
		if err := g.p.Apply(ctx, w, it.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// longest is the longest pause between two attempts.
const longest = time.Minute

// pause waits between attempts: doubling, with full jitter in the upper half.
func pause(ctx context.Context, first time.Duration, attempt int) error {
	d := min(first<<min(attempt, 20), longest)
	d = d/2 + rand.N(d/2+1)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
