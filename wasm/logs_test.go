package wasm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm"
)

// heard is what a logger was told.
type heard struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.out.Write(p)
}

// lines are the records, without their time.
func (h *heard) lines(t testing.TB) []map[string]any {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []map[string]any
	for d := json.NewDecoder(&h.out); d.More(); {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		all = append(all, line)
	}
	return all
}

func listening(t testing.TB) (*wasm.Engine, *heard) {
	h := &heard{}
	return newEngine(t, &wasm.EngineOptions{Logger: slog.New(slog.NewJSONHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug}))}), h
}

// logging is a guest that logs texts, each at a level, and then replies or does something else.
func logging(texts map[int]string, then string) text {
	at := 24 << 10
	head, body := unlogging+"\n", ""
	for level, line := range texts {
		head += fmt.Sprintf("(data (i32.const %d) %s)\n", at, quoted(line))
		body += fmt.Sprintf("(call $log (i32.const %d) (i32.const %d) (i32.const %d))\n", level, at, len(line))
		at += len(line)
	}
	return text{head: head, decide: body + then}
}

func TestWhatAGuestLogs(t *testing.T) {
	t.Parallel()
	reply := place(atDecides, len(plainDecides))
	for name, c := range map[string]struct {
		level int
		text  string
		want  map[string]any
	}{
		"debug":               {-4, `{"message":"a"}`, map[string]any{"level": "DEBUG", "msg": "a"}},
		"info":                {0, `{"message":"a","n":1.50,"o":{"x":[1]},"s":"é"}`, map[string]any{"level": "INFO", "msg": "a", "n": 1.5, "o": map[string]any{"x": []any{1.0}}, "s": "é"}},
		"warn":                {4, `{"n":null}`, map[string]any{"level": "WARN", "msg": "", "n": nil}},
		"error":               {8, `{"message":7}`, map[string]any{"level": "ERROR", "msg": "", "message": 7.0}},
		"a level nobody has":  {99, `{}`, map[string]any{"level": "ERROR", "msg": ""}},
		"a text":              {0, `hello`, map[string]any{"level": "INFO", "msg": "hello"}},
		"what is no object":   {0, `[1]`, map[string]any{"level": "INFO", "msg": "[1]"}},
		"what is no UTF-8":    {0, "a\xffb", map[string]any{"level": "INFO", "msg": "a\uFFFDb"}},
		"a name stands twice": {0, `{"a":1,"a":2}`, map[string]any{"level": "INFO", "msg": `{"a":1,"a":2}`}},
		"nothing":             {0, ``, map[string]any{"level": "INFO", "msg": ""}},
	} {
		e, h := listening(t)
		m := compile(t, e, logging(map[int]string{c.level: c.text}, reply).assemble(t), nil)
		if _, err := m.Decider().Decide(nil, add, now); err != nil {
			t.Fatal(err)
		}
		c.want["module"], c.want["hash"], c.want["doing"], c.want["id"] = "counter", m.Hash()[:12], `the command "add"`, "ann"
		got := h.lines(t)
		if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(c.want) {
			t.Errorf("%s: got\n%v, want\n%v", name, got, c.want)
		}
	}
}

func TestALogFloodIsBounded(t *testing.T) {
	t.Parallel()
	e, h := listening(t)
	flood := func(size int, then string) []byte {
		line := strings.Repeat("x", size)
		return text{head: unlogging + "(data (i32.const 24576) " + quoted(line) + ")", decide: fmt.Sprintf(`(local $i i32)
			(loop $again
				(call $log (i32.const 0) (i32.const 24576) (i32.const %d))
				(local.set $i (i32.add (local.get $i) (i32.const 1)))
				(br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
			`, size) + then}.assemble(t)
	}
	m := compile(t, e, flood(10, place(atDecides, len(plainDecides))), nil)
	if _, err := m.Decider().Decide(nil, add, now); err != nil {
		t.Fatal(err)
	}
	lines := h.lines(t)
	if len(lines) != 101 || lines[100]["lost"] != 900.0 {
		t.Errorf("%d records, the last of which is %v", len(lines), lines[len(lines)-1])
	}
	m = compile(t, e, flood(10_000, "unreachable"), nil)
	_, err := m.Decider().Decide(nil, add, now)
	var call *wasm.CallError
	if !errors.As(err, &call) {
		t.Fatal(err)
	}
	if records, lost := call.Logs(); len(records) != 6 || lost != 994 || len(records[0].Message) != 10_000 {
		t.Errorf("an error has %d records, and %d lost", len(records), lost)
	}
	if !strings.Contains(call.Trace(), "stack trace") || strings.Contains(err.Error(), "xxx") {
		t.Errorf("the trace is %q, and the error %v", call.Trace(), err)
	}
}

