package delivery

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/nacredb/nacre"
)

// Present tells whether a store has, or had, subscriptions: whether there is a reason to open a hub. It reads no events.
func Present(ctx context.Context, store *nacre.Store) (bool, error) {
	system := store.System()
	if system == nil {
		return false, nil
	}
	for _, err := range system.Streams(ctx, nacre.StreamQuery{Category: category, Limit: 1}) {
		return err == nil, err
	}
	return false, nil
}

// Filter is what a subscription selects.
func (h *Hub) Filter(name string) (nacre.Filter, error) {
	s, err := h.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filter, nil
}

// Config is a subscription's checked configuration, with its secrets: for who has a reason to see them.
func (h *Hub) Config(name string) (json.RawMessage, error) {
	s, err := h.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.config), nil
}
