package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// The codes of this package's errors.
const (
	// CodeNotFound: there is no such subscription.
	CodeNotFound nacre.Code = "SUBSCRIPTION_NOT_FOUND"
	// CodeExists: there is another subscription of this name.
	CodeExists nacre.Code = "SUBSCRIPTION_EXISTS"
	// CodeWrongKind: the subscription is of a kind that cannot do this.
	CodeWrongKind nacre.Code = "SUBSCRIPTION_WRONG_KIND"
	// CodeHalted: the subscription is paused or suspended.
	CodeHalted nacre.Code = "SUBSCRIPTION_HALTED"
)

const (
	// saveEvery is how often cursors are kept, where events were done.
	saveEvery = time.Second
	// strollEvery is how often they are kept where events were only passed over.
	strollEvery = 10 * time.Second
	// maxSends is how many batches a hub sends at once, for all subscriptions.
	maxSends = 1024
	// fillers is how many goroutines read what subscriptions have missed.
	fillers = 4
)

// Options say what a hub is like; nil is the default of each field, and no kinds but groups.
type Options struct {
	// Name is the store's, as receivers are told.
	Name string
	// Kinds are the ways of sending. Their names are different ones.
	Kinds []Kind
	// Memory is about how many bytes of events all subscriptions hold together, until each holds one at a time.
	// Default 256 MiB.
	Memory int64
	// Logger takes what nobody waits for. Default slog.Default().
	Logger *slog.Logger
}

// Hub looks after the subscriptions of a store. It sends at most 1,024 batches at once: receivers that hang take places
// from the others until their time-outs.
type Hub struct {
	o      Options
	store  *nacre.Store
	system *nacre.Store
	blobs  nacre.BlobKeeper
	kinds  map[string]Kind
	token  string // tells this hub's deliveries from those of another one

	ctx    context.Context //nolint:containedctx // the hub's own life
	cancel context.CancelFunc
	// serving ends when nothing more is begun: no batch is sent, and no event is given out.
	serving    context.Context //nolint:containedctx // as above
	endServing context.CancelFunc
	slots      chan struct{}  // a place for each batch that is being sent
	sends      sync.WaitGroup // flights, and what else is to end before Close
	loops      sync.WaitGroup // the reader, the fillers and the keeper
	held       atomic.Int64   // bytes of events
	// cramped tells that a subscription reads less than it would for what the others hold.
	cramped atomic.Bool
	filler  filler
	closed  atomic.Bool

	epoch atomic.Pointer[string] // the log's
	// changed tells the keeper that events were done.
	changed atomic.Bool
	saving  sync.Mutex // of cursors, while they are written
	cursors cursors

	letters runner.Tally // the dead ones

	admin    sync.Mutex // held by who changes subscriptions
	versions map[string]int64

	mu      sync.Mutex // of what follows
	all     map[string]*subscription
	through nacre.Position // in the companion log
	index   index
	pos     nacre.Position // up to where live subscriptions have been given what is theirs
	reading context.CancelFunc
}

// Open begins to look after a store's subscriptions: those that are active are delivered from now on, until Close.
// The store has to have a companion log and blobs.
func Open(ctx context.Context, store *nacre.Store, o *Options) (*Hub, error) {
	h := &Hub{
		store: store, system: store.System(), kinds: map[string]Kind{}, all: map[string]*subscription{},
		letters: runner.Tally{Kind: runner.Subscription},
	}
	if o != nil {
		h.o = *o
	}
	if h.o.Memory <= 0 {
		h.o.Memory = 256 << 20
	}
	if h.o.Logger == nil {
		h.o.Logger = slog.Default()
	}
	if h.system == nil {
		return nil, nacre.Errorf(nacre.CodeUnsupported, "this store has no companion log, where subscriptions stand: use a driver that has one")
	}
	for _, k := range h.o.Kinds {
		if name := k.Name(); name == KindGroup || h.kinds[name] != nil {
			return nil, invalid("Kinds", "has the name %q twice, or it is taken", name)
		}
		h.kinds[k.Name()] = k
	}
	var err error
	if h.blobs, err = store.Blobs(); err != nil {
		return nil, err
	}
	if err := h.load(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// load reads what there is, and starts.
func (h *Hub) load(ctx context.Context) error {
	all, versions, through, err := readAll(ctx, h.system)
	if err != nil {
		return err
	}
	head, err := h.store.Head(ctx)
	if err != nil {
		return err
	}
	at, err := h.readCursors(ctx, head)
	if err != nil {
		return err
	}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.serving, h.endServing = context.WithCancel(h.ctx)
	h.token = nacre.NewID()[20:]
	h.slots = make(chan struct{}, maxSends)
	h.versions, h.through = versions, through
	h.epoch.Store(&head.Epoch)
	h.index.init()
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, k := range all {
		s := newSubscription(h, k)
		s.from, s.pending = at.of(k)
		h.all[name] = s
	}
	for _, s := range h.all {
		s.mu.Lock()
		s.start()
		s.mu.Unlock()
	}
	h.loops.Add(2)
	go h.every(saveEvery, h.keep, "how far subscriptions have come")
	someAttempts := func(ctx context.Context) error { return h.writeAttempts(ctx, writeMost) }
	go h.every(writeEvery, someAttempts, "the last deliveries")
	return nil
}

// StopServing begins nothing more: no batch is sent, no event is given out, and polls that wait end. What is being sent may
// end, and consumers may still answer, until Close, which has to follow.
func (h *Hub) StopServing() { h.endServing() }

// Close stops the deliveries: what is being sent may end until ctx does, and is cut off then. Cursors are kept.
// The store stays open. A second Close does nothing.
func (h *Hub) Close(ctx context.Context) error {
	if h.closed.Swap(true) {
		return nil
	}
	h.StopServing()
	h.admin.Lock() // who changes subscriptions comes to an end first, and nobody does later
	h.mu.Lock()
	for _, s := range h.all {
		s.mu.Lock()
		s.stop()
		if s.outlet != nil {
			s.outlet.closeLater(h, s.name)
			s.outlet = nil
		}
		s.mu.Unlock()
	}
	h.mu.Unlock()
	h.admin.Unlock()
	landed := make(chan struct{})
	go func() {
		h.sends.Wait()
		close(landed)
	}()
	select {
	case <-landed:
	case <-ctx.Done():
	}
	h.cancel()
	<-landed
	h.loops.Wait()
	ctx = context.WithoutCancel(ctx)
	return errors.Join(h.saveCursors(ctx), h.writeAttempts(ctx, len(h.all)))
}

func errClosed() error { return nacre.Errorf(nacre.CodeClosed, "the hub has been closed") }

// find gives a subscription.
func (h *Hub) find(name string) (*subscription, error) {
	if h.closed.Load() {
		return nil, errClosed()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.all[name]
	if s == nil {
		return nil, nacre.Errorf(CodeNotFound, "there is no subscription %q", name)
	}
	return s, nil
}

func (h *Hub) groupOf(name string) (*subscription, error) {
	s, err := h.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known.kind != KindGroup {
		return nil, nacre.Errorf(CodeWrongKind, "the subscription %q is a %s: only a group is asked for its events", name, s.known.kind)
	}
	return s, nil
}
