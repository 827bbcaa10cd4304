package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

// A second aggregate, with types of its own and a pointer among them.
type (
	order  struct{ Item string }
	cancel struct{}
	placed struct{ Item string }
)

var orders = decider.Decider[string, any, placed]{
	Category: "order",
	Decide: func(_ string, c any, _ decider.Context) ([]placed, error) {
		if o, ok := c.(*order); ok {
			return []placed{{o.Item}}, nil
		}
		return nil, errors.New("it is on its way")
	},
	Evolve:   func(_ string, e placed) string { return e.Item },
	Commands: map[string]any{"place": &order{}, "cancel": cancel{}},
	Events:   map[string]placed{"order.placed": {}},
}

func (o *order) Validate() error {
	if o.Item == "" {
		return errNoItem
	}
	return nil
}

var errNoItem = errors.New("an order needs an item")

func newBus(t *testing.T) *aggregate.Bus {
	store := newStore(t)
	return aggregate.NewBus(newRepository(t, store, nil), repositoryOf(t, store, orders, nil))
}

func TestTheBusRoutesByType(t *testing.T) {
	bus := newBus(t)
	out, err := bus.Execute(t.Context(), "ann", deposit{5})
	if err != nil || out.Stream != "account-ann" || out.Version != 0 || out.Position != 1 || out.Duplicate || len(out.Events) != 1 || out.Events[0].Type != "account.moved" {
		t.Errorf("%+v, %v", out, err)
	}
	if state, err := out.State(); err != nil || string(state) != `{"Cents":5,"Movements":1,"By":null}` {
		t.Errorf("state %s, %v", state, err)
	}
	once := decider.With(t.Context(), decider.Context{CommandID: "once"})
	for _, dup := range []bool{false, true} {
		if out, err := bus.Execute(once, "1", &order{"tea"}); err != nil || out.Stream != "order-1" || out.Duplicate != dup {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if err := bus.Dispatch(t.Context(), "ann", withdraw{5}); err != nil {
		t.Error(err)
	}
	if o, ok := errors.AsType[*overdrawn](bus.Dispatch(t.Context(), "ann", withdraw{5})); !ok || o.Short != 5 {
		t.Errorf("a domain error: %v", o)
	}
}

func TestTheBusRoutesByName(t *testing.T) {
	bus := newBus(t)
	if out, err := bus.ExecuteNamed(t.Context(), "order", "1", "place", []byte(`{"Item":"tea"}`)); err != nil || out.Stream != "order-1" {
		t.Errorf("%+v, %v", out, err)
	}
	for name, test := range map[string]struct {
		category, name, payload string
		want                    nacre.Code
		says                    string
	}{
		"no such category": {"cart", "place", `{}`, aggregate.CodeUnknownCommand, "order.place"},
		"no such name":     {"order", "return", `{}`, aggregate.CodeUnknownCommand, "cancel, place"},
		"unknown members":  {"order", "place", `{"Item":"tea","Sugar":2}`, nacre.CodeInvalid, "Sugar"},
		"another shape":    {"order", "place", `{"Item":1}`, nacre.CodeInvalid, "Item"},
		"no JSON":          {"order", "place", `tea`, nacre.CodeInvalid, "place"},
		"nothing":          {"order", "place", ``, nacre.CodeInvalid, "place"},
		"twice a member":   {"order", "place", `{"Item":"a","Item":"b"}`, nacre.CodeInvalid, "duplicate"},
		"more behind it":   {"order", "place", `{"Item":"a"} {}`, nacre.CodeInvalid, "place"},
	} {
		_, err := bus.ExecuteNamed(t.Context(), test.category, "1", test.name, []byte(test.payload))
		expectCode(t, name, err, test.want)
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v does not say %q", name, err, test.says)
		}
	}
}

func TestAnUnregisteredCommandIsTold(t *testing.T) {
	bus := newBus(t)
	type foreign struct{}
	for _, c := range []any{foreign{}, &deposit{1}, order{"tea"}, nil, 3} {
		_, err := bus.Execute(t.Context(), "ann", c)
		expectCode(t, fmt.Sprintf("%T", c), err, aggregate.CodeUnknownCommand)
		expectCode(t, fmt.Sprintf("%T", c), bus.Dispatch(t.Context(), "ann", c), aggregate.CodeUnknownCommand)
		_, _, err = bus.EncodeCommand(c)
		expectCode(t, fmt.Sprintf("%T", c), err, aggregate.CodeUnknownCommand)
	}
	if _, err := bus.DecodeCommand("order", nil); nacre.CodeOf(err) != aggregate.CodeUnknownCommand {
		t.Error(err)
	}
	// What middleware does to a call is not believed.
	bus.Use(func(next aggregate.Handler) aggregate.Handler {
		return func(ctx context.Context, c *aggregate.Call) (aggregate.Outcome, error) {
			switch c.ID {
			case "category":
				c.Category = "cart"
			case "command":
				c.Command = 3
			}
			return next(ctx, c)
		}
	})
	for _, id := range []string{"category", "command"} {
		_, err := bus.Execute(t.Context(), id, deposit{1})
		expectCode(t, id, err, aggregate.CodeUnknownCommand)
	}
}

func TestCommandsSurviveTheirEncoding(t *testing.T) {
	bus := newBus(t)
	want := []string{
		"account.deposit", "account.explode", "account.huge", "account.many", "account.nothing", "account.unnamed", "account.withdraw",
		"order.cancel", "order.place",
	}
	if got := bus.Commands(); !slices.Equal(got, want) {
		t.Errorf("the bus knows %v", got)
	}
	for _, c := range []any{deposit{5}, &order{"tea"}, cancel{}, explode{InEvolve: true}} {
		name, payload, err := bus.EncodeCommand(c)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(want, name) || !json.Valid(payload) {
			t.Errorf("%T is %q %s", c, name, payload)
		}
		if back, err := bus.DecodeCommand(name, payload); err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%#v came back as %#v, %v", c, back, err)
		}
	}
}

