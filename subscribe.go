package nacre

import (
	"context"
	"iter"
)

// progressEvery is how many positions a subscription passes over before it tells where it is.
const progressEvery = 10_000

// SubscribeOptions: nil begins with the first event.
type SubscribeOptions struct {
	// After is the position to go on behind: what Progress told last, or an event's own.
	After Position
	// Epoch is the one that After belongs to, as [Store.Head] told it; "" does not check. A cursor of
	// another epoch, or ahead of the log, ends the subscription with CodeLogRewound.
	Epoch string
	// Progress is called in the loop's own goroutine, between two events: whenever the log's end has
	// been reached, and after every 10,000 events seen or passed over. seen is what to resume after.
	Progress func(seen Position, caughtUp bool)
	// Borrowed is as in [ReadOptions].
	Borrowed bool
}

// Subscribe yields the history that f selects, then what is appended, without gap or repeat, until ctx
// ends (with its error) or the loop breaks. The loop's pace is the back-pressure; nothing is buffered
// for it. Idle, it waits without polling.
func (s *Store) Subscribe(ctx context.Context, f Filter, o *SubscribeOptions) iter.Seq2[Event, error] {
	if o == nil {
		o = &SubscribeOptions{}
	}
	return func(yield func(Event, error) bool) {
		sub := subscription{s: s, ctx: ctx, filter: f, o: o, seen: o.After, epoch: o.Epoch}
		if err := sub.run(yield); err != nil {
			yield(Event{}, err)
		}
	}
}

type subscription struct {
	s      *Store
	ctx    context.Context
	filter Filter
	o      *SubscribeOptions
	seen   Position
	epoch  string // "" until the first head
}

// run returns nil where the loop was left.
func (sub *subscription) run(yield func(Event, error) bool) error {
	if err := sub.filter.Check("filter"); err != nil {
		return err
	}
	head, err := sub.head()
	if err != nil {
		return err
	}
	for {
		for sub.seen < head {
			to := min(head, sub.seen+progressEvery)
			if goOn, err := sub.upTo(to, yield); err != nil || !goOn {
				return err
			}
			if to < head {
				sub.progress(false)
			}
		}
		// The log may have grown meanwhile: caught up is told only of its present end.
		if head, err = sub.head(); err != nil {
			return err
		}
		if sub.seen < head {
			sub.progress(false)
			continue
		}
		if sub.seen == head {
			sub.progress(true)
		}
		if err := sub.s.Wait(sub.ctx, sub.seen); err != nil {
			return err
		}
		if head, err = sub.head(); err != nil {
			return err
		}
	}
}

// head is the log's end, where the log is still the one that was begun with.
func (sub *subscription) head() (Position, error) {
	head, err := sub.s.Head(sub.ctx)
	if err != nil {
		return 0, err
	}
	if sub.epoch == "" {
		sub.epoch = head.Epoch
	}
	if sub.epoch != head.Epoch {
		return 0, Errorf(CodeLogRewound, "the cursor is of epoch %s, the log of epoch %s: it was cut or restored; "+
			"derived data must be made again from the start", sub.epoch, head.Epoch)
	}
	if end := max(head.Position, head.Last); sub.seen > end {
		return 0, Errorf(CodeLogRewound, "the cursor is at position %d, the log ends at %d: it was cut or restored, "+
			"or is another log; derived data must be made again from the start", sub.seen, end)
	}
	return head.Position, nil
}

// upTo yields what stands up to a position and tells whether to go on.
func (sub *subscription) upTo(to Position, yield func(Event, error) bool) (bool, error) {
	o := &ReadOptions{After: sub.seen, Before: to + 1, Borrowed: sub.o.Borrowed}
	for e, err := range sub.s.Read(sub.ctx, sub.filter, o) {
		if err != nil {
			return false, err
		}
		sub.seen = e.GlobalPosition
		if !yield(e, nil) {
			return false, nil
		}
	}
	sub.seen = to
	return true, nil
}

func (sub *subscription) progress(caughtUp bool) {
	if sub.o.Progress != nil {
		sub.o.Progress(sub.seen, caughtUp)
	}
}
