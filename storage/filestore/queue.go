package filestore

import (
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
)

var errClosed = &nacre.Error{Code: nacre.CodeClosed, Message: "the store has been closed"}

// queue carries requests to the sequencer, in order.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	closed  bool
	bell    chan struct{} // rung when something came
}

func newQueue() *queue { return &queue{bell: make(chan struct{}, 1)} }

func (q *queue) put(r *request) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed
	}
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()
	q.ring()
	return nil
}

func (q *queue) ring() {
	select {
	case q.bell <- struct{}{}:
	default:
	}
}

// take exchanges what waits for an empty slice.
func (q *queue) take(spare []*request) ([]*request, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.waiting
	q.waiting = spare[:0]
	return out, q.closed
}

// close lets nothing more in; what waits is still taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
}

// recentStreams remembers, without locks and without growing, which streams the sequencer's memory is
// likely to hold, so that a caller need not look in the runs for them. A wrong answer costs one more
// look: the sequencer asks for it.
type recentStreams struct{ slots [1 << 16]atomic.Uint64 }

func (r *recentStreams) has(term uint64) bool { return r.slots[term&0xffff].Load() == term }
func (r *recentStreams) add(term uint64) {
	if slot := &r.slots[term&0xffff]; slot.Load() != term {
		slot.Store(term)
	}
}
