package process

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// obey carries out an order. Those about dead letters are carried out beside the loop, which takes no other order
// meanwhile. Where the work ends before, the next one carries it out: the lease does not hand it out again.
func (w *work) obey(o runner.Order) {
	again := w.r.order != nil
	w.r.order = &o
	switch o.Do {
	case runner.Pause, runner.Resume:
		w.paused = o.Do == runner.Pause
		w.lease.Intend(runner.Intent{Paused: w.paused})
		state, err := w.stateNow()
		w.r.say(w.lease, state, err)
		w.tell(o, nil)
	case runner.Retry, runner.Discard:
		w.obeying = true
		w.wg.Go(func() {
			err := w.settle(w.ctx, o)
			if again && nacre.CodeOf(err) == nacre.CodeNotFound {
				err = nil // it was settled by the work before, which could not say so any more
			}
			if w.ctx.Err() == nil {
				w.tell(o, err)
			}
			w.obeyed <- struct{}{}
		})
	default:
		w.tell(o, nacre.Errorf(nacre.CodeUnsupported, "a process manager cannot %s", o.Do))
	}
}

// tell writes that an order was carried out, or why it was not.
func (w *work) tell(o runner.Order, err error) {
	if failed := w.lease.Obeyed(w.ctx, o, err); failed != nil {
		if w.ctx.Err() != nil {
			return // the next work says so
		}
		w.l.log.Warn("it could not be written that a process manager obeyed an order", "manager", w.l.name, "order", o.Do, "error", failed)
	}
	w.r.order = nil
	w.r.obeyed(o.Place, err)
}

// settle has dead letters tried again or discarded. It returns once it is recorded that they are; what trying again comes to
// is another matter.
func (w *work) settle(ctx context.Context, o runner.Order) error {
	if o.Letter != "" {
		l, err := runner.GetLetter(ctx, w.l.store, w.lease.ID(), o.Letter)
		if err != nil {
			return err
		}
		return w.settleAll(ctx, o.Do, []runner.Letter{l})
	}
	// What is tried again may be buried again meanwhile: each letter has one turn, and what was opened since has none.
	all, err := runner.Letters(ctx, w.l.store, runner.Process, w.l.name)
	if err != nil {
		return err
	}
	return w.settleAll(ctx, o.Do, all)
}

// settleAll hands dead letters to the loop, and waits until it has committed what they come to. The error is of the first one
// that cannot be tried again.
func (w *work) settleAll(ctx context.Context, do string, letters []runner.Letter) (first error) {
	recorded := make(chan error, len(letters))
	given := 0
	for i := range letters {
		it := &item{kind: itemDiscard, letter: letters[i].ID, instance: letters[i].Instance}
		if do == runner.Retry {
			var err error
			if it, err = itemOf(ctx, &letters[i], w.l.event); err != nil {
				if first == nil {
					first = err
				}
				continue
			}
		}
		it.done = func(err error) { recorded <- err }
		select {
		case w.tasks <- it:
			given++
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for range given {
		select {
		case err := <-recorded:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return first
}
