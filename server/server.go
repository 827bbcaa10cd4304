package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// DefaultStore is the name of the store that every server has from its start.
const DefaultStore = "default"

// Server answers for event stores. It is made by [New], and ended by [Server.Serve]'s context or by
// [Server.Close].
type Server struct {
	o       Options
	log     *slog.Logger
	shelf   *shelf
	table   *table
	metrics *metrics
	origins *origins
	// followers are those who follow a log; they outlive the requests that they came by.
	followers *followers
	lives     *liveQueries

	// stopping is set when nothing more is taken.
	stopping atomic.Bool
	gate     sync.RWMutex // stopping is set with it held, so that no request slips in behind
	inFlight sync.WaitGroup
	waking   sync.WaitGroup // the look at all stores
	asleep   context.CancelFunc
	closing  sync.Once
	closed   error
}

// New makes a server, and its default store where there is none. What it has opened, Close closes.
func New(o *Options) (*Server, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{o: options, log: options.Logger, table: newTable(newRoutes())}
	if s.origins, err = newOrigins(options.TrustedOrigins); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s)
	s.shelf = newShelf(&s.o, s.metrics)
	s.followers = newFollowers(s)
	s.lives = newLiveQueries(s)
	if err := s.openDefault(context.Background()); err != nil {
		return nil, errors.Join(err, s.shelf.end(context.Background(), errShuttingDown))
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.asleep = cancel
	s.waking.Go(func() { s.wakeAll(ctx) })
	return s, nil
}

// openDefault opens the default store, and makes it where it is not there.
func (s *Server) openDefault(ctx context.Context) error {
	n, err := s.shelf.acquire(ctx, DefaultStore)
	if nacre.CodeOf(err) == wire.CodeStoreNotFound {
		n, err = s.makeStore(ctx, &wire.StoreRequest{Name: DefaultStore})
	}
	if err != nil {
		return err
	}
	s.shelf.release(n)
	return nil
}

// Handler answers requests until [Server.Close].
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// errShuttingDown is what the server says once it takes nothing more.
var errShuttingDown = nacre.Errorf(wire.CodeShuttingDown, "the server is shutting down: it finishes what it accepted and takes nothing more")

// enter counts a request in; it is false once the server stops. Every enter that is true has its leave.
func (s *Server) enter() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.stopping.Load() {
		return false
	}
	s.inFlight.Add(1)
	return true
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, r: r, begun: s.o.Clock(), control: http.NewResponseController(w)}
	x.reply.ResponseWriter = w
	x.w = &x.reply
	w.Header()["X-Content-Type-Options"] = noSniff
	if id := r.Header[headerRequestID]; len(id) > 0 {
		w.Header()[headerRequestID] = []string{x.requestID()}
	}
	if r.ContentLength != 0 {
		x.awaitBody(x.bodyDeadline(0))
	}
	entered := s.enter()
	defer s.finish(x, entered) //nolint:contextcheck // the exchange has the request's
	route, err := s.table.find(r.URL.EscapedPath(), &x.path)
	x.route = route
	if err == nil {
		err = s.handle(x, entered) //nolint:contextcheck // the exchange has the request's
	}
	if err != nil {
		s.refuse(x, err)
	}
}

// handle finds what to do, asks whether it may be done, and does it.
func (s *Server) handle(x *exchange, entered bool) error {
	r := x.r
	if x.route == nil {
		return s.table.unknownRoute(r.URL.Path)
	}
	s.origins.allowReading(x)
	if r.Method == http.MethodOptions {
		s.origins.answerOptions(x)
		return nil
	}
	if x.action = x.route.action(r.Method); x.action == nil {
		x.w.Header().Set("Allow", x.route.allow)
		return wrongMethod(r.Method, x.route)
	}
	if x.action.permission == "" {
		return x.action.do(s, x)
	}
	if !entered {
		return errShuttingDown
	}
	if err := s.origins.check(x); err != nil {
		return err
	}
	if err := s.admit(x); err != nil {
		return err
	}
	if x.action.bare {
		return x.action.do(s, x)
	}
	named, err := s.shelf.acquire(r.Context(), x.path.store)
	if err != nil {
		return err
	}
	x.named, x.store = named, named.store
	defer s.shelf.release(named)
	if x.route.system {
		if x.store = named.store.System(); x.store == nil {
			return nacre.Errorf(nacre.CodeUnsupported, "the event store %q has no companion log", named.name)
		}
	}
	return x.action.do(s, x)
}

