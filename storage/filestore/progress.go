package filestore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
)

// progress is how far the log has come, and who waits for it: written is what reads see, followed what
// followers see, durable what a sync has made durable. With durability Always all are the same; with
// Never followers see what is written.
type progress struct {
	written  atomic.Uint64
	followed atomic.Uint64
	durable  atomic.Uint64
	bytes    atomic.Int64 // of the active segment, written
	lastAt   atomic.Int64 // nanoseconds, when something was written last
	syncs    atomic.Int64

	mu      sync.Mutex
	waiting int
	moved   chan struct{} // closed when the log has moved
	fault   error         // the last that healed
	faultAt *seg          // the segment that was active then

	failed atomic.Pointer[error] // for good
	gen    atomic.Uint64         // of the fault
}

// visible is the last position that reads see.
func (l *log) visible() nacre.Position { return nacre.Position(l.written.Load()) }

// advance tells that everything up to a position has been written, and with Always synced.
func (l *log) advance(last nacre.Position, bytes int64) {
	l.bytes.Store(bytes)
	l.lastAt.Store(l.o.env.now().UnixNano())
	l.written.Store(uint64(last))
	switch l.o.Durability {
	case Always:
		l.durable.Store(uint64(last))
		l.followed.Store(uint64(last))
	case Never:
		l.followed.Store(uint64(last))
	case Interval:
	}
	l.wake()
}

// advanceDurable tells that everything up to a position has been synced.
func (l *log) advanceDurable(last nacre.Position) {
	l.durable.Store(uint64(last))
	l.followed.Store(uint64(last))
	l.wake()
}

// recovered tells where the log ends at open: all of it is durable.
func (l *log) recovered(last nacre.Position) {
	l.written.Store(uint64(last))
	l.followed.Store(uint64(last))
	l.durable.Store(uint64(last))
}

func (l *log) sinceWrite() time.Duration {
	return time.Duration(l.o.env.now().UnixNano() - l.lastAt.Load())
}

// wake lets everyone who waits look again.
func (l *log) wake() {
	l.progress.mu.Lock()
	if l.waiting > 0 {
		close(l.moved)
		l.moved = make(chan struct{})
		l.waiting = 0
	}
	l.progress.mu.Unlock()
}

// waitFor waits until ready says so. It is asked again whenever the log has moved.
func (l *log) waitFor(ctx context.Context, ready func() (bool, error)) error {
	for {
		l.progress.mu.Lock()
		moved := l.moved
		l.waiting++
		l.progress.mu.Unlock()
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitVisible waits until something behind a position can be read, or has failed.
func (l *log) waitVisible(ctx context.Context, after nacre.Position, gen uint64) error {
	return l.waitFor(ctx, func() (bool, error) {
		if err := l.failure(); err != nil {
			return false, err
		}
		if l.closed.Load() {
			return false, errClosed
		}
		return l.visible() > after || l.faultGen() != gen, nil
	})
}

// failure is what ended the log's writing for good.
func (l *log) failure() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *log) fail(err error) {
	if l.failed.CompareAndSwap(nil, &err) {
		l.lg.Error("the store has failed", "store", l.dir, "error", err)
	}
	l.wake()
}

func (l *log) lastFault() error {
	l.progress.mu.Lock()
	defer l.progress.mu.Unlock()
	return l.fault
}

func (l *log) faultGen() uint64 { return l.gen.Load() }

func (l *log) setFault(err error, gen uint64, at *seg) {
	l.progress.mu.Lock()
	l.fault, l.faultAt = err, at
	l.progress.mu.Unlock()
	l.gen.Store(gen)
	l.lg.Warn("appends fail for lack of space", "store", l.dir, "error", err)
	l.wake()
}

func (l *log) faultSegment() *seg {
	l.progress.mu.Lock()
	defer l.progress.mu.Unlock()
	return l.faultAt
}
