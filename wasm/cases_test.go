package wasm_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm"
)

func TestCasesAreChecked(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{`:                          "is no JSON",
		`{"name":"a"}`:               "no list of cases",
		`[{"given":[{"type":"a"}]}]`: "given, event 1: an event needs a type and data",
		`[{"given":[{"type":"a","data":1,"schemaVersion":-1}]}]`:      "schemaVersion is -1",
		`[{"name":"x","when":{"payload":1}}]`:                         `case 1, "x": when needs a command`,
		`[{"then":{"events":[]}}]`:                                    "there is no command",
		`[{"when":{"command":"a"},"then":{"events":[{"type":"a"}]}}]`: "then.events, event 1",
		`[{"when":{"command":"a"},"then":{"error":{},"state":1}}]`:    "leaves the state",
		`[{"when":{"command":"a","context":{"time":"noon"}}}]`:        "context.time",
	} {
		if _, err := wasm.ReadCases([]byte(text)); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	cases, err := wasm.ReadCases([]byte(` [ { "name" : "a" , "then" : { "state" : { "n" : 1 } } } ] `))
	if err != nil || len(cases) != 1 || string(cases[0].Then.State) != `{"n":1}` {
		t.Errorf("%+v, %v", cases, err)
	}
}

// run gives what is wrong with cases of a guest.
func run(t *testing.T, binary []byte, cases string) []wasm.Failure {
	t.Helper()
	m := compile(t, quiet(t), binary, nil)
	list, err := wasm.ReadCases([]byte(cases))
	if err != nil {
		t.Fatal(err)
	}
	failures, err := m.RunCases(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return failures
}

func TestWhatDoesNotComeOutIsTold(t *testing.T) {
	t.Parallel()
	state := `,"state":{"count":1}}`
	for name, c := range map[string]struct {
		decides, then, says string
	}{
		"all as it should be":      {plainDecides, `{"events":[{"type":"counter.added","data":{"by":1.0}}],"state":{"count":10e-1}}`, ""},
		"nothing is looked at":     {plainDecides, `{}`, ""},
		"another event":            {plainDecides, `{"events":[{"type":"counter.reset","data":{"by":1}}]}`, "event 1 should be"},
		"other data":               {plainDecides, `{"events":[{"type":"counter.added","data":{"by":2}}]}`, `event 1 should be {"type":"counter.added","data":{"by":2},"schemaVersion":1}, and is {"type":"counter.added","data":{"by":1},"schemaVersion":1}`},
		"other tags":               {plainDecides, `{"events":[{"type":"counter.added","data":{"by":1},"tags":["x"]}]}`, "event 1 should be"},
		"another version":          {plainDecides, `{"events":[{"type":"counter.added","data":{"by":1},"schemaVersion":2}]}`, "event 1 should be"},
		"too many":                 {plainDecides, `{"events":[]}`, "there should be 0 events, and there are 1"},
		"too few":                  {`{"events":[]` + state, `{"events":[{"type":"counter.added","data":{"by":1}}]}`, "there should be 1 events, and there are 0"},
		"another state":            {plainDecides, `{"state":{"count":2}}`, `the state should be {"count":2}, and is {"count":1}`},
		"no error":                 {plainDecides, `{"error":{}}`, "there should be the error DOMAIN"},
		"an error":                 {`{"error":{"code":"DOMAIN","message":"no"}}`, `{"events":[]}`, "there is the error"},
		"the error":                {`{"error":{"code":"DOMAIN","type":"a","message":"no","data":[1]}}`, `{"error":{"type":"a","message":"no","data":[1.0]}}`, ""},
		"another code":             {`{"error":{"code":"DECODE_COMMAND"}}`, `{"error":{}}`, `the error's code should be "DOMAIN", and is "DECODE_COMMAND"`},
		"another type":             {`{"error":{"code":"DOMAIN","type":"a"}}`, `{"error":{"type":"b"}}`, "the error's type"},
		"another message":          {`{"error":{"code":"DOMAIN","message":"a"}}`, `{"error":{"message":"b"}}`, "the error's message"},
		"other data of an error":   {`{"error":{"code":"DOMAIN","data":1}}`, `{"error":{"data":2}}`, "the error's data should be 2, and is 1"},
		"no data of an error":      {`{"error":{"code":"DOMAIN"}}`, `{"error":{"data":null}}`, ""},
		"a reply that is no reply": {`hello`, `{"error":{"code":"MODULE_REPLY_INVALID"}}`, ""},
	} {
		failures := run(t, text{decides: c.decides}.assemble(t), `[{"name":"x","when":{"command":"add"},"then":`+c.then+`}]`)
		switch {
		case c.says == "" && len(failures) > 0:
			t.Errorf("%s: %v", name, failures)
		case c.says != "" && (len(failures) != 1 || failures[0].Case != "x" || !strings.Contains(failures[0].String(), c.says)):
			t.Errorf("%s: %q, want %q", name, failures, c.says)
		}
	}
}

