package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	transportLive = "live"
	// maxLiveRows is how many rows the result of a live query has at most.
	maxLiveRows = 10_000
	// maxLiveNotice is how many bytes a notice has at most.
	maxLiveNotice = pageBytes
)

// liveQueries counts the live queries of the server.
type liveQueries struct {
	most int64
	open atomic.Int64
}

func newLiveQueries(s *Server) *liveQueries {
	l := &liveQueries{most: int64(s.o.MaxLiveQueries)}
	s.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nacre_live_queries", Help: "Queries whose results are followed now.",
	}, func() float64 { return float64(l.open.Load()) }))
	return l
}

// enter counts a query in. Each enter without an error has its leave.
func (l *liveQueries) enter() error {
	if n := l.open.Add(1); n > l.most {
		l.open.Add(-1)
		return nacre.Errorf(wire.CodeTooManyConnections, "%d queries are followed on this server, which is as many as it takes: end some, or try again", l.most)
	}
	return nil
}

func (l *liveQueries) leave() { l.open.Add(-1) }

// lastLimit is the limit of a query that has none: one row more than a result may have.
func lastLimit() (query.Operand, error) {
	q, err := query.Parse("LIMIT " + strconv.Itoa(maxLiveRows+1))
	if err != nil {
		return nil, err
	}
	return q.Limit, nil
}

// follow begins a live query. From here on the request may be over.
func (x *exchange) follow(ctx context.Context, request *wire.LiveSubscribe) (*entity.Live, error) {
	if err := x.checkCollection(request.Collection, "a query of the collection "+request.Collection); err != nil {
		return nil, err
	}
	db, err := x.entities() //nolint:contextcheck // the exchange has its own
	if err != nil {
		return nil, err
	}
	q, err := query.Parse(request.Q)
	if err == nil {
		q, err = query.Bind(q, query.Args{Positional: request.Args, Named: request.Named})
	}
	if err == nil {
		err = x.checkReferences(db, request.Collection, q) //nolint:contextcheck // as above
	}
	if err != nil {
		return nil, queryError("q", err)
	}
	if l, ok := q.Limit.(*query.Literal); !ok || l.Value.Int() > maxLiveRows {
		bounded := *q
		if bounded.Limit, err = lastLimit(); err != nil {
			return nil, err
		}
		q = &bounded
	}
	live, err := db.Follow(ctx, request.Collection, q, &entity.LiveOptions{
		Caller: x.caller(), MaxBytes: maxLiveNotice, MaxRows: maxLiveRows,
	})
	return live, queryError("q", err)
}

// liveResult counts a result, and tells what becomes of it.
type liveResult struct {
	rows  int
	again bool // the first notice is a reset
	begun bool
}

// tell is a notice as it is sent.
func (r *liveResult) tell(id int64, n *entity.Notice) ([]byte, error) {
	reply := wire.LiveNotice{ID: id, Position: n.Position, Reset: n.Reset || r.again && !r.begun}
	if reply.Reset || !r.begun {
		r.rows = 0
	}
	r.begun = true
	if n.Table != nil {
		reply.Columns, reply.Rows = tableReply(n.Table)
		r.rows = len(reply.Rows)
	} else {
		reply.Changes = make([]wire.LiveChange, len(n.Changes))
	}
	size := 0
	for i := range n.Changes {
		d := &n.Changes[i]
		c := wire.LiveChange{Kind: string(d.Kind), ID: d.ID, Index: d.Index}
		if d.Row != nil {
			c.Row = json.RawMessage(d.Row.State())
		}
		size += len(c.Row)
		switch d.Kind {
		case reactor.Initial, reactor.Add:
			r.rows++
		case reactor.Remove:
			r.rows--
		}
		reply.Changes[i] = c
	}
	if r.rows > maxLiveRows {
		return nil, nacre.Errorf(nacre.CodeTooLarge, "the result has more than %d rows: narrow it, or give it a LIMIT", maxLiveRows)
	}
	if size > maxLiveNotice {
		return nil, errLongNotice
	}
	body, err := wire.Encode(&reply)
	if err == nil && len(body) > maxLiveNotice {
		err = errLongNotice
	}
	return body, err
}

var errLongNotice = nacre.Errorf(nacre.CodeTooLarge, "the result has more than %d bytes: narrow it, give it a LIMIT, or name columns", maxLiveNotice)

// later is the exchange for when its request is over.
func (x *exchange) later() *exchange {
	return &exchange{s: x.s, grant: x.grant, named: x.named, store: x.store, route: x.route}
}

// addLive counts a connection with live queries in, among those that follow. Each has its dropLive.
func (fs *followers) addLive(n *namedStore) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.full(); err != nil {
		return err
	}
	fs.consumers++
	fs.shelf.retain(n)
	fs.metrics.followers.WithLabelValues(transportLive).Inc()
	return nil
}

