package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

const (
	// stretch is how many positions a filler looks at before another subscription has its turn.
	stretch = 1_000_000
	// looks is how many events it evaluates a condition of until then, a whole number of times looksAtOnce.
	looks       = 50_000
	looksAtOnce = 1_000
	// readPause is how long a reader waits after an error.
	readPause = time.Second
)

// join makes a subscription live that has read the log up to its end; false where the log has gone on meanwhile. No
// lock is held.
func (h *Hub) join(s *subscription, life context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != life || s.q == nil {
		return true
	}
	if h.reading == nil {
		h.pos = s.from
		var ctx context.Context
		ctx, h.reading = context.WithCancel(h.ctx)
		h.loops.Add(1)
		go h.read(ctx, h.pos)
	} else if s.from < h.pos {
		return false
	}
	h.index.add(s)
	s.live, s.filling = true, false
	return true
}

// leave takes a live subscription out, which has to catch up later. Both locks are held.
func (h *Hub) leave(s *subscription) {
	h.index.remove(s)
	s.live = false
	if h.index.len() == 0 {
		h.reading()
		h.reading = nil
	}
}

// read gives live subscriptions what is theirs, until nobody is live.
func (h *Hub) read(ctx context.Context, after nacre.Position) {
	defer h.loops.Done()
	for ctx.Err() == nil {
		o := &nacre.SubscribeOptions{After: after, Borrowed: true, Progress: func(seen nacre.Position, _ bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if ctx.Err() == nil {
				h.pos, after = seen, seen
			}
		}}
		l := looker{truths: map[*query.Condition]bool{}}
		err := error(nil)
		for e, said := range h.store.Subscribe(ctx, nil, o) {
			if err = said; err != nil {
				break
			}
			if h.pass(ctx, &e, &l); ctx.Err() != nil {
				break
			}
			after = e.GlobalPosition
		}
		switch {
		case ctx.Err() != nil || nacre.CodeOf(err) == nacre.CodeClosed:
			return
		case nacre.CodeOf(err) == nacre.CodeLogRewound && h.rewound(ctx):
			return // another reader goes on
		default:
			h.o.Logger.Error("the log cannot be read for the subscriptions: it is tried again", "store", h.o.Name, "error", err)
			rest(ctx, readPause)
		}
	}
}

// looker is what a reader knows of the event that it passes on.
type looker struct {
	wanting []*subscription           // whose filters select it
	truths  map[*query.Condition]bool // of it
	open    []*query.Condition        // that are to be evaluated
}

// pass gives an event to whoever wants it. Conditions are evaluated while nobody waits for the lock; what they are of an
// event never changes.
func (h *Hub) pass(ctx context.Context, e *nacre.Event, l *looker) {
	clear(l.truths)
	for !h.offer(ctx, e, l) {
		for _, c := range l.open {
			l.truths[c] = c.Matches(e)
		}
	}
}

// offer is pass where all conditions have been evaluated; else it is false, and says which have not.
func (h *Hub) offer(ctx context.Context, e *nacre.Event, l *looker) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return true
	}
	l.wanting, l.open = h.index.match(e, l.wanting), l.open[:0]
	for _, s := range l.wanting {
		if c := s.condition; c != nil {
			if _, known := l.truths[c]; !known {
				l.open = append(l.open, c)
			}
		}
	}
	if len(l.open) > 0 {
		return false
	}
	for _, s := range l.wanting {
		if c := s.condition; c != nil && !l.truths[c] {
			continue
		}
		s.mu.Lock()
		switch {
		case s.q == nil || e.GlobalPosition <= s.from:
		case s.room() == 0:
			s.from = max(s.from, h.pos) // which does not have this event yet
			h.leave(s)
		default:
			s.from = e.GlobalPosition
			s.push(e.Clone(), 0)
			s.serve()
		}
		s.mu.Unlock()
	}
	h.pos = e.GlobalPosition
	return true
}

