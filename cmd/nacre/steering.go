package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server/runners"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// steering shows and steers a store's projections and process managers.
type steering interface {
	list(ctx context.Context, kind string) ([]wire.RunnerReply, error)
	get(ctx context.Context, kind, name string) (wire.RunnerReply, error)
	order(ctx context.Context, kind, name string, o runners.Order) (wire.OrderReply, error)
	letters(ctx context.Context, p *wire.DeadLettersParams) (wire.DeadLettersReply, error)
}

// looking calls use with what shows the store's projections and process managers, beside whoever writes to it.
func (p *program) looking(ctx context.Context, use func(context.Context, steering) error) error {
	if p.remote.url != "" {
		return p.onRoutes(ctx, func(ctx context.Context, r *routes) error { return use(ctx, r) })
	}
	return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error { return use(ctx, companion{s}) })
}

// ordering calls use with what also takes orders: they are written to the store.
func (p *program) ordering(ctx context.Context, use func(context.Context, steering) error) error {
	if p.remote.url != "" {
		return p.onRoutes(ctx, func(ctx context.Context, r *routes) error { return use(ctx, r) })
	}
	dir, err := p.present()
	if err != nil {
		return err
	}
	err = p.using(ctx, dir, &filestore.Options{}, func(ctx context.Context, s *nacre.Store) error { return use(ctx, companion{s}) })
	if nacre.CodeOf(err) == nacre.CodeLocked {
		return nacre.Errorf(nacre.CodeLocked,
			"%s; or, without stopping it, give the order with --server where that process serves the store, else from within it", message(err))
	}
	return err
}

// companion is a store that is open here.
type companion struct{ store *nacre.Store }

func (c companion) list(ctx context.Context, kind string) ([]wire.RunnerReply, error) {
	return runners.List(ctx, c.store, kind)
}

func (c companion) get(ctx context.Context, kind, name string) (wire.RunnerReply, error) {
	return runners.Get(ctx, c.store, kind, name)
}

func (c companion) order(ctx context.Context, kind, name string, o runners.Order) (wire.OrderReply, error) {
	return runners.Give(ctx, c.store, kind, name, o)
}

func (c companion) letters(ctx context.Context, p *wire.DeadLettersParams) (wire.DeadLettersReply, error) {
	return runners.Letters(ctx, c.store, p, 0)
}

// onRoutes calls use with the routes of the server: a client's store would need the permission raw.
func (p *program) onRoutes(ctx context.Context, use func(context.Context, *routes) error) error {
	return p.onRemote(ctx, false, func(ctx context.Context, _ *nacre.Store) error {
		o, err := p.remote.options(p.store, 0)
		if err != nil {
			return err
		}
		a := newAsker(p.remote.url, o)
		defer a.transport.CloseIdleConnections()
		return use(ctx, &routes{a, "/event-stores/" + p.store})
	})
}

// routes are a store's of a server.
type routes struct {
	*asker
	store string // its path
}

// runnerPaths are the kinds in paths.
var runnerPaths = map[string]string{wire.KindProjection: "/projections", wire.KindProcess: "/process-managers"}

func (r *routes) list(ctx context.Context, kind string) ([]wire.RunnerReply, error) {
	var reply struct {
		wire.ProjectionsReply
		wire.ProcessManagersReply
	}
	err := r.ask(ctx, http.MethodGet, r.store+runnerPaths[kind], nil, http.StatusOK, &reply)
	return append(reply.Projections, reply.ProcessManagers...), err
}

func (r *routes) get(ctx context.Context, kind, name string) (reply wire.RunnerReply, err error) {
	err = r.ask(ctx, http.MethodGet, r.one(kind, name), nil, http.StatusOK, &reply)
	return reply, err
}

func (r *routes) one(kind, name string) string {
	return r.store + runnerPaths[kind] + "/" + url.PathEscape(name)
}

func (r *routes) order(ctx context.Context, kind, name string, o runners.Order) (reply wire.OrderReply, err error) {
	path := r.one(kind, name)
	if o.Do == "retry" || o.Do == "discard" {
		path += "/dead-letters"
	}
	if o.Letter != "" {
		path += "/" + url.PathEscape(o.Letter)
	}
	body, err := wire.Encode(wire.OrderRequest{By: o.By})
	if err != nil {
		return reply, err
	}
	err = r.ask(ctx, http.MethodPost, path+"/"+o.Do, body, http.StatusAccepted, &reply)
	return reply, err
}

func (r *routes) letters(ctx context.Context, p *wire.DeadLettersParams) (reply wire.DeadLettersReply, err error) {
	err = r.ask(ctx, http.MethodGet, r.store+"/dead-letters?"+p.Values().Encode(), nil, http.StatusOK, &reply)
	return reply, err
}

// asker makes single requests of a server: what the client's stores have no call for.
type asker struct {
	url       string
	o         *client.Options
	transport *http.Transport
	patience  time.Duration // how long one request may take; 0 is askTime
}

func newAsker(url string, o *client.Options) *asker {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS.Clone()}
	return &asker{url: strings.TrimRight(url, "/"), o: o, transport: transport}
}

const (
	// anySuccess stands for every status that says that all went well.
	anySuccess = 0
	// askTime is how long one request may take, unless it says otherwise.
	askTime = 30 * time.Second
	// maxAnswer is the most that is read of an answer: a page of dead letters is the largest.
	maxAnswer = 64 << 20
)

// ask makes one request, and decodes its reply, which has to have this status; into may be nil.
func (a *asker) ask(ctx context.Context, method, path string, body []byte, want int, into any) error {
	_, err := a.request(ctx, method, path, body, want, into)
	return err
}

// request is ask, and gives the reply's status.
func (a *asker) request(ctx context.Context, method, path string, body []byte, want int, into any) (int, error) {
	patience := cmp.Or(a.patience, askTime)
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := a.prepare(limited, method, path, body)
	if err != nil {
		return 0, err
	}
	broken := func(err error) error {
		switch {
		case ctx.Err() != nil:
			return nacre.Errorf(nacre.CodeCanceled, "%w", ctx.Err())
		case limited.Err() != nil:
			return nacre.Errorf(nacre.CodeDeadline, "%s did not answer within %v: whether it did what it was asked is not known", a.url, patience)
		}
		return nacre.Errorf(nacre.CodeInternal, "%s gave no whole answer: whether it did what it was asked is not known: %w", a.url, err)
	}
	resp, err := a.transport.RoundTrip(req)
	if err != nil {
		return 0, broken(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read only
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, broken(err)
	}
	status := resp.StatusCode
	if status != want && (want != anySuccess || status < 200 || status > 299) {
		return status, wire.ParseError(status, text)
	}
	if into == nil {
		return status, nil
	}
	if err := wire.Decode(text, into); err != nil {
		return status, nacre.Errorf(nacre.CodeInternal, "the answer of %s cannot be read: it may be no server of nacre, or one of another version: %w", a.url, err)
	}
	return status, nil
}

// prepare makes a request of who asks.
func (a *asker) prepare(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "%w", err)
	}
	req.Header.Set("User-Agent", a.o.UserAgent)
	if a.o.APIKey != "" {
		req.Header.Set(wire.HeaderAPIKey, a.o.APIKey)
	}
	if a.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.o.Token)
	}
	return req, nil
}
