package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

const (
	// maxMessage is the largest message that a client may send.
	maxMessage = 64 << 10
	// maxAnswers bounds what waits to go out to a client when it wants its pings answered.
	maxAnswers = 64 << 10
	// missedPings is how many heartbeats may pass until a ping is answered.
	missedPings = 4
	// maxCloseReason is what a close frame has room for.
	maxCloseReason = 123
)

// followWebSocket answers GET …/events/ws.
func (s *Server) followWebSocket(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	// What is followed is said in the address, or else in the first message.
	said := x.r.Header.Get(wire.HeaderLastEventID) != ""
	for name := range values {
		said = said || name != wire.ParamClientID
	}
	f, err := s.prepareFollower(x, transportWebSocket, said)
	if err != nil {
		return err
	}
	if said {
		err = f.begin(x.r.Context())
	}
	var conn *websocket.Conn
	var out *staged
	if err == nil {
		conn, out, err = s.upgrade(x)
	}
	if err != nil {
		f.leave()
		return err
	}
	x.following, x.reply.status = true, http.StatusSwitchingProtocols
	w := &socketFollower{follower: f, conn: conn, out: out, said: said, confine: narrowing(x), subscribed: make(chan wire.ReadParams, 1)}
	f.owner.running.Add(2)
	go func() {
		defer f.owner.running.Done()
		w.listen()
	}()
	go func() {
		defer f.owner.running.Done()
		w.send(s.o.ReadTimeout)
	}()
	return nil
}

// narrowing is the exchange's confine for when the exchange is over.
func narrowing(x *exchange) func(*wire.ReadParams) (*within, error) {
	later := &exchange{grant: x.grant, named: x.named, route: x.route}
	return later.confine
}

// upgrade makes a WebSocket of the request's connection.
func (s *Server) upgrade(x *exchange) (*websocket.Conn, *staged, error) {
	if !strings.EqualFold(x.r.Header.Get("Upgrade"), "websocket") {
		x.w.Header().Set("Upgrade", "websocket")
		return nil, nil, &nacre.Error{
			Code: nacre.CodeInvalid, Field: "Upgrade",
			Message: "is not given, and this address is for WebSockets: " + x.action.instead,
		}
	}
	u := &upgrade{w: x.w, header: x.w.Header().Clone(), timeout: s.o.WriteTimeout}
	conn, err := websocket.Accept(u, x.r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // origins are looked at before any handler is called
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     func(context.Context, []byte) bool { return u.out.buffered() < maxAnswers },
	})
	switch {
	case errors.Is(err, http.ErrNotSupported):
		return nil, nil, nacre.Errorf(nacre.CodeUnsupported, "a WebSocket needs a connection of its own: HTTP/1.1")
	case errors.Is(err, errLeft):
		return nil, nil, errClientGone
	case err != nil:
		return nil, nil, &nacre.Error{
			Code: nacre.CodeInvalid, Field: "Upgrade", Message: "is no WebSocket's handshake: " + strings.TrimSpace(u.text.String()),
		}
	}
	conn.SetReadLimit(maxMessage)
	return conn, u.out, nil
}

// upgrade is the http.ResponseWriter of a handshake: it sends the reply itself, and gives the library a
// connection that never blocks, with small buffers.
type upgrade struct {
	w       http.ResponseWriter
	header  http.Header
	timeout time.Duration
	text    bytes.Buffer // what was answered instead
	out     *staged
}

// Header implements http.ResponseWriter.
func (u *upgrade) Header() http.Header { return u.header }

// WriteHeader implements http.ResponseWriter.
func (u *upgrade) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (u *upgrade) Write(p []byte) (int, error) { return u.text.Write(p) }

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s, ahead, err := takeOver(u.w, http.StatusSwitchingProtocols, u.header, u.timeout)
	if err != nil {
		return nil, nil, err
	}
	u.out = newStaged(s, ahead)
	u.w = nil // it would keep all that net/http has for a request
	return u.out, bufio.NewReadWriter(bufio.NewReaderSize(u.out, smallBuffer), bufio.NewWriterSize(u.out, smallBuffer)), nil
}

// socketFollower is a follower over a WebSocket: one goroutine listens, one sends.
type socketFollower struct {
	*follower
	conn       *websocket.Conn
	out        *staged
	confine    func(*wire.ReadParams) (*within, error)
	said       bool // what is followed was said in the address
	subscribed chan wire.ReadParams
}

var errSubscribedTwice = nacre.Errorf(nacre.CodeInvalid,
	"a connection has one subscription and takes no more messages: close it to unsubscribe, open another one to follow something else")