// admit knows who asks, and whether he may.
func (s *Server) admit(x *exchange) error {
	if s.o.Access.Open() {
		if err := s.checkHost(x.r.Host); err != nil {
			return err
		}
	}
	grant, err := s.o.Access.Authenticate(x.r, x.action.socket || x.r.Method == http.MethodGet && x.format() == formatSSE)
	if err != nil {
		return err
	}
	x.grant = grant
	if s.o.Limiter != nil {
		if ok, wait := s.o.Limiter.Allow(grant.Who()); !ok {
			return &wire.RateLimitError{RetryAfter: wait}
		}
	}
	if err := grant.Allows(x.action.permission, x.path.store); err != nil {
		another := func(p access.Permission) bool { return grant.Allows(p, x.path.store) == nil }
		if !slices.ContainsFunc(x.action.or, another) {
			return err
		}
	}
	if x.action.permission == access.Raw || x.action.permission == access.ManageStores {
		return grant.CheckUnconfined("what is there besides the events of streams")
	}
	return nil
}

// refuse turns an error into a reply: the one place where that is done.
func (s *Server) refuse(x *exchange, err error) {
	if errors.Is(err, errClientGone) {
		panic(http.ErrAbortHandler)
	}
	err = x.told(err)
	status, body := wire.FromError(err)
	s.note(x, status, err)
	if x.reply.status != 0 {
		panic(http.ErrAbortHandler) // what has begun must not look whole
	}
	h := x.w.Header()
	h[headerRequestID] = []string{x.requestID()}
	h.Del("Trailer")
	h["Content-Type"] = typeJSON
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		if challenge := s.o.Access.Challenge(err); challenge != "" {
			h.Set("WWW-Authenticate", challenge)
		}
	}
	switch nacre.CodeOf(err) {
	case wire.CodeRateLimited:
		if details := wire.BodyOf(err).Details; details != nil && details.RetryAfter > 0 {
			h.Set(wire.HeaderRetryAfter, strconv.FormatInt(details.RetryAfter, 10))
		}
	case wire.CodeShuttingDown, nacre.CodeTooLarge:
		h.Set("Connection", "close")
	}
	_ = x.send(status, body) // the client may be gone, and nobody else is to be told
}

// note tells the log of errors that are the server's, and remembers what they say of the store.
func (s *Server) note(x *exchange, status int, err error) {
	if x.named != nil {
		switch nacre.CodeOf(err) {
		case nacre.CodeDamaged, nacre.CodeFailed:
			s.metrics.broken(x.named.name)
		}
	}
	if status < 500 || status == http.StatusNotImplemented || nacre.CodeOf(err) == wire.CodeShuttingDown {
		return
	}
	s.log.Error("a request failed", "method", x.r.Method, "route", x.pattern(), "store", x.path.store,
		"request", x.requestID(), "status", status, "error", err)
}

// finish is the end of every request: panics, figures, the log of requests.
func (s *Server) finish(x *exchange, entered bool) {
	if entered {
		defer s.inFlight.Done()
	}
	problem := recover()
	if problem != nil && !aborted(problem) {
		s.log.Error("a handler panicked", "method", x.r.Method, "route", x.pattern(), "request", x.requestID(),
			"panic", problem, "stack", string(debug.Stack()))
		if x.reply.status == 0 {
			problem = nil
			s.answerPanic(x)
		} else {
			problem = http.ErrAbortHandler
		}
	}
	status := x.reply.status
	if status == 0 {
		status = http.StatusOK
		if problem != nil {
			status = wire.StatusCanceled
		}
	}
	s.metrics.request(x, status)
	if s.log.Enabled(x.r.Context(), slog.LevelDebug) {
		who := "nobody"
		if x.grant != nil {
			who = x.grant.Who()
		}
		s.log.Debug("request", "method", x.r.Method, "path", x.r.URL.Path, "status", status, "bytes", x.reply.bytes,
			"duration", s.o.Clock().Sub(x.begun), "who", who, "request", x.requestID(), "remote", x.r.RemoteAddr)
	}
	if problem != nil {
		panic(problem)
	}
}

func aborted(problem any) bool {
	err, ok := problem.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

func (s *Server) answerPanic(x *exchange) {
	defer func() { _ = recover() }() // a client that is gone
	s.refuse(x, nacre.Errorf(nacre.CodeInternal, "an error inside the server: its log has more"))
}

// pattern is the route as figures and logs name it.
func (x *exchange) pattern() string {
	if x.route == nil {
		return "unknown"
	}
	return x.route.pattern
}

func itoa(n int) string { return strconv.Itoa(n) }
