package runner

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
)

// Tally counts the open dead letters of all runners of a kind. It remembers their ids, and how far it has read, so that
// counting again costs what came since. It may be used by many goroutines; its zero value with a Kind is ready.
type Tally struct {
	Kind string

	mu    sync.Mutex
	epoch string // of the companion log
	after nacre.Position
	open  map[string]map[string]struct{} // ids by the runner's name
}

// Count gives how many there are, by the runner's name.
func (t *Tally) Count(ctx context.Context, store *nacre.Store) (map[string]int, error) {
	system, _, err := companion(store)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	head, err := system.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head.Epoch != t.epoch || head.Position < t.after {
		t.epoch, t.after, t.open = head.Epoch, 0, map[string]map[string]struct{}{}
	}
	f := nacre.Filter{{Categories: []string{letterCategory}}}
	for e, err := range system.Read(ctx, f, &nacre.ReadOptions{After: t.after, Before: head.Position + 1, Borrowed: true}) {
		if err == nil {
			err = t.add(&e)
		}
		if err != nil {
			return nil, err
		}
		t.after = e.GlobalPosition
	}
	t.after = head.Position
	out := make(map[string]int, len(t.open))
	for name, ids := range t.open {
		out[name] = len(ids)
	}
	return out, nil
}

// add counts an event of a stream of letters.
func (t *Tally) add(e *nacre.Event) error {
	id, ok := idOf(e.StreamID)
	if !ok || id.Kind != t.Kind || e.Type != typeBuried && e.Type != typeSettled {
		return nil
	}
	var l settled // which both have
	if err := json.Unmarshal(e.Data, &l); err != nil {
		return unreadable(e, err)
	}
	ids := t.open[id.Name]
	switch {
	case e.Type == typeBuried && ids == nil:
		t.open[strings.Clone(id.Name)] = map[string]struct{}{l.ID: {}}
	case e.Type == typeBuried:
		ids[l.ID] = struct{}{}
	default:
		if delete(ids, l.ID); len(ids) == 0 {
			delete(t.open, id.Name)
		}
	}
	return nil
}
