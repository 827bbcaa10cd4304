package projection

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// obey carries an order out, and answers once it is done. What it returns ends the runner.
func (l *loop[E, W]) obey(ctx context.Context, o runner.Order, answer func(error)) error {
	switch o.Do {
	case runner.Pause:
		l.paused, l.again = true, nil
		err := l.announce(ctx, runner.Paused)
		answer(err)
		return err
	case runner.Resume:
		return l.resume(ctx, answer)
	case runner.Reset:
		return l.reset(ctx, answer)
	case runner.Remake:
		l.remake(ctx, answer)
		return l.announce(ctx, l.state())
	case runner.Retry, runner.Discard:
		err := l.letters(ctx, o)
		answer(err)
		return nil
	default:
		answer(invalid("do", "a projection does not know the order %q", o.Do))
		return nil
	}
}

func (l *loop[E, W]) resume(ctx context.Context, answer func(error)) error {
	failed := l.failure != nil
	l.paused, l.failure, l.again = false, nil, nil
	l.r.change(func() { l.r.failure = nil })
	err := l.announce(ctx, runner.CatchingUp)
	if err == nil && failed {
		err = l.restart(ctx)
	}
	answer(err)
	return l.attempt(ctx, err)
}

// tryAgain goes on after trouble that may have passed.
func (l *loop[E, W]) tryAgain(ctx context.Context) error {
	l.failure, l.again = nil, nil
	if err := l.attempt(ctx, l.restart(ctx)); err != nil || l.failure != nil {
		return err
	}
	return l.announce(ctx, runner.CatchingUp)
}

func (l *loop[E, W]) reset(ctx context.Context, answer func(error)) error {
	model, ok := l.g.model.(Resetter)
	if !ok {
		answer(nacre.Errorf(CodeNoRebuild, "the read model of %q cannot empty itself", l.g.p.Name))
		return nil
	}
	if l.reader != nil {
		l.reader.stop()
		l.reader = nil
	}
	err := model.Reset(ctx, l.g.p.Name)
	if err == nil {
		err = l.g.amnesty(ctx)
	}
	if err == nil {
		l.failure, l.again, l.head = nil, nil, 0
		l.r.change(func() { l.r.failure, l.r.seen = nil, 0 })
		err = l.restart(ctx)
	}
	if err == nil {
		err = l.announce(ctx, runner.CatchingUp)
	}
	answer(err)
	return l.attempt(ctx, err)
}

// letters applies parked events again, or gives them up.
func (l *loop[E, W]) letters(ctx context.Context, o runner.Order) error {
	if l.lease == nil {
		return nacre.Errorf(nacre.CodeUnsupported, "the projection %q has no dead letters here: another process has its lease", l.g.p.Name)
	}
	id := l.lease.ID()
	list, err := runner.Letters(ctx, l.g.store, id.Kind, id.Name)
	if err != nil {
		return err
	}
	found := false
	var failed error
	for i := range list {
		letter := &list[i]
		if o.Letter != "" && o.Letter != letter.ID {
			continue
		}
		found = true
		how := runner.Discarded
		if letter.ID == l.g.cp.Late { // it counts, and only this was not written yet
			how = runner.Retried
		} else if o.Do == runner.Retry {
			how = runner.Retried
			if err := l.applyLate(ctx, letter); err != nil {
				failed = err
				continue
			}
			if f, ok := any(l.g.model).(Flusher); ok { // before nothing is left of the letter
				if err := f.Flush(ctx, l.g.p.Name); err != nil {
					return err
				}
			}
		}
		if _, err := l.g.store.System().Commit(ctx, nil, runner.Settle(id, how, letter.ID)); err != nil {
			return err
		}
		delete(l.g.parked, letter.Position)
	}
	if !found && o.Letter != "" {
		return nacre.Errorf(nacre.CodeNotFound, "the projection %q has no open dead letter %q", l.g.p.Name, o.Letter)
	}
	return failed
}

// applyLate applies a parked event where the read model is now.
func (l *loop[E, W]) applyLate(ctx context.Context, letter *runner.Letter) error {
	if letter.Position > l.g.cp.Position {
		return nacre.Errorf(CodeFailed, "the projection %q has not come to position %d again: try later", l.g.p.Name, letter.Position)
	}
	if err := l.lease.Confirm(ctx); err != nil {
		return err
	}
	for e, err := range l.g.store.Read(ctx, l.g.filter, &nacre.ReadOptions{After: letter.Position - 1, Before: letter.Position + 1}) {
		if err != nil {
			return err
		}
		if e.ID != letter.EventID {
			break // another log's
		}
		it := l.g.decoded(e)
		id := l.g.parked[e.GlobalPosition]
		delete(l.g.parked, e.GlobalPosition)
		next := l.g.cp
		next.Late = letter.ID
		err = l.g.model.Update(ctx, l.g.p.Name, l.g.cp, next, func(w W) error { return l.g.apply(ctx, w, []item[E]{it}) })
		if err == nil {
			l.g.cp = next
			return nil
		}
		l.g.parked[e.GlobalPosition] = id
		if more := l.g.back(ctx); more != nil {
			return fmt.Errorf("%w; and then: %w", err, more)
		}
		if l.g.cp == next {
			return nil // only the answer was lost
		}
		return err
	}
	return nacre.Errorf(nacre.CodeNotFound, "the event at position %d is none that the projection %q wants any more", letter.Position, l.g.p.Name)
}

