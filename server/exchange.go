package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// exchange is a request with its reply: what a handler works on. It belongs to the request's goroutine.
type exchange struct {
	s      *Server
	w      http.ResponseWriter // counts; its Unwrap gives the server's own
	r      *http.Request
	route  *route
	action *action
	path   params
	grant  *access.Grant // nil on routes that ask for no permission

	// Where the route is a store's.
	named *namedStore
	store *nacre.Store // the store's log, or its companion log

	control   *http.ResponseController
	reply     recorder
	begun     time.Time
	bodyBegun time.Time // when the body began to be waited for, in the machine's time; zero where there is none
	id        string    // of the request, "" as long as nobody asked
	following bool      // the reply has no end of its own: its duration is no figure
}

// recorder counts what goes out.
type recorder struct {
	http.ResponseWriter
	status int // 0 as long as nothing has gone out
	bytes  int64
}

// Unwrap is for http.ResponseController and for who takes over the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Values of headers that many replies share; net/http only reads them.
var (
	typeJSON    = []string{wire.TypeJSON}
	typeNDJSON  = []string{wire.TypeNDJSON}
	noSniff     = []string{"nosniff"}
	endTrailers = []string{wire.TrailerEnd + ", " + wire.TrailerError}
)

// context ends with the request, and when the store is about to go: for what takes long. Its cause says why;
// see [exchange.told]. The function frees it.
func (x *exchange) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(x.r.Context())
	stop := context.AfterFunc(x.named.ctx, func() { cancel(context.Cause(x.named.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// asked is the request's context, and the store's where the request is over.
func (x *exchange) asked() context.Context {
	if x.r == nil {
		return x.named.ctx
	}
	return x.r.Context()
}

// told gives the reason for which a context of [exchange.context] ended, where err only says that it did, and
// why a store was closed.
func (x *exchange) told(err error) error {
	switch nacre.CodeOf(err) {
	case nacre.CodeCanceled, nacre.CodeClosed:
		if x.named != nil && x.named.ctx.Err() != nil {
			if cause := context.Cause(x.named.ctx); nacre.CodeOf(cause) != nacre.CodeCanceled {
				return cause
			}
		}
	}
	return err
}

// query gives the parameters, without those that are credentials.
func (x *exchange) query() (url.Values, error) {
	if x.r.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, &nacre.Error{
			Code: nacre.CodeInvalid, Field: "parameters", Message: "cannot be read: " + strings.TrimPrefix(err.Error(), "invalid "),
		}
	}
	delete(values, access.ParameterKey)
	delete(values, access.ParameterToken)
	return values, nil
}

// noQuery refuses all parameters.
func (x *exchange) noQuery() error {
	values, err := x.query()
	if err != nil || len(values) == 0 {
		return err
	}
	return wire.ParseNone(values)
}

// progress gives the client another WriteTimeout to read what is sent: called before each write of a reply
// that has many.
func (x *exchange) progress() {
	// Where the connection has no deadlines, there is nothing to move.
	_ = x.control.SetWriteDeadline(time.Now().Add(x.s.o.WriteTimeout)) //nolint:forbidigo // a connection's deadline is in the machine's time
}

// answer sends a whole reply.
func (x *exchange) answer(status int, body []byte) error {
	x.w.Header()["Content-Type"] = typeJSON
	return x.send(status, body)
}

// answerWith sends one of package wire's replies.
func (x *exchange) answerWith(status int, reply any) error {
	body, err := wire.Encode(reply)
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the reply does not encode: %w", err)
	}
	return x.answer(status, body)
}

// send sends a whole reply, whose type has been set.
func (x *exchange) send(status int, body []byte) error {
	if len(body) > smallReply {
		x.w.Header()["Content-Length"] = []string{itoa(len(body))}
	}
	x.progress()
	x.w.WriteHeader(status)
	for len(body) > 0 {
		part := body[:min(len(body), replyPart)]
		body = body[len(part):]
		if _, err := x.w.Write(part); err != nil { //nolint:gosec // JSON or bytes, with their type said and sniffing forbidden
			return errClientGone
		}
		if len(body) > 0 {
			x.progress()
		}
	}
	return nil
}

const (
	// smallReply is what net/http holds back before it decides how to frame a reply.
	smallReply = 2 << 10
	// replyPart is how much is sent within one WriteTimeout.
	replyPart = 1 << 20
)

// errClientGone ends a handler whose client does not read any more.
var errClientGone = errors.New("the client is gone")

// format is what a reply is to be in.
type format int

const (
	formatJSON format = iota
	formatLines
	formatSSE
)

// format is the first type of Accept that is known; JSON where there is none.
func (x *exchange) format() format {
	for _, accept := range x.r.Header["Accept"] {
		for kind := range strings.SplitSeq(accept, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			switch kind = strings.TrimSpace(kind); {
			case strings.EqualFold(kind, wire.TypeNDJSON):
				return formatLines
			case strings.EqualFold(kind, wire.TypeSSE):
				return formatSSE
			case strings.EqualFold(kind, wire.TypeJSON):
				return formatJSON
			}
		}
	}
	return formatJSON
}

// minimal tells whether the client wants no events in the reply to an append.
func (x *exchange) minimal() bool {
	return slices.ContainsFunc(x.r.Header[wire.HeaderPrefer], func(value string) bool {
		for preference := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(preference), wire.PreferMinimal) {
				return true
			}
		}
		return false
	})
}

// requestID is the request's X-Request-Id, or one that is made here.
func (x *exchange) requestID() string {
	if x.id != "" {
		return x.id
	}
	if x.id = x.r.Header.Get(headerRequestID); !validRequestID(x.id) {
		x.id = nacre.NewID()
	}
	return x.id
}

const headerRequestID = "X-Request-Id"

func validRequestID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return false
		}
	}
	return id != "" && len(id) <= 128
}
