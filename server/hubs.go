package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// hubs opens the hubs of stores, which deliver what their subscriptions select.
type hubs struct {
	kinds  []delivery.Kind
	log    *slog.Logger
	errors *prometheus.CounterVec
}

func newHubs(o *Options, m *metrics) *hubs {
	h := &hubs{kinds: o.Kinds, log: o.Logger, errors: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nacre_subscription_errors_total",
		Help: "What went wrong where nobody waits for an answer: events that were given up, subscriptions that were suspended, subscriptions that could not be read.",
	}, []string{"store"})}
	m.registry.MustRegister(h.errors)
	return h
}

// forget drops the figures of a store that is no more.
func (h *hubs) forget(store string) { h.errors.DeleteLabelValues(store) }

// options are those of a store's hub.
func (h *hubs) options(store string) *delivery.Options {
	counted := countingHandler{next: h.log.Handler(), count: h.errors.WithLabelValues(store)}
	return &delivery.Options{Name: store, Kinds: h.kinds, Logger: slog.New(counted).With("store", store)}
}

// countingHandler counts the errors that are logged.
type countingHandler struct {
	next  slog.Handler
	count prometheus.Counter
}

// Enabled implements slog.Handler.
func (h countingHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h countingHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.count.Inc()
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h countingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.next = h.next.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h countingHandler) WithGroup(name string) slog.Handler {
	h.next = h.next.WithGroup(name)
	return h
}

// hubSlot has a store's hub, once there is a reason for one.
type hubSlot struct {
	hubs *hubs

	mu     sync.Mutex
	looked bool // whether there are subscriptions is known: there are none where hub is nil
	hub    *delivery.Hub
	closed bool
}

// of gives the hub of a store, nil where it has no subscriptions, unless one is about to be made.
func (s *hubSlot) of(n *namedStore, toMake bool) (*delivery.Hub, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nacre.Errorf(nacre.CodeClosed, "the event store %q is being closed", n.name)
	case s.hub != nil:
		return s.hub, nil
	case s.looked && !toMake:
		return nil, nil
	}
	if !s.looked {
		there, err := delivery.Present(n.ctx, n.store)
		if err != nil {
			return nil, err
		}
		if s.looked = !there; s.looked && !toMake {
			return nil, nil
		}
	}
	hub, err := delivery.Open(n.ctx, n.store, s.hubs.options(n.name))
	if err != nil {
		return nil, err
	}
	if n.ctx.Err() != nil {
		hub.StopServing() // who told the store to end has missed it
	}
	s.hub, s.looked = hub, true
	return hub, nil
}

// there is the hub, nil where none is open.
func (s *hubSlot) there() *delivery.Hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hub
}

// begin opens the hub of a store that has just been opened, where there are subscriptions.
func (s *hubSlot) begin(n *namedStore) {
	_, err := s.of(n, false)
	if err == nil || n.ctx.Err() != nil {
		return
	}
	s.hubs.errors.WithLabelValues(n.name).Inc()
	s.hubs.log.Error("the subscriptions of a store cannot be looked after: they are looked at again when somebody asks for one",
		"store", n.name, "error", err)
}

// end closes the hub, for ever. What is being sent may end until ctx does.
func (s *hubSlot) end(ctx context.Context, store string) {
	s.mu.Lock()
	hub := s.hub
	s.hub, s.closed = nil, true
	s.mu.Unlock()
	if hub == nil {
		return
	}
	if err := hub.Close(ctx); err != nil {
		s.hubs.log.Warn("how far subscriptions have come could not be written: some events are delivered again", "store", store, "error", err)
	}
}

// wakeAll looks at all stores, one after the other, so that subscriptions go on without a request. Those that have none
// are closed again, unless somebody else has asked for them meanwhile.
func (s *Server) wakeAll(ctx context.Context) {
	names, err := s.o.Backend.Names(ctx)
	if err != nil {
		s.log.Error("the stores cannot be listed: their subscriptions go on when somebody asks for the store", "error", err)
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		n, err := s.shelf.acquire(ctx, name)
		switch {
		case err == nil:
		case nacre.CodeOf(err) == wire.CodeStoreNotFound, ctx.Err() != nil, errors.Is(err, errShuttingDown):
			continue
		default:
			s.log.Error("a store cannot be opened, and its subscriptions do not go on", "store", name, "error", err)
			continue
		}
		// An error has been told by begin, and keeps the store open, as a hub does.
		hub, err := n.hub.of(n, false)
		s.shelf.giveBack(n, err == nil && hub == nil)
	}
}
