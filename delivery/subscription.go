package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// maxBytes is about how much a subscription may hold in memory, beside its window.
const maxBytes = 16 << 20

// subscription is one that the hub looks after. Lock order: the hub's lock, then a subscription's.
type subscription struct {
	hub  *Hub
	name string // which never changes, so that it needs no lock
	met  uint64 // the index's, under the hub's lock

	mu sync.Mutex
	*known
	kind   Kind    // nil for a group, and where the hub has no such kind
	outlet *outlet // once something was sent
	cause  string  // why it cannot be delivered, for a reason of this hub's: it has no such kind, or does not read its where

	// Life is what belongs to the time between two stops. A change of it voids what is still under way.
	life    context.Context //nolint:containedctx // it tells what was begun under it
	end     context.CancelFunc
	q       *queue // nil while it is stopped
	live    bool   // the hub's reader pushes to it
	filling bool   // a filler has it, or is about to
	// from is up to where the log was read. What of that is open is in the queue, or in pending where it has not been
	// read again, in the log's order.
	from    nacre.Position
	pending []openEvent
	aloft   map[nacre.Position]*entry // what flies since an earlier life; nil where it has not been pushed again
	sending int
	quiet   time.Time // nothing is sent before that: the receiver wants it so
	wake    *time.Timer
	group   *group
	// starting is closed when it may have been started, or was deleted; nil where nobody waits for that.
	starting chan struct{}

	burying int        // events that are being put with the dead letters
	buried  *sync.Cond // when one of them has been
	letters letters
	history history
}

// openEvent is an event that is not done, as it is kept.
type openEvent struct {
	Position nacre.Position `json:"position"`
	Attempts int            `json:"attempts,omitempty"`
}

func newSubscription(h *Hub, k *known) *subscription {
	s := &subscription{hub: h, name: k.name, known: k, letters: letters{asking: make(chan struct{}, 1)}}
	s.buried = sync.NewCond(&s.mu)
	s.adopt()
	return s
}

// adopt takes the kind over. The lock is held, or the subscription is nobody else's yet.
func (s *subscription) adopt() {
	s.kind, s.cause, s.group = nil, "", nil
	if s.unread != "" {
		s.cause = "its where does not read here: change it, or run the version that it was made with: " + s.unread
	}
	if s.known.kind == KindGroup {
		return
	}
	if s.kind = s.hub.kinds[s.known.kind]; s.kind == nil {
		s.cause = "this server has no subscriptions of the kind " + s.known.kind
	}
}

// halted tells why nothing is delivered; "" where it is.
func (s *subscription) halted() string {
	switch {
	case s.suspended != "":
		return s.suspended
	case s.paused:
		return "paused"
	}
	return s.cause
}

func (s *subscription) haltedError(reason string) error {
	return nacre.Errorf(CodeHalted, "the subscription %q gives nothing: %s", s.name, reason)
}

// start begins a life. The lock is held.
func (s *subscription) start() {
	s.tellWaiting()
	if s.q != nil || s.halted() != "" || s.hub.closed.Load() {
		return
	}
	s.life, s.end = context.WithCancel(s.hub.ctx)
	s.q = newQueue(&s.policy)
	s.live, s.quiet = false, time.Time{}
	if s.known.kind == KindGroup {
		s.group = newGroup(s)
	}
	s.hub.fill(s)
}

// tellWaiting has those look again who wait for the subscription to start. The lock is held.
func (s *subscription) tellWaiting() {
	if s.starting != nil {
		close(s.starting)
		s.starting = nil
	}
}

// stop ends the life. What is being sent lands later, see landedLate. The hub's lock and s.mu are held.
func (s *subscription) stop() {
	if s.q == nil {
		return
	}
	for _, e := range s.q.order {
		switch {
		case e.done || !e.flying:
		case s.group != nil && !e.leaving:
			e.attempts-- // its consumer has nothing to do with that
		default:
			if s.aloft == nil {
				s.aloft = map[nacre.Position]*entry{}
			}
			s.aloft[e.event.GlobalPosition] = nil
		}
	}
	for p := range s.aloft {
		s.aloft[p] = nil
	}
	s.from, s.pending = s.progress(s.hub.pos)
	if s.live {
		s.hub.leave(s)
	}
	s.hub.held.Add(-int64(s.q.bytes))
	s.end()
	s.letters.drop(s.q, s.group != nil)
	s.q, s.live, s.filling = nil, false, false
	if s.wake != nil {
		s.wake.Stop()
		s.wake = nil
	}
	if s.group != nil {
		s.group.close()
		s.group = nil
	}
}

