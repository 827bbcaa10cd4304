package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// These tests are about a client that is late. They run in bubbles whose time goes on only while everybody waits, and
// over pipes: what is late there is late by its own doing, and not because the machine has other things to do.

// pipes is a listener whose connections have two ends in the same process, and no buffers.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.dialed <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Who idles for longer than a write may take stays, and who does not read is ended.
func TestSSEWriteTimeout(t *testing.T) {
	t.Parallel()
	secured, trusting := testTLS(t)
	for name, c := range map[string]struct {
		scheme string
		set    func(*http.Protocols)
		major  int
	}{
		"HTTP/1.1":          {"http", func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		"HTTP/1.1 over TLS": {"https", func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		"HTTP/2 over TLS":   {"https", func(p *http.Protocols) { p.SetHTTP2(true) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lines logged
				s, err := New(&Options{
					Backend: newMemory(), Logger: lines.logger(), WriteTimeout: 10 * time.Second, Heartbeat: time.Hour,
				})
				if err != nil {
					t.Fatal(err)
				}
				ln := newPipes()
				protocols := new(http.Protocols)
				c.set(protocols)
				web := &http.Server{Handler: s.Handler(), TLSConfig: secured.Clone(), Protocols: protocols}
				served := make(chan error, 1)
				go func() {
					if c.scheme == "https" {
						served <- web.ServeTLS(ln, "", "")
					} else {
						served <- web.Serve(ln)
					}
				}()
				transport := &http.Transport{DialContext: ln.dial, TLSClientConfig: trusting.Clone(), Protocols: protocols}
				client := &http.Client{Transport: transport}
				address := c.scheme + "://127.0.0.1" + logPath
				follow := func(query string) *stream {
					return listen(t, client, address+"/events"+query)
				}
				say := func(events string) {
					t.Helper()
					if r, err := fetch(t, client, "POST", address+"/streams/a-1", `{"events":[`+events+`]}`); err != nil || r.status != http.StatusCreated {
						t.Fatalf("%+v, %v", r, err)
					}
				}

				reads := follow("")
				if reads.reply.ProtoMajor != c.major {
					t.Errorf("the protocol is %s", reads.reply.Proto)
				}
				reads.caughtUp(0)
				time.Sleep(30 * time.Second)
				say(`{"type":"a","data":1}`)
				reads.events(1)
				reads.end()
				synctest.Wait()

				// HTTP/2 takes 4 MiB in before anybody reads.
				for range 10 {
					say(`{"type":"large","data":"` + strings.Repeat("x", 500_000) + `"}`)
				}
				follow("?type=large")
				time.Sleep(30 * time.Second)
				synctest.Wait()
				var reasons []string
				for line := range strings.Lines(lines.String()) {
					if _, reason, ended := strings.Cut(line, "reason="); ended && strings.Contains(line, "a follower ended") {
						reason, _, _ = strings.Cut(reason, " ")
						reasons = append(reasons, reason)
					}
				}
				same(t, reasons, []string{"left", "stalled"})

				transport.CloseIdleConnections()
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
				_ = web.Close()
				if err := <-served; !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// A write goes on as long as anything of it is read within the time-out, however long the whole takes.
func TestWriteGoesOnWhileItIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		s := newSocket(far, time.Second)
		defer s.Close()
		const size = 20
		go func() {
			var b [1]byte
			for range size + size/2 {
				time.Sleep(900 * time.Millisecond)
				if _, err := near.Read(b[:]); err != nil {
					t.Error(err)
				}
			}
		}()
		begun := time.Now()
		if n, err := s.Write(make([]byte, size)); n != size || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if took := time.Since(begun); took != size*900*time.Millisecond {
			t.Errorf("the bubble's time went on by %v", took)
		}
		if n, err := s.Write(make([]byte, size)); n != size/2 || !errors.Is(err, errStalled) {
			t.Errorf("of what is read by half: %d bytes, %v", n, err)
		}
	})
}
