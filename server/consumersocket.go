package server

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

const (
	transportConsumer = "consumer"
	// maxConsumerMessage is the largest message that a consumer may send: what answers for as many deliveries as one may.
	maxConsumerMessage = 1 << 20
)

// consumeWebSocket answers GET …/ws: polls and acks by messages.
func (s *Server) consumeWebSocket(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	who, err := wire.ParseConsumer(values)
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	// A kind that has no consumers is refused before the connection is another one.
	if err := hub.Leave(x.r.Context(), x.path.runner, ""); err != nil {
		return err
	}
	if err := s.followers.addConsumer(x.named); err != nil {
		return err
	}
	conn, out, err := s.upgrade(x)
	if err != nil {
		s.followers.dropConsumer(x.named)
		return err
	}
	conn.SetReadLimit(maxConsumerMessage)
	x.following, x.reply.status = true, http.StatusSwitchingProtocols
	c := &consumerSocket{
		owner: s.followers, named: x.named, hub: hub, group: strings.Clone(x.path.runner), who: strings.Clone(who), grant: x.grant,
		check: s.o.Access, conn: conn, out: out, remote: strings.Clone(x.r.RemoteAddr),
		messages: make(chan wire.ConsumerMessage), polled: make(chan polled, 1), pinged: make(chan bool, 1),
		held: map[string]struct{}{},
	}
	c.ctx, c.cancel = context.WithCancelCause(x.named.ctx)
	s.followers.running.Go(func() { hear(c.ctx, c.cancel, c.conn, c.messages, maxConsumerMessage, wire.DecodeConsumerMessage) })
	s.followers.running.Go(c.serve)
	return nil
}

// addConsumer counts a consumer's socket in, among those that follow. Each has its dropConsumer.
func (fs *followers) addConsumer(n *namedStore) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.full(); err != nil {
		return err
	}
	fs.consumers++
	fs.shelf.retain(n)
	fs.metrics.followers.WithLabelValues(transportConsumer).Inc()
	return nil
}

func (fs *followers) dropConsumer(n *namedStore) {
	fs.mu.Lock()
	fs.consumers--
	fs.mu.Unlock()
	fs.metrics.followers.WithLabelValues(transportConsumer).Dec()
	fs.shelf.release(n)
}

// consumerSocket is a consumer of a group over a WebSocket: one goroutine listens, one serves, and one more waits for
// events while a poll does.
type consumerSocket struct {
	owner      *followers
	named      *namedStore
	hub        *delivery.Hub
	group, who string
	grant      *access.Grant
	check      *access.Authenticator
	conn       *websocket.Conn
	out        *staged
	remote     string

	ctx    context.Context //nolint:containedctx // the socket's own life
	cancel context.CancelCauseFunc

	messages chan wire.ConsumerMessage
	polled   chan polled
	pinged   chan bool // whether the client answered
	polling  bool
	pinging  bool
	// held are the deliveries that went out here and are not answered for. When there are crowd of them, those are dropped
	// that nobody awaits any more.
	held  map[string]struct{}
	crowd int
}

// leastCrowd is how many deliveries are held before it is asked which of them are awaited.
const leastCrowd = 1_000

// polled is what a poll came to.
type polled struct {
	list []consumer.Delivery
	err  error
}

var errSecondPoll = &nacre.Error{Code: nacre.CodeInvalid, Field: "poll", Message: "stands before the answer to the one before: send one at a time"}

// serve answers until the end, and tells the client why it is one.
func (c *consumerSocket) serve() {
	stop := context.AfterFunc(c.ctx, c.out.interrupt)
	defer stop()
	err := c.run()
	c.cancel(err)
	if c.polling { // it ends with the context
		late := <-c.polled
		c.hold(late.list)
	}
	if c.pinging {
		<-c.pinged
	}
	// Others get at once what went out here, also where nobody could tell that it did not arrive; but not what a consumer of
	// this name has by another connection, which came after this one broke off perhaps. A hub that is closed has forgotten all.
	if c.who != "" {
		_ = c.hub.Return(c.group, slices.Collect(maps.Keys(c.held)))
		_ = c.hub.Forget(c.group, c.who)
	}
	c.out.interrupt()
	if err = c.note(err); err != nil {
		_, body := wire.FromError(err)
		_ = c.conn.Write(context.Background(), websocket.MessageText, wire.AppendFrameError(nil, body)) // whoever is gone needs no farewell
		_ = c.out.straight()
		_ = c.conn.Close(closing(err))
	} else {
		_ = c.conn.CloseNow()
	}
	c.owner.dropConsumer(c.named)
}

