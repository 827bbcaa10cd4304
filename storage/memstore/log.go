package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// log is one log. Its events are never changed once they are in it, so that a prefix of them can be
// read without the lock.
type log struct {
	now   func() time.Time
	epoch string

	mu      sync.Mutex
	closed  bool
	events  []entry // by global position, from 1
	streams map[nacre.StreamID][]nacre.Position
	ids     map[heldID]nacre.Position
	kinds   map[string]bool // of the categories there are: merge streams or ordered ones
	newest  time.Time       // the latest time that the clock gave
	blobs   map[string][]byte
	grown   chan struct{} // closed, and made again, when the log grows or is closed
}

// entry is an event with the first and last position of its batch.
type entry struct {
	event       nacre.Event
	first, last nacre.Position
}

type heldID struct {
	stream nacre.StreamID
	id     string
}

func newLog(now func() time.Time) *log {
	return &log{
		now:     now,
		epoch:   nacre.NewID(),
		streams: map[nacre.StreamID][]nacre.Position{},
		ids:     map[heldID]nacre.Position{},
		kinds:   map[string]bool{},
		blobs:   map[string][]byte{},
		grown:   make(chan struct{}),
	}
}

func (l *log) at(p nacre.Position) *nacre.Event { return &l.events[p-1].event }

// open locks the log where it is usable; the caller unlocks it.
func (l *log) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nacre.Errorf(nacre.CodeClosed, "the store has been closed")
	}
	return nil
}

// Head is the log's end.
func (l *log) Head(ctx context.Context) (nacre.Head, error) {
	if err := l.open(ctx); err != nil {
		return nacre.Head{}, err
	}
	defer l.mu.Unlock()
	return nacre.Head{Position: nacre.Position(len(l.events)), Epoch: l.epoch}, nil
}

// Wait returns when the log's end is behind after.
func (l *log) Wait(ctx context.Context, after nacre.Position) error {
	for {
		if err := l.open(ctx); err != nil {
			return err
		}
		end, grown := nacre.Position(len(l.events)), l.grown
		l.mu.Unlock()
		if end > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake lets every Wait look again.
func (l *log) wake() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// Close ends every Wait; reads that have begun go on.
func (l *log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.wake()
	}
	return nil
}