func TestNamesThatMeanTwoThingsPanic(t *testing.T) {
	store := newStore(t)
	type odd struct{}
	a := decider.Decider[int, odd, odd]{
		Category: "a", Decide: func(int, odd, decider.Context) ([]odd, error) { return nil, nil },
		Evolve: func(int, odd) int { return 0 }, Commands: map[string]odd{"b.c": {}}, Events: map[string]odd{"x": {}},
	}
	type even struct{}
	b := decider.Decider[int, even, even]{
		Category: "a.b", Decide: func(int, even, decider.Context) ([]even, error) { return nil, nil },
		Evolve: func(int, even) int { return 0 }, Commands: map[string]even{"c": {}}, Events: map[string]even{"x": {}},
	}
	defer func() {
		if v := recover(); !strings.Contains(fmt.Sprint(v), `"a.b.c"`) {
			t.Errorf("got %v", v)
		}
	}()
	aggregate.NewBus(repositoryOf(t, store, a, nil), repositoryOf(t, store, b, nil))
}

func TestMiddlewareIsCalledInItsOrder(t *testing.T) {
	var order []string
	note := func(name string) aggregate.Middleware {
		return func(next aggregate.Handler) aggregate.Handler {
			return func(ctx context.Context, c *aggregate.Call) (aggregate.Outcome, error) {
				order = append(order, name+" "+c.Category+"."+c.Name+" "+c.ID)
				return next(ctx, c)
			}
		}
	}
	bus := newBus(t).Use(note("first"), note("second")).Use(note("third"))
	if err := bus.Dispatch(t.Context(), "ann", deposit{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.ExecuteNamed(t.Context(), "account", "bob", "deposit", []byte(`{"Cents":1}`)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"first account.deposit ann", "second account.deposit ann", "third account.deposit ann",
		"first account.deposit bob", "second account.deposit bob", "third account.deposit bob",
	}
	if !slices.Equal(order, want) {
		t.Errorf("called in the order %q", order)
	}
}

func TestValidationRefusesWithTheSameValue(t *testing.T) {
	bus := newBus(t).Use(aggregate.Validation())
	if err := bus.Dispatch(t.Context(), "1", &order{}); err != errNoItem {
		t.Errorf("got %v", err)
	}
	for _, c := range []any{&order{"tea"}, deposit{1}} {
		if err := bus.Dispatch(t.Context(), "1", c); err != nil {
			t.Error(err)
		}
	}
}

func TestAuthorizationRefuses(t *testing.T) {
	errNotYou := errors.New("not you")
	bus := newBus(t).Use(aggregate.Authorization(func(ctx context.Context, c *aggregate.Call) error {
		if decider.From(ctx).Actor != "ann" && c.Name == "withdraw" {
			return errNotYou
		}
		return nil
	}))
	if err := bus.Dispatch(t.Context(), "ann", deposit{1}); err != nil {
		t.Error(err)
	}
	err := bus.Dispatch(t.Context(), "ann", withdraw{1})
	expectCode(t, "a stranger", err, aggregate.CodeForbidden)
	if !errors.Is(err, errNotYou) || !strings.Contains(err.Error(), "account.withdraw") {
		t.Errorf("got %v", err)
	}
	if err := bus.Dispatch(decider.With(t.Context(), decider.Context{Actor: "ann"}), "ann", withdraw{1}); err != nil {
		t.Error(err)
	}
}

func TestLoggingTellsOfEveryCommand(t *testing.T) {
	var text strings.Builder
	bus := newBus(t).Use(aggregate.Logging(slog.New(slog.NewJSONHandler(&text, nil))))
	ctx := decider.With(t.Context(), decider.Context{Actor: "ann", CorrelationID: "corr"})
	for _, c := range []command{deposit{1}, withdraw{2}, huge{2 << 20}} {
		_ = bus.Dispatch(ctx, "a", c)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), text.String())
	}
	for i, want := range []struct{ level, msg, command string }{
		{"INFO", "command executed", "deposit"}, {"INFO", "command refused", "withdraw"}, {"ERROR", "command failed", "huge"},
	} {
		var got struct {
			Level, Msg, Command, Category, ID, Actor, Error string
			CorrelationID                                   string `json:"correlation_id"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Level != want.level || got.Msg != want.msg || got.Command != want.command || got.Category != "account" || got.ID != "a" ||
			got.Actor != "ann" || got.CorrelationID != "corr" || (got.Error == "") != (i == 0) {
			t.Errorf("%s", lines[i])
		}
	}
}

func TestRetryTriesAgainWhatMayPass(t *testing.T) {
	for name, test := range map[string]struct {
		fails    []error // of the appends, in order
		want     nacre.Code
		appends  int
		pauses   bool
		attempts int
	}{
		"nothing wrong":    {nil, "", 1, false, 5},
		"passes":           {[]error{nacre.Errorf(nacre.CodeStoreFull, "full"), nacre.Errorf("RATE_LIMITED", "slowly")}, "", 3, true, 5},
		"lasts":            {slices.Repeat([]error{nacre.Errorf(nacre.CodeInternal, "no route")}, 9), nacre.CodeInternal, 5, true, 5},
		"will not pass":    {slices.Repeat([]error{nacre.Errorf(nacre.CodeReadOnly, "no")}, 9), nacre.CodeReadOnly, 1, false, 5},
		"no attempts":      {slices.Repeat([]error{nacre.Errorf(nacre.CodeStoreFull, "full")}, 9), nacre.CodeStoreFull, 1, false, 0},
		"domain errors":    {nil, "", 0, false, 5},
		"answers are lost": {[]error{errLost, errLost}, "", 3, true, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, g := newRig(t)
				bus := aggregate.NewBus(newRepository(t, store, nil)).Use(aggregate.Retry(test.attempts, time.Second))
				fails := test.fails
				g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
					if len(fails) == 0 {
						return write()
					}
					err := fails[0]
					fails = fails[1:]
					if errors.Is(err, errLost) {
						if _, err := write(); err != nil {
							return nil, err
						}
					}
					return nil, err
				})
				begun := time.Now()
				if name == "domain errors" {
					if _, ok := errors.AsType[*overdrawn](bus.Dispatch(t.Context(), "a", withdraw{1})); !ok {
						t.Error("no domain error")
					}
				} else if err := bus.Dispatch(t.Context(), "a", deposit{1}); nacre.CodeOf(err) != test.want {
					t.Errorf("got %v", err)
				}
				if n := len(g.asked()); n != test.appends {
					t.Errorf("%d appends, and not %d", n, test.appends)
				}
				if took := time.Since(begun); (took > 0) != test.pauses || took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
				if v, err := store.Version(t.Context(), "account-a"); err != nil || v > 0 {
					t.Errorf("the stream is at %d, %v: the command took place more than once", v, err)
				}
			})
		})
	}
}

var errLost = nacre.Errorf(nacre.CodeInternal, "the connection broke")

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		g.appending(func(context.Context, []nacre.Append, func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			return nil, nacre.Errorf(nacre.CodeStoreFull, "full")
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, first := range []time.Duration{-1, 1 << 62} { // neither of which makes a pause that cannot be
			bus := aggregate.NewBus(newRepository(t, store, nil)).Use(aggregate.Retry(3, first))
			expectCode(t, "a full store", bus.Dispatch(ctx, "a", deposit{1}), nacre.CodeStoreFull)
		}
	})
}
