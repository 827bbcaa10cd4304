package delivery

import (
	"context"
	"fmt"
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

// Retry has dead letters delivered again, all where no id is given; each stays open until it has been. It tells how many
// are under way. They keep no order with other events.
func (h *Hub) Retry(ctx context.Context, name string, ids ...string) (int, error) {
	s, err := h.find(name)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	reason, life := s.halted(), s.life
	s.mu.Unlock()
	if reason != "" {
		return 0, s.haltedError(reason)
	}
	letters, err := h.pick(ctx, name, ids)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range letters {
		l := &letters[i]
		e, err := h.eventAt(ctx, l)
		if err != nil {
			return n, err
		}
		s.mu.Lock()
		if s.life != life || s.q == nil {
			s.mu.Unlock()
			return n, nacre.Errorf(CodeHalted, "the subscription %q was changed meanwhile: %d of %d dead letters are under way", name, n, len(letters))
		}
		if s.q.lanes[nacre.StreamID("\x00"+l.ID)] == nil { // it is not under way
			s.hold(s.q.push(e, 0, l.ID))
			s.serve()
		}
		s.mu.Unlock()
		n++
	}
	return n, nil
}

// Discard gives up dead letters, all where no id is given, and tells how many.
func (h *Hub) Discard(ctx context.Context, name string, ids ...string) (int, error) {
	if _, err := h.find(name); err != nil {
		return 0, err
	}
	letters, err := h.pick(ctx, name, ids)
	if err != nil || len(letters) == 0 {
		return 0, err
	}
	gone := make([]string, len(letters))
	for i := range letters {
		gone[i] = letters[i].ID
	}
	_, err = h.system.Commit(ctx, nil, runner.Settle(runnerID(name), runner.Discarded, gone...))
	return len(gone), err
}

// maxLetters is how many dead letters are tried again or discarded at once.
const maxLetters = 1000

// pick gives open dead letters by their ids, or the oldest ones.
func (h *Hub) pick(ctx context.Context, name string, ids []string) ([]runner.Letter, error) {
	if len(ids) == 0 {
		list, _, err := runner.FindLetters(ctx, h.store, runner.LetterQuery{Kind: runner.Subscription, Name: name, Limit: maxLetters})
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
	list := make([]runner.Letter, 0, len(ids))
	for _, id := range ids {
		l := by[id]
		if l == nil {
			return nil, nacre.Errorf(nacre.CodeNotFound, "the subscription %q has no open dead letter %q", name, id)
		}
		list = append(list, *l)
		delete(by, id)
	}
	return list, nil
}

// eventAt reads the event of a dead letter.
func (h *Hub) eventAt(ctx context.Context, l *runner.Letter) (nacre.Event, error) {
	for e, err := range h.store.Read(ctx, nil, &nacre.ReadOptions{After: l.Position - 1, Before: l.Position + 1}) {
		if err != nil {
			return nacre.Event{}, err
		}
		if e.ID == l.EventID {
			return e, nil
		}
	}
	return nacre.Event{}, nacre.Errorf(nacre.CodeNotFound, "the event of the dead letter %q is not in the log any more: discard it", l.ID)
}
