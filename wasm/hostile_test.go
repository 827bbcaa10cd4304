package wasm_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

const (
	forever   = "(loop $again (br $again)) unreachable"
	unlogging = `(import "nacre" "log" (func $log (param i32 i32 i32)))`
)

// brief limits keep tests of what never ends short.
var brief = &wasm.Limits{Running: 30 * time.Millisecond, Call: 20 * time.Second, Memory: 1 << 20}

var add = wasm.Command{Command: "add", Payload: []byte(`{"by":1}`)}

var now = decider.Context{ID: "ann", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

// quiet is an engine that tells nobody what guests log.
func quiet(t testing.TB) *wasm.Engine {
	return newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
}

func TestWhatGoesWrongInACallFailsIt(t *testing.T) {
	t.Parallel()
	good := `{"type":"counter.added","data":{"by":1}}`
	deep := strings.Repeat("[", 129) + strings.Repeat("]", 129)
	for name, c := range map[string]struct {
		guest text
		code  nacre.Code
		says  string
	}{
		"an endless loop":    {text{decide: forever}, nacre.CodeDeadline, "ran for more than 30ms"},
		"a loop in alloc":    {text{alloc: forever}, nacre.CodeDeadline, "ran for more than 30ms"},
		"a trap":             {text{decide: "unreachable"}, wasm.CodeTrapped, "unreachable"},
		"a division by zero": {text{decide: "(i64.div_u (i64.const 1) (i64.const 0))"}, wasm.CodeTrapped, "divide by zero"},
		"a stack overflow": {
			text{head: "(func $deeper (param $n i64) (result i64) (i64.add (call $deeper (local.get $n)) (i64.const 1)))", decide: "(call $deeper (i64.const 1))"},
			wasm.CodeDepth, "nested too deep",
		},
		"a memory bomb": {
			text{decide: "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"},
			wasm.CodeMemory, "more memory than there is",
		},
		"giant output":                   {text{decide: place(0, 1<<31)}, wasm.CodeReply, "of at most 4194304"},
		"a reply beyond the memory":      {text{decide: place(4<<16-1, 2)}, wasm.CodeReply, "its memory ends at 262144"},
		"a reply at the very end":        {text{decide: place(1<<32-1, 1)}, wasm.CodeReply, "its memory ends at"},
		"a place beyond the memory":      {text{alloc: "(i32.const 262143)"}, wasm.CodeReply, "nacre_alloc(4096) gave 262143"},
		"a place where its reply stands": {text{alloc: "(i32.const 8192)"}, wasm.CodeReply, "is not what it should be"},
		"no JSON":                        {text{decides: "hello"}, wasm.CodeReply, "byte 0"},
		"nothing":                        {text{decide: place(0, 0)}, wasm.CodeReply, "it ends where"},
		"more than one value":            {text{decides: "{}{}"}, wasm.CodeReply, "byte 2"},
		"another shape":                  {text{decides: `[1]`}, wasm.CodeReply, "byte 0"},
		"events of another shape":        {text{decides: `{"events":{}}`}, wasm.CodeReply, `'['`},
		"invalid UTF-8":                  {text{decides: `{"events":[{"type":"counter.added","data":"` + "\xff" + `"}]}`}, wasm.CodeReply, "UTF-8"},
		"a lone surrogate":               {text{decides: `{"events":[{"type":"counter.added","data":"\ud800"}]}`}, wasm.CodeReply, "surrogate"},
		"a name twice":                   {text{decides: `{"events":[{"type":"counter.added","data":{"a":1,"\u0061":2}}]}`}, wasm.CodeReply, "twice"},
		"events twice":                   {text{decides: `{"events":[` + good + `],"events":[]}`}, wasm.CodeReply, "twice"},
		"nesting without an end":         {text{decides: `{"events":[{"type":"counter.added","data":` + deep + `}]}`}, wasm.CodeReply, "128 deep"},
		"an event without data":          {text{decides: `{"events":[{"type":"counter.added"}]}`}, wasm.CodeReply, "type and data"},
		"an event that is not its":       {text{decides: `{"events":[{"type":"bank.robbed","data":{}}]}`}, wasm.CodeReply, `"bank.robbed"`},
		"a schema version that lies":     {text{decides: `{"events":[{"type":"counter.added","data":{},"schemaVersion":2}]}`}, wasm.CodeReply, "schema version 2"},
		"too many events":                {text{decides: `{"events":[` + strings.Repeat(good+",", 100) + good + `]}`}, wasm.CodeReply, "more than 100 events"},
		"a state that it was given":      {text{decides: `{"missing":true}`}, wasm.CodeReply, "missing"},
		"an error and events":            {text{decides: `{"error":{"code":"DOMAIN"},"events":[]}`}, wasm.CodeReply, "an error, and events"},
		"an error without a code":        {text{decides: `{"error":{}}`}, wasm.CodeReply, "needs a code"},
		"a state that it cannot read":    {text{decides: `{"error":{"code":"DECODE_STATE","message":"what?"}}`}, wasm.CodeFailed, "DECODE_STATE: what?"},
		"an error nobody knows":          {text{decides: `{"error":{"code":"ODD"}}`}, wasm.CodeFailed, "ODD"},
		"an exit":                        {text{head: `(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))`, decide: "(call $exit (i32.const 3)) unreachable"}, wasm.CodeTrapped, "exited with 3"},
		"logs from elsewhere":            {text{head: unlogging, decide: "(call $log (i32.const 0) (i32.const -1) (i32.const 2)) unreachable"}, wasm.CodeTrapped, "not in its memory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := *brief
			limits.Events = 100
			m := compile(t, quiet(t), c.guest.assemble(t), &limits)
			for range 2 { // the second call finds a new instance
				_, err := m.Decider().Decide(nil, add, now)
				if nacre.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %s, %v, want %s and %q", nacre.CodeOf(err), err, c.code, c.says)
				}
				var call *wasm.CallError
				if !errors.As(err, &call) || call.ID != "ann" || call.Module != "counter" || call.Hash != m.Hash() {
					t.Errorf("the error does not say what it is about: %#v", err)
				}
			}
			if all, _ := m.Instances(); c.code != wasm.CodeFailed && all != 0 {
				t.Errorf("%d instances are left", all)
			}
		})
	}
}

