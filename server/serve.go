package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/nacredb/nacre"
)

// Serve answers on a listener until ctx ends, or the listener fails. Then it takes nothing more, finishes what
// it accepted, tells followers why they end, and closes the stores; what takes longer than
// [Options.StopTimeout] is cut off. The error is nil where ctx ended it and everything closed well.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	limited := &limitedListener{Listener: ln, most: int64(s.o.MaxConnections), plain: s.o.TLS == nil}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	hs := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.o.ReadHeaderTimeout,
		IdleTimeout:       s.o.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() {
		if s.o.TLS != nil {
			hs.TLSConfig = withProtocols(s.o.TLS)
			failed <- hs.ServeTLS(limited, "", "")
			return
		}
		failed <- hs.Serve(limited)
	}()
	var err error
	select {
	case err = <-failed:
		err = nacre.Errorf(nacre.CodeInternal, "the listener on %s failed: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.StopTimeout)
	defer cancel()
	s.stop()
	if e := hs.Shutdown(late); e != nil {
		s.log.Warn("requests were cut off, since they took longer than the stop waits", "timeout", s.o.StopTimeout)
		_ = hs.Close()
	}
	return errors.Join(err, s.Close(late))
}

// withProtocols says in the handshake that HTTP/2 is spoken, where the configuration does not.
func withProtocols(config *tls.Config) *tls.Config {
	config = config.Clone()
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config
}

// stop lets nothing in any more, and tells what goes on for long to end.
func (s *Server) stop() {
	s.gate.Lock()
	already := s.stopping.Swap(true)
	s.gate.Unlock()
	if !already {
		s.asleep()
		s.shelf.tell(errShuttingDown)
	}
}

// Close takes nothing more, waits for the requests that were accepted as long as ctx lasts, and closes the
// stores. Followers are told to end. A second Close gives what the first one gave.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.stop()
		done := make(chan struct{})
		go func() {
			s.inFlight.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-ctx.Done():
			s.closed = nacre.Errorf(nacre.CodeDeadline, "the server stopped while requests were under way: they were cut off")
		}
		s.followers.wait(ctx)
		s.waking.Wait()
		s.closed = errors.Join(s.closed, s.shelf.end(ctx, errShuttingDown))
	})
	return s.closed
}

// refusalTime is how long a connection that is one too many is kept to be told so.
const refusalTime = time.Second
