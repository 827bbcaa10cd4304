package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// Letter is an event that could not be delivered.
type Letter struct {
	ID       string         `json:"id"`
	Position nacre.Position `json:"position"`
	EventID  string         `json:"eventId"`
	Stream   nacre.StreamID `json:"streamId"`
	Type     string         `json:"type"`
	Message  string         `json:"message"` // why not
	Attempts int            `json:"attempts"`
	At       time.Time      `json:"at"`
}

func runnerID(name string) runner.ID {
	return runner.ID{Kind: runner.Subscription, Name: name}
}

func letterID(p nacre.Position) string { return fmt.Sprintf("event-%d", p) }

// bury puts an event with the dead letters.
func (h *Hub) bury(ctx context.Context, name string, e *entry, cause error) error {
	now := time.Now().UTC()
	l := runner.Letter{
		ID: letterID(e.event.GlobalPosition), What: runner.LetterEvent, Position: e.event.GlobalPosition, EventID: e.event.ID,
		Stream: e.event.StreamID, Type: e.event.Type, Attempts: e.attempts, At: now, Error: *runner.FailureOf(cause, now),
	}
	_, err := h.system.Commit(ctx, nil, runner.Bury(runnerID(name), l))
	if err == nil {
		h.o.Logger.Error("an event could not be delivered: it is with the dead letters", "subscription", name, "position", l.Position,
			"event", l.EventID, "attempts", l.Attempts, "error", cause)
	}
	return err
}

// settle ends a dead letter that was delivered after all.
func (h *Hub) settle(ctx context.Context, name, letter string) error {
	_, err := h.system.Commit(ctx, nil, runner.Settle(runnerID(name), runner.Retried, letter))
	return err
}

// DeadLetters gives a page of a subscription's open dead letters, the oldest first, and how many there are. A limit of 0
// is 100.
func (h *Hub) DeadLetters(ctx context.Context, name string, offset, limit int) ([]Letter, int, error) {
	if _, err := h.find(name); err != nil {
		return nil, 0, err
	}
	if offset < 0 {
		return nil, 0, invalid("offset", "is negative")
	}
	if limit < 0 {
		return nil, 0, invalid("limit", "is negative")
	}
	if limit == 0 {
		limit = 100
	}
	found, total, err := runner.FindLetters(ctx, h.store, runner.LetterQuery{
		Kind: runner.Subscription, Name: name, Offset: offset, Limit: limit,
	})
	if err != nil {
		return nil, 0, err
	}
	list := make([]Letter, len(found))
	for i := range found {
		l := &found[i]
		list[i] = Letter{
			ID: l.ID, Position: l.Position, EventID: l.EventID, Stream: l.Stream, Type: l.Type, Message: l.Error.Message,
			Attempts: l.Attempts, At: l.At,
		}
	}
	return list, total, nil
}

// letters are the dead letters of a subscription that are tried again. Their lock is the subscription's.
type letters struct {
	asking chan struct{}       // has room for who tries some again or discards some, one at a time
	under  map[string]struct{} // those that wait in line, or are in the queue
	line   []letterRef         // those that are to be read yet
	loaded int                 // those that are in the queue
	read   bool                // somebody reads
}

// letterRef is what is needed of a dead letter to try it again.
type letterRef struct {
	id       string
	position nacre.Position
	event    string // its id
}

func refOf(l *runner.Letter) letterRef { return letterRef{l.ID, l.Position, l.EventID} }

// maxLoaded is how many letters' events are in memory at once, beside the window.
const maxLoaded = 16

// drop forgets what waits, where a life ends. What is being sent or written lands by itself; what a consumer of a group has
// does not.
func (l *letters) drop(q *queue, asked bool) {
	l.line, l.loaded, l.read = nil, 0, false
	for id := range l.under {
		if lane := q.lanes[letterLane(id)]; lane == nil || lane.flying == 0 || asked && !lane.entries[0].leaving {
			delete(l.under, id)
		}
	}
}

// finished is for a letter that is not in the queue any more.
func (l *letters) finished(s *subscription, id string) {
	delete(l.under, id)
	l.loaded--
	l.feed(s)
}

// feed has the next letters read in the background.
func (l *letters) feed(s *subscription) {
	if l.begin(s) {
		life := s.life
		s.hub.sends.Go(func() { l.load(s, life) })
	}
}

// begin tells whether there is something to load, and that the caller does it.
func (l *letters) begin(s *subscription) bool {
	if l.read || l.loaded >= maxLoaded || len(l.line) == 0 || s.q == nil {
		return false
	}
	l.read = true
	return true
}

// load reads the letters at the front of the line, as many as may be in memory. The lock is not held.
func (l *letters) load(s *subscription, life context.Context) {
	for {
		s.mu.Lock()
		if s.life != life || s.q == nil {
			s.mu.Unlock()
			return
		}
		if l.loaded >= maxLoaded || len(l.line) == 0 {
			l.read = false
			s.mu.Unlock()
			return
		}
		letter := l.line[0]
		l.line = l.line[1:]
		s.mu.Unlock()
		e, err := s.hub.eventAt(s.hub.ctx, &letter)
		s.mu.Lock()
		switch {
		case s.life != life || s.q == nil:
		case err != nil:
			delete(l.under, letter.id)
			s.hub.o.Logger.Error("a dead letter cannot be tried again", "subscription", s.name, "letter", letter.id, "error", err)
		default:
			if _, wanted := l.under[letter.id]; wanted {
				l.loaded++
				s.q.push(e, 0, letter.id)
				s.serve()
			}
		}
		s.mu.Unlock()
	}
}

