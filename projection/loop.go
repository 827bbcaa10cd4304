package projection

import (
	"context"
	"errors"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// loop is a runner's goroutine: it applies what the reader has read, and obeys.
type loop[E, W any] struct {
	g     *engine[E, W]
	r     *Runner
	lease *runner.Lease // nil where it needs none, or another process has it
	waits bool          // for the lease

	reader  *reader[E]
	paused  bool
	failure error // that it stopped at
	remade  *rebuild[E, W]
	waiting []command // for the rebuild

	head   nacre.Position
	rated  time.Time
	before nacre.Position
}

// hold lets the engine look at a lease before it commits, and bury what fails.
func (g *engine[E, W]) hold(lease *runner.Lease) {
	g.lease = lease
	g.bury = func(l runner.Letter) error {
		_, err := g.store.System().Commit(context.Background(), nil, runner.Bury(lease.ID(), l))
		return err
	}
}

// upTo applies what the log has up to a position.
func (g *engine[E, W]) upTo(ctx context.Context, to nacre.Position) error {
	reading := g.read(ctx, g.cp)
	defer reading.stop()
	for g.seen < to {
		b, ok := <-reading.batches
		if !ok {
			return ctx.Err()
		}
		if err := g.take(ctx, &b); err != nil {
			return err
		}
		if b.err != nil {
			return b.err
		}
	}
	return g.remember(ctx)
}

// run works until ctx ends.
func (l *loop[E, W]) run(ctx context.Context) {
	err := l.work(ctx)
	if ctx.Err() != nil {
		err = nil // somebody wanted the end
	}
	if l.reader != nil {
		l.reader.stop()
	}
	if l.remade != nil {
		l.remade.abandon(ctx)
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if l.failure == nil && err == nil {
		err = l.g.remember(late)
		if f, ok := any(l.g.model).(Flusher); ok && err == nil {
			err = f.Flush(late, l.g.p.Name)
		}
		if nacre.CodeOf(err) == nacre.CodeClosed {
			err = nil // the store was closed first; how far it is will be seen again
		}
	}
	if l.failure == nil {
		l.failure = err
	}
	if l.lease != nil {
		l.lease.Report(l.progress())
		code := nacre.CodeOf(l.lease.Release(late, runner.FailureOf(l.failure, time.Now())))
		if code != "" && code != nacre.CodeClosed && code != runner.CodeLeaseLost {
			l.g.o.Logger.Warn("a projection's lease could not be given back", "projection", l.g.p.Name, "code", string(code))
		}
	}
	if err != nil {
		l.g.o.Logger.Error("a projection has ended", "projection", l.g.p.Name, "error", err)
	}
	for _, c := range l.waiting {
		c.answer <- errStopped(l.g.p.Name)
	}
	l.r.change(func() { l.r.ended, l.r.failure, l.r.state = true, l.failure, runner.Stopped })
}

// work returns what ends the runner.
func (l *loop[E, W]) work(ctx context.Context) error {
	if l.waits {
		var err error
		if l.lease, err = acquire(ctx, l.g, false); err != nil {
			return err
		}
	}
	if l.lease != nil {
		l.g.hold(l.lease)
		l.paused = l.lease.Paused()
	}
	l.g.moved = func(seen nacre.Position) { l.r.change(func() { l.r.seen = seen }) }
	if err := l.restart(ctx); err != nil {
		return err
	}
	if err := l.announce(ctx, runner.CatchingUp); err != nil {
		return err
	}
	for {
		if err := l.once(ctx); err != nil {
			return err
		}
	}
}

// restart begins to read behind the model's checkpoint.
func (l *loop[E, W]) restart(ctx context.Context) error {
	if l.reader != nil {
		l.reader.stop()
		l.reader = nil
	}
	if err := l.g.begin(ctx); err != nil {
		return err
	}
	l.g.moved(l.g.seen)
	l.reader = l.g.read(ctx, l.g.cp)
	return nil
}

// once waits for the next thing to do, and does it.
func (l *loop[E, W]) once(ctx context.Context) error {
	var batches <-chan batch[E]
	if !l.paused && l.failure == nil {
		batches = l.reader.batches
	}
	var orders <-chan runner.Order
	var lost <-chan struct{}
	if l.lease != nil {
		orders, lost = l.lease.Orders(), l.lease.Lost()
	}
	var remade <-chan error
	if l.remade != nil {
		remade = l.remade.done
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-lost:
		return l.lease.Check(ctx)
	case b, ok := <-batches:
		if !ok {
			return ctx.Err()
		}
		return l.batch(ctx, &b)
	case o := <-orders:
		err := l.obey(ctx, o, func(err error) {
			if said := l.lease.Obeyed(ctx, o, err); said != nil && ctx.Err() == nil {
				l.g.o.Logger.Warn("an order was carried out, and that could not be written", "projection", l.g.p.Name, "error", said)
			}
		})
		return err
	case c := <-l.r.control:
		return l.obey(ctx, c.order, func(err error) { c.answer <- err })
	case err := <-remade:
		return l.swap(ctx, err)
	}
}

// batch applies one, and tells how far it is.
func (l *loop[E, W]) batch(ctx context.Context, b *batch[E]) error {
	err := l.g.take(ctx, b)
	if err == nil {
		err = b.err
	}
	switch code := nacre.CodeOf(err); {
	case err == nil:
		l.report(b)
		if b.caughtUp && l.state() == runner.CatchingUp {
			return l.announce(ctx, runner.Running)
		}
		return nil
	case ctx.Err() != nil:
		return err
	case code == nacre.CodeLogRewound:
		return l.restart(ctx)
	case code == nacre.CodeClosed, code == CodeCheckpointMoved, code == runner.CodeLeaseLost:
		return err
	default:
		return l.fail(ctx, err)
	}
}

// fail stops at an error, until somebody resumes.
func (l *loop[E, W]) fail(ctx context.Context, err error) error {
	l.failure = err
	l.g.o.Logger.Error("a projection has stopped at a failure", "projection", l.g.p.Name, "error", err)
	l.r.change(func() { l.r.failure = err })
	return l.announce(ctx, runner.Failed)
}

func (l *loop[E, W]) state() runner.State {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.state
}

// announce says what it does now.
func (l *loop[E, W]) announce(ctx context.Context, s runner.State) error {
	if l.paused && s != runner.Failed {
		s = runner.Paused
	}
	l.r.change(func() { l.r.state = s })
	if l.lease == nil {
		return nil
	}
	l.lease.Report(l.progress())
	f := runner.FailureOf(l.failure, time.Now())
	if a, ok := errors.AsType[*ApplyError](l.failure); ok {
		f.Position, f.EventID = a.Event.GlobalPosition, a.Event.ID
	}
	err := l.lease.Change(ctx, s, f)
	if code := nacre.CodeOf(err); err != nil && code != runner.CodeLeaseLost && code != nacre.CodeClosed && ctx.Err() == nil {
		l.g.o.Logger.Warn("a projection's state could not be written", "projection", l.g.p.Name, "error", err)
		return nil
	}
	return err
}

// report tells the lease how far it is.
func (l *loop[E, W]) report(b *batch[E]) {
	l.head = max(l.head, b.seen)
	if l.lease != nil {
		l.lease.Report(l.progress())
	}
	l.g.signals.behind(context.Background(), l.head-min(l.head, l.g.seen))
}

func (l *loop[E, W]) progress() runner.Progress {
	p := runner.Progress{Position: l.g.seen, Head: max(l.head, l.g.seen)}
	if since := time.Since(l.rated); since > time.Second {
		if !l.rated.IsZero() {
			p.Rate = float64(l.g.seen-min(l.g.seen, l.before)) / since.Seconds()
		}
		l.rated, l.before = time.Now(), l.g.seen
	}
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	p.Rebuild, p.DeadLetters = l.r.rebuild, l.r.letters
	return p
}
