package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nacredb/nacre/delivery"
)

const maxRetryAfter = 24 * time.Hour

// advice is what to do about an answer.
var advice = map[int]string{
	http.StatusBadRequest:            "look in the receiver's log",
	http.StatusUnauthorized:          "check config.headers, the secret that the receiver has, and that the clocks of both are right",
	http.StatusForbidden:             "check config.headers, the secret that the receiver has, and that the clocks of both are right",
	http.StatusNotFound:              "check config.url",
	http.StatusMethodNotAllowed:      "check config.url: it has to take POST",
	http.StatusRequestEntityTooLarge: "let the receiver take bodies of that size, or lower policy.batch",
	http.StatusUnsupportedMediaType:  "let the receiver take JSON, or change config.format",
	http.StatusTooManyRequests:       "lower policy.parallel if that goes on",
}

// judge tells whether an answer is a yes.
func (s *sender) judge(answer *http.Response, size int, now time.Time) error {
	status := answer.StatusCode
	if status >= 200 && status <= 299 {
		return nil
	}
	said := fmt.Sprintf("the receiver answered %d", status)
	if text := http.StatusText(status); text != "" {
		said += " " + text
	}
	if status == http.StatusGone {
		return &delivery.Failure{Gone: true, Err: errors.New(said + ": it wants no events any more; let it take them and resume the subscription, or delete it")}
	}
	switch todo := advice[status]; {
	case status >= 300 && status <= 399:
		said += s.redirected(answer)
	case status == http.StatusRequestEntityTooLarge:
		said += fmt.Sprintf(" to %d bytes: %s", size, todo)
	case todo != "":
		said += ": " + todo
	default:
		said += ": look in the receiver's log; only 200 to 299 is a yes"
	}
	// By these two, the receiver speaks of itself, and not of the request.
	busy := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	return &delivery.Failure{RetryAfter: retryAfter(answer.Header, now), Busy: busy, Err: errors.New(said)}
}

// redirected says why a redirect was not followed.
func (s *sender) redirected(answer *http.Response) string {
	to := printable([]byte(answer.Header.Get("Location")), 200)
	if to != "" {
		to = fmt.Sprintf(" to %q", to)
	}
	switch {
	case !s.config.FollowRedirects:
		return to + ", and redirects are not followed: change config.url, or set config.followRedirects"
	case answer.StatusCode == http.StatusTemporaryRedirect || answer.StatusCode == http.StatusPermanentRedirect:
		return " without an address to go to: let the receiver give a Location, or change config.url"
	}
	return to + ", which would lose the body: let the receiver redirect with 307 or 308, or change config.url"
}

// retryAfter is for how long a receiver wants to be left alone: seconds, or a date. A date is by the receiver's clock, and so
// counts from the answer's own, so that it does not matter which of the two clocks is wrong, or was set meanwhile.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseUint(value, 10, 64)
		if err != nil || seconds > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if told, err := http.ParseTime(header.Get("Date")); err == nil {
		now = told
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}

// explain says why there is no answer, and what to do. ctx is the caller's, attempt ends with the time-out.
func (s *sender) explain(ctx, attempt context.Context, req *http.Request, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the attempt was ended before there was an answer: %w", ctx.Err())
	}
	host := req.URL.Hostname()
	if e, is := errors.AsType[*url.Error](err); is {
		// Its text has the whole address, with what may be secret in it.
		if u, bad := url.Parse(e.URL); bad == nil {
			host = u.Hostname()
		}
		err = e.Err
	}
	host = printable([]byte(host), 253)
	if e, is := errors.AsType[*privateError](err); is {
		return fmt.Errorf("the receiver's host %q %w", host, e)
	}
	if e, is := errors.AsType[*redirectError](err); is {
		return e
	}
	if e, is := errors.AsType[*net.DNSError](err); is && !e.IsTimeout {
		return fmt.Errorf("the receiver's host %q does not resolve: check config.url, and the server's name service: %w", host, err)
	}
	dial := false
	if e, is := errors.AsType[*net.OpError](err); is {
		dial = e.Op == "dial"
	}
	switch {
	case attempt.Err() != nil && !dial:
		return fmt.Errorf("the receiver did not answer within %v: see that it can be reached and answers before it works on the event, or raise config.timeoutMs: %w",
			s.config.timeout(), context.DeadlineExceeded)
	case isTimeout(err):
		return fmt.Errorf("no connection to the receiver's host %q came about in time: see that it runs and that firewalls let the server through: %w",
			host, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at the receiver's host %q: start the receiver, or check config.url: %w", host, err)
	case errors.Is(err, http.ErrSchemeMismatch), isTLS[tls.RecordHeaderError](err):
		return fmt.Errorf("the receiver does not speak TLS: begin config.url with http://, or give the receiver a certificate: %w", err)
	case isTLS[*tls.CertificateVerificationError](err):
		return fmt.Errorf("the receiver's certificate is not accepted: mend it, or have the server trust who signed it: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the receiver closed the connection without an answer: look in its log: %w", err)
	}
	return fmt.Errorf("the receiver's answer cannot be used: look in its log: %w", printed(err))
}

func isTimeout(err error) bool {
	e, is := errors.AsType[net.Error](err)
	return is && e.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isTLS[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}

// printedError is an error whose text has what a receiver sent.
type printedError struct{ error }

func printed(err error) error { return printedError{err} }

func (e printedError) Error() string { return printable([]byte(e.error.Error()), answerKept) }

func (e printedError) Unwrap() error { return e.error }

// printable is a text for people: valid UTF-8 of at most limit bytes, with what is not printable escaped.
func printable(text []byte, limit int) string {
	var out []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		piece := text[:n]
		switch {
		case r == utf8.RuneError && n == 1 && !utf8.FullRune(text):
			piece = nil // the end of the text cut it in two
			n = len(text)
		case r == utf8.RuneError && n == 1:
			piece = utf8.AppendRune(nil, utf8.RuneError)
		case !unicode.IsPrint(r):
			quoted := strconv.QuoteRune(r)
			piece = []byte(quoted[1 : len(quoted)-1])
		}
		if len(out)+len(piece) > limit {
			break
		}
		out = append(out, piece...)
		text = text[n:]
	}
	return string(out)
}
