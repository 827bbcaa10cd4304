package delivery

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

const (
	// kept is how many attempts a subscription remembers.
	kept        = 100
	maxResponse = 512
	maxMessage  = 1000
	// writeEvery is how often attempts are written down, for at most writeMost subscriptions.
	writeEvery = 30 * time.Second
	writeMost  = 200
)

// Attempt is one try to deliver a batch.
type Attempt struct {
	At         time.Time      `json:"at"`
	Batch      string         `json:"id,omitempty"` // Batch.ID; "" for a group
	Position   nacre.Position `json:"position"`     // of the first event
	Events     int            `json:"events"`
	EventID    string         `json:"eventId"`
	Stream     nacre.StreamID `json:"streamId"`
	Type       string         `json:"type"`
	Attempt    int            `json:"attempt"`
	Status     int            `json:"status,omitempty"` // as in Receipt
	DurationMS float64        `json:"durationMs"`
	Response   string         `json:"response,omitempty"`
	Error      string         `json:"error,omitempty"` // "" where it was taken
}

// history is what a subscription's attempts came to. Its lock is the subscription's.
type history struct {
	ring              []Attempt // the oldest is at next, where it is full
	next              int
	written           bool // the blob has all of it
	read              bool // what the blob had is in it
	delivered, missed uint64
	last              *Trouble
}

func (h *history) put(a *Attempt) {
	h.written = false
	if len(h.ring) < kept {
		h.ring = append(h.ring, *a)
		return
	}
	h.ring[h.next] = *a
	h.next = (h.next + 1) % kept
}

// all gives the attempts, the oldest first.
func (h *history) all() []Attempt {
	return slices.Concat(h.ring[h.next:], h.ring[:h.next])
}

// older puts attempts before those that are there, as long as there is room.
func (h *history) older(list []Attempt) {
	all := slices.Concat(list, h.all())
	h.ring, h.next = all[max(0, len(all)-kept):], 0
}

// add remembers a batch that was sent.
func (h *history) add(f *flight, r Receipt, err error, began time.Time) {
	first := &f.batch.Events[0]
	a := Attempt{
		At: began.UTC(), Batch: f.batch.ID, Position: first.GlobalPosition, Events: len(f.batch.Events), EventID: first.ID,
		Stream: first.StreamID, Type: first.Type, Attempt: f.batch.Attempt, Status: r.Status,
		DurationMS: float64(time.Since(began).Microseconds()) / 1000, Response: clip(r.Response, maxResponse),
	}
	if err != nil {
		a.Error = clip(err.Error(), maxMessage)
		h.missed++
		h.last = &Trouble{Message: a.Error, Position: first.GlobalPosition, EventID: first.ID, At: time.Now().UTC()}
	} else {
		h.delivered += uint64(len(f.batch.Events))
	}
	h.put(&a)
}

// failed remembers an event that a consumer did not work off.
func (h *history) failed(e *entry, err error) {
	h.missed++
	now := time.Now().UTC()
	h.last = &Trouble{Message: clip(err.Error(), maxMessage), Position: e.event.GlobalPosition, EventID: e.event.ID, At: now}
	h.put(&Attempt{
		At: now, Position: e.event.GlobalPosition, Events: 1, EventID: e.event.ID, Stream: e.event.StreamID, Type: e.event.Type,
		Attempt: e.attempts, Error: h.last.Message,
	})
}

func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// Deliveries are a subscription's last attempts, the newest first; of a group, those that failed. The last 100 are
// remembered; an end without warning forgets those of the last half a minute, or of some minutes where hundreds of
// subscriptions are busy.
func (h *Hub) Deliveries(ctx context.Context, name string) ([]Attempt, error) {
	s, err := h.find(name)
	if err != nil {
		return nil, err
	}
	if err := h.recall(ctx, s); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.history.all()
	slices.Reverse(list)
	return list, nil
}

func attemptsKey(name string) string { return "delivery/attempts/" + name + ".json" }

// recall reads what was written of a subscription's attempts, once. What does not read is passed over.
func (h *Hub) recall(ctx context.Context, s *subscription) error {
	s.mu.Lock()
	read := s.history.read
	s.mu.Unlock()
	if read {
		return nil
	}
	data, err := h.blobs.GetBlob(ctx, attemptsKey(s.name))
	switch nacre.CodeOf(err) {
	case "", nacre.CodeNotFound, nacre.CodeDamaged:
	default:
		return err
	}
	var list []Attempt
	if err != nil || json.Unmarshal(data, &list) != nil {
		list = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.history.read {
		s.history.older(list)
		s.history.read = true
	}
	return nil
}

// writeAttempts writes the attempts down that were not, of so many subscriptions.
func (h *Hub) writeAttempts(ctx context.Context, most int) error {
	h.mu.Lock()
	var due []*subscription
	for _, s := range h.all {
		s.mu.Lock()
		if len(s.history.ring) > 0 && !s.history.written && len(due) < most {
			due = append(due, s)
		}
		s.mu.Unlock()
	}
	h.mu.Unlock()
	for _, s := range due {
		if err := h.recall(ctx, s); err != nil {
			return err
		}
		s.mu.Lock()
		all := s.history.all()
		s.history.written = true
		s.mu.Unlock()
		data, err := json.Marshal(all)
		if err == nil {
			err = h.blobs.PutBlob(ctx, attemptsKey(s.name), data)
		}
		if err != nil {
			s.mu.Lock()
			s.history.written = false
			s.mu.Unlock()
			return err
		}
	}
	return nil
}
