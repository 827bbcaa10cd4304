package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	bank "github.com/nacredb/nacre/examples/bank/model"
	counter "github.com/nacredb/nacre/examples/counter/model"
	todos "github.com/nacredb/nacre/examples/todos/model"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/build"
	"github.com/nacredb/nacre/wasm/guest"
)

// seed is that of the random commands: NACRE_SEED, or another one each time.
func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if s, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("NACRE_SEED=%d go test ./examples -run '^%s$'", s, t.Name())
	return s
}

func TestModulesAgreeWithTheirModels(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	engine, err := wasm.NewEngine(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	t.Run("counter", func(t *testing.T) {
		agree(t, r, module(t, engine, "counter", "wasm"), counter.Counter, func() (string, string) {
			return "increment", []string{`{}`, `null`, `{"by":1}`, `[]`}[r.IntN(4)]
		})
	})
	t.Run("account", func(t *testing.T) {
		long(t)
		agree(t, r, module(t, engine, "bank", "wasm", "account"), bank.Accounts, func() (string, string) {
			cents := r.IntN(60) - 5
			switch r.IntN(12) {
			case 0, 1:
				return "open", `{"Owner":"Ann é"}`
			case 2:
				return "close", `{}`
			case 3:
				return "refund", fmt.Sprintf(`{"Cents":%d,"Transfer":"t"}`, cents)
			case 4:
				return "deposit", []string{`{"Cents":"5"}`, `{"cents":5}`, `{"Cents":5,"Cents":6}`, `{"Cents":5.5}`, `{`}[r.IntN(5)]
			case 5, 6, 7:
				return "withdraw", fmt.Sprintf(`{"Cents":%d}`, cents)
			case 8:
				return "send", fmt.Sprintf(`{"Transfer":"<t>","Cents":%d}`, cents)
			default:
				return "deposit", fmt.Sprintf(`{ "Cents" : %d }`, cents)
			}
		})
	})
	t.Run("transfer", func(t *testing.T) {
		long(t)
		agree(t, r, module(t, engine, "bank", "wasm", "transfer"), bank.Transfers, func() (string, string) {
			switch r.IntN(5) {
			case 0, 1:
				return "request", fmt.Sprintf(`{"From":"ann","To":%q,"Cents":%d}`, []string{"ann", "bob", ""}[r.IntN(3)], r.IntN(2_000_000)-100)
			case 2:
				return "approve", `{}`
			case 3:
				return "complete", `{}`
			default:
				return "fail", `{"Why":"late\n"}`
			}
		})
	})
	t.Run("todos", func(t *testing.T) {
		agree(t, r, module(t, engine, "todos", "wasm"), todos.Lists, func() (string, string) {
			item := r.IntN(8)
			switch r.IntN(8) {
			case 0:
				return "add", fmt.Sprintf(`{"text":"t%d","due":"2026-01-02T03:04:%02d.5+02:00"}`, item, item)
			case 1:
				return "add", `{"text":" \u00e9\ud83d\ude00 ","labels":["a","b\"\\"]}`
			case 2, 3:
				return "complete", fmt.Sprintf(`{"item":%d}`, item)
			case 4:
				return "reopen", fmt.Sprintf(`{"item":%d}`, item)
			case 5:
				return "reword", fmt.Sprintf(`{"item":%d,"text":%q}`, item, []string{"x", " ", "longer"}[r.IntN(3)])
			case 6:
				return "add", []string{`{"text":1}`, `{"text":"a","due":"soon"}`, `{"text":"a","labels":[null]}`, `{"text":null,"due":null}`}[r.IntN(4)]
			default:
				return "sweep", `{}`
			}
		})
	})
}

// long skips one of several that are alike.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("in a short run, two of the models have to do")
	}
}

