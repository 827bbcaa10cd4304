package client_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
)

// step is what a script does with one request.
type step func(s *script, r *http.Request) (*http.Response, error)

// script is a transport that follows a list of steps, one a request, and passes on what comes behind it.
type script struct {
	to http.RoundTripper // a server's; nil where every request has a step

	mu    sync.Mutex
	steps []step
	asked []string // method and path with parameters, of every request
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	next := pass
	if len(s.steps) > 0 {
		next, s.steps = s.steps[0], s.steps[1:]
	}
	s.mu.Unlock()
	resp, err := next(s, r)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return resp, err
}

func (s *script) then(steps ...step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps, s.asked = steps, nil
}

func (s *script) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

// pass lets the server answer.
func pass(s *script, r *http.Request) (*http.Response, error) {
	if s.to == nil {
		return nil, errors.New("the script has ended")
	}
	return s.to.RoundTrip(r)
}

// lose lets the server do what is asked, and loses its answer.
func lose(s *script, r *http.Request) (*http.Response, error) {
	resp, err := s.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return nil, io.ErrUnexpectedEOF
}

// drop loses a request on its way.
func drop(*script, *http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }

// refuse is a port on which nothing listens.
func refuse(*script, *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// hang never answers.
func hang(_ *script, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// answer is a reply without a server. Headers are "Name: value"; those with a "+" in front are trailers.
func answer(status int, body string, headers ...string) step {
	return func(_ *script, r *http.Request) (*http.Response, error) {
		resp := &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{}, Trailer: http.Header{}, ContentLength: -1, TransferEncoding: []string{"chunked"},
			Body: io.NopCloser(strings.NewReader(body)),
		}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			if trailer, ok := strings.CutPrefix(name, "+"); ok {
				resp.Trailer.Set(trailer, value)
			} else {
				resp.Header.Set(name, value)
			}
		}
		return resp, nil
	}
}

// scripted opens a store of a server in memory, behind a script.
func scripted(t *testing.T, o client.Options) (*nacre.Store, *script) {
	t.Helper()
	to := &http.Transport{}
	t.Cleanup(to.CloseIdleConnections)
	s := &script{to: to}
	o.Transport = s
	return open(t, serve(t, "").url, client.Hurried(o)), s
}

// alone opens a store of no server: every request has a step.
func alone(t *testing.T, o client.Options, steps ...step) (*nacre.Store, *script) {
	t.Helper()
	s := &script{steps: steps}
	o.Transport = s
	return open(t, "http://server.example:4321", &o), s
}

func expectCode(t *testing.T, what string, err error, want nacre.Code) {
	t.Helper()
	if got := nacre.CodeOf(err); got != want {
		t.Errorf("%s: the code %q, want %q: %v", what, got, want, err)
	}
}