// TestWaysThatDoNotAgreeAreTold has guests that break what the interface wants of them, each in another way.
func TestWaysThatDoNotAgreeAreTold(t *testing.T) {
	t.Parallel()
	given := `[{"name":"x","given":[{"type":"counter.added","data":{"by":1}},{"type":"counter.added","data":{"by":1}}],"when":{"command":"add"},"then":{}}]`
	other := `{"events":[],"state":{"count":2}}`
	ways := func(failures []wasm.Failure) string {
		var all []string
		for _, f := range failures {
			all = append(all, f.Way)
		}
		return strings.Join(all, ", ")
	}
	// It counts the commands that it was given.
	counting := text{head: `(global $n (mut i32) (i32.const 0))
		(data (i32.const 24576) ` + quoted(other) + ")", decide: `
		(global.set $n (i32.add (global.get $n) (i32.const 1)))
		(if (i32.gt_u (global.get $n) (i32.const 3)) (then (return ` + place(24576, len(other)) + `)))
		` + place(atDecides, len(plainDecides))}
	if got := ways(run(t, counting.assemble(t), given)); got != "after all other cases" {
		t.Errorf("a guest that counts commands is found out %q", got)
	}
	// It looks at how long its request is.
	measuring := text{head: `(data (i32.const 24576) ` + quoted(other) + ")", decide: `
		(if (i32.lt_u (local.get $n) (i32.const 180)) (then (return ` + place(24576, len(other)) + `)))
		` + place(atDecides, len(plainDecides))}
	if got := ways(run(t, measuring.assemble(t), given)); !strings.Contains(got, "event by event") {
		t.Errorf("a guest that measures requests is found out %q", got)
	}
	// It fails where it evolves.
	failing := text{evolves: `{"error":{"code":"DECODE_EVENT"}}`}
	if got := ways(run(t, failing.assemble(t), given)); got != "event by event, with kept states" {
		t.Errorf("a guest that evolves only to decide is found out %q", got)
	}
}

func TestTheTestsInAModule(t *testing.T) {
	t.Parallel()
	section := func(name, text string) []byte {
		content := append(append([]byte{byte(len(name))}, name...), text...)
		length := []byte{byte(len(content)&0x7f | 0x80), byte(len(content) >> 7)}
		return append(append([]byte{0}, length...), content...)
	}
	tests := `[{"name":"in the module","when":{"command":"add","payload":{"by":1}},"then":{"events":[{"type":"counter.added","data":{"by":1}}]}}]`
	m := compile(t, quiet(t), append(text{}.assemble(t), section("nacre:tests", tests)...), nil)
	if got := m.Tests(); len(got) != 1 || got[0].Name != "in the module" {
		t.Fatalf("%+v", got)
	}
	if failures, err := m.RunCases(t.Context(), m.Tests()); err != nil || len(failures) > 0 {
		t.Errorf("%v, %v", failures, err)
	}
	_, err := quiet(t).Compile(t.Context(), append(text{}.assemble(t), section("nacre:tests", `[{"given":[{}]}]`)...), nil)
	if nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), "nacre:tests") {
		t.Errorf("tests that are wrong give %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.RunCases(ctx, m.Tests()); err == nil {
		t.Error("cases were run for nobody")
	}
}

