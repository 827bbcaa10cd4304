package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
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
	Where  string          // as it was given; "" where there is none
	Config json.RawMessage // without secrets
	Policy Policy
	// After is where it began, or was sent back to.
	After nacre.Position
	// Position is what nothing is open before; Head is the log's end, and Lag what lies between, of whatever kind.
	Position, Head, Lag nacre.Position
	// Open is how many events are in memory and not done; Waiting how many of their streams wait after a failure.
	Open, Waiting int
	// NextAttempt is when the first of these is tried again, and Tried how often that event has been tried, in vain.
	NextAttempt time.Time
	Tried       int
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
	all := h.everyOne()
	list := make([]Status, len(all))
	for i, s := range all {
		list[i] = h.status(s, head.Position)
	}
	return list, nil
}

// everyOne gives all subscriptions, by name.
func (h *Hub) everyOne() []*subscription {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.all))
	h.mu.Unlock()
	slices.SortFunc(all, func(a, b *subscription) int { return cmp.Compare(a.name, b.name) })
	return all
}

// look calls do with a subscription's lock held, and with how far the hub's reader is.
func (h *Hub) look(s *subscription, do func(seen nacre.Position)) {
	h.mu.Lock()
	seen := h.pos
	s.mu.Lock()
	h.mu.Unlock()
	defer s.mu.Unlock()
	do(seen)
}

func (h *Hub) status(s *subscription, head nacre.Position) (st Status) {
	h.look(s, func(seen nacre.Position) {
		st = s.outline(seen, head)
		s.detail(&st)
	})
	return st
}

// outline is what changes without anybody's order. The lock is held, and seen is as for progress.
func (s *subscription) outline(seen, head nacre.Position) Status {
	st := Status{
		Name: s.name, State: Active, Position: s.position(seen), Delivered: s.history.delivered, Failed: s.history.missed,
		LastError: s.history.last,
	}
	st.Head = max(head, st.Position)
	st.Lag = st.Head - st.Position
	if s.q != nil {
		st.Open, st.Waiting = s.q.open, len(s.q.later)
		if at := s.nextAttempt(); !at.IsZero() {
			// By the clock as it is now: it may have been set since.
			st.NextAttempt = time.Now().Add(time.Until(at)).Truncate(time.Millisecond)
		}
	}
	if st.Waiting > 0 && len(s.q.later[0].entries) > 0 {
		st.Tried = s.q.later[0].entries[0].attempts
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

// detail adds what somebody ordered, and who is there. The lock is held.
func (s *subscription) detail(st *Status) {
	st.Kind, st.Filter, st.Where, st.Config, st.Policy, st.After = s.known.kind, s.filter, s.where, s.config, s.policy, s.after
	st.CreatedAt, st.UpdatedAt = s.createdAt, s.updatedAt
	if s.kind != nil {
		st.Config = s.kind.Public(s.config)
	} else if st.Kind != KindGroup {
		st.Config = nil // what is secret in it is not known
	}
	if s.group != nil {
		now := time.Now()
		for name, m := range s.group.members {
			if s.group.here(m, now) {
				st.Consumers = append(st.Consumers, name)
			}
		}
		slices.Sort(st.Consumers)
	}
}
