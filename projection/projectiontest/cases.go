package projectiontest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
)

func restarts[W any](x *trial[W]) {
	for i := range 6 {
		x.move(x.random.IntN(60))
		if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
			x.Fatal(err)
		}
		x.expectTruth(label("round %d", i))
		x.reopen()
	}
}

func failedWrite[W any](x *trial[W]) {
	x.move(10)
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	before, cp := x.h.Read(x, x.model), x.checkpoint()
	to := cp
	to.Position += 5
	err := x.model.Update(x.Context(), "sums", cp, to, func(w W) error {
		if err := x.h.Add(x.Context(), w, "account-1", 1_000_000); err != nil {
			return err
		}
		return errOfTest
	})
	if !errors.Is(err, errOfTest) {
		x.Errorf("the write's error comes back as %v", err)
	}
	if x.checkpoint().Position > cp.Position {
		x.Error("the checkpoint moved without the write")
	}
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	if after := x.h.Read(x, x.model); after["account-1"].Cents >= 1_000_000 || len(after) != len(before) {
		x.Errorf("what was written before the failure stayed: %v", after)
	}
	x.expectTruth("after the failure")
}

func secondWriter[W any](x *trial[W]) {
	x.move(10)
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	cp := x.checkpoint()
	old, next := cp, cp
	old.Position--
	next.Position++
	called := false
	err := x.model.Update(x.Context(), "sums", old, next, func(W) error { called = true; return nil })
	x.expectCode("an update from where it is not", err, projection.CodeCheckpointMoved)
	err = x.model.Update(x.Context(), "sums", projection.Checkpoint{}, next, func(W) error { called = true; return nil })
	x.expectCode("an update from the beginning", err, projection.CodeCheckpointMoved)
	if called || x.checkpoint() != cp {
		x.Error("it was written to all the same")
	}
}

func emptyCommit[W any](x *trial[W]) {
	for range 3 {
		cp := x.checkpoint()
		to := projection.Checkpoint{Position: cp.Position + 7, Epoch: "an epoch", Version: 3}
		if err := x.model.Update(x.Context(), "sums", cp, to, func(W) error { return nil }); err != nil {
			x.Fatal(err)
		}
		if got := x.checkpoint(); got != to {
			x.Errorf("the checkpoint is %+v, not %+v", got, to)
		}
	}
}

// breaking is a model whose updates fail before or after they were committed, as where a process is killed.
type breaking[W any] struct {
	projection.ReadModel[W]
	left  *atomic.Int64 // calls until it breaks
	after bool
}

func (b *breaking[W]) Update(ctx context.Context, name string, from, to projection.Checkpoint, write func(W) error) error {
	breaks := b.left.Add(-1) == 0
	if breaks && !b.after {
		return errOfTest
	}
	err := b.ReadModel.Update(ctx, name, from, to, write)
	if err == nil && breaks {
		return errOfTest
	}
	return err
}

// crashes ends the process at every update, before and after its commit, and begins again.
func crashes[W any](x *trial[W]) {
	for i := range 24 {
		x.move(x.random.IntN(12))
		var left atomic.Int64
		left.Store(int64(1 + x.random.IntN(4)))
		m := &breaking[W]{ReadModel: x.model, left: &left, after: i%2 == 0}
		o := x.options()
		o.Retries = -1
		if err := x.catchUp(x.projection(), m, o); err != nil && !errors.Is(err, errOfTest) {
			x.Fatal(err)
		}
		x.reopen() // without a word to the model
	}
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	x.expectTruth("after the crashes")
}

