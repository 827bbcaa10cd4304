package server

import (
	"context"
	"sync"

	"github.com/nacredb/nacre"
)

// slot has something that a store is given once somebody has asked for it: its aggregates, its entities.
type slot[T any] struct {
	mu     sync.Mutex
	opened T
	there  bool
	closed bool
}

// of gives what the slot has, and opens it before if need be. A nil open cannot, for the reason that none is.
func (s *slot[T]) of(ctx context.Context, n *namedStore, open func(context.Context, string, *nacre.Store) (T, error), none string) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var nothing T
	switch {
	case s.closed:
		return nothing, nacre.Errorf(nacre.CodeClosed, "the event store %q is being closed", n.name)
	case s.there:
		return s.opened, nil
	case open == nil:
		return nothing, nacre.Errorf(nacre.CodeUnsupported, "%s", none)
	}
	opened, err := open(context.WithoutCancel(ctx), n.name, n.store)
	if err != nil {
		return nothing, err
	}
	s.opened, s.there = opened, true
	return opened, nil
}

// look gives what is open; false where nobody asked for it, or it is being opened.
func (s *slot[T]) look() (opened T, there bool) {
	if !s.mu.TryLock() {
		return opened, false
	}
	defer s.mu.Unlock()
	return s.opened, s.there
}

// end gives what is to be closed, if anything. Nothing is opened from then on.
func (s *slot[T]) end() (opened T, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var nothing T
	opened, there = s.opened, s.there
	s.opened, s.there, s.closed = nothing, false, true
	return opened, there
}
