package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// UnknownError is the error of an append that was sent and whose answer never came: it may or may not
// have taken place. Committing Batch again tells, and never writes twice, since its events have ids.
//
// Its code is CANCELED or DEADLINE_EXCEEDED where the context ended, DEADLINE_EXCEEDED where the server
// did not answer in time, STORE_CLOSED where the store was closed meanwhile, else INTERNAL.
type UnknownError struct {
	Code     nacre.Code
	Batch    []nacre.Append // what was sent; every event has an id
	Attempts int
	Err      error // what the last attempt came to
}

func (e *UnknownError) Error() string {
	times := "once"
	if e.Attempts > 1 {
		times = fmt.Sprintf("%d times", e.Attempts)
	}
	return fmt.Sprintf("nacre: events may or may not have been appended (sent %s): append the same ids again to know: %s",
		times, strings.TrimPrefix(e.Err.Error(), "nacre: "))
}

// Unwrap gives what the last attempt came to.
func (e *UnknownError) Unwrap() error { return e.Err }

// ErrorCode is what [nacre.CodeOf] finds.
func (e *UnknownError) ErrorCode() nacre.Code { return e.Code }

// failure is what an attempt came to that did not succeed.
type failure struct {
	err     error
	again   bool          // it may pass
	unknown bool          // the server may have done what was asked
	wait    time.Duration // what the server asks for
	tried   int           // after [log.repeat]: how many attempts there were
}

// broken is the failure of an attempt without a reply, or with one that broke off. limited is the
// attempt's own context below ctx.
func (p *peer) broken(ctx, limited context.Context, err error) *failure {
	if ended := ctx.Err(); ended != nil {
		return &failure{err: ended, unknown: true}
	}
	if limited.Err() != nil && errors.Is(context.Cause(limited), errSlow) {
		return &failure{again: true, unknown: true, err: nacre.Errorf(nacre.CodeDeadline,
			"%s did not answer within %v: it is busy, or something between drops what is sent", p.url, p.timeout)}
	}
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &untrusted):
		return &failure{err: nacre.Errorf(nacre.CodeInternal,
			"the certificate of %s is not trusted: give the certificate of who signed it in Options.TLS: %w", p.url, err)}
	case errors.As(err, &plain), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return &failure{err: nacre.Errorf(nacre.CodeInternal, "%s speaks no TLS: give its URL with http: %w", p.url, err)}
	case errors.As(err, &op) && op.Op == "remote error":
		return &failure{err: nacre.Errorf(nacre.CodeInternal,
			"%s refused the connection; it may want a certificate of the client's, in Options.TLS: %w", p.url, err)}
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return &failure{err: p.unreachable(op), again: true}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{again: true, unknown: true, err: nacre.Errorf(nacre.CodeInternal,
			"%s closed the connection before its answer was whole", p.url)}
	default:
		return &failure{again: true, unknown: true, err: nacre.Errorf(nacre.CodeInternal,
			"the connection to %s broke off: %w", p.url, err)}
	}
}

// unreachable is the error of a connection that did not come about.
func (p *peer) unreachable(op *net.OpError) error {
	var name *net.DNSError
	switch {
	case op.Op == "proxyconnect":
		return nacre.Errorf(nacre.CodeInternal, "the proxy on the way to %s cannot be reached: check HTTP_PROXY and HTTPS_PROXY: %w", p.url, op)
	case errors.Is(op, syscall.ECONNREFUSED) || strings.Contains(op.Error(), "refused"):
		return nacre.Errorf(nacre.CodeInternal, "nothing listens at %s: start a server with \"nacre serve\", or check the address: %w", p.url, op)
	case errors.As(op, &name) && name.IsNotFound:
		return nacre.Errorf(nacre.CodeInternal, "there is no host of the name in %s: check the address: %w", p.url, op)
	default:
		return nacre.Errorf(nacre.CodeInternal, "%s cannot be reached: %w", p.url, op)
	}
}

// maxErrorBody is the most that is read of an error's body.
const maxErrorBody = 1 << 20

// refused is the failure that a reply tells.
func (p *peer) refused(ctx, limited context.Context, resp *http.Response) *failure {
	status := resp.StatusCode
	if status/100 != 4 && status/100 != 5 {
		to := ""
		if place := resp.Header.Get("Location"); place != "" {
			to = fmt.Sprintf(" and points to %.200q: give that address", place)
		}
		return &failure{err: nacre.Errorf(nacre.CodeInternal, "%s answers with the status %d%s", p.url, status, to)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && ctx.Err() != nil {
		return p.broken(ctx, limited, err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxErrorBody) // for the connection's next use; what fails there is told there
	f := passing(status, wire.ParseError(status, body))
	if f.again {
		f.wait = max(f.wait, retryAfter(resp.Header))
	}
	return f
}

// passing says of an error that a server told whether it may pass, and whether what was asked may have
// been done all the same.
func passing(status int, err error) *failure {
	f := &failure{err: err}
	switch nacre.CodeOf(err) {
	case wire.CodeRateLimited:
		f.again = true
		if limited, ok := errors.AsType[*wire.RateLimitError](err); ok {
			f.wait = limited.RetryAfter
		}
	case wire.CodeShuttingDown, wire.CodeTooManyConnections, nacre.CodeLocked, nacre.CodeClosed:
		f.again = true // and nothing was done: a store finishes what it accepted before it closes
	case nacre.CodeFailed, nacre.CodeCanceled, nacre.CodeDeadline:
		f.again, f.unknown = true, true
	case nacre.CodeInternal:
		f.again, f.unknown = status == http.StatusBadGateway || status == http.StatusServiceUnavailable, true
	}
	return f
}

// retryAfter is what the header of this name asks for. A date counts from the reply's own.
func retryAfter(h http.Header) time.Duration {
	text := h.Get(wire.HeaderRetryAfter)
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(now))
}

// misfit is the error of a reply that no server of this project gives.
func (p *peer) misfit(format string, args ...any) *nacre.Error {
	return nacre.Errorf(nacre.CodeInternal, "the answer of %s "+format+": it may be no server of nacre, or one of another version",
		append([]any{p.url}, args...)...)
}
