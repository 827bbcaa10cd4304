package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// maxSocketQueries is how many live queries a socket has at once.
const maxSocketQueries = 64

// followQueries answers GET …/live: live queries by messages.
func (s *Server) followQueries(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	if _, err := x.entities(); err != nil {
		return err
	}
	if err := s.followers.addLive(x.named); err != nil {
		return err
	}
	conn, out, err := s.upgrade(x)
	if err != nil {
		s.followers.dropLive(x.named)
		return err
	}
	x.following, x.reply.status = true, http.StatusSwitchingProtocols
	c := &liveSocket{
		x: x.later(), owner: s.followers, check: s.o.Access, conn: conn, out: out, remote: strings.Clone(x.r.RemoteAddr),
		messages: make(chan wire.LiveMessage), told: make(chan liveTold), pinged: make(chan bool, 1), queries: map[int64]*socketQuery{},
	}
	c.ctx, c.cancel = context.WithCancelCause(x.named.ctx)
	s.followers.running.Go(func() { hear(c.ctx, c.cancel, c.conn, c.messages, maxMessage, wire.DecodeLiveMessage) })
	s.followers.running.Go(c.serve)
	return nil
}

// liveSocket is a WebSocket with live queries: one goroutine listens, one serves, and one more waits for each query. A query
// is asked what has become of it when its last notice has gone out, and not before: what a client does not read waits in
// the query, as a difference.
type liveSocket struct {
	x      *exchange // whose request is over
	owner  *followers
	check  *access.Authenticator
	conn   *websocket.Conn
	out    *staged
	remote string

	ctx    context.Context //nolint:containedctx // the socket's own life
	cancel context.CancelCauseFunc

	messages chan wire.LiveMessage
	told     chan liveTold
	pinged   chan bool // whether the client answered
	pinging  bool
	queries  map[int64]*socketQuery
}

// socketQuery is a live query of a socket.
type socketQuery struct {
	id     int64
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing of it is left
	sent   chan struct{} // has one when the last notice has gone out
	result liveResult
}

// liveTold is what a query has to tell: a notice, or why it ends.
type liveTold struct {
	query  *socketQuery
	notice *entity.Notice
	err    error
}

// serve tells and answers until the end, and tells the client why it is one.
func (c *liveSocket) serve() {
	stop := context.AfterFunc(c.ctx, c.out.interrupt)
	defer stop()
	err := c.run()
	c.cancel(err)
	for _, q := range c.queries {
		<-q.done // they end with the context
	}
	if c.pinging {
		<-c.pinged
	}
	c.out.interrupt()
	if err = c.x.noteLive(err, c.out, c.remote); err != nil {
		_, body := wire.FromError(err)
		_ = c.conn.Write(context.Background(), websocket.MessageText, wire.AppendFrameError(nil, body)) // whoever is gone needs no farewell
		_ = c.out.straight()
		_ = c.conn.Close(closing(err))
	} else {
		_ = c.conn.CloseNow()
	}
	c.owner.dropLive(c.x.named)
}

func (c *liveSocket) run() error {
	beat := time.NewTicker(c.owner.o.Heartbeat)
	defer beat.Stop()
	for {
		if err := c.out.flush(); err != nil {
			return err
		}
		var err error
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-c.out.put:
			continue
		case <-beat.C:
			if err = c.check.Recheck(c.x.grant); err == nil {
				c.ping()
			}
		case alive := <-c.pinged:
			if c.pinging = false; !alive {
				return errStalled
			}
		case t := <-c.told:
			err = c.tell(&t)
		case m := <-c.messages:
			err = c.take(&m)
		}
		if err != nil {
			return err
		}
	}
}

// tell sends what a query has to tell. The next is asked for when it has gone out.
func (c *liveSocket) tell(t *liveTold) error {
	if err := c.check.Recheck(c.x.grant); err != nil {
		return err
	}
	q, err := t.query, t.err
	var body []byte
	if err == nil {
		body, err = q.result.tell(q.id, t.notice)
	}
	if err != nil {
		c.drop(q)
		return c.end(q.id, err)
	}
	if err := c.send(body); err != nil {
		return err
	}
	if err := c.out.flush(); err != nil {
		return err
	}
	q.sent <- struct{}{}
	return nil
}

