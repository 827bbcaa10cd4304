package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

type (
	deposit   struct{ Cents int64 }
	withdraw  struct{ Cents int64 }
	deposited struct{ Cents int64 }
	// overdrawn tells more about itself, as the errors of modules do.
	overdrawn struct{ Short int64 }
)

func (e *overdrawn) Error() string     { return fmt.Sprintf("%d cents short", e.Short) }
func (e *overdrawn) ErrorType() string { return "overdrawn" }
func (e *overdrawn) ErrorData() json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"short":%d}`, e.Short))
}

var account = decider.Decider[int64, any, deposited]{
	Category: "account",
	Decide: func(cents int64, command any, _ decider.Context) ([]deposited, error) {
		switch c := command.(type) {
		case deposit:
			if c.Cents == 0 {
				return nil, nil
			}
			if c.Cents < 0 {
				return nil, errors.New("nobody deposits less than nothing")
			}
			return []deposited{deposited(c)}, nil
		case withdraw:
			if c.Cents > cents {
				return nil, &overdrawn{Short: c.Cents - cents}
			}
		}
		panic("boom")
	},
	Evolve:   func(cents int64, e deposited) int64 { return cents + e.Cents },
	Commands: map[string]any{"deposit": deposit{}, "withdraw": withdraw{}},
	Events:   map[string]deposited{"account.deposited": {}},
}

// bus is a native one.
type bus struct {
	*aggregate.Bus
	repo   interface{ Close(context.Context) error }
	closed *atomic.Bool
}

func (b bus) Close(ctx context.Context) error {
	b.closed.Store(true)
	return b.repo.Close(ctx)
}

// newBank is a harness whose server runs accounts.
func newBank(t *testing.T, o *Options) (*harness, *atomic.Bool) {
	if o == nil {
		o = &Options{}
	}
	closed := &atomic.Bool{}
	o.Aggregates = func(_ context.Context, _ string, store *nacre.Store) (Aggregates, error) {
		repo := aggregate.New(store, account, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
		return bus{aggregate.NewBus(repo), repo, closed}, nil
	}
	h := newHarness(t, o)
	h.post("/event-stores", `{"name":"bank"}`).is(201)
	return h, closed
}

const annPath = "/event-stores/bank/aggregates/account/ann"

func TestCommandsOverHTTP(t *testing.T) {
	t.Parallel()
	h, _ := newBank(t, nil)
	first := h.post(annPath+"/commands/deposit", `{"payload":{"Cents":70},"commandId":"c-1","context":{"actor":"bob","correlationId":"x","metadata":{"why":{"a":[1]}}}}`).is(201)
	first.has("account-ann", "streamId").has(0.0, "version").has(1.0, "globalPosition").has(70.0, "state")
	first.has("bob", "events", 0, "metadata", "actor").has("c-1", "events", 0, "metadata", "commandId").has("account.deposited", "events", 0, "type")
	if !strings.Contains(string(first.body), `"why":{"a":[1]}`) {
		t.Errorf("the metadata are not there: %s", first.body)
	}
	again := h.post(annPath+"/commands/deposit", `{"payload":{"Cents":70},"commandId":"c-1"}`).is(200)
	again.has(true, "duplicate").has(0.0, "version").has(70.0, "state")
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":5}}`, wire.HeaderIdempotencyKey, "c-2").is(201).has(75.0, "state")
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":5}}`, wire.HeaderIdempotencyKey, "c-2").is(200).has(true, "duplicate")
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":0}}`).is(200).has(1.0, "version")

	h.get(annPath).is(200).has(75.0, "state").has(1.0, "version").has(2.0, "globalPosition").has("account-ann", "streamId")
	h.get(annPath+"?version=0").is(200).has(70.0, "state").has(0.0, "version")
	h.get(annPath+"?position=1").is(200).has(70.0, "state")
	h.get(annPath+"?time=2020-01-01").is(200).has(0.0, "state").has(-1.0, "version")
	h.get("/event-stores/bank/aggregates/account/nobody").is(200).has(0.0, "state").has(-1.0, "version")

	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":5},"expectedVersion":1}`).is(201)
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":5},"expectedVersion":1}`).refused(nacre.CodeVersionConflict)
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":5},"expectedVersion":"no_stream"}`).refused(nacre.CodeVersionConflict)
}

