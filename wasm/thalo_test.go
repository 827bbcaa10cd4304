package wasm_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

var generations = []wasmtest.Generation{wasmtest.Agg, wasmtest.Entity}

type thaloRepository = aggregate.Repository[*wasm.State, wasm.Command, wasm.Event]

// thaloOf compiles a component and runs it on a store.
func thaloOf(t testing.TB, e *wasm.Engine, store *nacre.Store, binary []byte, l *wasm.Limits) (*wasm.Module, *thaloRepository) {
	t.Helper()
	m, err := e.CompileAs(t.Context(), "counter", binary, l)
	if err != nil {
		t.Fatal(err)
	}
	r := aggregate.New(store, m.Decider(), &aggregate.Options{Codec: m.CodecOptions(), SnapshotEvery: -1, SnapshotAfter: -1})
	return m, r
}

// execute gives the events that a command led to, as "Added 5 Added 7".
func execute(t testing.TB, r *thaloRepository, id, command, payload string) (string, error) {
	t.Helper()
	result, err := r.Get(id).Execute(t.Context(), wasm.Command{Command: command, Payload: json.RawMessage(payload)})
	var out []string
	for _, e := range result.Events {
		out = append(out, e.Type+" "+string(e.Event.Data))
	}
	return strings.Join(out, " "), err
}

// want executes a command that has to go well.
func want(t testing.TB, r *thaloRepository, id, command, payload, events string) {
	t.Helper()
	if got, err := execute(t, r, id, command, payload); err != nil || got != events {
		t.Errorf("%s %s(%s): %q, %v; want %q", id, command, payload, got, err, events)
	}
}

// total is what the entity has inside.
func total(t testing.TB, r *thaloRepository, id string, sum int) {
	t.Helper()
	want(t, r, id, "Show", "", fmt.Sprintf("Shown %d", sum))
}

func TestThaloExecutes(t *testing.T) {
	for _, g := range generations {
		t.Run(g.Resource(), func(t *testing.T) {
			e, store := newEngine(t, nil), memstore.Open(nil)
			m, r := thaloOf(t, e, store, wasmtest.Counter(t, g), nil)
			if d := m.Description(); d.Name != "counter" || !d.Open || m.KeepsState() {
				t.Errorf("described as %+v", d)
			}
			want(t, r, "ann", "Add", " 5 ", "Added 5")
			want(t, r, "ann", "Add", "7", "Added 7")
			want(t, r, "bob", "Add", "100", "Added 100")
			want(t, r, "ann", "Many", "3", "Added 1 Added 1 Added 1")
			want(t, r, "ann", "Nothing", "", "")
			total(t, r, "ann", 15)
			total(t, r, "bob", 100)
			want(t, r, "bob", "Who", "", `Shown "bob"`)
			// In the log they have Thalo's names, and nothing else.
			n := 0
			for event, err := range store.ReadStream(t.Context(), "counter-ann", nil) {
				if err != nil || event.StreamPosition == 1 && (event.Type != "Added" || string(event.Data) != "7" || len(event.Tags) > 0) {
					t.Errorf("event %d: %+v, %v", n, event, err)
				}
				n++
			}
			if n != 6 {
				t.Errorf("%d events", n)
			}
		})
	}
}

