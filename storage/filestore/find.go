package filestore

import (
	"context"

	"github.com/nacredb/nacre"
)

// FindEvent implements nacre.EventFinder. Most ids that are not held end at the filters of the runs.
func (l *log) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (found nacre.Event, ok bool, err error) {
	if l.closed.Load() {
		return found, false, errClosed
	}
	if err := l.refresh(); err != nil {
		return found, false, err
	}
	if err := ctx.Err(); err != nil {
		return found, false, err
	}
	last := l.visible()
	if last == 0 {
		return found, false, nil
	}
	e := &nacre.Event{StreamID: stream, ID: id}
	term := l.hasher.ID(string(stream), id)
	err = l.healing(func(s *snapshot) error {
		if s.foldedTo() < last {
			s.fold()
		}
		var err error
		found, ok, err = l.findID(s, e, term, min(last, s.foldedTo()))
		return err
	})
	return found, ok, err
}