func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	h, _ := newBank(t, nil)
	commands := annPath + "/commands/"
	short := h.post(commands+"withdraw", `{"payload":{"Cents":30}}`).is(422)
	short.has("DOMAIN_ERROR", "error").has("30 cents short", "message").has("overdrawn", "details", "type").has(30.0, "details", "data", "short")
	h.post(commands+"deposit", `{"payload":{"Cents":1}}`, wire.HeaderIdempotencyKey, "").refused(nacre.CodeInvalid, wire.HeaderIdempotencyKey)
	h.post(commands+"deposit", `{"payload":{"Cents":-1}}`).is(422).has("nobody deposits less than nothing", "message")
	h.post(commands+"fly", `{}`).refused(wire.CodeUnknownCommand, `takes no command`, "deposit, withdraw")
	h.post("/event-stores/bank/aggregates/order/1/commands/place", `{}`).refused(wire.CodeUnknownCommand, "order")
	h.get("/event-stores/bank/aggregates/order/1").refused(wire.CodeUnknownCommand, "order")
	h.post(commands+"withdraw", `{"payload":{"Cents":0}}`).refused(wire.CodeAggregatePanicked)
	for body, field := range map[string]string{
		`{"payload":{"Cents":"many"}}`:                                           "data",
		`{"payload":{"Cents":1,"Dollars":2}}`:                                    "data",
		`{"paylod":{}}`:                                                          "paylod",
		`{"payload":{"Cents":1},"expectedVersion":-2}`:                           "expectedVersion",
		`{"payload":{"Cents":1},"expectedVersion":"soon"}`:                       "expectedVersion",
		`{"payload":{"Cents":1},"commandId":""}`:                                 "commandId",
		`{"payload":{"Cents":1},"commandId":"` + strings.Repeat("x", 257) + `"}`: "commandId",
		`{"payload":{"Cents":1},"context":{"who":"me"}}`:                         "context.who",
		`{"payload":{"Cents":1},"context":{"metadata":[]}}`:                      "context.metadata",
		`{"payload":{"Cents":1},"context":{"metadata":{"actor":"me"}}}`:          "metadata.actor",
		`{"payload":`: "payload",
	} {
		refused := h.post(commands+"deposit", body).refused(nacre.CodeInvalid)
		if refused.Details == nil || refused.Details.Field != field {
			t.Errorf("%s: the field is not %s: %s", body, field, refused.Encode())
		}
	}
	h.get(annPath+"?version=-2").refused(nacre.CodeInvalid, "version")
	h.get(annPath+"?version=0&position=1").refused(nacre.CodeInvalid, "one of them")
	h.get(annPath + "?version=9").refused(nacre.CodeNotFound)
	h.get(annPath).is(200).has(-1.0, "version")
	for _, path := range []string{"/event-stores/bank/modules", "/event-stores/bank/modules/account"} {
		h.get(path).refused(nacre.CodeUnsupported, "its own")
	}
	plain := newHarness(t, nil)
	plain.post("/event-stores", `{"name":"bank"}`).is(201)
	plain.post(commands+"deposit", `{}`).refused(nacre.CodeUnsupported, "runs no aggregates")
	plain.get("/event-stores/bank/modules").refused(nacre.CodeUnsupported)
}

func TestAggregatesCloseWithTheirStore(t *testing.T) {
	t.Parallel()
	h, closed := newBank(t, nil)
	h.post(annPath+"/commands/deposit", `{"payload":{"Cents":70}}`).is(201)
	h.do("DELETE", "/event-stores/bank?confirm=true", "").is(200)
	if !closed.Load() {
		t.Error("the store was deleted, and its aggregates are open")
	}
	h.post("/event-stores", `{"name":"bank"}`).is(201)
	h.get(annPath).is(200).has(-1.0, "version")
	closed.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.s.Close(ctx); err != nil || !closed.Load() {
		t.Errorf("the server was closed: %v, its aggregates: %v", err, closed.Load())
	}
}

// A key that is confined to streams commands no others.
func TestConfinedCommands(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Aggregates: func(_ context.Context, _ string, store *nacre.Store) (Aggregates, error) {
		repo := aggregate.New(store, account, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
		return bus{aggregate.NewBus(repo), repo, &atomic.Bool{}}, nil
	}})
	key := g.key(t, access.KeySpec{Permissions: []string{"read:events", "write:events"}, Streams: []string{"account-ann"}})
	ann, bob := "/event-stores/default/aggregates/account/ann", "/event-stores/default/aggregates/account/bob"
	g.do("POST", ann+"/commands/deposit", `{"payload":{"Cents":1}}`, key...).is(201)
	g.do("GET", ann, "", key...).is(200)
	g.do("POST", bob+"/commands/deposit", `{"payload":{"Cents":1}}`, key...).refused(wire.CodeForbidden)
	g.do("GET", bob, "", key...).refused(wire.CodeForbidden)
}

// A key that is confined to streams changes no modules but those whose streams it has; the aggregates here take none, which
// is said behind that.
func TestConfinedModules(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Aggregates: func(_ context.Context, _ string, store *nacre.Store) (Aggregates, error) {
		repo := aggregate.New(store, account, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
		return bus{aggregate.NewBus(repo), repo, &atomic.Bool{}}, nil
	}})
	key := g.key(t, access.KeySpec{Permissions: []string{"manage:modules"}, Streams: []string{"order-", "account-ann"}})
	for _, change := range []struct{ method, path string }{
		{"PUT", ""}, {"DELETE", ""}, {"POST", "/pin"}, {"DELETE", "/pin"}, {"POST", "/rollback"},
	} {
		for name, code := range map[string]nacre.Code{"order": nacre.CodeUnsupported, "account": wire.CodeForbidden, "ord": wire.CodeForbidden} {
			g.do(change.method, "/event-stores/default/modules/"+name+change.path, "", key...).refused(code)
		}
	}
}

// Looking at states takes read:events, in the answer to a command too.
func TestWhoOnlyCommandsIsToldNoState(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Aggregates: func(_ context.Context, _ string, store *nacre.Store) (Aggregates, error) {
		repo := aggregate.New(store, account, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
		return bus{aggregate.NewBus(repo), repo, &atomic.Bool{}}, nil
	}})
	writes := g.key(t, access.KeySpec{Permissions: []string{"write:events"}})
	both := g.key(t, access.KeySpec{Permissions: []string{"read:events", "write:events"}})
	const deposits = "/event-stores/default/aggregates/account/ann/commands/deposit"
	g.do("POST", deposits, `{"payload":{"Cents":70}}`, both...).is(201).has(70.0, "state")
	for _, body := range []string{`{"payload":{"Cents":1},"commandId":"c-1"}`, `{"payload":{"Cents":1},"commandId":"c-1"}`, `{"payload":{"Cents":0}}`} {
		if r := g.do("POST", deposits, body, writes...); r.status >= 300 || strings.Contains(string(r.body), `"state"`) {
			t.Errorf("%s is answered %d %s", body, r.status, r.body)
		}
	}
	g.do("GET", "/event-stores/default/aggregates/account/ann", "", writes...).refused(wire.CodeForbidden)
}