func versions[W any](x *trial[W]) {
	x.move(20)
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	p := x.projection()
	p.Version = 2
	apply := p.Apply
	p.Apply = func(ctx context.Context, to W, e codec.Event[Moved]) error {
		e.Data.Cents *= 2
		return apply(ctx, to, e)
	}
	if err := x.catchUp(p, x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	for stream, want := range x.truth() {
		if got := x.h.Read(x, x.model)[stream]; got != (Sum{2 * want.Cents, want.Count}) {
			x.Errorf("%s: %v, not twice %v", stream, got, want)
		}
	}
}

func (x *trial[W]) start(p projection.Projection[Moved, W]) *projection.Runner {
	x.Helper()
	r, err := projection.Start(x.Context(), x.store, p, x.model, x.options())
	if err != nil {
		x.Fatal(err)
	}
	return r
}

// settled waits until the model shows the log's end.
func (x *trial[W]) settled(r *projection.Runner) {
	x.Helper()
	head, err := x.store.Head(x.Context())
	if err != nil {
		x.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(x.Context(), 30*time.Second)
	defer cancel()
	if err := r.WaitFor(ctx, head.Position); err != nil {
		x.Fatal(err)
	}
}

func (x *trial[W]) stop(r *projection.Runner) {
	x.Helper()
	if err := r.Stop(x.Context()); err != nil {
		x.Fatal(err)
	}
}

func resets[W any](x *trial[W]) {
	x.move(30)
	r := x.start(x.projection())
	for range 3 {
		if err := r.Reset(x.Context()); err != nil {
			x.Fatal(err)
		}
		x.move(5)
		x.settled(r)
		x.expectTruth("after a reset")
	}
	x.stop(r)
	x.expectKept()
}

func rebuilds[W any](x *trial[W]) {
	x.move(200)
	r := x.start(x.projection())
	for range 3 {
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			x.move(40) // while it is being made
		}()
		if err := r.Rebuild(x.Context()); err != nil {
			x.Error(err)
		}
		<-moved
		x.settled(r)
		x.expectTruth("after a rebuild")
	}
	x.stop(r)
	x.expectKept()
	if err := x.catchUp(x.projection(), x.model, x.options()); err != nil {
		x.Fatal(err)
	}
	x.expectTruth("after it went on")
}

func brokenRebuild[W any](x *trial[W]) {
	x.move(60)
	var fails atomic.Bool
	p := x.projection()
	apply := p.Apply
	p.Apply = func(ctx context.Context, to W, e codec.Event[Moved]) error {
		if fails.Load() && e.GlobalPosition > 20 {
			return errOfTest
		}
		return apply(ctx, to, e)
	}
	r := x.start(p)
	x.settled(r)
	fails.Store(true)
	if err := r.Rebuild(x.Context()); !errors.Is(err, errOfTest) {
		x.Errorf("a rebuild that fails: %v", err)
	}
	x.expectTruth("after a rebuild that failed")
	fails.Store(false)
	x.move(5)
	x.settled(r)
	x.expectTruth("after it went on")
	x.stop(r)
}

// anything does whatever can be done to a projection, in random order; in the end it holds what the log says.
func anything[W any](x *trial[W]) {
	var fails atomic.Bool
	p := x.projection()
	apply := p.Apply
	p.Apply = func(ctx context.Context, to W, e codec.Event[Moved]) error {
		if err := apply(ctx, to, e); err != nil || !fails.Load() || e.GlobalPosition%7 != 0 {
			return err
		}
		return errOfTest // after half of the work
	}
	r := x.start(p)
	for range 40 {
		var err error
		switch x.random.IntN(9) {
		case 0:
			err = r.Pause(x.Context())
		case 1:
			fails.Store(false)
			err = r.Resume(x.Context())
		case 2:
			if x.h.Rebuilds {
				err = r.Rebuild(x.Context())
			}
		case 3:
			if x.h.Resets {
				err = r.Reset(x.Context())
			}
		case 4:
			fails.Store(!fails.Load())
		case 5:
			x.stop(r)
			x.reopen()
			r = x.start(p)
		default:
			x.move(1 + x.random.IntN(30))
		}
		if err != nil && !errors.Is(err, errOfTest) {
			x.Fatal(err)
		}
	}
	fails.Store(false)
	if err := r.Resume(x.Context()); err != nil {
		x.Fatal(err)
	}
	x.settled(r)
	x.expectTruth("in the end")
	x.stop(r)
}
