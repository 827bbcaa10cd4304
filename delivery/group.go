package delivery

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/nacredb/nacre/consumer"
)

// group is the consumers' side of a subscription, for one life. Its lock is the subscription's.
type group struct {
	s       *subscription
	members map[string]*member
	shape   int               // grows when members come and go
	flying  map[string]*entry // by delivery
	landing []landing         // what flies, by deadline; some of it has landed
	count   uint64
	asking  int           // polls that wait
	more    chan struct{} // closed when there may be more to take
}

// landing is a delivery that is awaited.
type landing struct {
	e        *entry
	id       string
	deadline time.Time
}

// stale tells whether it has landed.
func (l *landing) stale() bool { return !l.e.flying || l.e.id != l.id }

// member is a consumer that was heard of lately.
type member struct {
	name   string
	seen   time.Time
	asking int // polls that wait
	flying int
	left   bool // it said that it goes
}

// here tells whether a consumer was heard of lately.
func (g *group) here(m *member, now time.Time) bool {
	return m.asking > 0 || m.flying > 0 || now.Sub(m.seen) <= g.deadline()
}

func newGroup(s *subscription) *group {
	return &group{s: s, members: map[string]*member{}, flying: map[string]*entry{}, more: make(chan struct{})}
}

// close ends the polls that wait.
func (g *group) close() { close(g.more) }

// serve tells those who wait.
func (g *group) serve() {
	now := time.Now()
	g.sweep(now)
	g.s.q.due(now) // or the alarm would go off at once, again and again, where nobody asks
	g.call()
	g.alarm()
}

// call has those who wait look again.
func (g *group) call() {
	if g.asking > 0 && len(g.s.q.ready) > 0 {
		g.wake()
	}
}

func (g *group) wake() {
	close(g.more)
	g.more = make(chan struct{})
}

// alarm wakes the group at the next deadline, or when something is due.
func (g *group) alarm() {
	at := g.s.q.next()
	if g.s.policy.Pinned && g.asking > 0 && len(g.s.q.ready) > 0 {
		// What is ready may be that of a member who is not heard of any more.
		for _, m := range g.members {
			if until := m.seen.Add(g.deadline() + time.Millisecond); m.asking == 0 && m.flying == 0 && (at.IsZero() || until.Before(at)) {
				at = until
			}
		}
	}
	if len(g.landing) > 0 && (at.IsZero() || g.landing[0].deadline.Before(at)) {
		at = g.landing[0].deadline
	}
	g.s.alarm(at)
}

func (g *group) deadline() time.Duration {
	return time.Duration(g.s.policy.AckDeadlineMS) * time.Millisecond
}

// meet notes that a consumer lives.
func (g *group) meet(name string, now time.Time) *member {
	m := g.members[name]
	if m == nil {
		m = &member{name: name}
		g.members[name] = m
		g.shape++
	}
	m.seen = now
	return m
}

// sweep takes back what nobody answered in time, and forgets consumers that are silent.
func (g *group) sweep(now time.Time) {
	for len(g.landing) > 0 {
		l := g.landing[0]
		if !l.stale() && l.deadline.After(now) {
			break
		}
		g.landing[0] = landing{}
		g.landing = g.landing[1:]
		if !l.stale() {
			cause := fmt.Errorf("the consumer %q did not answer within %s", l.e.consumer.name, g.deadline())
			g.s.history.failed(l.e, cause)
			g.fail(l.e, 0, cause)
		}
	}
	for name, m := range g.members {
		if !g.here(m, now) {
			g.forget(name)
		}
	}
}

func (g *group) forget(name string) {
	delete(g.members, name)
	g.shape++
}

// own finds whose a lane is, where the group is pinned: the same for the same members, by rendezvous hashing
// (Thaler and Ravishankar, 1996), so that one that comes or goes moves its own share only.
func (g *group) own(l *lane) *member {
	if l.ownedIn == g.shape {
		return l.owner
	}
	var best *member
	var most uint64
	for _, m := range g.members {
		h := fnv.New64a()
		_, _ = h.Write([]byte(m.name))
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(l.key))
		if weight := mix(h.Sum64()); best == nil || weight > most || weight == most && m.name < best.name {
			best, most = m, weight
		}
	}
	l.owner, l.ownedIn = best, g.shape
	return best
}

// mix spreads the bits of a weak hash (the end of MurmurHash3, Appleby).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// give takes what is ready for a consumer.
func (g *group) give(m *member, most int, now time.Time) []consumer.Delivery {
	wants := func(*lane) bool { return true }
	if g.s.policy.Pinned {
		wants = func(l *lane) bool { return g.own(l) == m }
	}
	if len(g.landing) > 2*len(g.flying)+64 {
		g.landing = slices.DeleteFunc(g.landing, func(l landing) bool { return l.stale() })
	}
	var out []consumer.Delivery
	for _, e := range g.s.q.takeOf(now, most, wants) {
		g.count++
		e.id = fmt.Sprintf("%d-%d-%s%d", e.event.GlobalPosition, e.attempts, g.s.hub.token, g.count)
		e.consumer = m
		m.flying++
		g.flying[e.id] = e
		g.landing = append(g.landing, landing{e, e.id, now.Add(g.deadline())})
		out = append(out, consumer.Delivery{ID: e.id, Attempt: e.attempts, Event: e.event})
	}
	return out
}

