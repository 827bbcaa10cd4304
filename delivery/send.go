package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// flight is a batch that is being sent.
type flight struct {
	life    context.Context //nolint:containedctx // the subscription's, by which a stale flight is told
	placed  nacre.Position  // the subscription's, too
	entries []*entry
	batch   Batch
}

// pump has as many flights under way as there are batches and the policy allows. The lock is held.
func (s *subscription) pump() {
	for s.sending < s.policy.Parallel {
		f := s.next()
		if f == nil {
			break
		}
		s.sending++
		s.hub.sends.Add(1)
		go s.fly(f)
	}
	s.rouse()
}

// rouse sets the alarm for the next attempt, where there is a place for it: otherwise whatever lands next looks what is due,
// and an alarm for what is due already would go off again and again. The lock is held.
func (s *subscription) rouse() {
	if s.q != nil && s.sending < s.policy.Parallel && s.hub.serving.Err() == nil {
		s.alarm(s.nextAttempt())
	}
}

// nextAttempt is when something that waits is to be tried, at the earliest; zero where nothing waits. The lock is held.
func (s *subscription) nextAttempt() time.Time {
	at := s.q.next()
	if s.quiet.After(time.Now()) && (len(s.q.ready) > 0 || !at.IsZero() && at.Before(s.quiet)) {
		return s.quiet
	}
	return at
}

// next is the next batch to send; nil where there is none. The lock is held.
func (s *subscription) next() *flight {
	now := time.Now()
	if s.q == nil || s.quiet.After(now) || s.hub.serving.Err() != nil {
		return nil
	}
	entries := s.q.take(now, s.policy.Batch)
	if entries == nil {
		return nil
	}
	f := &flight{life: s.life, placed: s.placed, entries: entries}
	f.batch = Batch{
		ID: s.hub.batchID(s.name, entries[0].event.GlobalPosition, len(entries)), Store: s.hub.o.Name,
		Subscription: s.name, Attempt: entries[0].attempts, Events: make([]nacre.Event, len(entries)),
	}
	for i, e := range entries {
		f.batch.Events[i] = e.event
	}
	return f
}

// batchID is as spec/delivery.md says.
func (h *Hub) batchID(name string, first nacre.Position, n int) string {
	epoch := strings.ToLower(*h.epoch.Load())
	// Without a dot: Standard Webhooks puts one between what it signs.
	id := fmt.Sprintf("%s:%s:%d", strings.ReplaceAll(name, ".", ":"), epoch[max(0, len(epoch)-8):], first)
	if n > 1 {
		id += fmt.Sprintf("+%d", n)
	}
	return id
}

// fly sends a batch, and then the next one, as long as there are any.
func (s *subscription) fly(f *flight) {
	defer s.hub.sends.Done()
	for f != nil {
		s.hub.slots <- struct{}{}
		began := time.Now()
		receipt, err := s.send(f)
		<-s.hub.slots
		f = s.landed(f, receipt, err, began)
	}
}

func (s *subscription) send(f *flight) (r Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.hub.o.Logger.Error("a sender panicked", "subscription", f.batch.Subscription, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("the sender panicked: %v", v)
		}
	}()
	o, err := s.open(f.life)
	if err != nil {
		return r, err
	}
	defer o.users.Done()
	return o.sender.Send(s.hub.ctx, &f.batch)
}

// outlet is a sender that is in use.
type outlet struct {
	sender Sender
	users  sync.WaitGroup
}

// errOver is why a batch is not sent whose subscription was stopped while it waited for a place.
var errOver = errors.New("the subscription was stopped")

// open opens the sender, unless it is open, for one user more.
func (s *subscription) open(life context.Context) (*outlet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != life || s.q == nil {
		return nil, errOver
	}
	if s.outlet == nil {
		sender, err := s.kind.Open(s.config)
		if err != nil {
			return nil, err
		}
		s.outlet = &outlet{sender: sender}
	}
	s.outlet.users.Add(1)
	return s.outlet, nil
}

// closeLater closes the sender when nobody uses it any more.
func (o *outlet) closeLater(h *Hub, name string) {
	h.sends.Go(func() {
		o.users.Wait()
		if err := o.sender.Close(); err != nil {
			h.o.Logger.Warn("a sender could not be closed", "subscription", name, "error", err)
		}
	})
}

