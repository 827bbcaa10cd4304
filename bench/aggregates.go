package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/examples/counter/model"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/modulehost"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
)

// What a server's aggregates are.
const (
	aggregatesNative  = "native"  // the counter in Go, compiled into the server
	aggregatesModules = "modules" // whatever is published
)

// aggregates sets what a server has, if anything; closing is to be called when the server has ended.
func (do *task) aggregates(o *server.Options) (closing func(), err error) {
	switch do.Aggregates {
	case aggregatesNative:
		o.Aggregates = func(_ context.Context, _ string, store *nacre.Store) (server.Aggregates, error) {
			counters := aggregate.New(store, model.Counter, nil)
			return nativeAggregates{aggregate.NewBus(counters), counters}, nil
		}
	case aggregatesModules:
		quiet := slog.New(slog.DiscardHandler)
		engine, err := wasm.NewEngine(context.Background(), &wasm.EngineOptions{Cache: do.Compiled, Logger: quiet})
		if err != nil {
			return nil, err
		}
		o.Aggregates = modulehost.New(engine, &modules.Options{Logger: quiet})
		return func() { _ = engine.Close(context.Background()) }, nil
	}
	return func() {}, nil
}

// nativeAggregates is a bus of Go's own aggregates, as a server runs it.
type nativeAggregates struct {
	*aggregate.Bus
	counters interface{ Close(context.Context) error }
}

func (n nativeAggregates) Close(ctx context.Context) error { return n.counters.Close(ctx) }

// caller asks a server for commands, over connections of its own.
type caller struct {
	http *http.Client
	log  string // the URL of the store
}

func newCaller(on *serving, store string, connections int) *caller {
	return &caller{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}},
		log:  on.told.URL + "/event-stores/" + store,
	}
}

func (c *caller) leave() { c.http.CloseIdleConnections() }

// do asks, and gives the status. What was answered is read, and told where the status is another one than wanted.
func (c *caller) do(ctx context.Context, method, path string, body []byte, wanted int) error {
	request, err := http.NewRequestWithContext(ctx, method, c.log+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	reply, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	if reply.StatusCode == wanted {
		_, err = io.Copy(io.Discard, reply.Body)
		return err
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, 1000))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s %s was answered with %d: %s", method, path, reply.StatusCode, text)
}

// create makes the store.
func (c *caller) create(ctx context.Context, store string) error {
	at := *c
	at.log = c.log[:len(c.log)-len("/"+store)]
	return at.do(ctx, http.MethodPost, "", fmt.Appendf(nil, `{"name":%q}`, store), http.StatusCreated)
}

// publish publishes a module.
func (c *caller) publish(ctx context.Context, name string, binary []byte) error {
	return c.do(ctx, http.MethodPut, "/modules/"+name, binary, http.StatusCreated)
}

// execute has a command executed, which leads to an event.
func (c *caller) execute(ctx context.Context, module, id, command, payload string) error {
	return c.do(ctx, http.MethodPost, "/aggregates/"+module+"/"+id+"/commands/"+command, []byte(`{"payload":`+payload+`}`), http.StatusCreated)
}