// inherit puts the dead letters of a rebuilt model in the place of the old one's.
func (l *loop[E, W]) inherit(ctx context.Context, b *rebuild[E, W]) error {
	if err := l.g.amnesty(ctx); err != nil || l.g.bury == nil {
		return err
	}
	for _, letter := range b.buried {
		if err := l.g.bury(ctx, letter); err != nil {
			return err
		}
	}
	return nil
}

// rebuild is a read model that is made beside the one in use.
type rebuild[E, W any] struct {
	g     *engine[E, W]
	of    Rebuilder[W]
	done  chan error // that it has caught up, or why not
	end   context.CancelFunc
	begun time.Time

	buried []runner.Letter // once it has taken the old one's place
}

// remake begins a rebuild, unless one is under way, for which the order then waits.
func (l *loop[E, W]) remake(ctx context.Context, answer func(error)) {
	of, ok := l.g.model.(Rebuilder[W])
	if !ok {
		answer(nacre.Errorf(CodeNoRebuild, "the read model of %q cannot be made again beside itself: reset it", l.g.p.Name))
		return
	}
	l.waiting = append(l.waiting, answer)
	if l.remade != nil {
		return
	}
	fresh, err := of.Fresh(ctx, l.g.p.Name)
	if err != nil {
		l.remadeWith(err)
		return
	}
	g := *l.g
	g.model, g.cp, g.seen, g.parked = fresh, Checkpoint{}, 0, map[nacre.Position]string{}
	ctx, end := context.WithCancel(ctx) //nolint:gosec // it is called by swap and abandon
	l.remade = &rebuild[E, W]{g: &g, of: of, done: make(chan error, 1), end: end, begun: time.Now()}
	if b := l.remade; g.bury != nil {
		g.bury = func(_ context.Context, letter runner.Letter) error {
			b.buried = append(b.buried, letter)
			g.parked[letter.Position] = letter.EventID
			return nil
		}
	}
	go func(b *rebuild[E, W]) { b.done <- b.catchUp(ctx, l.r) }(l.remade)
}

// catchUp brings the fresh model close to the log's end.
func (b *rebuild[E, W]) catchUp(ctx context.Context, r *Runner) error {
	target := nacre.Position(0)
	b.g.moved = func(seen nacre.Position) {
		p := &runner.Rebuild{Position: seen, Target: target, StartedAt: b.begun}
		if seen > 0 && seen <= target {
			p.SecondsLeft = time.Since(b.begun).Seconds() / float64(seen) * float64(target-seen)
		}
		r.change(func() { r.rebuild = p })
	}
	if err := b.g.begin(ctx); err != nil {
		return err
	}
	for {
		head, err := b.g.store.Head(ctx)
		if err != nil {
			return err
		}
		target = head.Position
		if err := b.g.upTo(ctx, target); err != nil {
			return err
		}
		if head, err = b.g.store.Head(ctx); err != nil || head.Position <= target+nacre.Position(b.g.o.Batch) {
			return err
		}
	}
}

// abandon ends a rebuild that is not wanted any more.
func (b *rebuild[E, W]) abandon(ctx context.Context) {
	b.end()
	if err := <-b.done; err != nil {
		b.g.o.Logger.Debug("a rebuild was given up", "projection", b.g.p.Name, "error", err)
	}
	_ = b.of.Discard(context.WithoutCancel(ctx), b.g.p.Name, b.g.model) // what is left is removed by the next one
}

// swap puts the fresh model in the place of the old one. Nothing is applied meanwhile.
func (l *loop[E, W]) swap(ctx context.Context, err error) error {
	b := l.remade
	l.remade = nil
	defer b.end()
	if err == nil {
		err = b.g.upTo(ctx, max(l.g.seen, b.g.seen))
	}
	if err == nil && l.lease != nil {
		err = l.lease.Confirm(ctx)
	}
	if err == nil {
		err = b.of.Swap(ctx, l.g.p.Name, b.g.model)
	}
	if err != nil {
		_ = b.of.Discard(context.WithoutCancel(ctx), l.g.p.Name, b.g.model) // as above
		l.remadeWith(err)
		if l.failure == nil {
			return l.attempt(ctx, cmp.Or(l.restart(ctx), l.announce(ctx, runner.CatchingUp)))
		}
		return l.announce(ctx, runner.Failed)
	}
	if err := l.inherit(ctx, b); err != nil {
		l.g.o.Logger.Warn("the dead letters of a rebuilt read model could not be kept", "projection", l.g.p.Name, "error", err)
	}
	l.g.o.Logger.Info("a read model has been made again", "projection", l.g.p.Name, "position", b.g.seen, "took", time.Since(b.begun).String())
	l.failure, l.again = nil, nil
	l.r.change(func() { l.r.failure, l.r.rebuild = nil, nil })
	err = l.restart(ctx)
	l.remadeWith(err)
	if err != nil {
		return l.attempt(ctx, err)
	}
	return l.announce(ctx, runner.CatchingUp)
}

// remadeWith answers those who wait for the rebuild.
func (l *loop[E, W]) remadeWith(err error) {
	l.r.change(func() { l.r.rebuild = nil })
	for _, answer := range l.waiting {
		answer(err)
	}
	l.waiting = nil
}