func TestWhatIsTheCallersFault(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]struct {
		code  nacre.Code
		field string
	}{
		`{"error":{"code":"UNKNOWN_COMMAND"}}`:               {code: aggregate.CodeUnknownCommand},
		`{"error":{"code":"DECODE_COMMAND","message":"by"}}`: {nacre.CodeInvalid, "payload"},
		`{"error":{"code":"DECODE_CONTEXT"}}`:                {nacre.CodeInvalid, "context.metadata"},
	} {
		m := compile(t, quiet(t), text{decides: reply}.assemble(t), nil)
		_, err := m.Decider().Decide(nil, add, now)
		var e *nacre.Error
		if !errors.As(err, &e) || e.Code != want.code || e.Field != want.field {
			t.Errorf("%s gives %v", reply, err)
		}
	}
	m := compile(t, quiet(t), text{decides: `{"error":{"code":"DOMAIN","type":"short","message":"30 short","data": { "short" : 30 }}}`}.assemble(t), nil)
	_, err := m.Decider().Decide(nil, add, now)
	var d *wasm.DomainError
	if !errors.As(err, &d) || d.Type != "short" || d.Message != "30 short" || string(d.Data) != `{"short":30}` || nacre.CodeOf(err) != "" {
		t.Errorf("a domain error is %#v", err)
	}
	_, err = m.Decider().Decide(nil, wasm.Command{Command: "add", Payload: []byte(`1},"x":{`)}, now)
	if nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("a payload that is no JSON gives %v", err)
	}
}