// place has the subscription go on behind a position, as if nothing behind it had been read. It is stopped, and the lock
// is held.
func (s *subscription) place(after nacre.Position) {
	s.from, s.pending, s.aloft = after, nil, nil
}

// progress is up to where the log was read, and what of that is open. seen is how far the hub's reader is.
func (s *subscription) progress(seen nacre.Position) (from nacre.Position, open []openEvent) {
	from = s.from
	if s.live {
		from = max(from, seen)
	}
	if s.q != nil {
		for _, e := range s.q.order {
			if !e.done {
				open = append(open, openEvent{e.event.GlobalPosition, e.attempts})
			}
		}
	}
	return from, append(open, s.pending...)
}

// position is what nothing is open before. seen is as for progress.
func (s *subscription) position(seen nacre.Position) nacre.Position {
	if s.q != nil {
		if at, open := s.q.position(); open {
			return at
		}
	}
	switch {
	case len(s.pending) > 0:
		return s.pending[0].Position - 1
	case s.live:
		return max(s.from, seen)
	}
	return s.from
}

// room is how many events it takes at present.
func (s *subscription) room() int {
	if s.hub.held.Load() >= s.hub.o.Memory {
		s.hub.cramped.Store(true)
		return max(0, 1-s.q.open)
	}
	if s.q.bytes >= maxBytes {
		return max(0, 1-s.q.open)
	}
	return max(0, s.policy.Window-s.q.open)
}

// push takes an event, behind all that were pushed in this life. It is the subscription's own. The lock is held.
func (s *subscription) push(e nacre.Event, attempts int) {
	p := e.GlobalPosition
	it := s.q.push(e, attempts, "")
	s.hub.held.Add(int64(it.size()))
	if _, flies := s.aloft[p]; flies {
		s.aloft[p] = it
		s.q.aloft(it)
	}
}

// finish is for an entry that is done. The lock is held.
func (s *subscription) finish(e *entry) {
	if e.done {
		return
	}
	if e.letter == "" {
		s.hub.held.Add(-int64(e.size()))
		s.hub.changed.Store(true)
	}
	s.q.finish(e)
	if e.letter != "" {
		s.letters.finished(s, e.letter)
	}
}

// finishLate is for an event that came to its end in an earlier life. The lock is held.
func (s *subscription) finishLate(p nacre.Position) {
	e, flies := s.aloft[p]
	if !flies {
		return
	}
	delete(s.aloft, p)
	if e != nil && s.q != nil {
		s.finish(e)
		return
	}
	s.pending = slices.DeleteFunc(s.pending, func(o openEvent) bool { return o.Position == p })
	s.hub.changed.Store(true)
}

// againLate is for an event that was sent in an earlier life, and has to be sent again. The lock is held.
func (s *subscription) againLate(p nacre.Position, after time.Duration) {
	e, flies := s.aloft[p]
	if !flies {
		return
	}
	delete(s.aloft, p)
	if e != nil && s.q != nil {
		s.q.again(e, time.Now().Add(after))
	}
}

// refill has more read once there is room again, or where nothing else can be done. The lock is held.
func (s *subscription) refill() {
	if s.q == nil || s.live || s.filling {
		return
	}
	if n := s.room(); n > 0 && (n >= (s.policy.Window+1)/2 || len(s.q.ready) == 0) {
		s.hub.fill(s)
	}
}

// loosen has more read for all, where there was no memory for it and is again: those that only wait for an attempt would
// not look before that.
func (h *Hub) loosen() {
	if !h.cramped.Load() || h.held.Load() >= h.o.Memory {
		return
	}
	h.cramped.Store(false)
	for _, s := range h.everyOne() {
		s.mu.Lock()
		s.refill()
		s.mu.Unlock()
	}
}

// serve has what is ready delivered. The lock is held.
func (s *subscription) serve() {
	switch {
	case s.q == nil:
	case s.group != nil:
		s.group.serve()
	default:
		s.pump()
	}
}

// alarm wakes the subscription when something is due. The lock is held.
func (s *subscription) alarm(at time.Time) {
	if at.IsZero() || s.q == nil {
		return
	}
	if s.wake != nil {
		s.wake.Stop()
	}
	life := s.life
	s.wake = time.AfterFunc(max(0, time.Until(at)), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.life == life && life.Err() == nil {
			s.serve()
		}
	})
}