// take does what a message says.
func (c *liveSocket) take(m *wire.LiveMessage) error {
	if err := c.check.Recheck(c.x.grant); err != nil {
		return err
	}
	switch {
	case m.Subscribe != nil:
		id := m.Subscribe.ID
		if c.queries[id] != nil {
			return &nacre.Error{Code: nacre.CodeInvalid, Field: "subscribe.id", Message: "is that of a query that goes on: give another one, or replace it"}
		}
		if len(c.queries) == maxSocketQueries {
			return c.end(id, nacre.Errorf(wire.CodeTooManyConnections,
				"the connection has %d queries, which is as many as it may have: unsubscribe some, or open another one", maxSocketQueries))
		}
		c.begin(m.Subscribe)
	case m.Replace != nil:
		q := c.queries[m.Replace.ID]
		if q == nil {
			return c.end(m.Replace.ID, nacre.Errorf(nacre.CodeNotFound, "there is no query of this id: it has ended, or never began"))
		}
		c.drop(q)
		m.Replace.Again = true
		c.begin(m.Replace)
	default:
		if q := c.queries[m.Unsubscribe]; q != nil {
			c.drop(q)
		}
		return c.reply(&wire.LiveEnd{ID: m.Unsubscribe, Unsubscribed: true})
	}
	return nil
}

// begin has a query followed.
func (c *liveSocket) begin(request *wire.LiveSubscribe) {
	ctx, cancel := context.WithCancel(c.ctx)
	q := &socketQuery{
		id: request.ID, cancel: cancel, done: make(chan struct{}), sent: make(chan struct{}, 1), result: liveResult{again: request.Again},
	}
	c.queries[q.id] = q
	c.owner.running.Go(func() {
		defer close(q.done)
		defer cancel()
		err := c.follow(ctx, q, request)
		select {
		case c.told <- liveTold{query: q, err: err}:
		case <-ctx.Done():
		}
	})
}

// follow hands a query's notices over, one after the other, until it ends.
func (c *liveSocket) follow(ctx context.Context, q *socketQuery, request *wire.LiveSubscribe) error {
	lives := c.x.s.lives
	if err := lives.enter(); err != nil {
		return err
	}
	defer lives.leave()
	live, err := c.x.follow(ctx, request)
	if err != nil {
		return err
	}
	defer live.Close()
	for {
		n, err := live.Next(ctx)
		if err != nil {
			return queryError("q", err)
		}
		select {
		case c.told <- liveTold{query: q, notice: n}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-q.sent:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop ends a query, and waits until nothing of it is left.
func (c *liveSocket) drop(q *socketQuery) {
	delete(c.queries, q.id)
	q.cancel()
	<-q.done
}

// end tells the client why a query has ended. What ends all of them ends the connection.
func (c *liveSocket) end(id int64, err error) error {
	if err = c.x.told(err); nacre.CodeOf(err) == nacre.CodeClosed || c.x.named.ctx.Err() != nil {
		return err
	}
	body := wire.BodyOf(err)
	if wire.Status(body.Code) == http.StatusInternalServerError {
		c.x.s.log.Error("a live query failed", "store", c.x.named.name, "error", err)
	}
	return c.reply(&wire.LiveEnd{ID: id, Error: &body})
}

func (c *liveSocket) reply(message any) error {
	body, err := wire.Encode(message)
	if err != nil {
		return err
	}
	return c.send(body)
}

func (c *liveSocket) send(body []byte) error {
	if err := c.conn.Write(context.Background(), websocket.MessageText, body); err != nil {
		return errLeft
	}
	return nil
}

// ping asks whether the client is there, beside what else is sent.
func (c *liveSocket) ping() {
	if c.pinging {
		return
	}
	c.pinging = true
	c.owner.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.owner.pingWithin)
		defer cancel()
		err := c.conn.Ping(ctx)
		c.pinged <- err == nil || c.ctx.Err() != nil
	})
}