func TestThaloErrors(t *testing.T) {
	for _, g := range generations {
		t.Run(g.Resource(), func(t *testing.T) {
			e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
			_, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, g), nil)
			want(t, r, "ann", "Add", "5", "Added 5")

			_, err := execute(t, r, "ann", "Refuse", "")
			domain, ok := errors.AsType[*wasm.DomainError](err)
			wanted := wasm.DomainError{Message: `{"Short":{"missing":7}}`}
			if g == wasmtest.Entity {
				wanted = wasm.DomainError{Type: "Short", Message: "Short", Data: json.RawMessage(`{"Short":{"missing":7}}`)}
			}
			if !ok || domain.Type != wanted.Type || domain.Message != wanted.Message || !bytes.Equal(domain.Data, wanted.Data) || nacre.CodeOf(err) != "" {
				t.Errorf("refused: %#v", err)
			}
			for command, code := range map[string]nacre.Code{
				"Bad":     nacre.CodeInvalid,
				"Unknown": aggregate.CodeUnknownCommand,
				"Zed":     nacre.CodeInvalid, // the text is about another name
				"Encode":  wasm.CodeFailed,
				"X":       wasm.CodeFailed,  // gives an event that it cannot apply
				"Y":       wasm.CodeTrapped, // the same, with a trap
			} {
				_, err := execute(t, r, "ann", command, "1")
				if nacre.CodeOf(err) != code {
					t.Errorf("%s: %v, not %s", command, err, code)
				}
				if call, ok := errors.AsType[*wasm.CallError](err); ok && (call.ID != "ann" || call.Module != "counter") {
					t.Errorf("%s: %+v", command, call)
				}
			}
			if _, err := execute(t, r, "ann", "Bad", "1"); !strings.Contains(err.Error(), "payload") || !strings.Contains(err.Error(), "invalid type") {
				t.Errorf("what is wrong is not said: %v", err)
			}
			if _, err := execute(t, r, "ann", "Add", "{"); nacre.CodeOf(err) != nacre.CodeInvalid {
				t.Errorf("no JSON: %v", err)
			}
			if g == wasmtest.Agg {
				want(t, r, "ann", "Ignore", "", "")
			}
			total(t, r, "ann", 5) // nothing of all this was stored
		})
	}
}

func TestThaloHostile(t *testing.T) {
	limits := &wasm.Limits{Running: 300 * time.Millisecond, Memory: 4 << 20}
	for _, g := range generations {
		t.Run(g.Resource(), func(t *testing.T) {
			e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
			_, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, g), limits)
			sum := 0
			for command, code := range map[string]nacre.Code{
				"Trap":  wasm.CodeTrapped,
				"loop":  nacre.CodeDeadline,
				"dive":  wasm.CodeDepth,
				"grow":  wasm.CodeMemory,
				"p":     wasm.CodeReply, // events outside the memory
				"n":     wasm.CodeReply, // 2 thousand million events
				"o":     wasm.CodeReply, // a result outside the memory
				"q":     wasm.CodeReply, // not aligned
				"a":     wasm.CodeReply, // events not aligned
				"v":     wasm.CodeReply, // no UTF-8
				"j":     wasm.CodeReply, // no JSON
				"k":     wasm.CodeReply, // neither a result nor an error
				"f":     wasm.CodeReply, // an error that does not exist
				"e":     wasm.CodeReply, // an event without a name
				"s":     wasm.CodeReply, // one with a wildcard
				"h":     wasm.CodeReply, // a text of 6 MiB outside the memory
				"Huge":  wasm.CodeReply, // and inside
				"Many":  wasm.CodeReply,
				"!born": wasm.CodeTrapped, // the constructor traps
				"?born": wasm.CodeReply,   // it gives a resource that it did not make
			} {
				id, payload := "ann", "501"
				if strings.HasSuffix(command, "born") {
					id, command = command, "Add"
				}
				_, err := execute(t, r, id, command, payload)
				if nacre.CodeOf(err) != code {
					t.Errorf("%s: %v, not %s", command, err, code)
				}
				want(t, r, "ann", "Add", "2", "Added 2")
				sum += 2
				total(t, r, "ann", sum) // the entity is made of its events again
			}
		})
	}
}