const wasiImports = `
	(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
	(import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
	(import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))`

// TestWASIHasNoWorld has a guest ask for everything, and give what it got as a text: two hexadecimal digits a byte.
func TestWASIHasNoWorld(t *testing.T) {
	t.Parallel()
	const out, hex = 32 << 10, 40 << 10 // what it got, and as digits
	head := wasiImports + fmt.Sprintf(`
	(data (i32.const %d) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")
	(func $ask (param $at i32)
		(i32.store8 offset=0 (local.get $at) (call $clock (i32.const 0) (i64.const 1) (i32.add (local.get $at) (i32.const 16))))
		(i32.store8 offset=1 (local.get $at) (call $resolution (i32.const 1) (i32.add (local.get $at) (i32.const 24))))
		(i32.store8 offset=2 (local.get $at) (call $args (i32.add (local.get $at) (i32.const 32)) (i32.add (local.get $at) (i32.const 36))))
		(i32.store8 offset=3 (local.get $at) (call $environ (i32.add (local.get $at) (i32.const 40)) (i32.add (local.get $at) (i32.const 44))))
		(i32.store8 offset=4 (local.get $at) (call $stat (i32.const 1) (i32.add (local.get $at) (i32.const 48))))
		(i32.store8 offset=5 (local.get $at) (call $stat (i32.const 3) (i32.add (local.get $at) (i32.const 48))))
		(i32.store8 offset=6 (local.get $at) (call $prestat (i32.const 3) (i32.const 0)))
		(i32.store8 offset=7 (local.get $at) (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))
		(i32.store8 offset=8 (local.get $at) (call $yield))
		(i32.store8 offset=9 (local.get $at) (call $raise (i32.const 9)))
		(i32.store8 offset=10 (local.get $at) (call $random (i32.add (local.get $at) (i32.const 72)) (i32.const 8)))
		(i32.store8 offset=11 (local.get $at) (call $random (i32.const -8) (i32.const 16)))
		(i32.store8 offset=12 (local.get $at) (call $clock (i32.const 0) (i64.const 1) (i32.const -4)))
		(i32.store8 offset=13 (local.get $at) (call $poll (i32.const 512) (i32.add (local.get $at) (i32.const 80)) (i32.const 0) (i32.const 8)))
		(i64.store (i32.const 49152) (i64.const 7))
		(i64.store (i32.const 49160) (i64.const 0))
		(i64.store (i32.const 49200) (i64.const 8))
		(i64.store (i32.const 49208) (i64.const 1))
		(i32.store8 offset=14 (local.get $at) (call $poll (i32.const 49152) (i32.add (local.get $at) (i32.const 80)) (i32.const 2) (i32.add (local.get $at) (i32.const 144))))
		(i32.store8 offset=15 (local.get $at) (call $write (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 8))))
	(func $digit (param $n i32) (result i32)
		(i32.add (i32.add (local.get $n) (i32.const 48)) (i32.mul (i32.gt_u (local.get $n) (i32.const 9)) (i32.const 39))))
	`, out)
	prefix := `{"events":[{"type":"counter.added","data":"`
	suffix := `"}]}`
	head += fmt.Sprintf("(data (i32.const %d) %s)\n(data (i32.const %d) %s)", hex, quoted(prefix), hex+len(prefix)+2*148, quoted(suffix))
	m := compile(t, quiet(t), text{head: head, decide: fmt.Sprintf(`(local $i i32)
		(call $ask (i32.const %d))
		(loop $next
			(i32.store8 (i32.add (i32.const %d) (i32.mul (local.get $i) (i32.const 2))) (call $digit (i32.shr_u (i32.load8_u offset=%d (local.get $i)) (i32.const 4))))
			(i32.store8 offset=1 (i32.add (i32.const %d) (i32.mul (local.get $i) (i32.const 2))) (call $digit (i32.and (i32.load8_u offset=%d (local.get $i)) (i32.const 15))))
			(local.set $i (i32.add (local.get $i) (i32.const 1)))
			(br_if $next (i32.lt_u (local.get $i) (i32.const 148))))
		`, out, hex+len(prefix), out, hex+len(prefix), out) + place(hex, len(prefix)+2*148+len(suffix))}.assemble(t), &wasm.Limits{Instances: 2})
	ask := func() string {
		events, err := m.Decider().Decide(nil, add, now)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(events[0].Data), `"`)
	}
	first := ask()
	want := []struct{ what, hex string }{
		{"the answers", "00 00 00 00 00 08 08 08 00 34 00 15 15 1c 00 08"},
		{"the clock", "0100000000000000"},
		{"its resolution", "0100000000000000"},
		{"arguments", "0000000000000000"},
		{"environment", "0000000000000000"},
		{"a file", "0200000000000000 4000000000000000 0000000000000000"},
	}
	rest := first
	for _, w := range want {
		digits := strings.ReplaceAll(w.hex, " ", "")
		if rest[:len(digits)] != digits {
			t.Errorf("%s: got %s, want %s", w.what, rest[:len(digits)], digits)
		}
		rest = rest[len(digits):]
	}
	random, polled := rest[:16], rest[16:]
	if random == "0000000000000000" || random == "ffffffffffffffff" {
		t.Errorf("random bytes are %s", random)
	}
	clock, file := "0700000000000000"+"0000"+"00"+"00"+strings.Repeat("00", 20), "0800000000000000"+"0800"+"01"+"00"+strings.Repeat("00", 20)
	if polled != clock+file+"02000000" {
		t.Errorf("polled: %s", polled)
	}
	for range 3 { // whatever was asked before, and in another instance
		if again := ask(); again != first {
			t.Errorf("asked again, it is another world: %s", again)
		}
	}
}

