package client

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// pollTime is how long a server is asked to hold a poll back where nothing happens: less than what
// proxies take for a dead connection.
const pollTime = 30 * time.Second

// follower knows the log's end for all who wait, by one request that the server holds back until there is
// something to tell. It asks only while somebody waits; a poll that is under way stays, for whoever waits
// next, until the server answers it.
type follower struct {
	l       *log
	polling sync.WaitGroup

	mu      sync.Mutex
	known   nacre.Head // as a poll told it last; its Epoch is "" before the first
	epoch   string     // as Head told it last; "" before it did
	waiters int
	active  bool  // a poll is under way
	stopped bool  // no poll will begin any more
	next    *news // of the poll
}

// news is what all wait for.
type news struct {
	come chan struct{} // closed
	err  error         // why nothing more will come; set before come is closed
}

func (f *follower) init(l *log) {
	f.l, f.next = l, &news{come: make(chan struct{})}
}

// told remembers the epoch that Head told, and whether it is another than before.
func (f *follower) told(h nacre.Head) (another bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	another = f.epoch != "" && f.epoch != h.Epoch
	f.epoch = h.Epoch
	// A head that is ahead of what polls told saves a poll. One of another epoch is theirs to tell, which
	// come in order.
	if f.known.Epoch == "" || f.known.Epoch == h.Epoch && f.known.Position < h.Position {
		f.known = h
	}
	return another
}

// waitBehind returns when the log's end is behind a position, or its epoch is not the one that was told.
func (f *follower) waitBehind(ctx context.Context, after nacre.Position) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiters++
	defer func() { f.waiters-- }()
	for {
		switch {
		case f.stopped:
			return errClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case f.known.Epoch != "" && (f.known.Position > after || f.known.Epoch != f.epoch):
			return nil
		}
		if !f.active {
			f.active = true
			f.polling.Go(f.poll)
		}
		next := f.next
		f.mu.Unlock()
		select {
		case <-next.come:
		case <-ctx.Done():
		}
		f.mu.Lock()
		if next.err != nil && ctx.Err() == nil && !f.stopped {
			return next.err
		}
	}
}

// poll asks for news until nobody waits.
func (f *follower) poll() {
	ctx := f.l.life
	for {
		f.mu.Lock()
		if f.waiters == 0 || f.stopped {
			f.active = false
			if f.stopped {
				close(f.next.come) // whoever came while the last answer was told out waits for one more
			}
			f.mu.Unlock()
			return
		}
		known := f.known
		f.mu.Unlock()

		var head nacre.Head
		failed := f.l.repeat(ctx, func(bool) (bad *failure) {
			head, bad = f.l.headBehind(ctx, known)
			return bad
		})

		f.mu.Lock()
		last := f.next
		f.next = &news{come: make(chan struct{})}
		if failed == nil {
			f.known = head
			if f.epoch == "" {
				f.epoch = head.Epoch // Head was never asked: another one from here on is news
			}
		} else {
			last.err, f.active = failed.err, false
			f.known = nacre.Head{}
		}
		f.mu.Unlock()
		close(last.come)
		if failed != nil {
			return
		}
	}
}

// stop makes the poll's end, which follows, the end of every wait.
func (f *follower) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
}

// headBehind asks for the log's end: once it is not the known one any more, or after a while.
func (l *log) headBehind(ctx context.Context, known nacre.Head) (nacre.Head, *failure) {
	values, timeout := url.Values(nil), l.peer.timeout
	if known.Epoch != "" {
		p := wire.HeadParams{Wait: true, After: wire.Cursor{Position: known.Position, Epoch: known.Epoch}, Timeout: pollTime}
		values, timeout = p.Values(), timeout+pollTime
	}
	body, f := l.peer.exchange(ctx, &request{method: http.MethodGet, url: l.at("/head", values), header: l.peer.header}, nil, timeout)
	if f != nil {
		return nacre.Head{}, f
	}
	var reply wire.HeadReply
	if err := wire.Decode(body, &reply); err != nil || reply.Epoch == "" {
		return nacre.Head{}, &failure{err: l.peer.misfit("does not tell the log's end")}
	}
	return reply.Head(), nil
}