func TestModulesThatAreRefused(t *testing.T) {
	t.Parallel()
	wasi := func(name, typ string) string {
		return `(import "wasi_snapshot_preview1" "` + name + `" (func ` + typ + `))`
	}
	for name, c := range map[string]struct {
		guest text
		says  string
	}{
		"a program":                          {text{head: `(func (export "_start"))`}, `"_start"`},
		"no version":                         {text{withoutABI: true}, "does not export nacre_abi"},
		"a version to come":                  {text{abi: "(i32.const 2)"}, "nacre_abi gives 2"},
		"no memory":                          {text{memory: "(memory 4)"}, "does not export memory"},
		"a function of another kind":         {text{withoutABI: true, head: `(func (export "nacre_abi") (result i64) (i64.const 1))`}, "nacre_abi as a func ()->i64: it has to be a func ()->i32"},
		"an export of another kind":          {text{withoutABI: true, head: `(global (export "nacre_abi") i32 (i32.const 1))`}, "nacre_abi as a global"},
		"a host of another kind":             {text{head: `(import "env" "abort" (func (param i32 i32 i32 i32)))`}, "env.abort"},
		"a function that is not of the host": {text{head: `(import "nacre" "clock" (func (result i64)))`}, "nacre.clock"},
		"a meter of its own":                 {text{head: `(import "nacre:meter" "tick" (func (result i64)))`}, "nacre:meter"},
		"a log of another type":              {text{head: `(import "nacre" "log" (func (param i32 i32)))`}, "nacre.log as a func (i32,i32)->()"},
		"WASI of another type":               {text{head: wasi("random_get", "(param i32)")}, "random_get as a func (i32)->()"},
		"a function that WASI does not have": {text{head: wasi("clock_time_set", "(param i32)")}, "clock_time_set"},
		"a memory beyond the limit":          {text{memory: `(memory (export "memory") 17)`}, "memory"},
		"a description that is no JSON":      {text{description: "counter"}, "no JSON"},
		"a description of another shape":     {text{description: `{"name":1}`}, "another shape"},
		"a name that is no category":         {text{description: `{"name":"my-counter","commands":{"add":{}},"events":{"a":{}}}`}, `"my-counter"`},
		"no commands":                        {text{description: `{"name":"a","events":{"a":{}}}`}, "no commands"},
		"no events":                          {text{description: `{"name":"a","commands":{"a":{}}}`}, "no events"},
		"a type that is a pattern":           {text{description: `{"name":"a","commands":{"a":{}},"events":{"a.*":{}}}`}, `"a.*"`},
		"a schema version below 1":           {text{description: `{"name":"a","commands":{"a":{}},"events":{"a":{"schemaVersion":-1}}}`}, "-1"},
		"a state's version below 1":          {text{description: `{"name":"a","schemaVersion":-1,"commands":{"a":{}},"events":{"a":{}}}`}, "-1"},
		"an upcast of nothing":               {text{description: `{"name":"a","commands":{"a":{}},"events":{"a":{}},"upcasts":["b"]}`}, `"b"`},
		"an upcast of the present":           {text{description: `{"name":"a","commands":{"a":{}},"events":{"a":{}},"upcasts":["a@1"]}`}, `"a@1"`},
		"what it reads and writes":           {text{description: `{"name":"a","commands":{"a":{}},"events":{"a":{}},"reads":["a"]}`}, `"a"`},
		"an empty pattern":                   {text{description: `{"name":"a","commands":{"a":{}},"events":{"a":{}},"skip":[""]}`}, "skip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := quiet(t).Compile(t.Context(), c.guest.assemble(t), brief)
			if nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	e := quiet(t)
	for name, binary := range map[string][]byte{"nothing": nil, "a text": []byte("(module)"), "a header": []byte("\x00asm\x01\x00\x00\x00"), "half": text{}.assemble(t)[:200]} {
		if _, err := e.Compile(t.Context(), binary, nil); nacre.CodeOf(err) != wasm.CodeRefused {
			t.Errorf("%s is %v", name, err)
		}
	}
	if _, err := e.Compile(t.Context(), text{}.assemble(t), &wasm.Limits{Binary: 100}); nacre.CodeOf(err) != wasm.CodeRefused || !strings.Contains(err.Error(), "of at most 100") {
		t.Errorf("a module that is too large is %v", err)
	}
	if _, err := e.Compile(t.Context(), text{}.assemble(t), &wasm.Limits{Reply: -1}); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("limits that make no sense are %v", err)
	}
}

func TestModulesThatGoWrongAtTheStart(t *testing.T) {
	t.Parallel()
	changing := `(global $n (mut i32) (i32.const 0))`
	for name, c := range map[string]struct {
		guest text
		code  nacre.Code
	}{
		"a loop in the start":       {text{head: "(func $s " + forever + ") (start $s)"}, nacre.CodeDeadline},
		"a loop in _initialize":     {text{initialize: forever}, nacre.CodeDeadline},
		"a loop in the version":     {text{abi: forever}, nacre.CodeDeadline},
		"a loop in the description": {text{describe: forever}, nacre.CodeDeadline},
		"a trap in _initialize":     {text{initialize: "unreachable"}, wasm.CodeTrapped},
		"a description far away":    {text{describe: place(1<<20, 8)}, wasm.CodeReply},
		"a description that changes": {text{head: changing, describe: `
			(global.set $n (i32.add (global.get $n) (i32.const 1)))
			(i64.or ` + place(atDescription, 0) + ` (i64.extend_i32_u (global.get $n)))`}, wasm.CodeReply},
		"all the memory of a start": {text{initialize: "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"}, wasm.CodeMemory},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := quiet(t).Compile(t.Context(), c.guest.assemble(t), brief)
			if nacre.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

// TestLoopsDoNotStarveOthers has modules that loop for ever, more than there are processors, beside one that does
// not: however long the machine takes, its calls are all answered while the others still run.
func TestLoopsDoNotStarveOthers(t *testing.T) {
	t.Parallel()
	e := quiet(t)
	quick := compile(t, e, text{}.assemble(t), nil)
	var loops sync.WaitGroup
	var modules []*wasm.Module
	for i := range 5 {
		description := strings.ReplaceAll(plainDescription, `"counter"`, `"`+string(rune('a'+i))+`"`)
		m := compile(t, e, text{description: description, decide: forever}.assemble(t), &wasm.Limits{Running: time.Hour, Call: time.Hour})
		modules = append(modules, m)
		for range 2 {
			loops.Go(func() {
				if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeClosed {
					t.Errorf("a loop ended with %v", err)
				}
			})
		}
	}
	d := quick.Decider()
	for range 3000 {
		if _, err := d.Decide(nil, add, now); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := contextThatEnded() // they would not end by themselves
	defer cancel()
	for _, m := range modules {
		if err := m.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	loops.Wait()
}

func TestTrapsDoNotDisturbOthers(t *testing.T) {
	t.Parallel()
	e := quiet(t)
	// It traps where the payload is 0, which stands at the end of the request's member.
	m := compile(t, e, trapper(t), nil)
	d := m.Decider()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				c := add
				if traps := (i+n)%7 == 0; traps {
					c.Payload = []byte("0")
					if _, err := d.Decide(nil, c, now); nacre.CodeOf(err) != wasm.CodeTrapped {
						t.Errorf("the trap gives %v", err)
					}
				} else if events, err := d.Decide(nil, c, now); err != nil || len(events) != 1 {
					t.Errorf("beside a trap: %v, %v", events, err)
				}
			}
		})
	}
	all.Wait()
	if n, idle := m.Instances(); n != idle {
		t.Errorf("of %d instances, %d are idle", n, idle)
	}
}

// trapper is a guest that traps where its request has "payload":0.
func trapper(t testing.TB) []byte {
	const needle = `"payload":0`
	body := `(local $end i32)
		(local.set $end (i32.sub (i32.add (local.get $at) (local.get $n)) (i32.const 11)))
		(block $none
		  (loop $next
		    (br_if $none (i32.gt_u (local.get $at) (local.get $end)))
		    (if (i32.and (i64.eq (i64.load align=1 (local.get $at)) (i64.load align=1 (i32.const 4096)))
		                 (i32.eq (i32.load8_u offset=10 (local.get $at)) (i32.const 48)))
		      (then unreachable))
		    (local.set $at (i32.add (local.get $at) (i32.const 1)))
		    (br $next)))` + place(atDecides, len(plainDecides))
	return text{head: `(data (i32.const 4096) ` + quoted(needle) + `)`, decide: body}.assemble(t)
}