// letterLane is the lane of a letter, which waits for nothing, and nothing for it.
func letterLane(id string) nacre.StreamID { return nacre.StreamID("\x00" + id) }

// Retry has dead letters delivered again, all where no id is given; each stays open until it has been. It tells how many
// are under way now. They keep no order with other events.
func (h *Hub) Retry(ctx context.Context, name string, ids ...string) (int, error) {
	s, err := h.find(name)
	if err != nil {
		return 0, err
	}
	s.letters.asking <- struct{}{}
	defer func() { <-s.letters.asking }()
	s.mu.Lock()
	reason, life := s.halted(), s.life
	under := maps.Clone(s.letters.under) // as of before it is looked which are open
	s.mu.Unlock()
	if reason != "" {
		return 0, s.haltedError(reason)
	}
	found, err := h.pick(ctx, name, ids, 0)
	if err != nil {
		return 0, err
	}
	if len(ids) == 1 {
		if _, err := h.eventAt(ctx, &found[0]); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	if s.life != life || s.q == nil {
		s.mu.Unlock()
		return 0, s.haltedError("it has just been changed")
	}
	if s.letters.under == nil {
		s.letters.under = map[string]struct{}{}
	}
	for i := range found {
		if _, busy := under[found[i].id]; !busy {
			s.letters.under[found[i].id] = struct{}{}
			s.letters.line = append(s.letters.line, found[i])
		}
	}
	load := s.letters.begin(s)
	s.mu.Unlock()
	if load {
		s.letters.load(s, life)
	}
	return len(found), nil
}

// Discard gives up dead letters, the oldest 1,000 where no id is given, and tells how many. What is being sent at this moment may arrive.
func (h *Hub) Discard(ctx context.Context, name string, ids ...string) (int, error) {
	s, err := h.find(name)
	if err != nil {
		return 0, err
	}
	return h.discard(ctx, s, ids)
}

func (h *Hub) discard(ctx context.Context, s *subscription, ids []string) (int, error) {
	s.letters.asking <- struct{}{}
	defer func() { <-s.letters.asking }()
	found, err := h.pick(ctx, s.name, ids, maxLetters)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	gone := make([]string, len(found))
	these := make(map[string]bool, len(found))
	for i := range found {
		gone[i] = found[i].id
		these[gone[i]] = true
	}
	if _, err = h.system.Commit(ctx, nil, runner.Settle(runnerID(s.name), runner.Discarded, gone...)); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters.line = slices.DeleteFunc(s.letters.line, func(l letterRef) bool { return these[l.id] })
	for _, id := range gone {
		var l *lane
		if s.q != nil {
			l = s.q.lanes[letterLane(id)]
		}
		switch {
		case l == nil || len(l.entries) == 0:
			delete(s.letters.under, id)
		case l.entries[0].flying:
			l.entries[0].dropped = true
		default:
			s.finish(l.entries[0])
		}
	}
	return len(gone), nil
}

// maxLetters is how many dead letters may be named at once, and are discarded in one commit.
const maxLetters = 1000

// pick gives open dead letters by their ids, each once, or the oldest ones, so many at most; 0 is all.
func (h *Hub) pick(ctx context.Context, name string, ids []string, most int) ([]letterRef, error) {
	if len(ids) == 0 {
		found, _, err := runner.FindLetters(ctx, h.store, runner.LetterQuery{Kind: runner.Subscription, Name: name, Limit: most})
		list := make([]letterRef, len(found))
		for i := range found {
			list[i] = refOf(&found[i])
		}
		return list, err
	}
	if len(ids) > maxLetters {
		return nil, invalid("ids", "has %d: at most %d are taken", len(ids), maxLetters)
	}
	all, _, err := runner.FindLetters(ctx, h.store, runner.LetterQuery{Kind: runner.Subscription, Name: name})
	if err != nil {
		return nil, err
	}
	by := make(map[string]*runner.Letter, len(all))
	for i := range all {
		by[all[i].ID] = &all[i]
	}
	list := make([]letterRef, 0, len(ids))
	named := make(map[string]bool, len(ids))
	for _, id := range ids {
		l := by[id]
		if l == nil {
			return nil, nacre.Errorf(nacre.CodeNotFound, "the subscription %q has no open dead letter %q", name, id)
		}
		if !named[id] {
			named[id] = true
			list = append(list, refOf(l))
		}
	}
	return list, nil
}

// eventAt reads the event of a dead letter.
func (h *Hub) eventAt(ctx context.Context, l *letterRef) (nacre.Event, error) {
	for e, err := range h.store.Read(ctx, nil, &nacre.ReadOptions{After: l.position - 1, Before: l.position + 1}) {
		if err != nil {
			return nacre.Event{}, err
		}
		if e.ID == l.event {
			return e, nil
		}
	}
	return nacre.Event{}, nacre.Errorf(nacre.CodeNotFound, "the event of the dead letter %q is not in the log any more: discard it", l.id)
}
