package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// maxBytes is about how much a subscription may hold in memory, beside its window.
const maxBytes = 4 << 20

// subscription is one that the hub looks after. Lock order: the hub's lock, then a subscription's.
type subscription struct {
	hub  *Hub
	name string // which never changes, so that it needs no lock
	met  uint64 // the index's, under the hub's lock

	mu sync.Mutex
	*known
	kind   Kind    // nil for a group, and where the hub has no such kind
	outlet *outlet // once something was sent
	cause  string  // why it cannot be delivered, for a reason of this hub's: it has no such kind

	// Life is what belongs to the time between two stops. A change of it voids what is still under way.
	life     context.Context //nolint:containedctx // it tells what was begun under it
	end      context.CancelFunc
	q        *queue // nil while it is stopped
	live     bool   // the hub's reader pushes to it
	filling  bool   // a filler has it, or is about to
	from     nacre.Position
	position nacre.Position              // while it is stopped
	done     map[nacre.Position]struct{} // behind position, from before it was stopped or the hub opened
	tried    map[nacre.Position]int      // the same for attempts
	sending  int
	wake     *time.Timer
	group    *group

	history history
}

func newSubscription(h *Hub, k *known) *subscription {
	s := &subscription{hub: h, name: k.name, known: k}
	s.adopt()
	return s
}

// adopt takes the kind over. The lock is held, or the subscription is nobody else's yet.
func (s *subscription) adopt() {
	s.kind, s.cause, s.group = nil, "", nil
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

// start begins a life, behind the position. The lock is held.
func (s *subscription) start() {
	if s.q != nil || s.halted() != "" || s.hub.ctx.Err() != nil {
		return
	}
	s.life, s.end = context.WithCancel(s.hub.ctx)
	s.q = newQueue(&s.policy)
	s.from, s.live = s.position, false
	if s.known.kind == KindGroup {
		s.group = newGroup(s)
	}
	s.hub.fill(s)
}

// stop ends the life. What is being sent lands later, see landed. The hub's lock and s.mu are held.
func (s *subscription) stop() {
	if s.q == nil {
		return
	}
	s.position, s.done, s.tried = s.progress(s.hub.pos)
	if s.live {
		s.hub.leave(s)
	}
	s.hub.held.Add(-int64(s.q.bytes))
	s.end()
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

// progress is the position, what is done behind it, and what was tried. seen is how far the hub's reader is.
func (s *subscription) progress(seen nacre.Position) (nacre.Position, map[nacre.Position]struct{}, map[nacre.Position]int) {
	if s.q == nil {
		return s.position, s.done, s.tried
	}
	at, open := s.q.position()
	if !open {
		at = s.from
		if s.live {
			at = max(at, seen)
		}
	}
	var done map[nacre.Position]struct{}
	var tried map[nacre.Position]int
	for p := range s.done {
		if p > s.from { // it has not been met again yet
			put(&done, p, struct{}{})
		}
	}
	for p, n := range s.tried {
		if p > s.from {
			put(&tried, p, n)
		}
	}
	for _, e := range s.q.order {
		p := e.event.GlobalPosition
		if e.done {
			put(&done, p, struct{}{})
		} else if e.attempts > 0 {
			put(&tried, p, e.attempts)
		}
	}
	return at, done, tried
}

func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// room is how many events it takes at present.
func (s *subscription) room() int {
	if s.q.bytes >= maxBytes || s.hub.held.Load() >= s.hub.o.Memory {
		return max(0, 1-s.q.open)
	}
	return max(0, s.policy.Window-len(s.q.order))
}

// push takes an event that the filter selects, behind s.from. The event is the subscription's own. The lock is held.
func (s *subscription) push(e nacre.Event) {
	p := e.GlobalPosition
	s.from = p
	if _, done := s.done[p]; done {
		delete(s.done, p)
		s.q.skip(p)
		return
	}
	attempts := s.tried[p]
	delete(s.tried, p)
	s.hold(s.q.push(e, attempts, ""))
}

// hold counts what is in memory.
func (s *subscription) hold(e *entry) { s.hub.held.Add(int64(e.size())) }

// finish is for an entry that is done. The lock is held.
func (s *subscription) finish(e *entry) {
	if e.done {
		return
	}
	s.hub.held.Add(-int64(e.size()))
	s.q.finish(e)
	s.hub.changed.Store(true)
}

// refill has more read once there is room again. The lock is held.
func (s *subscription) refill() {
	if s.q == nil || s.live || s.filling || s.room() < (s.policy.Window+1)/2 && s.q.open > 0 {
		return
	}
	s.hub.fill(s)
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
