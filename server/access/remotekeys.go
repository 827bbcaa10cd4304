package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// fetchTimeout bounds one fetch, redirects included.
	fetchTimeout = 10 * time.Second
	// fetchGap is the least time between two fetches: tokens with invented key ids cannot cause more.
	fetchGap = time.Minute
	// firstGap is the same while no fetch has succeeded yet.
	firstGap = 5 * time.Second
	// fetchAge is when keys are fetched again though nobody misses one, so that a key that was withdrawn is
	// not believed for ever.
	fetchAge = 15 * time.Minute
	// maxRedirects is how often a fetch follows.
	maxRedirects = 3
)

// remoteKeys are a key set behind an address. The last set that could be read stays in use while the
// address does not answer.
type remoteKeys struct {
	address string
	client  *http.Client
	clock   Clock
	log     *slog.Logger
	now     atomic.Pointer[fetched]

	ctx     context.Context // of the fetches: it ends with close
	end     context.CancelFunc
	fetches sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	begun   time.Time     // the last fetch
	running chan struct{} // closed when the fetch under way has ended; nil without one
}

// fetched is what a fetch brought. It is not changed.
type fetched struct {
	keys []signingKey
	err  error // why there are no keys
	at   time.Time
}

// newRemoteKeys starts the first fetch and does not wait for it: a server starts without its issuer.
func newRemoteKeys(address string, client *http.Client, clock Clock, log *slog.Logger) (*remoteKeys, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the key set: %w", err)
	}
	if err := checkKeyAddress(u); err != nil {
		return nil, err
	}
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.Timeout = fetchTimeout
	own.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("it leads on more than %d times", maxRedirects)
		}
		return checkKeyAddress(next.URL)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &remoteKeys{address: address, client: &own, clock: clock, log: log, ctx: ctx, end: end}
	r.now.Store(&fetched{err: errors.New("it has not answered yet")})
	r.fetch()
	return r, nil
}

// checkKeyAddress wants that nobody on the way can put other keys in.
func checkKeyAddress(u *url.URL) error {
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && loopbackHost(u.Hostname()):
		return nil
	}
	return fmt.Errorf("keys are not fetched from %q: give an https address, or http on the loopback", u.Redacted())
}

// current gives the keys at hand, and has old ones fetched again in the background.
func (r *remoteKeys) current() ([]signingKey, error) {
	f := r.now.Load()
	if f.err != nil || r.clock().Sub(f.at) >= fetchAge {
		r.fetch()
	}
	if f.err != nil {
		return nil, fmt.Errorf("the key set %s cannot be had: %w", r.address, f.err)
	}
	return f.keys, nil
}

// newer waits for a fetch, where one is under way or may be begun, and tells whether it brought something.
// Nobody waits for longer than a fetch may take.
func (r *remoteKeys) newer(ctx context.Context) bool {
	before := r.now.Load()
	done := r.fetch()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	return r.now.Load() != before
}

// fetch begins to fetch, unless one is under way or the last one was just now, and gives what is closed at
// its end; nil where nothing is under way.
func (r *remoteKeys) fetch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.running != nil {
		return r.running
	}
	gap := fetchGap
	if r.now.Load().err != nil {
		gap = firstGap
	}
	now := r.clock()
	// A clock that was set back does not hinder.
	if since := now.Sub(r.begun); !r.begun.IsZero() && since >= 0 && since < gap {
		return nil
	}
	done := make(chan struct{})
	r.begun, r.running = now, done
	r.fetches.Go(func() {
		keys, err := r.get()
		last := r.now.Load()
		switch {
		case err == nil:
			r.now.Store(&fetched{keys: keys, at: r.clock()})
		case r.ctx.Err() != nil:
		case last.err != nil:
			r.now.Store(&fetched{err: err})
			r.log.Warn("the key set of tokens cannot be fetched: tokens are refused", "url", r.address, "error", err)
		default:
			r.log.Warn("the key set of tokens cannot be fetched: the last one stays in use", "url", r.address, "error", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running = nil
		close(done)
	})
	return done
}

func (r *remoteKeys) get() (keys []signingKey, err error) {
	request, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxKeyFile)
	}
	return parseWebKeys("its answer", data)
}

// close ends a fetch that is under way and waits for it.
func (r *remoteKeys) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.end()
	r.fetches.Wait()
}