// landed is for a batch that was sent, or was not, and gives the next one.
func (s *subscription) landed(f *flight, receipt Receipt, err error, began time.Time) *flight {
	if err == nil {
		err = s.settle(f)
	}
	var failure *Failure
	errors.As(err, &failure)
	ended := s.hub.ctx.Err() != nil && err != nil // it was cut off, which says nothing of the receiver
	s.mu.Lock()
	if !ended && !errors.Is(err, errOver) {
		s.history.add(f, receipt, err, began)
	}
	stale := s.life != f.life || s.q == nil
	switch {
	case ended:
	case stale:
		s.landedLate(f, err)
	case err == nil || f.entries[0].dropped:
		for _, e := range f.entries {
			s.finish(e)
		}
	case failure != nil && failure.Gone || s.exhausted(f, failure):
		s.mu.Unlock()
		said := s.giveUp(f, failure, err)
		s.mu.Lock()
		if s.life != f.life || s.q == nil {
			s.landedLate(f, err)
		} else if said != nil {
			s.hub.o.Logger.Error("what became of an event could not be written: it is tried again", "subscription", s.name,
				"position", f.entries[0].event.GlobalPosition, "error", said)
			s.tryAgain(f, nil)
		}
	default:
		s.tryAgain(f, failure)
	}
	defer s.mu.Unlock()
	var next *flight
	if !ended && s.sending <= s.policy.Parallel { // which may have become less
		next = s.next()
	}
	if next == nil {
		s.sending--
		s.rouse()
	}
	s.refill()
	return next
}

// settle ends the dead letter that a batch was, after it was sent.
func (s *subscription) settle(f *flight) error {
	s.mu.Lock()
	none := f.entries[0].letter == "" || f.entries[0].dropped
	s.mu.Unlock()
	if none {
		return nil
	}
	if err := s.hub.settle(s.hub.ctx, s.name, f.entries[0].letter); err != nil {
		return fmt.Errorf("it was sent, and that could not be written: %w", err)
	}
	return nil
}

// landedLate is for a batch that was sent for a life that is over.
func (s *subscription) landedLate(f *flight, err error) {
	if f.entries[0].letter != "" {
		delete(s.letters.under, f.entries[0].letter)
		return
	}
	if s.placed != f.placed {
		return // it is to be sent again in any case
	}
	for _, e := range f.entries {
		switch {
		case err == nil:
			s.finishLate(e.event.GlobalPosition)
		case errors.Is(err, errOver):
			s.againLate(e.event.GlobalPosition, 0)
		default:
			s.againLate(e.event.GlobalPosition, s.policy.Retry.pause(e.attempts))
		}
	}
	s.serve()
}

// exhausted tells whether a batch is not to be tried again. The lock is held.
func (s *subscription) exhausted(f *flight, failure *Failure) bool {
	if len(f.entries) > 1 {
		return false // one by one first
	}
	return f.entries[0].attempts >= s.policy.Retry.MaxAttempts || failure != nil && failure.Permanent
}

// tryAgain has a batch wait. The lock is held.
func (s *subscription) tryAgain(f *flight, failure *Failure) {
	pause, now := s.policy.Retry.pause(f.entries[0].attempts), time.Now()
	if failure != nil {
		wanted := min(failure.RetryAfter, maxDeadline)
		pause = max(pause, wanted)
		if until := now.Add(wanted); failure.Busy && until.After(s.quiet) {
			s.quiet = until
		}
	}
	at := now.Add(pause)
	s.q.again(f.entries[0], at)
	// What was sent with it was tried as well.
	for _, e := range f.entries[1:] {
		e.attempts++
	}
	s.hub.changed.Store(true)
}

// giveUp puts an event with the dead letters, or suspends the subscription.
func (s *subscription) giveUp(f *flight, failure *Failure, cause error) error {
	e := f.entries[0]
	s.mu.Lock()
	over := s.life != f.life || s.q == nil
	bury := e.letter != "" || s.policy.OnExhausted != Suspend
	gone := failure != nil && failure.Gone
	if !over && bury && !gone {
		s.burying++
	}
	s.mu.Unlock()
	switch {
	case over:
		return nil
	case gone:
		return s.hub.suspendFor(s, f.life, "the receiver wants nothing any more: "+cause.Error())
	case !bury:
		return s.hub.suspendFor(s, f.life, fmt.Sprintf("the event at position %d failed %d times: %v", e.event.GlobalPosition, e.attempts, cause))
	}
	// A letter that was tried again stands there once more, with what is wrong now.
	err := s.hub.bury(s.hub.ctx, s.name, e, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.burying--
	s.buried.Broadcast()
	switch {
	case err != nil:
	case s.life == f.life && s.q != nil:
		s.finish(e)
	case e.letter == "" && s.placed == f.placed:
		s.finishLate(e.event.GlobalPosition)
	}
	return err
}
