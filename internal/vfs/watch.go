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
	w := newWatcher()
	w.poll()
	return w
}

// watcher is woken by signals, or by the clock once poll was called.
type watcher struct {
	changed chan struct{} // holds at most one signal: changes are not counted
	closed  chan struct{}
	polling chan struct{}

	closeOnce, pollOnce sync.Once
	release             func() error // ends what sends signals; nil where nothing does
}

func newWatcher() *watcher {
	return &watcher{
		changed: make(chan struct{}, 1),
		closed:  make(chan struct{}),
		polling: make(chan struct{}),
	}
}

func (w *watcher) signal() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *watcher) poll() { w.pollOnce.Do(func() { close(w.polling) }) }

// Wait implements Watcher.
func (w *watcher) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	polling := w.polling
	var tick <-chan time.Time
	for {
		select {
		case <-w.closed:
			return fs.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		case <-w.changed:
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
func (w *watcher) Close() (err error) {
	w.closeOnce.Do(func() {
		close(w.closed)
		if w.release != nil {
			err = w.release()
		}
	})
	return err
}