// module builds an example, and wants its own tests to pass.
func module(t *testing.T, engine *wasm.Engine, dir ...string) *wasm.Module {
	t.Helper()
	built, err := build.Build(t.Context(), filepath.Join(dir...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(built.Notes) > 0 {
		t.Errorf("something was left to reflection: %q", built.Notes)
	}
	m, err := engine.Compile(t.Context(), built.Binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	failures, err := m.RunCases(t.Context(), m.Tests())
	if err != nil || len(m.Tests()) == 0 {
		t.Fatalf("%d tests: %v", len(m.Tests()), err)
	}
	for _, f := range failures {
		t.Error(f)
	}
	return m
}

// agree gives both the same commands, in several instances, and starts a state anew from JSON now and then.
func agree[S, C, E any](t *testing.T, r *rand.Rand, m *wasm.Module, d decider.Decider[S, C, E], next func() (name, payload string)) {
	t.Helper()
	commands, err := codec.New(d.Commands, &codec.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	events, err := codec.New(d.Events, nil)
	if err != nil {
		t.Fatal(err)
	}
	sandboxed := m.Decider()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	happened, refused := 0, 0
	for range 25 {
		var state S
		var other *wasm.State
		for range 60 {
			name, payload := next()
			now = now.Add(time.Duration(r.Int64N(5e9)))
			ctx := decider.Context{ID: "x", Time: now, Actor: "eve", CommandID: "c"}
			var given []E
			command, err := commands.DecodeValue(name, []byte(payload))
			if err == nil {
				given, err = d.Decide(state, command, ctx)
			}
			got, gotErr := sandboxed.Decide(other, wasm.Command{Command: name, Payload: json.RawMessage(payload)}, ctx)
			if sameError(t, payload, err, gotErr); err != nil {
				refused++
				continue
			}
			if len(got) != len(given) {
				t.Fatalf("%s %s: %v, and natively %v", name, payload, got, given)
			}
			for i, e := range given {
				want, err := events.Encode(e)
				if err != nil {
					t.Fatal(err)
				}
				if got[i].Type != want.Type || !bytes.Equal(got[i].Data, want.Data) || fmt.Sprint(got[i].Tags) != fmt.Sprint(want.Tags) {
					t.Fatalf("%s %s: %+v, and natively %s %s %v", name, payload, got[i], want.Type, want.Data, want.Tags)
				}
				state, other = d.Evolve(state, e), sandboxed.Evolve(other, got[i])
				happened++
			}
			if r.IntN(4) == 0 {
				other = sameState(t, m, state, other)
			}
		}
	}
	if happened < 20 || refused < 20 {
		t.Errorf("%d events and %d refusals are too few to show anything", happened, refused)
	}
}

func sameError(t *testing.T, payload string, native, sandboxed error) {
	t.Helper()
	if (native == nil) != (sandboxed == nil) {
		t.Fatalf("%s: %v, and natively %v", payload, sandboxed, native)
	}
	refusal, isDomain := errors.AsType[*wasm.DomainError](sandboxed)
	if !isDomain {
		return
	}
	errorType, data := guest.DomainError(native)
	text, err := codec.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) == "{}" || data == nil {
		text = nil
	}
	if refusal.Type != errorType || refusal.Message != native.Error() || !bytes.Equal(refusal.Data, text) {
		t.Fatalf("%s: %+v, and natively %s %v %s", payload, refusal, errorType, native, text)
	}
}

// sameState compares the states as JSON, and gives the one that comes of it.
func sameState[S any](t *testing.T, m *wasm.Module, native S, sandboxed *wasm.State) *wasm.State {
	t.Helper()
	want, err := codec.Marshal(native)
	if err != nil {
		t.Fatal(err)
	}
	if sandboxed == nil {
		return nil
	}
	got, err := m.StateJSON(t.Context(), sandboxed)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the state is %s, %v, and natively %s", got, err, want)
	}
	back := &wasm.State{}
	if err := json.Unmarshal(got, back); err != nil {
		t.Fatalf("the state does not come back: %v", err)
	}
	return back
}
