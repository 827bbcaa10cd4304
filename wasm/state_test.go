package wasm

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// teller is a guest that logs each request as it stands. It replies to a request with "held" what a constant
// says, and to others another one.
func teller(t testing.TB, whole, held, evolved string) *Module {
	t.Helper()
	data := func(at, text string) string {
		var b strings.Builder
		b.WriteString("(data (i32.const " + at + ") \"")
		for i := range len(text) {
			b.WriteString(`\` + string("0123456789abcdef"[text[i]>>4]) + string("0123456789abcdef"[text[i]&15]))
		}
		return b.String() + "\")\n"
	}
	const description = `{"name":"a","schemaVersion":2,"commands":{"go":{}},"events":{"a.gone":{},"a.two":{"schemaVersion":2}},"reads":["a.old"],"upcasts":["a.two@1"]}`
	place := func(at int64, text string) string {
		return "(i64.const " + json.Number(itoa(at<<32|int64(len(text)))).String() + ")"
	}
	binary := wasmtest.Assemble(t, `(module
		(import "nacre" "log" (func $log (param i32 i32 i32)))
		(memory (export "memory") 8)
		`+data("0", description)+data("4096", whole)+data("8192", held)+data("12288", evolved)+data("16384", `"held":`)+`
		(func $has (param $at i32) (param $n i32) (result i32)
			(local $end i32)
			(local.set $end (i32.sub (i32.add (local.get $at) (local.get $n)) (i32.const 7)))
			(loop $next
				(if (i64.eq (i64.shl (i64.load align=1 (local.get $at)) (i64.const 8)) (i64.shl (i64.load (i32.const 16384)) (i64.const 8)))
					(then (return (i32.const 1))))
				(local.set $at (i32.add (local.get $at) (i32.const 1)))
				(br_if $next (i32.lt_u (local.get $at) (local.get $end))))
			(i32.const 0))
		(func (export "nacre_abi") (result i32) (i32.const 1))
		(func (export "nacre_alloc") (param i32) (result i32) (i32.const 65536))
		(func (export "nacre_describe") (result i64) `+place(0, description)+`)
		(func (export "nacre_decide") (param $at i32) (param $n i32) (result i64)
			(call $log (i32.const 0) (local.get $at) (local.get $n))
			(if (call $has (local.get $at) (local.get $n)) (then (return `+place(8192, held)+`)))
			`+place(4096, whole)+`)
		(func (export "nacre_evolve") (param $at i32) (param $n i32) (result i64)
			(call $log (i32.const 0) (local.get $at) (local.get $n))
			`+place(12288, evolved)+`)
		)`)
	e, err := NewEngine(t.Context(), &EngineOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	m, err := e.Compile(t.Context(), binary, &Limits{Instances: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func itoa(n int64) string { text, _ := json.Marshal(n); return string(text) }

// said is what the guest's last call was asked, as it was written.
func said(m *Module) string {
	m.pool.mu.Lock()
	defer m.pool.mu.Unlock()
	return string(m.pool.idle[0].request)
}

const one = `{"events":[{"type":"a.gone","data":{"n":1},"tags":["x"]}]}`

var noon = decider.Context{ID: "ann", Time: time.Date(2026, 1, 2, 12, 0, 0, 5000, time.FixedZone("", 3600))}

func decideOn(t *testing.T, m *Module, s *State) *State {
	t.Helper()
	events, err := m.Decide(t.Context(), s, Command{Command: "go"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		s = m.evolve(s, e)
	}
	return s
}

const tailOfRequest = `"command":"go","context":{"time":"2026-01-02T11:00:00.000005Z"}}`

func TestAStateThatIsHeldDoesNotCrossOver(t *testing.T) {
	t.Parallel()
	m := teller(t, one, one, `{"state":{"n":7}}`)
	before := decideOn(t, m, nil)
	if got, want := said(m), `{"id":"ann","keep":1,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	after := decideOn(t, m, before)
	if got, want := said(m), `{"id":"ann","held":1,"keep":2,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Another branch, with an event of somebody else.
	other := m.evolve(before, Event{Type: "a.two", Data: json.RawMessage(` {"x" : 1}`), SchemaVersion: 2})
	decideOn(t, m, other)
	if got, want := said(m), `{"id":"ann","held":1,"events":[{"type":"a.two","data":{"x":1},"schemaVersion":2}],"keep":3,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	decideOn(t, m, after)
	if got, want := said(m), `{"id":"ann","held":2,"keep":4,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, err := m.settle(t.Context(), after); err != nil || string(text) != `{"n":7}` {
		t.Errorf("%s, %v", text, err)
	}
	if got, want := said(m), `{"held":2,"events":[],"keep":5,"return":true}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, err := m.settle(t.Context(), after); err != nil || string(text) != `{"n":7}` || strings.Contains(said(m), `"keep":6`) {
		t.Errorf("asked again: %s, %v", text, err)
	}
	// The instance goes, and with it what it held.
	m.pool.dismiss(func(*instance) bool { return true })
	decideOn(t, m, after)
	if got, want := said(m), `{"id":"ann","state":{"n":7},"keep":1,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	decideOn(t, m, before)
	if got, want := said(m), `{"id":"ann","events":[{"type":"a.gone","data":{"n":1},"tags":["x"]}],"keep":2,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAStateThatIsMissingIsGivenAgain(t *testing.T) {
	t.Parallel()
	m := teller(t, one, `{"missing":true}`, `{"state":null}`)
	s := decideOn(t, m, nil)
	decideOn(t, m, s)
	if got, want := said(m), `{"id":"ann","events":[{"type":"a.gone","data":{"n":1},"tags":["x"]}],"keep":3,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestACommandWithNothingToDoKeepsTheState(t *testing.T) {
	t.Parallel()
	m := teller(t, `{}`, `{"events":[]}`, `{"state":{"n":7}}`)
	s := &State{}
	if err := json.Unmarshal([]byte(`{"n": 3}`), s); err != nil {
		t.Fatal(err)
	}
	decideOn(t, m, s)
	if got, want := said(m), `{"id":"ann","state":{"n":3},"keep":1,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	decideOn(t, m, s)
	if got, want := said(m), `{"id":"ann","held":1,"keep":2,`+tailOfRequest; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestALongTailIsShortened(t *testing.T) {
	t.Parallel()
	m := teller(t, `{"events":[{"type":"a.gone","data":{"n":1}}],"state":{"n":8}}`, `{"events":[{"type":"a.gone","data":{"n":1}}]}`, `{"state":{"n":7}}`)
	var s *State
	for range readEvents + 1 { // as when a stream is read
		s = m.evolve(s, Event{Type: "a.gone", Data: json.RawMessage(`{"n":1}`)})
	}
	if now := s.now(); now.total-now.from != 1 || string(now.base) != `{"n":7}` || now.tail.before != nil {
		t.Errorf("after %d events, %d are kept", now.total, now.total-now.from)
	}
	for range tailEvents - 1 {
		s = m.evolve(s, Event{Type: "a.gone", Data: json.RawMessage(`{"n":1}`)})
	}
	m.pool.dismiss(func(*instance) bool { return true })
	s = decideOn(t, m, s)
	if got := said(m); !strings.Contains(got, `"return":true`) {
		t.Errorf("with %d events it is not asked for the state: %s", tailEvents, got)
	}
	if now := s.now(); string(now.base) != `{"n":8}` || now.tail != nil || now.total != readEvents+1+tailEvents {
		t.Errorf("%d events are kept, of %d", now.total-now.from, now.total)
	}
}

func TestWhoLooksAtStatesGetsTheNextOneWithItsDecision(t *testing.T) {
	t.Parallel()
	m := teller(t, one, `{"events":[{"type":"a.gone","data":{"n":1}}],"state":{"n":8}}`, `{"state":{"n":7}}`)
	s := decideOn(t, m, nil)
	if got := said(m); strings.Contains(got, `"return"`) {
		t.Errorf("nobody has looked at a state, and it is asked for: %s", got)
	}
	look := func(want string) {
		t.Helper()
		if text, err := s.JSON(t.Context()); err != nil || string(text) != want {
			t.Errorf("the state is %s, %v, and should be %s", text, err, want)
		}
	}
	look(`{"n":7}`) // it takes a call of its own
	s = decideOn(t, m, s)
	if got := said(m); !strings.Contains(got, `"return":true`) {
		t.Errorf("somebody has looked, and it is not asked for: %s", got)
	}
	look(`{"n":8}`)
	for range lookedFor {
		s = decideOn(t, m, s)
		if got := said(m); !strings.Contains(got, `"return":true`) {
			t.Fatalf("it is not asked for: %s", got)
		}
	}
	s = decideOn(t, m, s)
	if got := said(m); strings.Contains(got, `"return"`) {
		t.Errorf("nobody has looked for %d events, and it is asked for: %s", lookedFor, got)
	}
}

func TestEventsThatTheGuestDoesNotReadAreToldByEveryCommand(t *testing.T) {
	t.Parallel()
	m := teller(t, `{"error":{"code":"DECODE_EVENT","message":"odd"}}`, `{}`, `{"error":{"code":"DECODE_EVENT","message":"odd"}}`)
	var s *State
	for range readEvents {
		s = m.evolve(s, Event{Type: "a.gone", Data: json.RawMessage(`1`)})
	}
	if now := s.now(); now.err == nil || now.tail != nil {
		t.Errorf("%d events are kept of a state that cannot be known", now.total-now.from)
	}
	for range 2 {
		s = m.evolve(s, Event{Type: "a.gone", Data: json.RawMessage(`1`)})
		_, err := m.Decide(t.Context(), s, Command{Command: "go"}, noon)
		if nacre.CodeOf(err) != CodeFailed || errors.Is(err, aggregate.ErrStateLost) || !strings.Contains(err.Error(), "odd") {
			t.Errorf("got %v", err)
		}
		if _, err := s.JSON(t.Context()); nacre.CodeOf(err) != CodeFailed {
			t.Errorf("got %v", err)
		}
	}
}

func TestAGuestThatDoesNotGiveItsStateIsAskedMoreRarely(t *testing.T) {
	t.Parallel()
	m := teller(t, one, one, `hello`)
	var s *State
	for range 3 * readEvents {
		s = m.evolve(s, Event{Type: "a.gone", Data: json.RawMessage(`1`)})
	}
	if now := s.now(); now.err != nil || now.total-now.from != 3*readEvents || now.failures != 2 {
		t.Errorf("after %d failures, %d of %d events are kept: %v", now.failures, now.total-now.from, now.total, now.err)
	}
	large := json.RawMessage(`"` + strings.Repeat("x", lostBytes/4) + `"`)
	for range 9 { // it is asked at 2 and at 4, where it says no
		s = m.evolve(s, Event{Type: "a.gone", Data: large})
	}
	if now := s.now(); !errors.Is(now.err, aggregate.ErrStateLost) || now.tail != nil && now.tail.size > lostBytes {
		t.Errorf("a state that is too large is kept: %v", now.err)
	}
	if _, err := m.Decide(t.Context(), s, Command{Command: "go"}, noon); !errors.Is(err, aggregate.ErrStateLost) || nacre.CodeOf(err) != CodeReply {
		t.Errorf("got %v", err)
	}
}

func TestStatesAreEqualAsJSON(t *testing.T) {
	t.Parallel()
	state := func(text string) *State {
		s := &State{}
		if err := json.Unmarshal([]byte(text), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if !state(`{"a":1,"b":2}`).Equal(state(` {"b":2.0,"a":1}`)) || state(`1`).Equal(state(`2`)) {
		t.Error("states that say the same differ, or others do not")
	}
	if !state(`null`).Equal(nil) || state(`1`).Equal(nil) {
		t.Error("the state before the first event is another one than null")
	}
	if err := json.Unmarshal([]byte(`{"a":1,"a":2}`), &State{}); err == nil {
		t.Error("a name that stands twice is taken")
	}
	m := teller(t, one, one, `{"state":{"n":7}}`)
	if text, err := m.StateJSON(t.Context(), nil); err != nil || string(text) != `{"n":7}` {
		t.Errorf("the guest's first state is %s, %v", text, err)
	}
}

func TestEventsOfTheLogAreReadByVersion(t *testing.T) {
	t.Parallel()
	m := teller(t, one, one, one)
	d := m.Decider()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		version int
		says    string
	}{
		{"a.gone", 1, ""}, {"a.gone", 2, "a newer one"}, {"a.two", 2, ""}, {"a.two", 1, ""}, {"a.two", 3, "a newer one"}, {"a.old", 1, ""}, {"a.old", 9, ""},
	} {
		data := []byte(`{"x":1}`)
		v, err := d.Events[c.name].Read(c.name, data, c.version)
		clear(data)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s@%d: %v", c.name, c.version, err)
			}
			continue
		}
		if e, ok := v.(Event); err != nil || !ok || e.Type != c.name || string(e.Data) != `{"x":1}` || e.SchemaVersion != c.version {
			t.Errorf("%s@%d: %+v, %v", c.name, c.version, v, err)
		}
	}
	three := (&Description{Events: map[string]EventDescription{"a": {SchemaVersion: 3}}, Upcasts: []string{"a@1"}}).readings()["a"]
	if !three.reads(1) || three.reads(2) || !three.reads(3) {
		t.Error("version 2 is read, which stands in no upcast")
	}
}

// TestTheLogsEventsAreThoseThatWereDecided has a guest asked about a state that was decided on, and about the same one
// when it was read from the log again.
func TestTheLogsEventsAreThoseThatWereDecided(t *testing.T) {
	t.Parallel()
	m := teller(t, `{"events":[{"type":"a.two","data": {"a": "<é>","b":1.50},"tags":["x","a \u0061"],"schemaVersion":2}]}`, `{"missing":true}`, `{"state":{"n":7}}`)
	r := aggregate.New(memstore.Open(nil), m.Decider(), &aggregate.Options{Codec: m.CodecOptions()})
	asked := func() string {
		t.Helper()
		ctx := decider.With(t.Context(), noon)
		if _, err := r.Get("ann").Execute(ctx, Command{Command: "go"}); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(said(m), `,"keep"`)
		return text
	}
	asked()
	inMemory := asked()
	r.Evict("ann")
	asked()
	r.Evict("ann")
	readAgain := asked()
	event := `{"type":"a.two","data":{"a":"<é>","b":1.50},"tags":["x","a a"],"schemaVersion":2}`
	if want := `{"id":"ann","events":[` + event; inMemory != want+"]" || readAgain != want+","+event+","+event+"]" {
		t.Errorf("in memory  %s\nread again %s", inMemory, readAgain)
	}
}

// TestAnEventThatSomebodyChangedIsApplied has a decider that is wrapped, and whose events are changed before they are
// stored: the guest, which applied its own, does not hold that state.
func TestAnEventThatSomebodyChangedIsApplied(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Event){
		"data": func(e *Event) { e.Data = json.RawMessage(` {"n":2}`) },
		"tags": func(e *Event) { e.Tags = append(e.Tags, "y") },
		"type": func(e *Event) { e.Type = "a.old" },
	} {
		m := teller(t, `{"events":[{"type":"a.gone","data":{"n":1},"tags":["x"]}],"state":{"n":1}}`, one, `{"state":{"n":7}}`)
		events, err := m.Decide(t.Context(), nil, Command{Command: "go"}, noon)
		if err != nil {
			t.Fatal(err)
		}
		change(&events[0])
		decideOn(t, m, m.evolve(nil, events[0]))
		event, err := json.Marshal(events[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, want := said(m), `{"id":"ann","events":[{"type":"`+events[0].Type+`","data":`+string(event)+`,"tags":[`; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s\nwant %s", name, got, want)
		}
	}
}
