package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
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
	st.Position = s.position(seen)
	st.Head = max(head, st.Position)
	st.Lag = st.Head - st.Position
	if s.q != nil {
		st.Open, st.Waiting, st.NextAttempt = s.q.open, len(s.q.later), s.nextAttempt()
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