// land takes a delivery from its consumer.
func (g *group) land(e *entry) {
	delete(g.flying, e.id)
	if e.consumer != nil {
		e.consumer.flying--
	}
	e.id, e.consumer = "", nil
}

// done is for an event that was worked off, or is not to be.
func (g *group) done(e *entry) {
	g.land(e)
	g.s.finish(e)
}

// untried takes an event back at once, which its consumer has not tried.
func (g *group) untried(e *entry) {
	e.attempts--
	g.back(e, 0)
}

// fail is for an event that was not worked off: it comes again, or was given up.
func (g *group) fail(e *entry, after time.Duration, cause error) {
	if e.attempts >= g.s.policy.Retry.MaxAttempts {
		g.recall(e)
		g.giveUp(e, cause, g.s.policy.OnExhausted == Suspend && e.letter == "")
		return
	}
	if after == 0 {
		after = g.s.policy.Retry.pause(e.attempts)
	}
	g.back(e, after)
	g.s.hub.changed.Store(true)
}

// back has an event wait, with those of its stream behind it.
func (g *group) back(e *entry, after time.Duration) {
	if e.dropped {
		g.done(e)
		return
	}
	g.land(e)
	at := time.Time{}
	if after > 0 {
		at = time.Now().Add(after)
	}
	for _, other := range g.s.q.again(e, at) {
		g.land(other)
	}
}

// recall takes back what flies behind an event, which does not count as tried: its consumer does not know that the event
// will not come again first, and has dropped it.
func (g *group) recall(e *entry) {
	l := e.lane
	i := slices.Index(l.entries, e) + 1
	if i == len(l.entries) || !l.entries[i].flying {
		return
	}
	next := l.entries[i]
	for _, other := range g.s.q.again(next, time.Time{}) {
		g.land(other)
	}
	next.attempts--
	g.land(next)
}

// giveUp puts an event with the dead letters, or suspends the subscription, in the background: it flies until that is
// written, or cannot be.
func (g *group) giveUp(e *entry, cause error, suspend bool) {
	s, life := g.s, g.s.life
	placed, p := s.placed, e.event.GlobalPosition
	g.land(e)
	if e.dropped {
		s.finish(e)
		return
	}
	e.leaving = true
	if !suspend {
		s.burying++
	}
	s.hub.sends.Go(func() {
		var err error
		if suspend {
			err = s.hub.suspendFor(s, life, fmt.Sprintf("the event at position %d failed %d times: %v", e.event.GlobalPosition, e.attempts, cause))
		} else {
			err = s.hub.bury(s.hub.ctx, s.name, e, cause)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !suspend {
			s.burying--
			s.buried.Broadcast()
		}
		if s.life != life || s.q == nil {
			switch {
			case e.letter != "":
				delete(s.letters.under, e.letter)
			case s.placed != placed:
			case err == nil && !suspend:
				s.finishLate(p)
			default:
				s.againLate(p, 0)
			}
			s.serve()
			return
		}
		if err != nil {
			s.hub.o.Logger.Error("what became of an event could not be written: it is given out again", "subscription", s.name,
				"position", e.event.GlobalPosition, "error", err)
			g.back(e, time.Second)
		} else if !suspend {
			s.finish(e)
		}
		s.serve()
		s.refill()
	})
}

// refuse does what a consumer wants done with an event that it did not work off.
func (g *group) refuse(e *entry, n *consumer.Nack) {
	cause := fmt.Errorf("the consumer %q refused it: %s", e.consumer.name, cmp.Or(n.Reason, "it gave no reason"))
	g.s.history.failed(e, cause)
	switch {
	case n.Action == consumer.Skip && (e.letter == "" || e.dropped):
		g.done(e)
	case n.Action == consumer.Skip:
		g.land(e)
		g.settle([]*entry{e})
	case n.Action == consumer.Park:
		g.giveUp(e, cause, false)
	default:
		g.fail(e, n.After, cause)
	}
}

// settle ends dead letters that were worked off, in the background.
func (g *group) settle(letters []*entry) {
	s, life := g.s, g.s.life
	for _, e := range letters {
		e.leaving = true
	}
	s.hub.sends.Go(func() {
		for _, e := range letters {
			err := s.hub.settle(s.hub.ctx, s.name, e.letter)
			s.mu.Lock()
			switch {
			case s.life != life || s.q == nil:
				delete(s.letters.under, e.letter)
			case err != nil:
				s.hub.o.Logger.Error("a dead letter was worked off, and that could not be written: it is given out again",
					"subscription", s.name, "letter", e.letter, "error", err)
				g.back(e, time.Second)
			default:
				s.finish(e)
			}
			s.serve()
			s.refill()
			s.mu.Unlock()
		}
	})
}