// Whatever a component's result is, it is events, an error, or the module's fault.
func TestThaloResultsOfAnyBytes(t *testing.T) {
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("NACRE_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("replay: NACRE_SEED=%d go test -run %s ./wasm/", seed, t.Name())
	random := rand.New(rand.NewPCG(seed, 0))
	for _, g := range generations {
		e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
		m, _ := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, g), nil)
		codes := map[nacre.Code]int{}
		for range 2000 {
			// Few cases, few lengths, and places that are inside the memory or nearly so.
			result := make([]byte, 0, 64)
			for len(result) < 64 {
				word := random.Uint32() >> (random.Uint32() % 32)
				switch {
				case len(result) == 0:
					word %= 3
				case random.IntN(2) == 0:
					word %= 7
				case random.IntN(4) > 0:
					word %= 600
				}
				result = binary.LittleEndian.AppendUint32(result, word)
			}
			letters := make([]byte, 0, 130)
			letters = append(letters, '"')
			for _, b := range result {
				letters = append(letters, 'a'+b>>4, 'a'+b&15)
			}
			events, err := m.Decide(t.Context(), nil, wasm.Command{Command: "result", Payload: append(letters, '"')}, contextOf("ann"))
			code := nacre.CodeOf(err)
			codes[code]++
			domain, _ := errors.AsType[*wasm.DomainError](err)
			switch {
			case err == nil, domain != nil:
			case code != wasm.CodeReply && code != wasm.CodeFailed && code != nacre.CodeInvalid && code != wasm.CodeTrapped:
				t.Fatalf("%x: %v", result, err)
			}
			for _, event := range events {
				if event.Type == "" || !json.Valid(event.Data) {
					t.Fatalf("%x: %q %q", result, event.Type, event.Data)
				}
			}
		}
		if codes[""] == 0 || codes[wasm.CodeReply] == 0 {
			t.Errorf("%s: the results came to nothing else than %v", g.Resource(), codes)
		}
	}
}

func TestThaloTrapDropsOneInstance(t *testing.T) {
	e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
	m, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, wasmtest.Entity), nil)
	for i := range 5 {
		want(t, r, fmt.Sprint("e", i), "Add", "3", "Added 3")
	}
	_, err := execute(t, r, "e2", "Trap", "")
	if all, _ := m.Instances(); nacre.CodeOf(err) != wasm.CodeTrapped || all != 4 {
		t.Errorf("%d of 5 instances are there after %v", all, err)
	}
	// Refusals of entities without events leave nothing behind.
	for i := range 5 {
		if _, err := execute(t, r, fmt.Sprint("none", i), "Refuse", ""); err == nil {
			t.Error("it was not refused")
		}
	}
	if all, idle := m.Instances(); all != 4 || idle != 4 {
		t.Errorf("%d instances, %d of them idle", all, idle)
	}
	for i := range 5 {
		total(t, r, fmt.Sprint("e", i), 3)
	}
	if all, _ := m.Instances(); all != 5 {
		t.Errorf("%d instances for 5 entities", all)
	}
}

func TestThaloLogs(t *testing.T) {
	for _, g := range generations {
		var out bytes.Buffer
		e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "hash" {
				return slog.Attr{}
			}
			return a
		}}))})
		_, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, g), nil)
		want(t, r, "ann", "Log", "", "")
		about := `module=counter doing="the command \"Log\"" id=ann`
		wanted := "level=INFO msg=said " + about + "\n"
		if g == wasmtest.Entity {
			wanted = "level=WARN msg=told " + about + " n=\"5\" target=guest\n" + wanted
		}
		if got := out.String(); strings.Join(sorted(got), "\n") != strings.Join(sorted(wanted), "\n") {
			t.Errorf("%s: logged\n%s, not\n%s", g.Resource(), got, wanted)
		}
		_, err := execute(t, r, "ann", "Trap", "")
		call, ok := errors.AsType[*wasm.CallError](err)
		if !ok {
			t.Fatal(err)
		}
		if records, _ := call.Logs(); len(records) == 0 || records[0].Message != "said" || strings.Contains(err.Error(), "said") {
			t.Errorf("%s: the logs of a failed call: %v, %v", g.Resource(), records, err)
		}
	}
}