// note tells the log why a consumer ended, and gives what the client is to be told: nil where there is nobody to tell.
func (c *consumerSocket) note(err error) error {
	if c.named.ctx.Err() != nil && (nacre.CodeOf(err) == nacre.CodeClosed || nacre.CodeOf(err) == nacre.CodeCanceled) {
		err = context.Cause(c.named.ctx)
	}
	reason, level := strings.ToLower(string(nacre.CodeOf(err))), slog.LevelInfo
	switch {
	case errors.Is(err, errStalled):
		reason, level = "stalled", slog.LevelWarn
	case errors.Is(err, errLeft):
		reason, level = "left", slog.LevelDebug
	}
	c.owner.ended.WithLabelValues(transportConsumer, reason).Inc()
	c.owner.o.Logger.Log(context.Background(), level, "a consumer's socket ended", "store", c.named.name, "subscription", c.group,
		"consumer", c.who, "remote", c.remote, "reason", reason, "error", err)
	if errors.Is(err, errStalled) || errors.Is(err, errLeft) || c.out.broken() {
		return nil
	}
	return err
}

func (c *consumerSocket) run() error {
	beat := time.NewTicker(c.owner.o.Heartbeat)
	defer beat.Stop()
	for {
		if err := c.out.flush(); err != nil {
			return err
		}
		var reply []byte
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-c.out.put:
			continue
		case <-beat.C:
			if err := c.check.Recheck(c.grant); err != nil {
				return err
			}
			c.ping()
			continue
		case alive := <-c.pinged:
			if c.pinging = false; !alive {
				return errStalled
			}
			continue
		case p := <-c.polled:
			c.polling = false
			c.hold(p.list)
			if p.err == nil {
				p.err = c.check.Recheck(c.grant)
			}
			if p.err == nil {
				p.err = beyond(c.grant, p.list)
			}
			if p.err != nil {
				return p.err
			}
			reply = appendDeliveries(nil, p.list)
		case m := <-c.messages:
			var err error
			if reply, err = c.answer(&m); err != nil {
				return err
			}
		}
		if reply == nil {
			continue
		}
		if err := c.conn.Write(context.Background(), websocket.MessageText, reply); err != nil {
			return errLeft
		}
	}
}

// answer answers a message; nil is an answer that comes later.
func (c *consumerSocket) answer(m *wire.ConsumerMessage) ([]byte, error) {
	if err := c.check.Recheck(c.grant); err != nil {
		return nil, err
	}
	if m.Ack != nil {
		if err := c.is(m.Ack.Consumer, "consumer"); err != nil {
			return nil, err
		}
		m.Ack.Consumer = c.who
		out, err := ack(c.ctx, c.hub, c.group, m.Ack)
		if err != nil {
			return nil, err
		}
		for _, id := range m.Ack.Ack {
			delete(c.held, id)
		}
		for i := range m.Ack.Nack {
			delete(c.held, m.Ack.Nack[i].DeliveryID)
		}
		return wire.Encode(&out)
	}
	if c.polling {
		return nil, errSecondPoll
	}
	if err := c.is(m.Poll.Consumer, "poll.consumer"); err != nil {
		return nil, err
	}
	if c.who == "" {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "poll.consumer", Message: "is missing: give it in the first message, or as a parameter"}
	}
	if err := c.mayPoll(); err != nil {
		return nil, err
	}
	c.polling = true
	request := pollOf(m.Poll, c.who)
	c.owner.running.Go(func() {
		list, err := c.hub.Poll(c.ctx, c.group, request)
		c.polled <- polled{list, err}
	})
	return nil, nil
}

// hold remembers deliveries that are to be answered for.
func (c *consumerSocket) hold(list []consumer.Delivery) {
	if len(c.held) >= max(c.crowd, leastCrowd) {
		awaited, _ := c.hub.Awaited(c.group, slices.Collect(maps.Keys(c.held))) // none, where the group is no more
		clear(c.held)
		for _, id := range awaited {
			c.held[id] = struct{}{}
		}
		c.crowd = 2 * len(awaited)
	}
	for i := range list {
		c.held[list[i].ID] = struct{}{}
	}
}

// mayPoll refuses a grant beyond whose streams the group's filter has been changed to reach.
func (c *consumerSocket) mayPoll() error {
	filter, err := c.hub.Filter(c.group)
	if err != nil {
		return err
	}
	return c.named.maySubscribe(c.ctx, c.grant, filter)
}

// is takes the consumer's name where it has none yet, and refuses another one.
func (c *consumerSocket) is(who, field string) error {
	switch {
	case who == "" || who == c.who:
	case c.who == "":
		c.who = who
	default:
		return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: "is another one than before: open a connection for each consumer"}
	}
	return nil
}

// ping asks whether the client is there, beside what else is sent.
func (c *consumerSocket) ping() {
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
