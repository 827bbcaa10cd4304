package wasm_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	native "github.com/nacredb/nacre/wasm/guest/probe"
)

var seedFlag = flag.Uint64("wasm.seed", 0, "replays a random test")

// seeded gives a random source, and tells how to replay what it led to.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with: go test ./wasm -run '^%s$' -wasm.seed %d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// nativeCodec are the probe's upcasters, as a native program has them.
var nativeCodec = &codec.Options{
	Versions: map[string]int{"probe.noted": 2},
	Skip:     []string{"legacy.*"},
	Upcast: map[string]codec.Upcaster{
		"probe.noted@1": func(e nacre.Event) ([]nacre.Event, error) {
			var text string
			if err := json.Unmarshal(e.Data, &text); err != nil {
				return nil, err
			}
			e.Data, _ = json.Marshal(native.Noted{Text: text})
			e, err := codec.WithSchemaVersion(e, 2)
			return []nacre.Event{e}, err
		},
		"probe.renamed": func(e nacre.Event) ([]nacre.Event, error) {
			e.Type = "probe.noted"
			e, err := codec.WithSchemaVersion(e, 2)
			return []nacre.Event{e}, err
		},
	},
}

// side is one way to run the probe.
type side struct {
	store *nacre.Store
	bus   *aggregate.Bus
	evict func(id string)
	close func()
}

func open[S, C, E any](t *testing.T, store *nacre.Store, d decider.Decider[S, C, E], o *codec.Options) side {
	r := aggregate.New(store, d, &aggregate.Options{Codec: o, SnapshotEvery: 7, Logger: slog.New(slog.DiscardHandler)})
	return side{store: store, bus: aggregate.NewBus(r), evict: r.Evict, close: func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}}
}

// told is what callers see of an outcome.
type told struct {
	Version int64
	Events  []fact
	State   string
	Again   bool
	Error   string
}

type fact struct {
	Type, Data, Metadata string
	Tags                 []string
}

func facts(events []nacre.Event) []fact {
	var out []fact
	for i := range events {
		e := &events[i]
		out = append(out, fact{e.Type, string(e.Data), string(e.Metadata), e.Tags})
	}
	return out
}

func (s side) execute(t *testing.T, c decider.Context, id, name, payload string) told {
	out, err := s.bus.ExecuteNamed(decider.With(t.Context(), c), "probe", id, name, []byte(payload))
	var domain *wasm.DomainError
	var limit native.Limit
	switch {
	case errors.As(err, &domain):
		return told{Error: "DOMAIN " + domain.Type + " " + domain.Message + " " + string(domain.Data)}
	case errors.As(err, &limit):
		data, _ := json.Marshal(limit)
		return told{Error: "DOMAIN limit " + limit.Error() + " " + string(data)}
	case err != nil:
		switch code := nacre.CodeOf(err); code {
		case aggregate.CodePanicked, wasm.CodeTrapped:
			return told{Error: "panic"}
		default:
			return told{Error: string(code)}
		}
	}
	state, err := out.State()
	if err != nil {
		t.Fatal(err)
	}
	return told{Version: out.Version, Events: facts(out.Events), State: string(state), Again: out.Duplicate}
}