func TestThaloShowsNoState(t *testing.T) {
	e := newEngine(t, nil)
	m, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, wasmtest.Entity), nil)
	ask := func(what string) {
		t.Helper()
		state, err := r.Get("ann").State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.StateJSON(t.Context(), state); nacre.CodeOf(err) != wasm.CodeNoState || !strings.Contains(err.Error(), `"counter"`) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := json.Marshal(state); state != nil && nacre.CodeOf(err) != wasm.CodeNoState {
			t.Errorf("%s: as JSON: %v", what, err)
		}
	}
	ask("without events")
	want(t, r, "ann", "Add", "5", "Added 5")
	ask("with one")
	r.Evict("ann")
	ask("read from the log")
	if _, err := aggregate.NewBus(r).View(t.Context(), "counter", "ann", aggregate.Moment{}); nacre.CodeOf(err) != wasm.CodeNoState {
		t.Errorf("a view: %v", err)
	}
}

func TestThaloEvictionIsInvisible(t *testing.T) {
	// Two instances for ten entities: each command finds its own gone.
	e, store := newEngine(t, nil), memstore.Open(nil)
	m, r := thaloOf(t, e, store, wasmtest.Counter(t, wasmtest.Entity), &wasm.Limits{Instances: 2})
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			id := fmt.Sprint("e", i)
			for n := range 20 {
				if got, err := execute(t, r, id, "Add", fmt.Sprint(n)); err != nil || got != fmt.Sprint("Added ", n) {
					t.Errorf("%s: %s, %v", id, got, err)
				}
			}
		})
	}
	wg.Wait()
	if all, _ := m.Instances(); all > 2 {
		t.Errorf("%d instances, of at most 2", all)
	}
	for i := range 10 {
		total(t, r, fmt.Sprint("e", i), 190)
		want(t, r, fmt.Sprint("e", i), "Who", "", fmt.Sprintf(`Shown "e%d"`, i))
	}
}

func TestThaloIsMadeOfTheLogAgain(t *testing.T) {
	store := memstore.Open(nil)
	component := wasmtest.Counter(t, wasmtest.Entity)
	sum := 0
	for life := range 3 {
		e := newEngine(t, nil)
		m, r := thaloOf(t, e, store, component, nil)
		if sum > 0 {
			total(t, r, "ann", sum)
		}
		for range 3 {
			want(t, r, "ann", "Many", "450", strings.TrimSpace(strings.Repeat("Added 1 ", 450))) // more than are applied at once
			sum += 450
		}
		total(t, r, "ann", sum)
		if err := errors.Join(r.Close(t.Context()), m.Close(t.Context())); err != nil {
			t.Errorf("life %d: %v", life, err)
		}
	}
}

func TestThaloFollowsWhatOthersWrite(t *testing.T) {
	// Two servers with one store: their entities are made of each other's events.
	store := memstore.Open(nil)
	component := wasmtest.Counter(t, wasmtest.Agg)
	_, a := thaloOf(t, newEngine(t, nil), store, component, nil)
	_, b := thaloOf(t, newEngine(t, nil), store, component, nil)
	for i := range 20 {
		want(t, a, "ann", "Add", "1", "Added 1")
		if i%3 == 0 {
			want(t, b, "ann", "Add", "10", "Added 10")
		}
	}
	total(t, a, "ann", 90)
	total(t, b, "ann", 90)
	var wg sync.WaitGroup
	for _, r := range []*thaloRepository{a, b} {
		wg.Go(func() {
			for range 50 {
				want(t, r, "bob", "Add", "1", "Added 1")
			}
		})
	}
	wg.Wait()
	total(t, a, "bob", 100)
	// An event of somebody else that the component cannot apply is an error that says so, and not passed over.
	if _, err := store.Append(t.Context(), "counter-bob", nacre.Any, nacre.Event{Type: "Xed", Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := execute(t, a, "bob", "Add", "1"); nacre.CodeOf(err) != wasm.CodeFailed || !strings.Contains(err.Error(), "invalid type") {
		t.Errorf("an event that cannot be applied: %v", err)
	}
}

func TestThaloStatesThatWereNotStored(t *testing.T) {
	// A state that a command came to, and that is not stored, is not what the next command is decided on.
	e := newEngine(t, nil)
	m, _ := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, wasmtest.Entity), nil)
	d := m.Decider()
	decide := func(s *wasm.State, command, payload string) ([]wasm.Event, error) {
		return d.Decide(s, wasm.Command{Command: command, Payload: json.RawMessage(payload)}, contextOf("ann"))
	}
	events, err := decide(nil, "Add", "5")
	if err != nil {
		t.Fatal(err)
	}
	five := d.Evolve(nil, events[0])
	if _, err := decide(five, "Add", "100"); err != nil {
		t.Fatal(err)
	}
	if _, err := decide(five, "Show", ""); !errors.Is(err, aggregate.ErrStateLost) {
		t.Errorf("the entity has gone on, and the state before that is said to be %v", err)
	}
	fresh := d.Evolve(nil, wasm.Event{Type: "Added", Data: json.RawMessage("5")})
	if events, err = decide(fresh, "Show", ""); err != nil || string(events[0].Data) != "5" {
		t.Errorf("a state read anew: %v, %v", events, err)
	}
	// Of a decision's events only some may be applied, too.
	if events, err = decide(nil, "Many", "3"); err != nil || len(events) != 3 {
		t.Fatal(events, err)
	}
	two := d.Evolve(d.Evolve(nil, events[0]), events[1])
	if events, err = decide(two, "Show", ""); err != nil || string(events[0].Data) != "2" {
		t.Errorf("two of three: %v, %v", events, err)
	}
}

