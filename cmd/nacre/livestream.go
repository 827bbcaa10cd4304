package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
)

const (
	// silence is how long a server that sends a sign of life every 15 seconds, unless told otherwise, may say nothing before
	// the connection is taken for dead.
	silence = time.Minute
	// maxNotice is the most bytes of a notice: the first one has the whole result.
	maxNotice = 1 << 30
	// firstPause is the most that is waited before a connection is made again, longestPause what that grows to.
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
	// maxAddress is the most characters of a request's address: a server reads 64 KiB of a request's head.
	maxAddress = 60_000
)

// live follows a query by the server's route. Each connection begins with the whole result, and so, but for the first one, with a
// reset. Until the first notice has come, nothing is tried twice.
func (r *entityRoutes) live(ctx context.Context, collection string, q *queryRequest, trouble func(error)) iter.Seq2[*wire.LiveNotice, error] {
	return func(yield func(*wire.LiveNotice, error) bool) {
		text, err := q.whole()
		path := r.path(collection) + "/live?q=" + url.QueryEscape(text)
		if err == nil && len(path) > maxAddress {
			err = nacre.Errorf(nacre.CodeTooLarge, "the query is too long to be followed on a server: an address has at most %d bytes", maxAddress)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		begun, attempt := false, 0
		for {
			for n, e := range r.notices(ctx, path) {
				if err = e; err != nil {
					break
				}
				n.Reset = n.Reset || begun && attempt > 0
				begun, attempt = true, 0
				if !yield(n, nil) {
					return
				}
			}
			if !begun || ctx.Err() != nil || !passes(err) {
				yield(nil, pointed(err, text))
				return
			}
			if attempt == 0 {
				trouble(err)
			}
			pause(ctx, attempt)
			attempt++
		}
	}
}

// pause waits before another attempt, and tells whether there is to be one. The wait is random, so that those who were cut off
// together do not come back together.
func pause(ctx context.Context, attempt int) bool {
	select {
	case <-time.After(rand.N(min(longestPause, firstPause<<min(attempt, 10)))):
		return true
	case <-ctx.Done():
		return false
	}
}

// whole is the query with the values of its parameters in their places.
func (q *queryRequest) whole() (string, error) {
	if len(q.Args)+len(q.Named) == 0 {
		return q.Text, nil
	}
	parsed, err := query.Parse(q.Text)
	if err != nil {
		return "", err
	}
	args, err := q.values()
	if err != nil {
		return "", err
	}
	bound, err := query.Bind(parsed, args)
	if err != nil {
		return "", err
	}
	return bound.String(), nil
}

// passes tells whether a connection that ended so is to be made again.
func passes(err error) bool {
	if _, broken := errors.AsType[*brokenStream](err); broken {
		return true
	}
	switch nacre.CodeOf(err) {
	case wire.CodeRateLimited, wire.CodeShuttingDown, wire.CodeTooManyConnections, nacre.CodeLocked, nacre.CodeClosed, nacre.CodeFailed,
		nacre.CodeCanceled, nacre.CodeDeadline:
		return true
	}
	return false
}

// brokenStream is a connection that ended without a word of the server's.
type brokenStream struct{ err error }

func (e *brokenStream) Error() string         { return e.err.Error() }
func (e *brokenStream) Unwrap() error         { return e.err }
func (e *brokenStream) ErrorCode() nacre.Code { return nacre.CodeInternal }

// notices are those of one connection. They end with an error.
func (r *entityRoutes) notices(ctx context.Context, path string) iter.Seq2[*wire.LiveNotice, error] {
	return func(yield func(*wire.LiveNotice, error) bool) {
		alive, cancel := context.WithCancel(ctx)
		defer cancel()
		watchdog := time.AfterFunc(silence, cancel)
		defer watchdog.Stop()
		broken := func(err error) error {
			switch {
			case ctx.Err() != nil:
				return nacre.Errorf(nacre.CodeCanceled, "%w", ctx.Err())
			case alive.Err() != nil:
				return &brokenStream{nacre.Errorf(nacre.CodeInternal, "%s has said nothing for %v", r.url, silence)}
			case errors.Is(err, io.EOF):
				return &brokenStream{nacre.Errorf(nacre.CodeInternal, "%s closed the connection", r.url)}
			}
			return &brokenStream{nacre.Errorf(nacre.CodeInternal, "the connection to %s broke off: %w", r.url, err)}
		}
		resp, err := r.open(alive, path)
		if err != nil {
			yield(nil, broken(err))
			return
		}
		defer resp.Body.Close() //nolint:errcheck // it was read only
		if resp.StatusCode != http.StatusOK {
			body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
			if err != nil {
				yield(nil, broken(err))
				return
			}
			err = wire.ParseError(resp.StatusCode, body)
			if nacre.CodeOf(err) == nacre.CodeInternal && (resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusServiceUnavailable) {
				err = &brokenStream{err} // what stands before the server
			}
			yield(nil, err)
			return
		}
		frames := wire.NewSSEReader(resp.Body, maxNotice)
		frames.Touched = func() { watchdog.Reset(silence) }
		for {
			f, err := frames.Next()
			switch {
			case err != nil && nacre.CodeOf(err) != "":
				yield(nil, err)
				return
			case err != nil:
				yield(nil, broken(err))
				return
			case f.Kind == wire.FrameError:
				yield(nil, f.Err)
				return
			case f.Kind != wire.FrameEvent:
				continue
			}
			n := new(wire.LiveNotice)
			if err := wire.Decode(f.Line, n); err != nil {
				yield(nil, nacre.Errorf(nacre.CodeInternal, "what %s sends cannot be read: it may be a server of another version: %w", r.url, err))
				return
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// open asks for a stream.
func (a *asker) open(ctx context.Context, path string) (*http.Response, error) {
	req, err := a.prepare(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", wire.TypeSSE)
	return a.transport.RoundTrip(req)
}
