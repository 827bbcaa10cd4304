package vfs

import (
	"context"
	"io"
	"io/fs"
	"sync"
	"time"
)

// pollInterval is how often a follower looks where nothing can wake it.
const pollInterval = 50 * time.Millisecond

// Watcher wakes a follower when files in a directory change. One goroutine
// waits at a time; Close may come from another and wakes it.
type Watcher interface {
	// Wait returns nil when something in the directory may have changed since
	// the previous Wait returned, or, the first time, since Watch returned.
	// It may wake for nothing; it does not miss a change. It returns the
	// context's error when the context ends and fs.ErrClosed after Close.
	Wait(ctx context.Context) error

	// Close ends the watch. A second Close does nothing.
	io.Closer
}

// DirWatcher is the optional part of an FS that knows by itself when a
// directory changes.
type DirWatcher interface {
	Watch(dir string) (Watcher, error)
}

// Watch watches the files directly in dir. It is armed when it returns: no
// later change is missed. Where the file system cannot tell of changes, or not
// of those that other machines make, Wait wakes every 50 ms. The directory
// need not exist yet.
func Watch(fsys FS, dir string) Watcher {
	if native, ok := fsys.(DirWatcher); ok {
		// What fails here (no more watches, no such directory) polling mends.
		if w, err := native.Watch(dir); err == nil {
			return w
		}
	}
	w := NewSignal(nil)
	w.poll()
	return w
}

// Signal is a Watcher for a file system that knows of changes by itself:
// Notify wakes who waits. It is the product of [NewSignal].
type Signal struct {
	changed chan struct{} // holds at most one notice: changes are not counted
	closed  chan struct{}
	polling chan struct{} // closed when the clock has to wake the follower

	closeOnce, pollOnce sync.Once
	release             func() error
}

// NewSignal makes a watcher that Notify wakes. Close calls release, once, where
// it is not nil.
func NewSignal(release func() error) *Signal {
	return &Signal{
		changed: make(chan struct{}, 1),
		closed:  make(chan struct{}),
		polling: make(chan struct{}),
		release: release,
	}
}

// Notify says that something may have changed. It never blocks.
func (s *Signal) Notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// poll lets the clock wake the follower from now on.
func (s *Signal) poll() { s.pollOnce.Do(func() { close(s.polling) }) }

// Wait implements Watcher.
func (s *Signal) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return fs.ErrClosed
	default:
	}
	polling := s.polling
	var tick <-chan time.Time
	for {
		select {
		case <-s.closed:
			return fs.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
			return nil
		case <-tick:
			return nil
		case <-polling:
			polling = nil
			timer := time.NewTimer(pollInterval)
			defer timer.Stop()
			tick = timer.C
		}
	}
}

// Close implements Watcher.
func (s *Signal) Close() (err error) {
	s.closeOnce.Do(func() {
		close(s.closed)
		if s.release != nil {
			err = s.release()
		}
	})
	return err
}
