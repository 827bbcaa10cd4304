package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// drainTime is how long a deletion waits for the requests that still use the store. They have been told to
// end by then; what remains is a write to a client that does not read.
const drainTime = 5 * time.Second

// shelf has the stores that are open.
type shelf struct {
	backend Backend
	log     *slog.Logger
	clock   func() time.Time
	metrics *metrics
	hubs    *hubs

	mu     sync.Mutex
	stores map[string]*namedStore
	ended  error // why no store is given any more
}

// namedStore is a store that is open, or being opened, or being deleted.
type namedStore struct {
	name  string
	ready chan struct{} // closed when the opening has ended
	// What the opening came to; to be read when ready is closed.
	store  *nacre.Store
	err    error
	opened time.Time

	// hub looks after the store's subscriptions.
	hub hubSlot
	// aggregates execute the store's commands.
	aggregates slot[Aggregates]
	// entities are the store's.
	entities slot[Entities]
	// guarded are the collections that have policies.
	guarded guardedCategories

	// ctx ends, with an error that says why, when the store is about to be closed.
	ctx    context.Context
	cancel context.CancelCauseFunc

	// broken is the code with which the last append failed in a way that makes the store useless.
	broken         atomic.Pointer[nacre.Code]
	appended, took prometheus.Counter

	// Guarded by the shelf's lock.
	refs    int
	asked   int           // how often somebody asked for it
	leaving bool          // nobody gets it any more
	resting bool          // it is leaving, and may be opened again afterwards
	idle    chan struct{} // closed when it is leaving and nobody has it
	gone    chan struct{} // closed when it is not on the shelf any more
}

func newShelf(o *Options, m *metrics) *shelf {
	return &shelf{
		backend: o.Backend, log: o.Logger, clock: o.Clock, metrics: m, hubs: newHubs(o, m), stores: map[string]*namedStore{},
	}
}

func noStore(name string) error {
	return nacre.Errorf(wire.CodeStoreNotFound, "there is no event store %q: make it with POST /event-stores", name)
}

// acquire gives a store, opening it where that has not been done. The caller releases it.
func (h *shelf) acquire(ctx context.Context, name string) (*namedStore, error) {
	if err := wire.CheckStoreName(name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	n := h.stores[name]
	for n != nil && n.resting && h.ended == nil {
		h.mu.Unlock()
		if err := n.settled(ctx, true); err != nil {
			return nil, err
		}
		h.mu.Lock()
		n = h.stores[name]
	}
	switch {
	case h.ended != nil:
		h.mu.Unlock()
		return nil, h.ended
	case n == nil:
		n = h.begin(ctx, name, h.backend.Open)
	case n.leaving:
		h.mu.Unlock()
		return nil, noStore(name)
	}
	n.refs++
	n.asked++
	h.mu.Unlock()
	select {
	case <-n.ready:
	default:
		select {
		case <-n.ready:
		case <-ctx.Done():
			h.release(n)
			return nil, ctx.Err()
		}
	}
	if n.err != nil {
		h.release(n)
		return nil, n.err
	}
	return n, nil
}

// begin starts to open a store. The lock is held. The opening is nobody's in particular: it goes on where
// the one who asked first leaves.
func (h *shelf) begin(ctx context.Context, name string, open func(context.Context, string) (*nacre.Store, error)) *namedStore {
	n := h.put(ctx, name)
	go func() {
		n.store, n.err = open(context.WithoutCancel(ctx), name)
		if n.err != nil {
			h.drop(n)
			close(n.ready)
			return
		}
		n.appended, n.took = h.metrics.ofStore(name)
		close(n.ready)
		n.hub.begin(n)
	}()
	return n
}

// put puts a store on the shelf, for longer than whoever asked for it stays. The lock is held.
func (h *shelf) put(ctx context.Context, name string) *namedStore {
	n := &namedStore{
		name: name, opened: h.clock(),
		ready: make(chan struct{}), idle: make(chan struct{}), gone: make(chan struct{}),
	}
	n.hub.hubs = h.hubs
	n.ctx, n.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	h.stores[name] = n
	return n
}

// drop takes a store from the shelf.
func (h *shelf) drop(n *namedStore) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.stores, n.name)
	n.cancel(nil)
	close(n.gone)
}

// retain takes a store that the caller has, once more, for what goes on behind a request; it is released as well.
func (h *shelf) retain(n *namedStore) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n.refs++
}

func (h *shelf) release(n *namedStore) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n.refs--
	if n.refs == 0 && n.leaving {
		close(n.idle)
	}
}

// create makes a store; the caller releases it.
func (h *shelf) create(ctx context.Context, name string) (*namedStore, error) {
	if err := wire.CheckStoreName(name); err != nil {
		return nil, err
	}
	for {
		h.mu.Lock()
		n := h.stores[name]
		if h.ended != nil {
			h.mu.Unlock()
			return nil, h.ended
		}
		if n == nil {
			n = h.begin(ctx, name, h.backend.Create)
			n.refs++
			n.asked++
			h.mu.Unlock()
			// Whoever makes a store waits for it: its first event is still to be written.
			<-n.ready
			if n.err != nil {
				h.release(n)
				return nil, n.err
			}
			return n, nil
		}
		leaving := n.leaving
		h.mu.Unlock()
		if err := n.settled(ctx, leaving); err != nil {
			return nil, err
		}
		if !leaving && n.err == nil {
			return nil, nacre.Errorf(wire.CodeStoreExists, "there is an event store %q already", name)
		}
		// It was not there, or is there no more.
	}
}

