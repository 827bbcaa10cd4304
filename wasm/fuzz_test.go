package wasm_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm"
)

// callAll does with a module what a server does, however wrong it is: everything ends, with a code.
func callAll(t *testing.T, m *wasm.Module) {
	t.Helper()
	d := m.Decider()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	var state *wasm.State
	for range 3 {
		for name := range m.Description().Commands {
			events, err := d.Decide(state, wasm.Command{Command: name, Payload: []byte(`{"by":1}`)}, now)
			if _, domain := err.(*wasm.DomainError); err != nil && !domain && nacre.CodeOf(err) == "" {
				t.Errorf("an error without a code: %v", err)
			}
			for _, e := range events {
				if _, err := nacre.NewEvent(e.Type, e.Data).MarshalJSON(); err != nil {
					t.Errorf("an event that does not encode: %v", err)
				}
				state = d.Evolve(state, e)
			}
		}
		if _, err := m.StateJSON(context.Background(), state); err != nil && nacre.CodeOf(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}
	}
	if all, idle := m.Instances(); all != idle {
		t.Errorf("of %d instances, %d are idle", all, idle)
	}
}

var tight = &wasm.Limits{Running: 20 * time.Millisecond, Call: 10 * time.Second, Memory: 1 << 20, Reply: 64 << 10, Binary: 1 << 20}

// FuzzModule gives the host random modules.
func FuzzModule(f *testing.F) {
	for _, g := range guests() {
		f.Add(g.assemble(f))
	}
	e := quiet(f)
	f.Fuzz(func(t *testing.T, binary []byte) {
		m, err := e.Compile(t.Context(), binary, tight)
		if err != nil {
			if nacre.CodeOf(err) == "" {
				t.Errorf("an error without a code: %v", err)
			}
			return
		}
		callAll(t, m)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if used := e.Memory(); used != 0 {
			t.Errorf("%d bytes are still counted", used)
		}
	})
}

func guests() []text {
	return []text{
		{},
		{head: unlogging, initialize: "(call $log (i32.const 0) (i32.const 0) (i32.const 8))"},
		{decide: forever, evolve: "unreachable"},
		{head: wasiImports, decide: "(drop (call $random (i32.const 0) (i32.const 64))) " + place(atDecides, len(plainDecides))},
		{decide: "(drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 32) (i32.const 100)) " + place(atDecides, len(plainDecides))},
		{decides: `{"error":{"code":"DOMAIN","type":"x"}}`, evolves: `{}`},
	}
}

// TestModulesThatWereDamaged changes, removes and repeats random bytes of good modules.
func TestModulesThatWereDamaged(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	e := quiet(t)
	var good [][]byte
	for _, g := range guests() {
		good = append(good, g.assemble(t))
	}
	ran := 0
	for range 1500 {
		binary := damaged(random, good[random.IntN(len(good))])
		m, err := e.Compile(t.Context(), binary, tight)
		if err == nil {
			ran++
			callAll(t, m)
			err = m.Close(t.Context())
		} else if nacre.CodeOf(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}
		if err != nil && t.Failed() {
			t.Fatalf("%x: %v", binary, err)
		}
	}
	if used := e.Memory(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
	t.Logf("%d of 1500 could be run", ran)
}

func damaged(random *rand.Rand, good []byte) []byte {
	b := append([]byte(nil), good...)
	for range 1 + random.IntN(3) {
		at := 8 + random.IntN(len(b)-8)
		switch random.IntN(5) {
		case 0:
			b = append(b[:at], b[at+1:]...)
		case 1:
			b = append(b[:at], append([]byte{byte(random.Uint32())}, b[at:]...)...)
		case 2:
			b[at] ^= 1 << random.IntN(8)
		default:
			b[at] = byte(random.Uint32())
		}
	}
	return b
}
