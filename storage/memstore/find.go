package memstore

import (
	"context"

	"github.com/nacredb/nacre"
)

// FindEvent implements nacre.EventFinder.
func (l *log) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (nacre.Event, bool, error) {
	if err := l.open(ctx); err != nil {
		return nacre.Event{}, false, err
	}
	defer l.mu.Unlock()
	at, ok := l.ids[heldID{stream, id}]
	if !ok {
		return nacre.Event{}, false, nil
	}
	return l.at(at).Clone(), true, nil
}