func TestWhatIsWrittenToWASIsFilesIsLogged(t *testing.T) {
	t.Parallel()
	e, h := listening(t)
	lines := "one\ntwo"
	more := " and a half\n\nthree"
	m := compile(t, e, text{head: wasiImports + `
		(data (i32.const 24576) ` + quoted(lines+more) + `)
		(data (i32.const 28672) "\00\60\00\00\07\00\00\00\07\60\00\00\12\00\00\00")`, decide: `
		(if (call $write (i32.const 1) (i32.const 28672) (i32.const 1) (i32.const 28700)) (then unreachable))
		(if (i32.ne (i32.load (i32.const 28700)) (i32.const 7)) (then unreachable))
		(if (call $write (i32.const 2) (i32.const 28672) (i32.const 2) (i32.const 28700)) (then unreachable))
		(if (i32.ne (i32.load (i32.const 28700)) (i32.const 25)) (then unreachable))
		` + place(atDecides, len(plainDecides))}.assemble(t), nil)
	if _, err := m.Decider().Decide(nil, add, now); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range h.lines(t) {
		got = append(got, fmt.Sprint(line["level"], " ", line["msg"]))
	}
	if want := "INFO one|WARN one|WARN two and a half|WARN |INFO two|WARN three"; strings.Join(got, "|") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "|"), want)
	}
}

// TestFloodsOfTheHostEnd has guests that have the host work for them without an end: their time is counted.
func TestFloodsOfTheHostEnd(t *testing.T) {
	t.Parallel()
	wide := `(memory (export "memory") 256)`
	for name, g := range map[string]text{
		"random bytes": {head: wasiImports, memory: wide, decide: "(loop $again (drop (call $random (i32.const 0) (i32.const 16000000))) (br $again)) unreachable"},
		"writes": {head: wasiImports, memory: wide, decide: `
			(memory.fill (i32.const 0) (i32.const 255) (i32.const 8192))
			(loop $again
				(i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 16000000))
				(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
				(br $again)) unreachable`},
		"logs":  {head: unlogging, memory: wide, decide: "(loop $again (call $log (i32.const 0) (i32.const 0) (i32.const 16000000)) (br $again)) unreachable"},
		"fills": {memory: wide, decide: "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 16000000)) (br $again)) unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compile(t, quiet(t), g.assemble(t), &wasm.Limits{Running: 30 * time.Millisecond})
			if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeDeadline {
				t.Errorf("got %v", err)
			}
		})
	}
}