func TestVectorsThatDoNotFitAreTold(t *testing.T) {
	t.Parallel()
	m := compile(t, quiet(t), text{}.assemble(t), nil)
	for vectors, says := range map[string]string{
		`{"description":{"name":"bank","commands":{"add":{}},"events":{"counter.added":{}}}}`:                                                `the name should be "bank"`,
		`{"description":{"name":"counter","schemaVersion":2,"commands":{"add":{}},"events":{"counter.added":{}}}}`:                           "schemaVersion should be 2",
		`{"description":{"name":"counter","commands":{"sub":{}},"events":{"counter.added":{}}}}`:                                             "the commands should be",
		`{"description":{"name":"counter","commands":{"add":{}},"events":{"counter.added":{"schemaVersion":2}}}}`:                            "the events and their versions",
		`{"description":{"name":"counter","commands":{"add":{}},"events":{"counter.added":{}},"reads":["x"]}}`:                               "reads should be",
		`{"description":{"name":"counter","commands":{"add":{}},"events":{"counter.added":{}},"upcasts":["x"]}}`:                             "upcasts should be",
		`{"description":{"name":"counter","commands":{"add":{}},"events":{"counter.added":{}},"skip":["x"]}}`:                                "skip should be",
		`{"exchanges":[{"name":"x","steps":[{"decide":"{}","reply":{"missing":true}}]}]}`:                                                    "x (step 1): its reply should be",
		`{"exchanges":[{"name":"x","steps":[{"evolve":"{}","reply":{"state":{"count":1}}},{"evolve":"{}","reply":{"state":{"count":2}}}]}]}`: "x (step 2)",
		`{"exchanges":[{"name":"x","steps":[{"evolve":"{}","reply":{"error":{"code":"DECODE_STATE"}}}]}]}`:                                   "x (step 1)",
	} {
		v, err := wasm.ReadVectors([]byte(vectors))
		if err != nil {
			t.Fatal(err)
		}
		failures, err := m.RunVectors(t.Context(), v)
		if err != nil || len(failures) != 1 || !strings.Contains(failures[0].String(), says) {
			t.Errorf("%s: %q, %v, want %q", vectors, failures, err, says)
		}
	}
	good := `{"description":` + plainDescription + `,"exchanges":[{"name":"x","steps":[
		{"evolve":"{}","reply":{"missing":true},"or":{"state":{"count":1.0}}},
		{"decide":"{}","reply":{"events":[{"type":"counter.added","data":{"by":1}}],"state":{"count":1}}}]}]}`
	v, err := wasm.ReadVectors([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if failures, err := m.RunVectors(t.Context(), v); err != nil || len(failures) > 0 {
		t.Errorf("%q, %v", failures, err)
	}
	if _, err := wasm.ReadVectors([]byte("[]")); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("no vectors give %v", err)
	}
}

// closer closes a module when it hears of something, as if that were closed while its tests are run.
type closer struct {
	slog.Handler
	close func()
}

func (c *closer) Handle(context.Context, slog.Record) error {
	c.close()
	return nil
}

func (c *closer) Enabled(context.Context, slog.Level) bool { return true }

func TestAModuleMayBeClosedWhileItsTestsAreRun(t *testing.T) {
	t.Parallel()
	hears := &closer{}
	e := newEngine(t, &wasm.EngineOptions{Logger: slog.New(hears)})
	m := compile(t, e, text{head: unlogging, decide: "(call $log (i32.const 0) (i32.const 0) (i32.const 8)) unreachable"}.assemble(t), nil)
	n := 0
	closed := make(chan error, 1)
	hears.close = func() {
		if n++; n != 4 { // the first three are the ways in which the case is run alone
			return
		}
		go func() { closed <- m.Close(t.Context()) }()
		until(t, "the module takes no more calls", func() bool {
			_, err := m.Decider().Decide(nil, add, now)
			return nacre.CodeOf(err) == nacre.CodeClosed
		})
	}
	cases, err := wasm.ReadCases([]byte(`[{"name":"a trap","when":{"command":"add"},"then":{"error":{"code":"MODULE_TRAPPED"}}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.RunCases(t.Context(), cases); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("got %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
