package client

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// log is one log of a server: a store's, or its companion.
type log struct {
	peer *peer
	base *url.URL

	commits, imports, reads *request // what they ask, without a body

	open   sync.RWMutex // held for reading by what Close lets finish
	closed atomic.Bool
	life   context.Context // ends what Close does not let finish
	end    context.CancelFunc

	seen   atomic.Uint64 // the greatest position that an append was told
	follow follower
}

func newLog(p *peer, base *url.URL) *log {
	l := &log{peer: p, base: base}
	appends := with(p.header, "Content-Type", wire.TypeJSON, wire.HeaderPrefer, wire.PreferMinimal)
	l.commits = &request{method: http.MethodPost, url: l.at("/events", nil), header: appends}
	l.imports = &request{method: http.MethodPost, url: l.at("/events", url.Values{"import": {"true"}}), header: appends}
	l.reads = &request{
		method: http.MethodPost, url: l.at("/read", nil),
		header: with(p.header, "Content-Type", wire.TypeJSON, "Accept", wire.TypeNDJSON),
	}
	l.life, l.end = context.WithCancel(context.Background())
	l.follow.init(l)
	return l
}

// with is a header with more names and values.
func with(h http.Header, pairs ...string) http.Header {
	h = h.Clone()
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// at is the URL of a path below the log's.
func (l *log) at(path string, values url.Values) *url.URL {
	u := below(l.base, path)
	u.RawQuery = values.Encode()
	return u
}

var errClosed = &nacre.Error{Code: nacre.CodeClosed, Message: "the store has been closed"}

// enter begins what Close lets finish; leave must follow where there was no error.
func (l *log) enter(ctx context.Context) error {
	if l.closed.Load() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.open.RLock()
	if l.closed.Load() {
		l.open.RUnlock()
		return errClosed
	}
	return nil
}

func (l *log) leave() { l.open.RUnlock() }

// Close lets appends that were sent be answered, and ends everything else.
func (l *log) Close() error {
	l.close()
	return nil
}

func (l *log) close() {
	if l.closed.Swap(true) {
		return
	}
	l.follow.stop()
	l.end()
	l.open.Lock() // held by nobody else once all have left
	defer l.open.Unlock()
	l.follow.polling.Wait()
}

// Head implements nacre.Driver.
func (l *log) Head(ctx context.Context) (nacre.Head, error) {
	var reply wire.HeadReply
	if err := l.get(ctx, l.at("/head", nil), &reply); err != nil {
		return nacre.Head{}, err
	}
	h := reply.Head()
	if h.Epoch == "" {
		return nacre.Head{}, l.peer.misfit("tells a log's end without an epoch")
	}
	l.told(h)
	return h, nil
}

// told remembers what Head told its caller.
func (l *log) told(h nacre.Head) {
	if l.follow.told(h) {
		l.seen.Store(0) // positions of another history
	}
}

// Wait implements nacre.Driver.
func (l *log) Wait(ctx context.Context, after nacre.Position) error {
	if l.closed.Load() {
		return errClosed
	}
	return l.follow.waitBehind(ctx, after)
}

// get reads one of package wire's replies.
func (l *log) get(ctx context.Context, u *url.URL, reply any) error {
	body, err := l.ask(ctx, &request{method: http.MethodGet, url: u, header: l.peer.header})
	if err != nil {
		return err
	}
	if err := wire.Decode(body, reply); err != nil {
		return l.peer.misfit("cannot be read: %w", err)
	}
	return nil
}

// ask sends a request that may be sent again, and gives the body of its answer.
func (l *log) ask(ctx context.Context, r *request) ([]byte, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	var body []byte
	failed := l.repeat(ctx, func(bool) (f *failure) {
		body, f = l.peer.exchange(ctx, r, nil, l.peer.timeout)
		return f
	})
	if failed != nil {
		return nil, failed.err
	}
	return body, nil
}
