package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// State is what a subscription does.
type State string

// The states.
const (
	Active    State = "ACTIVE"
	Paused    State = "PAUSED"    // by order, until it is resumed
	Retrying  State = "RETRYING"  // something failed and is waited with
	Suspended State = "SUSPENDED" // by what failed, until it is resumed
)

// Trouble is what went wrong.
type Trouble struct {
	Message  string         `json:"message"`
	Position nacre.Position `json:"position,omitempty"` // of the event concerned; 0 where there is none
	EventID  string         `json:"eventId,omitempty"`
	At       time.Time      `json:"at"`
}

// Status is a subscription as it is now.
type Status struct {
	Name   string
	Kind   string
	State  State
	Filter nacre.Filter
	Config json.RawMessage // without secrets
	Policy Policy
	// After is where it began, or was sent back to.
	After nacre.Position
	// Position is what nothing is open before; Head is the log's end, and Lag what lies between, of whatever kind.
	Position, Head, Lag nacre.Position
	// Open is how many events are in memory and not done; Waiting how many of their streams wait after a failure, and
	// NextAttempt until when at least.
	Open, Waiting int
	NextAttempt   time.Time
	// Delivered and Failed count attempts since the hub was opened.
	Delivered, Failed uint64
	// Reason is why it is suspended, or cannot be delivered here.
	Reason string
	// LastError is nil where nothing has failed since the hub was opened.
	LastError            *Trouble
	Consumers            []string // of a group, those that were heard of lately
	CreatedAt, UpdatedAt time.Time
}

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

// kept is how many attempts a subscription remembers.
const (
	kept        = 100
	maxResponse = 512
	maxMessage  = 1000
)

// history is what a subscription's attempts came to. Its lock is the subscription's.
type history struct {
	ring              []Attempt // the oldest is at next, where it is full
	next              int
	delivered, missed uint64
	last              *Trouble
}

func (h *history) put(a *Attempt) {
	if len(h.ring) < kept {
		h.ring = append(h.ring, *a)
		return
	}
	h.ring[h.next] = *a
	h.next = (h.next + 1) % kept
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

func (h *history) succeeded(*entry) { h.delivered++ }

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
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Get tells of a subscription.
func (h *Hub) Get(ctx context.Context, name string) (Status, error) {
	s, err := h.find(name)
	if err != nil {
		return Status{}, err
	}
	head, err := h.store.Head(ctx)
	if err != nil {
		return Status{}, err
	}
	return h.status(s, head.Position), nil
}

// List tells of all subscriptions, in the order of their names.
func (h *Hub) List(ctx context.Context) ([]Status, error) {
	if h.closed.Load() {
		return nil, errClosed()
	}
	head, err := h.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	all := make([]*subscription, 0, len(h.all))
	for _, s := range h.all {
		all = append(all, s)
	}
	h.mu.Unlock()
	list := make([]Status, len(all))
	for i, s := range all {
		list[i] = h.status(s, head.Position)
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (h *Hub) status(s *subscription, head nacre.Position) Status {
	h.mu.Lock()
	seen := h.pos
	s.mu.Lock()
	h.mu.Unlock()
	defer s.mu.Unlock()
	st := Status{
		Name: s.name, Kind: s.known.kind, State: Active, Filter: s.filter, Config: s.config, Policy: s.policy, After: s.after,
		Head: head, Delivered: s.history.delivered, Failed: s.history.missed, LastError: s.history.last,
		CreatedAt: s.createdAt, UpdatedAt: s.updatedAt,
	}
	if s.kind != nil {
		st.Config = s.kind.Public(s.config)
	} else if s.cause != "" {
		st.Config = nil // what is secret in it is not known
	}
	st.Position, _, _ = s.progress(seen)
	st.Head = max(head, st.Position)
	st.Lag = st.Head - st.Position
	if s.q != nil {
		st.Open, st.Waiting, st.NextAttempt = s.q.open, len(s.q.later), s.q.next()
	}
	if s.group != nil {
		for name := range s.group.members {
			st.Consumers = append(st.Consumers, name)
		}
		slices.Sort(st.Consumers)
	}
	switch {
	case s.suspended != "":
		st.State, st.Reason = Suspended, s.suspended
	case s.paused:
		st.State = Paused
	case s.cause != "":
		st.State, st.Reason = Suspended, s.cause
	case st.Waiting > 0:
		st.State = Retrying
	}
	return st
}

// Deliveries are the last attempts, the newest first; 100 are remembered, as long as the hub is open.
func (h *Hub) Deliveries(name string) ([]Attempt, error) {
	s, err := h.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Concat(s.history.ring[s.history.next:], s.history.ring[:s.history.next])
	slices.Reverse(list)
	return list, nil
}
