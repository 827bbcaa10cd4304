package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// How somebody follows a log.
const (
	transportSSE       = "sse"
	transportWebSocket = "websocket"
)

// followers are all who follow a log of the server now.
type followers struct {
	o       *Options
	shelf   *shelf
	metrics *metrics
	ended   *prometheus.CounterVec
	// pingWithin is how long a ping of a WebSocket may go unanswered.
	pingWithin time.Duration

	running sync.WaitGroup // goroutines of followers that have a connection of their own

	mu   sync.Mutex
	came uint64               // how many have been followers so far
	sent uint64               // events, to followers that have left
	all  map[string]*follower // by id
	// consumers counts the sockets of groups' consumers, which take places like followers.
	consumers int
	feeds     map[*nacre.Store]*feedUse
}

// feedUse is a log's feed, as long as somebody follows the log.
type feedUse struct {
	*feed
	users int
}

func newFollowers(s *Server) *followers {
	f := &followers{
		o: &s.o, shelf: s.shelf, metrics: s.metrics, pingWithin: missedPings * s.o.Heartbeat,
		all: map[string]*follower{}, feeds: map[*nacre.Store]*feedUse{},
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nacre_followers_ended_total",
			Help: "Followers that ended, by why: left, stalled (the client read nothing for the write time-out), or the code that they were told.",
		}, []string{"kind", "reason"}),
	}
	s.metrics.registry.MustRegister(f.ended, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "nacre_followed_events_total", Help: "Events that followers were sent.",
	}, f.events))
	return f
}

// follower is one who follows a log, from its request to its end.
type follower struct {
	follow
	owner *followers
	ctx   context.Context
	// cancel ends the follower, which is told why.
	cancel context.CancelCauseFunc
	named  *namedStore
	use    *feedUse

	number                  uint64 // in the order of coming
	id, clientID, transport string
	remote, agent           string
	filter                  []byte
	where                   string
	system                  bool
	since                   time.Time
}

// enterFollower counts a follower in. Each enterFollower has its leave. What it needs of the exchange is copied, so that the
// request may be forgotten.
func (s *Server) enterFollower(x *exchange, transport, clientID string) (*follower, error) {
	f := &follower{
		owner: s.followers, named: x.named, id: nacre.NewID(), transport: transport, system: x.route.system,
		remote: strings.Clone(x.r.RemoteAddr), agent: strings.Clone(x.r.UserAgent()), since: s.o.Clock(),
	}
	f.clientID = f.id
	if clientID != "" {
		f.clientID = strings.Clone(clientID)
	}
	if host, _, err := net.SplitHostPort(f.remote); err == nil {
		f.remote = host
	}
	grant, check := x.grant, s.o.Access
	f.follow = follow{
		store: x.store, heartbeat: s.o.Heartbeat, now: s.o.Clock,
		mayGoOn: func() error { return check.Recheck(grant) },
	}
	f.ctx, f.cancel = context.WithCancelCause(x.named.ctx)
	if !f.system && !pastPolicies(grant) {
		f.guard = func() error { return f.named.pastPolicies(f.ctx, grant, f.params.Filter, "a read") }
	}
	if err := s.followers.add(f); err != nil {
		f.cancel(nil)
		return nil, err
	}
	return f, nil
}

func (fs *followers) add(f *follower) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.full(); err != nil {
		return err
	}
	fs.came++
	f.number = fs.came
	fs.all[f.id] = f
	use := fs.feeds[f.store]
	if use == nil {
		use = &feedUse{feed: newFeed(f.store)}
		fs.feeds[f.store] = use
	}
	use.users++
	f.use, f.feed = use, use.feed
	fs.shelf.retain(f.named)
	fs.metrics.followers.WithLabelValues(f.transport).Inc()
	return nil
}

// full refuses one more where there are as many as may be. The lock is held.
func (fs *followers) full() error {
	if n := len(fs.all) + fs.consumers; n >= fs.o.MaxFollowers {
		return nacre.Errorf(wire.CodeTooManyConnections, "%d follow this server's logs, which is as many as it takes: close some, or try again", n)
	}
	return nil
}

// events counts what all followers have been sent.
func (fs *followers) events() float64 {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := fs.sent
	for _, f := range fs.all {
		n += f.sent.Load()
	}
	return float64(n)
}

// leave counts a follower out.
func (f *follower) leave() {
	f.cancel(nil)
	fs := f.owner
	fs.mu.Lock()
	delete(fs.all, f.id)
	fs.sent += f.sent.Load()
	last := false
	if f.use.users--; f.use.users == 0 {
		delete(fs.feeds, f.store)
		last = true
	}
	fs.mu.Unlock()
	if last {
		f.feed.wait()
	}
	fs.metrics.followers.WithLabelValues(f.transport).Dec()
	fs.shelf.release(f.named)
}

