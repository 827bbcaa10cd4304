package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// large is a module whose guest does next to nothing, and has the host read a text of so many bytes in each reply.
func large(t testing.TB, bytes int, o *EngineOptions, l *Limits) *Module {
	t.Helper()
	const at, description = 128 << 10, `{"name":"a","commands":{"go":{}},"events":{"a.gone":{}}}`
	begin := `{"events":[{"type":"a.gone","data":"`
	data := func(at int, text string) string {
		out := fmt.Sprintf("(data (i32.const %d) \"", at)
		for i := range len(text) {
			out += fmt.Sprintf(`\%02x`, text[i])
		}
		return out + "\")\n"
	}
	length := len(begin) + bytes + len(`"}]}`)
	binary := wasmtest.Assemble(t, fmt.Sprintf(`(module
		(memory (export "memory") 32)
		%s
		(func (export "_initialize") (memory.fill (i32.const %d) (i32.const 97) (i32.const %d)))
		(func (export "nacre_abi") (result i32) (i32.const 1))
		(func (export "nacre_alloc") (param i32) (result i32) (i32.const 65536))
		(func (export "nacre_describe") (result i64) (i64.const %d))
		(func (export "nacre_decide") (param i32 i32) (result i64) (i64.const %d))
		(func (export "nacre_evolve") (param i32 i32) (result i64) (i64.const %d)))`,
		data(0, description)+data(at, begin)+data(at+len(begin)+bytes, `"}]}`), at+len(begin), bytes,
		len(description), int64(at)<<32|int64(length), int64(at)<<32|int64(length)))
	e, err := NewEngine(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m, err := e.Compile(t.Context(), binary, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatTakesLongToReadIsReadInTheLane(t *testing.T) {
	t.Parallel()
	o := &EngineOptions{SlowAfter: time.Nanosecond, Logger: slog.New(slog.DiscardHandler)}
	l := &Limits{Call: time.Minute}
	long, short := large(t, 1<<20, o, l), large(t, 1<<10, o, l)
	for name, m := range map[string]*Module{"a long reply": long, "a short one": short} {
		decide := func() error {
			_, err := m.Decide(t.Context(), nil, Command{Command: "go"}, noon)
			return err
		}
		for range 2 { // the first one tells how long it takes
			if err := decide(); err != nil {
				t.Fatal(err)
			}
		}
		turn := m.e.lane.keep(nil, &share{}, far, nil, nil)
		if m == long {
			m.limits.Call = 50 * time.Millisecond // in which nobody gives the lane up
		}
		err := decide()
		m.limits.Call = time.Minute
		if waits := nacre.CodeOf(err) == nacre.CodeDeadline; waits != (m == long) || !waits && err != nil {
			t.Errorf("%s, while somebody else has the lane: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = m.Decide(ctx, nil, Command{Command: "go"}, noon)
		if m == long && !errors.Is(err, context.Canceled) {
			t.Errorf("%s, whose caller left: %v", name, err)
		}
		m.e.lane.end(turn)
		if err := decide(); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
		if all, idle := m.Instances(); all != idle {
			t.Errorf("%s: of %d instances, %d are idle", name, all, idle)
		}
	}
}