// settled waits until a store that somebody else opens, or takes away, is open, or away.
func (n *namedStore) settled(ctx context.Context, leaving bool) error {
	wait := n.ready
	if leaving {
		wait = n.gone
	}
	select {
	case <-wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remove closes a store and deletes it. Nobody gets it from the first instant on.
func (h *shelf) remove(ctx context.Context, name string) error {
	n, err := h.acquire(ctx, name)
	if nacre.CodeOf(err) == wire.CodeStoreNotFound || nacre.CodeOf(err) == nacre.CodeInvalid {
		return err
	}
	if err != nil {
		// A store that cannot be opened, a damaged one perhaps, may be deleted all the same.
		return h.removeUnopened(ctx, name, err)
	}
	if !h.leave(n, noStore(name)) {
		return noStore(name) // somebody else deletes it
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	_ = h.shut(late, n) // it goes, whatever was wrong with it
	defer h.drop(n)
	h.metrics.forget(name)
	h.hubs.forget(name)
	return h.backend.Delete(context.WithoutCancel(ctx), name)
}

// removeUnopened deletes a store that could not be opened, except where somebody else has it.
func (h *shelf) removeUnopened(ctx context.Context, name string, why error) error {
	switch nacre.CodeOf(why) {
	case nacre.CodeDamaged, nacre.CodeInternal, nacre.CodeFailed:
	default:
		return why
	}
	h.mu.Lock()
	if h.stores[name] != nil {
		h.mu.Unlock()
		return why
	}
	n := h.put(ctx, name)
	n.leaving = true
	close(n.ready)
	close(n.idle)
	h.mu.Unlock()
	defer h.drop(n)
	return h.backend.Delete(context.WithoutCancel(ctx), name)
}

// leave gives back the caller's own hold of a store, tells everybody who has it to end, and lets nobody have
// it any more. It is false where that has been done.
func (h *shelf) leave(n *namedStore, why error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n.refs--
	if n.leaving {
		if n.refs == 0 {
			close(n.idle)
		}
		return false
	}
	n.leaving = true
	if n.refs == 0 {
		close(n.idle)
	}
	n.cancel(why)
	return true
}

// shut closes a store that is leaving: what was accepted is finished, what asks from now on is told that the
// store is closed. What is being delivered may end until ctx does. It waits a while for those who have it.
func (h *shelf) shut(ctx context.Context, n *namedStore) error {
	n.hub.end(ctx, n.name)
	n.endAggregates(ctx, h.log)
	n.endEntities(h.log)
	err := n.store.Close()
	if err != nil {
		h.log.Warn("the store did not close well", "store", n.name, "error", err)
	}
	late := time.NewTimer(drainTime)
	defer late.Stop()
	select {
	case <-n.idle:
	case <-late.C:
		h.log.Warn("the store goes while requests still use it", "store", n.name)
	}
	return err
}

// giveBack is release by one who has only looked at a store. Where nobody else ever asked for it, and it has nothing to
// do, it is closed again; who asks meanwhile has it opened again.
func (h *shelf) giveBack(n *namedStore, idle bool) {
	h.mu.Lock()
	if !idle || n.asked > 1 || n.leaving || h.ended != nil {
		h.mu.Unlock()
		h.release(n)
		return
	}
	n.resting = true
	h.mu.Unlock()
	if h.leave(n, noStore(n.name)) {
		_ = h.shut(n.ctx, n) // it has told the log
		h.drop(n)
	}
}

// end closes all stores, and gives none any more. What is being delivered may end until ctx does.
func (h *shelf) end(ctx context.Context, why error) error {
	var failed error
	h.mu.Lock()
	h.ended = why
	var wg sync.WaitGroup
	for _, n := range h.stores {
		if n.leaving {
			wg.Go(func() { <-n.gone })
			continue
		}
		n.refs++
		wg.Go(func() {
			if <-n.ready; n.err != nil {
				return
			}
			if !h.leave(n, why) {
				<-n.gone
				return
			}
			err := h.shut(ctx, n)
			h.drop(n)
			h.mu.Lock()
			failed = errors.Join(failed, err)
			h.mu.Unlock()
		})
	}
	h.mu.Unlock()
	wg.Wait()
	return failed
}

// tell ends what goes on for long in all stores: followers, waits, and the deliveries, of which none is begun any more. The
// stores stay in use.
func (h *shelf) tell(why error) {
	h.mu.Lock()
	for _, n := range h.stores {
		n.cancel(why)
	}
	h.mu.Unlock()
	for _, n := range h.open() {
		if hub := n.hub.there(); hub != nil {
			hub.StopServing()
		}
		h.release(n)
	}
}

// open gives the stores that are open, by name. Each must be released.
func (h *shelf) open() []*namedStore {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*namedStore
	for _, n := range h.stores {
		select {
		case <-n.ready:
			if n.err == nil && !n.leaving {
				n.refs++
				out = append(out, n)
			}
		default:
		}
	}
	slices.SortFunc(out, func(a, b *namedStore) int { return strings.Compare(a.name, b.name) })
	return out
}

// failed remembers that a store is of no use any more.
func (n *namedStore) failed(err error) {
	switch code := nacre.CodeOf(err); code {
	case nacre.CodeFailed, nacre.CodeDamaged:
		n.broken.Store(&code)
	}
}