// selects says what is followed, once that is known.
func (f *follower) selects(p wire.ReadParams, w *within) {
	f.params, f.within = p, w
	filter := wire.AppendFilter(nil, p.Filter)
	f.owner.mu.Lock()
	f.filter, f.where = filter, p.Where
	f.owner.mu.Unlock()
}

// note tells the log and the figures why a follower ended, and gives what the client is to be told: nil where
// there is nobody to tell.
func (f *follower) note(err error, out outlet) error {
	var reason string
	level := slog.LevelDebug
	switch {
	case errors.Is(err, errStalled):
		reason, level = "stalled", slog.LevelWarn
	case errors.Is(err, errLeft):
		reason = "left"
	default:
		if f.ctx.Err() != nil && (nacre.CodeOf(err) == nacre.CodeClosed || nacre.CodeOf(err) == nacre.CodeCanceled) {
			err = context.Cause(f.ctx)
		}
		code := nacre.CodeOf(err)
		reason, level = strings.ToLower(string(code)), slog.LevelInfo
		if wire.Status(code) == http.StatusInternalServerError {
			level = slog.LevelError
		}
		if f.named.failed(err); code == nacre.CodeDamaged || code == nacre.CodeFailed {
			f.owner.metrics.broken(f.named.name)
		}
	}
	f.owner.ended.WithLabelValues(f.transport, reason).Inc()
	f.owner.o.Logger.Log(context.Background(), level, "a follower ended", "kind", f.transport, "store", f.named.name, "id", f.id,
		"client", f.clientID, "remote", f.remote, "position", f.position.Load(), "events", f.sent.Load(), "reason", reason, "error", err)
	if errors.Is(err, errStalled) || errors.Is(err, errLeft) || out.broken() {
		return nil
	}
	return err
}

// wait waits until all followers that were told to end have done so, or the context ends.
func (fs *followers) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		fs.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// of gives the followers of a store, the longest there first.
func (fs *followers) of(store string) []wire.ConnectionReply {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var found []*follower
	for _, f := range fs.all {
		if f.named.name == store && f.ctx.Err() == nil {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *follower) int { return cmp.Compare(a.number, b.number) })
	var out []wire.ConnectionReply
	for _, f := range found {
		filter := f.filter
		if filter == nil {
			filter = wire.AppendFilter(nil, nil) // what it follows is still to be said
		}
		out = append(out, wire.ConnectionReply{
			ConnectionID: f.id, ClientID: f.clientID, Transport: f.transport, System: f.system,
			ConnectedAt: wire.Time{Time: f.since}, IPAddress: f.remote, UserAgent: f.agent, Filter: filter, Where: f.where,
			GlobalPosition: nacre.Position(f.position.Load()), EventsSent: f.sent.Load(),
		})
	}
	return out
}

// end ends a client's connections to a store, named by the client's own name or by a connection's id.
func (fs *followers) end(store, client string, why error) (closed int) {
	fs.mu.Lock()
	var found []*follower
	for _, f := range fs.all {
		if f.named.name == store && (f.clientID == client || f.id == client) && f.ctx.Err() == nil {
			found = append(found, f)
		}
	}
	fs.mu.Unlock()
	for _, f := range found {
		f.cancel(why)
	}
	return len(found)
}

// listConnections answers GET …/websocket-connections.
func (s *Server) listConnections(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseConnections(values)
	if err != nil {
		return err
	}
	if err := x.grant.CheckUnconfined("the list of who follows the store"); err != nil {
		return err
	}
	all := s.followers.of(x.named.name)
	if p.ClientID != "" {
		all = slices.DeleteFunc(all, func(c wire.ConnectionReply) bool { return c.ClientID != p.ClientID })
	}
	from := min(p.Offset, len(all))
	to := min(from+p.Limit, len(all))
	total := int64(len(all))
	page := all[from:to]
	if page == nil {
		page = []wire.ConnectionReply{}
	}
	return x.answerWith(http.StatusOK, &wire.ConnectionsReply{
		Connections: page, TotalCount: len(all), EventStoreName: x.named.name,
		Pagination: wire.Pagination{Limit: p.Limit, Offset: p.Offset, Total: &total, HasMore: to < len(all)},
	})
}

// closeConnections answers DELETE …/websocket-connections/{clientId}.
func (s *Server) closeConnections(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	reason, err := wire.ParseReason(values)
	if err != nil {
		return err
	}
	if err := x.grant.CheckUnconfined("the ending of others' connections"); err != nil {
		return err
	}
	why := nacre.Errorf(nacre.CodeCanceled, "an operator ended the connection")
	if reason != "" {
		why = nacre.Errorf(nacre.CodeCanceled, "an operator ended the connection: %s", reason)
	}
	closed := s.followers.end(x.named.name, x.path.client, why)
	if closed == 0 {
		return nacre.Errorf(nacre.CodeNotFound, "no client %.128q follows the event store %q", x.path.client, x.named.name)
	}
	return x.answerWith(http.StatusOK, wire.ConnectionsClosedReply{
		Success: true, Closed: closed, Message: itoa(closed) + " connections of the client were ended",
	})
}
