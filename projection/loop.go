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
	alone bool          // the model is this process's own: it does without a lease

	reader  *reader[E]
	paused  bool
	failure error            // that it stopped at
	trouble int              // how often in a row it failed for a reason that may pass
	again   <-chan time.Time // when it tries again by itself
	remade  *rebuild[E, W]
	waiting []func(error) // for the rebuild

	head   nacre.Position
	rated  time.Time
	before nacre.Position
}

// hold lets the engine look at a lease before it commits, and bury what fails.
func (g *engine[E, W]) hold(ctx context.Context, lease *runner.Lease) error {
	g.lease = lease
	id := lease.ID()
	open, err := runner.Letters(ctx, g.store, id.Kind, id.Name)
	if err != nil {
		return err
	}
	g.parked = map[nacre.Position]string{}
	for _, l := range open {
		g.parked[l.Position] = l.EventID
	}
	g.bury = func(ctx context.Context, l runner.Letter) error {
		_, err := g.store.System().Commit(ctx, nil, runner.Bury(id, l))
		if err == nil {
			g.parked[l.Position] = l.EventID
		}
		return err
	}
	return nil
}

// amnesty settles the open dead letters of a model that begins from the start, where their events have their turn
// again.
func (g *engine[E, W]) amnesty(ctx context.Context) error {
	if g.lease == nil || len(g.parked) == 0 {
		return nil
	}
	id := g.lease.ID()
	open, err := runner.Letters(ctx, g.store, id.Kind, id.Name)
	if err != nil {
		return err
	}
	var ids []string
	for _, l := range open {
		ids = append(ids, l.ID)
	}
	if len(ids) > 0 {
		if _, err := g.store.System().Commit(ctx, nil, runner.Settle(id, runner.Retried, ids...)); err != nil {
			return err
		}
	}
	clear(g.parked)
	return nil
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
	if is, seen := l.g.model.Checkpoint(late, l.g.p.Name); l.failure == nil && err == nil && seen == nil && is == l.g.cp {
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
	l.remadeWith(errStopped(l.g.p.Name))
	l.r.change(func() { l.r.ended, l.r.failure, l.r.state = true, l.failure, runner.Stopped })
}

// work returns what ends the runner: the end of ctx, or of the store.
func (l *loop[E, W]) work(ctx context.Context) error {
	l.g.moved = func(seen nacre.Position) { l.r.change(func() { l.r.seen = seen }) }
	for {
		err := l.tenure(ctx)
		if ctx.Err() != nil || nacre.CodeOf(err) == nacre.CodeClosed {
			return err
		}
		// Another process has taken the lease over, or has written to the model: wait for one's turn.
		l.g.o.Logger.Warn("a projection waits, since another process runs it", "projection", l.g.p.Name, "error", err)
		if l.reader != nil {
			l.reader.stop()
			l.reader = nil
		}
		if l.remade != nil {
			l.remade.abandon(ctx)
			l.remade = nil
			l.remadeWith(err)
		}
		if l.lease != nil {
			_ = l.lease.Release(ctx, nil) // it is lost
			l.lease, l.g.lease, l.g.bury = nil, nil, nil
		}
		if err := pause(ctx, l.g.o.RetryAfter, 3); err != nil {
			return err
		}
	}
}

// tenure is the time from a lease to its loss.
func (l *loop[E, W]) tenure(ctx context.Context) error {
	if l.lease == nil && !l.alone {
		l.r.change(func() { l.r.elsewhere = l.there })
		err := l.standBy(ctx)
		l.r.change(func() { l.r.elsewhere = nil })
		if err != nil {
			return err
		}
	}
	remake := false
	if l.lease != nil {
		l.paused, remake = l.lease.Before().Paused, l.lease.Before().Rebuild
		if err := l.g.hold(ctx, l.lease); err != nil {
			return err
		}
	}
	if err := l.attempt(ctx, l.restart(ctx)); err != nil {
		return err
	}
	if remake {
		l.remake(ctx, func(error) {})
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

// standBy waits for the lease. Orders go to whoever has it.
func (l *loop[E, W]) standBy(ctx context.Context) error {
	var lease *runner.Lease
	taken := make(chan error, 1)
	go func() {
		var err error
		lease, err = acquire(ctx, l.g, false)
		taken <- err
	}()
	for {
		select {
		case err := <-taken:
			l.lease = lease
			return err
		case c := <-l.r.control:
			_, err := runner.Give(ctx, l.g.store, runner.ID{Kind: runner.Projection, Name: l.g.p.Name}, c.order)
			c.answer <- err
		}
	}
}

// there is how far the model is that another process writes.
func (l *loop[E, W]) there(ctx context.Context) (nacre.Position, error) {
	cp, err := l.g.model.Checkpoint(ctx, l.g.p.Name)
	return cp.Position, err
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
	if !l.paused && l.failure == nil && l.reader != nil {
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
		lease := l.lease
		err := l.obey(ctx, o, func(err error) {
			if said := lease.Obeyed(ctx, o, err); said != nil && ctx.Err() == nil {
				l.g.o.Logger.Warn("an order was carried out, and that could not be written", "projection", l.g.p.Name, "error", said)
			}
		})
		return err
	case c := <-l.r.control:
		return l.obey(ctx, c.order, func(err error) { c.answer <- err })
	case err := <-remade:
		return l.swap(ctx, err)
	case <-l.again:
		return l.tryAgain(ctx)
	}
}

// batch applies one, and tells how far it is.
func (l *loop[E, W]) batch(ctx context.Context, b *batch[E]) error {
	err := l.g.take(ctx, b)
	if err == nil {
		err = b.err
	}
	if nacre.CodeOf(err) == nacre.CodeLogRewound {
		err = l.restart(ctx)
	}
	if err != nil {
		return l.attempt(ctx, err)
	}
	l.trouble = 0
	l.report(ctx, b)
	if b.caughtUp && l.state() == runner.CatchingUp {
		return l.announce(ctx, runner.Running)
	}
	return nil
}

// attempt is where an error of the work goes: it ends the tenure, or stops the projection until somebody resumes it,
// or until it tries again by itself.
func (l *loop[E, W]) attempt(ctx context.Context, err error) error {
	switch nacre.CodeOf(err) {
	case nacre.CodeClosed, CodeCheckpointMoved, runner.CodeLeaseLost:
		return err
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	l.failure = err
	switch nacre.CodeOf(err) {
	case CodeFailed, CodeNoRebuild, nacre.CodeInvalid, nacre.CodeUnsupported, nacre.CodeDamaged:
		l.g.o.Logger.Error("a projection has stopped at a failure", "projection", l.g.p.Name, "error", err)
		l.r.change(func() { l.r.failure = err })
	default:
		// The store or the read model cannot be reached: that may pass.
		wait := min(l.g.o.RetryAfter<<min(l.trouble, 20), longest)
		l.trouble++
		l.again = time.After(wait)
		l.g.o.Logger.Warn("a projection is in trouble, and tries again", "projection", l.g.p.Name, "after", wait.String(), "error", err)
	}
	return l.announce(ctx, runner.Failed)
}

func (l *loop[E, W]) state() runner.State {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.state
}

// announce says what it does now.
func (l *loop[E, W]) announce(ctx context.Context, s runner.State) error {
	if l.lease != nil {
		l.lease.Intend(runner.Intent{Paused: l.paused, Rebuild: l.remade != nil})
	}
	switch {
	case l.failure != nil:
		s = runner.Failed
	case l.paused:
		s = runner.Paused
	case l.remade != nil:
		s = runner.Rebuilding
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
func (l *loop[E, W]) report(ctx context.Context, b *batch[E]) {
	l.head = max(l.head, b.seen)
	if l.lease != nil {
		l.lease.Report(l.progress())
	}
	l.g.signals.behind(ctx, l.head-min(l.head, l.g.seen))
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
	p.Rebuild, p.DeadLetters = l.r.rebuild, len(l.g.parked)
	l.r.letters = len(l.g.parked)
	return p
}