func (fs *followers) dropLive(n *namedStore) {
	fs.mu.Lock()
	fs.consumers--
	fs.mu.Unlock()
	fs.metrics.followers.WithLabelValues(transportLive).Dec()
	fs.shelf.release(n)
}

// noteLive tells the log and the figures why a connection with live queries ended, and gives what the client is to be told: nil
// where there is nobody to tell.
func (x *exchange) noteLive(err error, out outlet, remote string) error {
	if x.named.ctx.Err() != nil && (nacre.CodeOf(err) == nacre.CodeClosed || nacre.CodeOf(err) == nacre.CodeCanceled) {
		err = context.Cause(x.named.ctx)
	}
	reason, level := strings.ToLower(string(nacre.CodeOf(err))), slog.LevelInfo
	switch {
	case errors.Is(err, errStalled):
		reason, level = "stalled", slog.LevelWarn
	case errors.Is(err, errLeft):
		reason, level = "left", slog.LevelDebug
	}
	x.s.followers.ended.WithLabelValues(transportLive, reason).Inc()
	x.s.log.Log(context.Background(), level, "a connection with live queries ended", "store", x.named.name, "who", x.grant.Who(),
		"remote", remote, "reason", reason, "error", err)
	if errors.Is(err, errStalled) || errors.Is(err, errLeft) || out.broken() {
		return nil
	}
	return err
}

// followQuery answers GET …/collections/{collection}/live.
func (s *Server) followQuery(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	request, err := wire.ParseLive(values, x.r.Header.Get(wire.HeaderLastEventID))
	if err != nil {
		return err
	}
	request.Collection = x.path.collection
	l := &liveStream{x: x.later(), result: liveResult{again: request.Again}, check: s.o.Access, remote: strings.Clone(x.r.RemoteAddr)}
	if err := l.begin(x.r.Context(), &request); err != nil {
		return err
	}
	x.following = true
	h := x.w.Header()
	h.Set("Content-Type", wire.TypeSSE)
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would keep notices back
	if x.r.Method == http.MethodHead {
		l.leave()
		return nil
	}
	out, own, err := s.takeReply(x)
	if err != nil {
		l.leave()
		return errClientGone
	}
	if own == nil {
		stop := context.AfterFunc(x.r.Context(), func() { l.cancel(errLeft) })
		defer stop()
		l.send(out)
		return nil
	}
	s.followers.running.Go(func() { l.cancel(own.drain()) })
	s.followers.running.Go(func() {
		l.send(out)
		_ = own.Close()
	})
	return nil
}

// liveStream is one live query over server-sent events.
type liveStream struct {
	x      *exchange // whose request is over
	live   *entity.Live
	result liveResult
	check  *access.Authenticator
	remote string
	ctx    context.Context //nolint:containedctx // the stream's own life
	cancel context.CancelCauseFunc
}

// begin counts the stream in. Each begin without an error has its leave.
func (l *liveStream) begin(ctx context.Context, request *wire.LiveSubscribe) error {
	s := l.x.s
	if err := s.followers.addLive(l.x.named); err != nil {
		return err
	}
	err := s.lives.enter()
	if err == nil {
		if l.live, err = l.x.follow(ctx, request); err != nil {
			s.lives.leave()
		}
	}
	if err != nil {
		s.followers.dropLive(l.x.named)
		return err
	}
	l.ctx, l.cancel = context.WithCancelCause(l.x.named.ctx)
	return nil
}

func (l *liveStream) leave() {
	l.cancel(nil)
	l.live.Close()
	l.x.s.lives.leave()
	l.x.s.followers.dropLive(l.x.named)
}

// send sends notices until the end, and tells the client why it is one.
func (l *liveStream) send(out outlet) {
	defer l.leave()
	stop := context.AfterFunc(l.ctx, out.interrupt)
	defer stop()
	err := l.run(out)
	out.interrupt()
	if err = l.x.noteLive(err, out, l.remote); err != nil {
		_, body := wire.FromError(err)
		_, _ = out.Write(wire.AppendSSEError(nil, body)) // whoever is gone needs no farewell
	}
}

func (l *liveStream) run(out outlet) error {
	frame := strconv.AppendInt([]byte("retry: "), reconnectAfter+rand.Int64N(reconnectAfter), 10)
	if _, err := out.Write(append(frame, "\n\n"...)); err != nil {
		return err
	}
	for {
		wait, stop := context.WithTimeout(l.ctx, l.x.s.o.Heartbeat)
		n, err := l.live.Next(wait)
		stop()
		switch {
		case l.ctx.Err() != nil:
			return context.Cause(l.ctx)
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return queryError("q", err)
		}
		if err := l.check.Recheck(l.x.grant); err != nil {
			return err
		}
		frame := []byte(wire.SSEComment)
		if n != nil {
			body, err := l.result.tell(0, n)
			if err != nil {
				return err
			}
			frame = wire.AppendSSEEvent(nil, wire.Cursor{Position: n.Position}, body)
		}
		if _, err := out.Write(frame); err != nil {
			return err
		}
	}
}