func TestThaloMemoryIsBounded(t *testing.T) {
	// All entities together have less memory than there are of them, and still all go on.
	e := newEngine(t, &wasm.EngineOptions{Memory: 1 << 20})
	m, r := thaloOf(t, e, memstore.Open(nil), wasmtest.Counter(t, wasmtest.Entity), nil)
	for range 2 {
		for i := range 20 {
			want(t, r, fmt.Sprint("e", i), "Add", "1", "Added 1")
		}
	}
	if all, _ := m.Instances(); all == 0 || all > 8 {
		t.Errorf("%d instances of 128 KiB in 1 MiB", all)
	}
	for i := range 20 {
		total(t, r, fmt.Sprint("e", i), 2)
	}
}

func TestThaloRefusals(t *testing.T) {
	e := newEngine(t, nil)
	good := wasmtest.Counter(t, wasmtest.Entity)
	parts := func(change func(*wasmtest.Parts)) []byte {
		p := &wasmtest.Parts{
			Generation: wasmtest.Entity, Core: wasmtest.Assemble(t, wasmtest.CounterText(wasmtest.Entity)), Post: true,
			Errors: wasmtest.Entity.Errors(), Export: "aggregate", Resource: "entity",
		}
		change(p)
		return p.Encode()
	}
	for name, c := range map[string]struct {
		binary []byte
		want   string
	}{
		"another component":     {parts(func(p *wasmtest.Parts) { p.Export = "calculator" }), `exports "calculator", and no interface "aggregate"`},
		"another resource":      {parts(func(p *wasmtest.Parts) { p.Resource = "thing" }), `one built for Thalo has a constructor`},
		"texts in UTF-16":       {parts(func(p *wasmtest.Parts) { p.Encoding = 1 }), "not UTF-8"},
		"no allocator":          {parts(func(p *wasmtest.Parts) { p.NoRealloc = true }), "no function to allocate"},
		"another command":       {parts(func(p *wasmtest.Parts) { p.Command = []string{"command", "payload", "context"} }), "a command having the texts"},
		"errors without a text": {parts(func(p *wasmtest.Parts) { p.Errors = nil }), "has 0 cases"},
		"an older generation's functions": {
			parts(func(p *wasmtest.Parts) { p.Core = wasmtest.Assemble(t, wasmtest.CounterText(wasmtest.Agg)) }),
			"imports [export]aggregate.[resource-new]agg",
		},
		"other types": {wasmtest.Counter(t, wasmtest.Entity, `(param $self i32) (param $list i32) (param $n i32) (result i32)`, `(param $self i32) (param $list i32) (param $n i64) (result i32)`,
			`(br_if $done (i32.eqz (local.get $n)))`, `(br_if $done (i64.eqz (local.get $n)))`, `(local.set $n (i32.sub (local.get $n) (i32.const 1)))`, `(nop)`), ""},
		"a missing export": {wasmtest.Counter(t, wasmtest.Entity, `(export "cabi_realloc")`, ``), "does not export cabi_realloc"},
		"a file":           {wasmtest.Counter(t, wasmtest.Entity, `"wasi_snapshot_preview1" "fd_write"`, `"wasi:filesystem/types@0.2.0" "fd_write"`), "wasm32-wasip1"},
		"cut off":          {good[:len(good)-100], "cannot be read"},
		"an old version":   {append([]byte("\x00asm\x0a\x00\x01\x00"), good[8:]...), "cannot be read"},
		"no code":          {parts(func(p *wasmtest.Parts) { p.Core = []byte("\x00asm\x01\x00\x00\x00") }), "does not export"},
		"a broken core":    {parts(func(p *wasmtest.Parts) { p.Core = p.Core[:200] }), "cannot be run"},
	} {
		m, err := e.CompileAs(t.Context(), "counter", c.binary, nil)
		if nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if err == nil {
			_ = m.Close(t.Context())
		}
	}
	if _, err := e.Compile(t.Context(), good, nil); nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), "no name inside") {
		t.Errorf("without a name: %v", err)
	}
	if _, err := e.CompileAs(t.Context(), "my-agg", good, nil); nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), "category") {
		t.Errorf("a name that is none: %v", err)
	}
}

