package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nacredb/nacre"
)

// stream is a reply that is read as it comes. It belongs to one goroutine.
type stream struct {
	l        *log
	outer    context.Context // the caller's
	ctx      context.Context // of the request; ends with outer, with the log, or when nothing comes
	cancel   context.CancelCauseFunc
	unhook   func() bool
	patience *time.Timer // ends ctx unless it is stopped in time
	resp     *http.Response
	err      error // of the body
}

// openStream sends a request whose reply is a stream. Unless it may take long to begin, that too is bounded
// by the time-out.
func (l *log) openStream(ctx context.Context, r *request, long bool) (*stream, *failure) {
	s := &stream{l: l, outer: ctx}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.unhook = context.AfterFunc(l.life, func() { s.cancel(errClosed) }) //nolint:contextcheck // closing the store ends it too
	s.patience = time.AfterFunc(l.peer.timeout, func() { s.cancel(errSlow) })
	if long {
		s.patience.Stop()
	}
	resp, err := l.peer.send(s.ctx, r) //nolint:bodyclose,contextcheck // the stream closes it, and its context
	if err != nil {
		defer s.free()
		return nil, s.broken(err)
	}
	s.resp = resp
	if resp.StatusCode != http.StatusOK {
		defer s.close()
		f := l.peer.refused(ctx, s.ctx, resp)
		if s.ctx.Err() != nil {
			f = s.broken(s.ctx.Err())
		}
		return nil, f
	}
	s.patience.Stop()
	return s, nil
}

// Read reads what has come, and waits for it at most as long as the time-out.
func (s *stream) Read(p []byte) (int, error) {
	s.patience.Reset(s.l.peer.timeout)
	n, err := s.resp.Body.Read(p)
	s.patience.Stop()
	s.err = err
	return n, err
}

// ended is the failure of a stream whose context has ended, though there may be more in its buffer.
func (s *stream) ended() *failure {
	if s.ctx.Err() == nil {
		return nil
	}
	return s.broken(s.ctx.Err())
}

// broken is the failure of a reply that did not come, or broke off.
func (s *stream) broken(err error) *failure {
	switch {
	case s.outer.Err() == nil && errors.Is(context.Cause(s.ctx), errClosed):
		return &failure{err: errClosed}
	case nacre.CodeOf(err) == nacre.CodeTooLarge:
		return &failure{err: err}
	}
	return s.l.peer.broken(s.outer, s.ctx, err)
}

// close frees the connection: for another request where the reply was read to its end.
func (s *stream) close() {
	_ = s.resp.Body.Close() // nothing more is wanted of it
	s.free()
}

func (s *stream) free() {
	s.patience.Stop()
	s.unhook()
	s.cancel(nil)
}
