package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/nacredb/nacre/wire"
)

// reconnectAfter is the least time after which a browser is told to come again, in milliseconds; up to twice
// as much, so that not all come at once.
const reconnectAfter = 1000

// followSSE answers GET …/events with Accept: text/event-stream.
func (s *Server) followSSE(x *exchange) error {
	f, err := s.prepareFollower(x, transportSSE, true)
	if err != nil {
		return err
	}
	if err := f.begin(x.r.Context()); err != nil {
		f.leave()
		return err
	}
	x.following = true
	h := x.w.Header()
	h.Set("Content-Type", wire.TypeSSE)
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	if x.r.Method == http.MethodHead {
		f.leave()
		return nil
	}
	out, own, err := s.takeReply(x)
	if err != nil {
		_ = f.note(errLeft, out) // there is nobody to tell
		f.leave()
		return errClientGone
	}
	if own == nil {
		stop := context.AfterFunc(x.r.Context(), func() { f.cancel(errLeft) })
		defer stop()
		f.sendEvents(out)
		return nil
	}
	f.owner.running.Add(2)
	go func() {
		defer f.owner.running.Done()
		f.cancel(own.drain())
	}()
	go func() {
		defer f.owner.running.Done()
		f.sendEvents(out)
		_ = own.Close()
	}()
	return nil
}

// prepareFollower reads what a request wants to follow, where that is said in it, and counts its follower in.
func (s *Server) prepareFollower(x *exchange, transport string, said bool) (*follower, error) {
	values, err := x.query()
	if err != nil {
		return nil, err
	}
	client, err := wire.ParseClientID(values)
	if err != nil {
		return nil, err
	}
	p, err := wire.ParseFollow(values, x.r.Header.Get(wire.HeaderLastEventID))
	if err != nil {
		return nil, err
	}
	var confined *within
	if said {
		if confined, err = x.confine(&p); err != nil {
			return nil, err
		}
	}
	f, err := s.enterFollower(x, transport, client)
	if err != nil {
		return nil, err
	}
	f.selects(p, confined)
	return f, nil
}

// takeReply begins the reply, on a connection that is the follower's own (and then own is not nil) or on
// net/http's.
func (s *Server) takeReply(x *exchange) (out outlet, own *socket, err error) {
	h := x.w.Header().Clone()
	h.Set("Connection", "close") // its end is the end of the connection
	h.Set("Date", s.o.Clock().UTC().Format(http.TimeFormat))
	own, _, err = takeOver(x.w, http.StatusOK, h, s.o.WriteTimeout)
	switch {
	case errors.Is(err, http.ErrNotSupported):
		_ = x.control.SetReadDeadline(time.Time{})
		return newReplySocket(x.w, s.o.WriteTimeout), nil, nil
	case err != nil:
		return gone{}, nil, err
	}
	x.reply.status = http.StatusOK
	return own, own, nil
}

// gone is the outlet to a client that has left.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errLeft }
func (gone) interrupt()                {}
func (gone) broken() bool              { return true }

// sendEvents follows until the end, tells the client why it is one, and counts the follower out.
func (f *follower) sendEvents(out outlet) {
	defer f.leave()
	stop := context.AfterFunc(f.ctx, out.interrupt)
	defer stop()
	to := &eventSink{out: out}
	defer to.frames.free()
	f.sink = to
	err := to.begin()
	if err == nil {
		err = f.run(f.ctx)
	}
	out.interrupt()
	if err = f.note(err, out); err != nil {
		_, body := wire.FromError(err)
		to.put(func(dst []byte) []byte { return wire.AppendSSEError(dst, body) })
		_ = to.flush() // whoever is gone needs no farewell
	}
}

// eventSink sends server-sent events.
type eventSink struct {
	out    outlet
	frames frames
}

func (s *eventSink) put(appendFrame func(dst []byte) []byte) {
	b := s.frames.bytes()
	*b = appendFrame(*b)
}

// begin tells the browser when to come again, and sends the reply's head where that is still to be done.
func (s *eventSink) begin() error {
	s.put(func(dst []byte) []byte {
		dst = strconv.AppendInt(append(dst, "retry: "...), reconnectAfter+rand.Int64N(reconnectAfter), 10)
		return append(dst, "\n\n"...)
	})
	return s.flush()
}

func (s *eventSink) event(c wire.Cursor, line []byte) error {
	b := s.frames.bytes()
	*b = wire.AppendSSEEvent(*b, c, line)
	return nil
}

func (s *eventSink) caughtUp(c wire.Cursor) error {
	b := s.frames.bytes()
	*b = wire.AppendSSECaughtUp(*b, c)
	return nil
}

// alive sends a comment; where events were passed over, with the new cursor, which a browser remembers without
// telling the page.
func (s *eventSink) alive(c wire.Cursor, moved, _ bool) error {
	b := s.frames.bytes()
	if !moved {
		*b = append(*b, wire.SSEComment...)
		return nil
	}
	*b = append(c.Append(append(*b, ":\nid: "...)), "\n\n"...)
	return nil
}

func (s *eventSink) buffered() int { return s.frames.len() }

func (s *eventSink) urgent() <-chan struct{} { return nil }

func (s *eventSink) flush() error {
	if s.frames.len() == 0 {
		return nil
	}
	defer s.frames.free()
	_, err := s.out.Write(*s.frames.bytes())
	return err
}
