package process

import (
	"context"
	"sync"

	"github.com/nacredb/nacre"
)

// What a feed reads ahead at most.
const (
	feedEvents = 1000
	feedBytes  = 4 << 20
)

// feed reads the user's log ahead of the engine.
type feed struct {
	ready chan struct{} // something is to be taken
	room  chan struct{} // something was taken

	mu       sync.Mutex
	events   []nacre.Event
	bytes    int
	upTo     nacre.Position
	caughtUp bool
	err      error // it ended
}

// startFeed reads what a filter selects behind a position, until ctx ends. done is called when it has ended.
func startFeed(ctx context.Context, store *nacre.Store, f nacre.Filter, after nacre.Position, epoch string, done func()) *feed {
	fd := &feed{ready: make(chan struct{}, 1), room: make(chan struct{}, 1), upTo: after}
	go func() {
		defer done()
		o := &nacre.SubscribeOptions{After: after, Epoch: epoch, Progress: fd.progress}
		var end error
		for e, err := range store.Subscribe(ctx, f, o) {
			if err != nil {
				end = err
				break
			}
			if end = fd.push(ctx, e); end != nil {
				break
			}
		}
		fd.mu.Lock()
		fd.err = end
		fd.mu.Unlock()
		signal(fd.ready)
	}()
	return fd
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push waits for room.
func (f *feed) push(ctx context.Context, e nacre.Event) error {
	for {
		f.mu.Lock()
		if len(f.events) < feedEvents && (f.bytes < feedBytes || len(f.events) == 0) {
			f.events = append(f.events, e)
			f.bytes += len(e.Data) + len(e.Metadata)
			f.upTo, f.caughtUp = e.GlobalPosition, false
			f.mu.Unlock()
			signal(f.ready)
			return nil
		}
		f.mu.Unlock()
		select {
		case <-f.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *feed) progress(seen nacre.Position, caughtUp bool) {
	f.mu.Lock()
	f.upTo, f.caughtUp = max(f.upTo, seen), caughtUp
	f.mu.Unlock()
	signal(f.ready)
}

// take gives what was read, up to where, and whether that was the log's end; an error once the feed has ended and all of it
// was taken.
func (f *feed) take() (events []nacre.Event, upTo nacre.Position, caughtUp bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events, f.events, f.bytes = f.events, nil, 0
	if len(events) == 0 {
		err = f.err
	}
	signal(f.room)
	return events, f.upTo, f.caughtUp, err
}
