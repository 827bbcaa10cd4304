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
	if err := ctx.Err(); err != nil {
		return found, false, err
	}
	if err := l.refresh(); err != nil {
		return found, false, err
	}
	last := l.visible() // before the snapshot is taken, which then goes as far
	e := &nacre.Event{StreamID: stream, ID: id}
	err = l.healing(func(s *snapshot) (err error) {
		if s.foldedTo() < last {
			s.fold()
		}
		found, ok, err = l.findID(s, e, l.hasher.ID(string(stream), id), last)
		return err
	})
	if err == nil && !ok {
		err = l.unsure()
	}
	return found, ok, err
}

// unsure is the damage because of which nobody knows what the log does not hold: the index has nothing of lines
// that cannot be read.
func (l *log) unsure() error {
	l.curMu.RLock() // not while the log is opened anew
	defer l.curMu.RUnlock()
	if d := l.damage(); d != nil {
		return d
	}
	return nil
}