// An instance that cannot be made is told when the component is compiled.
func TestThaloIsTriedWhenItIsCompiled(t *testing.T) {
	e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
	for what, c := range map[string]struct {
		changed []string
		code    nacre.Code
	}{
		"the constructor traps": {[]string{`(call $drop (call $new (i32.const 5)))`, `(unreachable)`}, wasm.CodeTrapped},
		"it drops twice":        {[]string{`(call $drop (call $new (i32.const 5)))`, `(call $drop (call $new (i32.const 5))) (call $drop (i32.const 1))`}, wasm.CodeTrapped},
		"too many resources":    {[]string{`(call $drop (call $new (i32.const 5)))`, `(loop $l (drop (call $new (i32.const 5))) (br $l))`}, wasm.CodeTrapped},
		"places are odd":        {[]string{`(global $heap (mut i32) (i32.const 4096))`, `(global $heap (mut i32) (i32.const 4098))`, `(i32.sub (i32.const 0) (local.get $align))`, `(i32.const -1)`}, wasm.CodeReply},
		"places are nowhere": {[]string{
			`(global $heap (mut i32) (i32.const 4096))`, `(global $heap (mut i32) (i32.const -64))`,
			`(br_if $grow (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))`, ``, `(unreachable)))`, `))`,
		}, wasm.CodeReply},
		"apply traps": {[]string{`(call $ok (i32.const 0) (i32.const 0)))

  (func $clear`, `(unreachable))

  (func $clear`}, wasm.CodeTrapped},
	} {
		if _, err := e.CompileAs(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Entity, c.changed...), nil); nacre.CodeOf(err) != c.code {
			t.Errorf("%s: %v, not %s", what, err, c.code)
		}
	}
}

func BenchmarkThalo(b *testing.B) {
	e := newEngine(b, nil)
	m, err := e.CompileAs(b.Context(), "counter", wasmtest.Counter(b, wasmtest.Entity), nil)
	if err != nil {
		b.Fatal(err)
	}
	d := m.Decider()
	var s *wasm.State
	b.ReportAllocs()
	for b.Loop() {
		events, err := d.Decide(s, wasm.Command{Command: "Add", Payload: json.RawMessage("1")}, contextOf("ann"))
		if err != nil {
			b.Fatal(err)
		}
		s = d.Evolve(s, events[0])
	}
}