// TestNativeAndSandboxedAgree gives the same random commands to the same model, in this process and in a guest: what
// callers see agrees, and so do the logs, whatever leaves memory in between, is repeated, traps, or is written past the
// repositories.
func TestNativeAndSandboxedAgree(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	m := compile(t, newEngine(t, compiled()), goProbe(t), patient(2))
	sides := [2]side{open(t, memstore.Open(nil), native.Aggregate, nativeCodec), open(t, memstore.Open(nil), m.Decider(), m.CodecOptions())}
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for step := range 1500 {
		clock = clock.Add(time.Duration(random.IntN(1e9)) * time.Microsecond)
		id := string(rune('a' + random.IntN(3)))
		name, payload, good := randomCommand(random)
		c := decider.Context{Time: clock}
		if good && random.IntN(2) == 0 { // what was executed before is not decoded in a guest
			c.CommandID = fmt.Sprint(random.IntN(2000))
			c.Actor, c.CorrelationID = "bob", "é\"\n"
			c.Metadata = map[string]any{"n": random.IntN(3)}
		}
		switch random.IntN(30) {
		case 0:
			for _, s := range sides {
				s.evict(id)
			}
		case 1:
			payload, name = `{}`, "trap"
		case 2:
			old := []nacre.Event{
				{Type: "probe.noted", Data: json.RawMessage(`"old"`)},
				{Type: "probe.renamed", Data: json.RawMessage(`{"text":"older","x":1}`)},
				{Type: "legacy.thing", Data: json.RawMessage(`[1]`)},
			}[random.IntN(3)]
			for _, s := range sides {
				if _, err := s.store.Append(t.Context(), nacre.StreamID("probe-"+id), nacre.Any, old); err != nil {
					t.Fatal(err)
				}
			}
		case 3:
			sides[1].close()
			sides[1] = open(t, sides[1].store, m.Decider(), m.CodecOptions())
		}
		a, b := sides[0].execute(t, c, id, name, payload), sides[1].execute(t, c, id, name, payload)
		if a.State != "" && b.State != "" {
			a.State, b.State = normal(t, a.State), normal(t, b.State)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("step %d: %s %s of %q comes to\n%+v natively, and in a guest to\n%+v", step, name, payload, id, a, b)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		var logs [2][]fact
		for i, s := range sides {
			for e, err := range s.store.ReadStream(t.Context(), nacre.StreamID("probe-"+id), nil) {
				if err != nil {
					t.Fatal(err)
				}
				logs[i] = append(logs[i], facts([]nacre.Event{e})...)
			}
		}
		if !reflect.DeepEqual(logs[0], logs[1]) {
			t.Errorf("the logs of %q differ", id)
		}
	}
	for _, s := range sides {
		s.close()
	}
}

// normal writes no tags as an empty list: the states before the first event differ in that natively.
func normal(t *testing.T, text string) string {
	var s native.State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if s.Tags == nil {
		s.Tags = []string{}
	}
	out, _ := json.Marshal(s)
	return string(out)
}

// randomCommand is one that is taken, mostly.
func randomCommand(random *rand.Rand) (name, payload string, good bool) {
	switch random.IntN(7) {
	case 0, 1, 2:
		return "add", fmt.Sprintf(`{"by":%d}`, random.IntN(400)-200), true
	case 3:
		text, _ := json.Marshal([]string{"", "x", "note é", "<b>&</b>"}[random.IntN(4)])
		return "note", fmt.Sprintf(`{"text": %s}`, text), true
	case 4:
		return "burst", fmt.Sprintf(`{"times":%d}`, random.IntN(6)), true
	case 5:
		return "who", `{}`, true
	}
	return []string{"add", "fly", "note"}[random.IntN(3)], []string{`{"by":"x"}`, `{}`, `7`, `{"text":1}`}[random.IntN(4)], false
}

// TestManyCallersOfFewInstances has commands of many goroutines decided at once: none is lost, and the state is what
// they come to.
func TestManyCallersOfFewInstances(t *testing.T) {
	t.Parallel()
	m := compile(t, newEngine(t, compiled()), goProbe(t), patient(3))
	s := open(t, memstore.Open(nil), m.Decider(), m.CodecOptions())
	defer s.close()
	var all sync.WaitGroup
	const callers, each, aggregates = 8, 40, 5
	for i := range callers {
		all.Go(func() {
			for n := range each {
				id := fmt.Sprint((i + n) % aggregates)
				if n%13 == 0 {
					if got := s.execute(t, decider.Context{}, id, "trap", `{}`); got.Error != "panic" {
						t.Errorf("the trap comes to %+v", got)
					}
				}
				if got := s.execute(t, decider.Context{}, id, "add", `{"by":1}`); got.Error != "" {
					t.Errorf("%+v", got)
				}
				if n%7 == 0 {
					s.evict(id)
				}
			}
		})
	}
	all.Wait()
	sum := 0
	for i := range aggregates {
		view, err := s.bus.View(t.Context(), "probe", fmt.Sprint(i), aggregate.Moment{})
		if err != nil {
			t.Fatal(err)
		}
		var state native.State
		if err := json.Unmarshal(view.State, &state); err != nil {
			t.Fatal(err)
		}
		sum += state.Count
	}
	if sum != callers*each {
		t.Errorf("%d of %d additions are there", sum, callers*each)
	}
}