// rewound has all subscriptions begin anew in a log that was cut, at its end where they were ahead of it.
func (h *Hub) rewound(ctx context.Context) bool {
	head, err := h.store.Head(ctx)
	if err != nil {
		return false
	}
	h.o.Logger.Warn("the log was cut or restored: subscriptions go on at its end where they were ahead of it", "store", h.o.Name,
		"epoch", head.Epoch, "position", head.Position)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch.Store(&head.Epoch)
	for _, s := range h.all {
		s.mu.Lock()
		s.stop()
		// What was open or done behind the cut has gone; what stands there now is something else.
		if s.from = min(s.position(0), head.Position); len(s.pending) > 0 || len(s.aloft) > 0 {
			s.place(s.from)
		}
		s.start()
		s.mu.Unlock()
	}
	h.changed.Store(true)
	return true
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// filler reads for subscriptions what they have missed, a few at once, each for a while.
type filler struct {
	mu      sync.Mutex
	waiting []*subscription
	running int
}

// fill has a subscription catch up. Its lock is held.
func (h *Hub) fill(s *subscription) {
	s.filling = true
	h.filler.mu.Lock()
	defer h.filler.mu.Unlock()
	h.filler.waiting = append(h.filler.waiting, s)
	if h.filler.running < fillers {
		h.filler.running++
		h.loops.Add(1)
		go h.fillAll()
	}
}

func (h *Hub) fillAll() {
	defer h.loops.Done()
	for {
		h.filler.mu.Lock()
		if len(h.filler.waiting) == 0 || h.ctx.Err() != nil {
			h.filler.running--
			h.filler.waiting = nil
			h.filler.mu.Unlock()
			return
		}
		s := h.filler.waiting[0]
		h.filler.waiting[0] = nil
		h.filler.waiting = h.filler.waiting[1:]
		h.filler.mu.Unlock()
		again, err := h.fillOne(s)
		if err != nil && h.ctx.Err() == nil && nacre.CodeOf(err) != nacre.CodeClosed {
			s.failedToRead(err)
			time.AfterFunc(readPause, func() { h.refill(s) })
			continue
		}
		if again {
			h.refill(s)
		}
	}
}

// refill puts a subscription in the fillers' line once more.
func (h *Hub) refill(s *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.q != nil && !s.live && h.ctx.Err() == nil {
		h.fill(s)
	}
}

// fillOne reads on for a subscription until it is full, has come to the log's end, or has had its turn. It tells
// whether more is to be read now.
func (h *Hub) fillOne(s *subscription) (again bool, err error) {
	s.mu.Lock()
	if s.q == nil || s.live || s.room() == 0 {
		s.filling = false
		s.mu.Unlock()
		return false, nil
	}
	life, from, room, d := s.life, s.from, s.room(), s.definition
	pending := len(s.pending) > 0
	s.mu.Unlock()
	if pending {
		return h.fillPending(s, life)
	}
	head, err := h.store.Head(h.ctx)
	if err != nil {
		return false, err
	}
	end := min(head.Position, from+stretch)
	if from < end {
		o := &nacre.ReadOptions{After: from, Before: end + 1, Limit: room, Borrowed: true}
		if d.condition != nil {
			o.Limit = looks
		}
		n := 0
		for e, err := range h.store.Read(h.ctx, d.within, o) {
			if err != nil {
				return false, err
			}
			n++
			if !d.condition.Matches(&e) {
				if n%looksAtOnce == 0 && s.passed(e.GlobalPosition, life) {
					return false, nil
				}
				continue
			}
			if goOn, over := s.filled(&e, life); over || !goOn {
				return !over, nil
			}
		}
		if n >= o.Limit {
			return true, nil
		}
		s.passed(end, life)
		from = end
	}
	if from >= head.Position && h.join(s, life) {
		return false, nil
	}
	return true, nil
}

// fillPending reads again what was open when the subscription was stopped, whatever its filter is by now.
func (h *Hub) fillPending(s *subscription, life context.Context) (again bool, err error) {
	for {
		s.mu.Lock()
		if s.life != life || s.q == nil {
			s.mu.Unlock()
			return false, nil
		}
		if len(s.pending) == 0 || s.room() == 0 {
			s.mu.Unlock()
			return true, nil
		}
		next := s.pending[0]
		s.mu.Unlock()
		var found *nacre.Event
		for e, err := range h.store.Read(h.ctx, nil, &nacre.ReadOptions{After: next.Position - 1, Before: next.Position + 1}) {
			if err != nil {
				return false, err
			}
			found = &e
		}
		s.mu.Lock()
		if s.life == life && s.q != nil && len(s.pending) > 0 && s.pending[0] == next { // it may have landed meanwhile
			s.pending = s.pending[1:]
			if found != nil {
				s.push(*found, next.Attempts)
				s.serve()
			}
		}
		s.mu.Unlock()
	}
}

// filled gives an event to a subscription that catches up, and tells whether it takes more; over where its life is.
func (s *subscription) filled(e *nacre.Event, life context.Context) (goOn, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != life || s.q == nil {
		return false, true
	}
	if e.GlobalPosition > s.from { // another filler may have been quicker
		s.from = e.GlobalPosition
		s.push(e.Clone(), 0)
		s.serve()
	}
	return s.room() > 0, false
}

// passed notes that there is nothing more up to a position, and tells whether the life is over.
func (s *subscription) passed(to nacre.Position, life context.Context) (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != life || s.q == nil {
		return true
	}
	s.from = max(s.from, to)
	return false
}

// failedToRead notes what keeps a subscription from catching up.
func (s *subscription) failedToRead(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.last = &Trouble{Message: "the log cannot be read: " + err.Error(), At: time.Now().UTC()}
	if !errors.Is(err, context.Canceled) {
		s.hub.o.Logger.Error("a subscription cannot catch up, and tries again", "subscription", s.name, "error", err)
	}
}