// listen reads what the client says, until it leaves.
func (w *socketFollower) listen() {
	waiting := !w.said
	for {
		kind, message, err := w.conn.Read(context.Background())
		switch {
		case errors.Is(err, websocket.ErrMessageTooBig):
			err = nacre.Errorf(nacre.CodeTooLarge, "a message has more than %d bytes", maxMessage)
		case err != nil:
			err = errLeft
		case kind != websocket.MessageText:
			err = nacre.Errorf(nacre.CodeInvalid, "a message is binary, and must be text")
		case !waiting:
			err = errSubscribedTwice
		default:
			var p wire.ReadParams
			if p, err = wire.DecodeSubscribe(message); err == nil {
				waiting = false
				w.subscribed <- p
				continue
			}
		}
		w.cancel(err)
		if errors.Is(err, errLeft) || nacre.CodeOf(err) == nacre.CodeTooLarge {
			return
		}
		// The farewell is answered: somebody has to read it.
		waiting = false
	}
}

// send follows until the end, tells the client why it is one, and counts the follower out.
func (w *socketFollower) send(patience time.Duration) {
	stop := context.AfterFunc(w.ctx, w.out.interrupt)
	defer stop()
	to := &messageSink{w: w}
	w.sink = to
	err := w.subscribe(patience)
	if err == nil {
		err = w.run(w.ctx)
	}
	w.out.interrupt()
	if err = w.note(err, w.out); err != nil {
		_, body := wire.FromError(err)
		b := to.scratch.bytes()
		*b = wire.AppendFrameError((*b)[:0], body)
		_ = w.conn.Write(context.Background(), websocket.MessageText, *b) // whoever is gone needs no farewell
		_ = w.out.straight()
	}
	to.scratch.free()
	w.leave()
	if err == nil {
		_ = w.conn.CloseNow()
		return
	}
	_ = w.conn.Close(closing(err))
}

// subscribe waits for the first message, where the address did not say what is followed.
func (w *socketFollower) subscribe(patience time.Duration) error {
	if w.said {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case p := <-w.subscribed:
			confined, err := w.confine(&p)
			if err != nil {
				return err
			}
			w.selects(p, confined)
			return w.begin(w.ctx)
		case <-w.out.put:
			if err := w.out.flush(); err != nil {
				return err
			}
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		case <-timer.C:
			return nacre.Errorf(nacre.CodeDeadline, `no message said what to follow within %v: send {"action":"subscribe"} with a filter, or give it as parameters`, patience)
		}
	}
}

// closing is the status of the close frame that an error ends with: 1001 where the server stops, 1009 and 1011
// as the protocol has them, else 4000 more than the status of the error over HTTP.
func closing(err error) (websocket.StatusCode, string) {
	b := wire.BodyOf(err)
	status := websocket.StatusCode(4000 + wire.Status(b.Code))
	switch {
	case b.Code == wire.CodeShuttingDown:
		status = websocket.StatusGoingAway
	case b.Code == nacre.CodeTooLarge:
		status = websocket.StatusMessageTooBig
	case wire.Status(b.Code) == http.StatusInternalServerError:
		status = websocket.StatusInternalError
	}
	reason := string(b.Code) + ": " + b.Message
	if len(reason) > maxCloseReason {
		reason = reason[:maxCloseReason]
		for !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	return status, reason
}

// messageSink sends messages of a WebSocket.
type messageSink struct {
	w       *socketFollower
	scratch frames
	pinging atomic.Bool
}

func (s *messageSink) put(message []byte) error {
	if err := s.w.conn.Write(context.Background(), websocket.MessageText, message); err != nil {
		return errLeft
	}
	return nil
}

func (s *messageSink) event(_ wire.Cursor, line []byte) error {
	b := s.scratch.bytes()
	*b = wire.AppendFrameEvent((*b)[:0], line)
	return s.put(*b)
}

func (s *messageSink) caughtUp(c wire.Cursor) error {
	b := s.scratch.bytes()
	*b = wire.AppendFrameCaughtUp((*b)[:0], c)
	return s.put(*b)
}

// alive sends a ping; where events were passed over up to the end, the new cursor too.
func (s *messageSink) alive(c wire.Cursor, moved, atEnd bool) error {
	if !s.pinging.Swap(true) {
		s.w.owner.running.Go(s.ping)
	}
	if moved && atEnd {
		return s.caughtUp(c)
	}
	return nil
}

// ping waits for the answer beside the follower.
func (s *messageSink) ping() {
	defer s.pinging.Store(false)
	ctx, cancel := context.WithTimeout(s.w.ctx, s.w.owner.pingWithin)
	defer cancel()
	if err := s.w.conn.Ping(ctx); err != nil && s.w.ctx.Err() == nil {
		s.w.cancel(errStalled)
	}
}

func (s *messageSink) buffered() int { return s.w.out.buffered() }

func (s *messageSink) urgent() <-chan struct{} { return s.w.out.put }

func (s *messageSink) flush() error {
	s.scratch.free()
	return s.w.out.flush()
}
