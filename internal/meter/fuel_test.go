package meter_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre/internal/meter"
)

// spies are the exports that spied needs, and the global that they are of at first.
func spies() [][]byte { return [][]byte{code(text("fuel"), 3, 0), code(text("depth"), 3, 0)} }

func constantGlobal() [][]byte { return [][]byte{code(i32, 0, i32c(0), end)} }

// TestFuel looks at what calls pay.
func TestFuel(t *testing.T) {
	work := bytes.Repeat([]byte{nop}, 100)
	m := mod{
		types: [][]byte{sig(types(i32), nil), sig(nil, nil), sig(nil, types(i32))},
		funcs: []fn{
			{typ: 0, export: "loop", body: code(loop, empty, work, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
			{typ: 0, export: "once", body: code(loop, empty, work, get, 0, drop, end)},
			{typ: 1, body: work[:40]}, // 2: too small to pay
			{typ: 0, export: "calls", body: code(loop, empty, call, 2, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
			{typ: 1, body: work}, // 4
			{typ: 0, export: "callsLarge", body: code(loop, empty, call, 4, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
			{typ: 0, export: "callsThrough", body: code(loop, empty, i32c(0), callIndirect, 1, 0, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
			{typ: 0, export: "recursion", body: code(get, 0, if_, empty, get, 0, i32c(1), i32Sub, call, 7, end)},
			{typ: 0, export: "fill", body: code(i32c(0), i32c(1), get, 0, 0xfc, 11, 0)},
			{typ: 0, export: "copy", body: code(i32c(0), i32c(1), get, 0, 0xfc, 10, 0, 0)},
			{typ: 0, export: "grow", body: code(get, 0, memoryGrow, 0, drop)},
			{typ: 0, export: "growTable", body: code(refNull, funcref, get, 0, 0xfc, 15, 0, drop)},
			{typ: 0, export: "fillTable", body: code(i32c(0), refNull, funcref, get, 0, 0xfc, 17, 0)},
			{typ: 0, export: "divide", body: code(loop, empty, slices.Repeat(code(i32c(7), get, 0, 0x6e, drop), 20), get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
		},
		memory:  code(0, 2),
		tables:  [][]byte{code(funcref, 0, 100)},
		elems:   [][]byte{code(0, i32c(0), end, vec(leb(4)))},
		globals: constantGlobal(),
		exports: spies(),
	}
	m.funcs = append(m.funcs,
		fn{typ: 0, body: code(work[:50], i32c(0), tee, 0, drop, loop, empty, get, 0, brIf, 0, end)},                                 // 14: leaves it to the loop
		fn{typ: 0, export: "leaves", body: code(loop, empty, get, 0, call, 14, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},      // 15
		fn{typ: 0, body: code(work[:50], block, empty, get, 0, brIf, 0, loop, empty, i32c(0), brIf, 0, end, end)},                   // 16: may come to none
		fn{typ: 0, export: "skips", body: code(loop, empty, get, 0, call, 16, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},       // 17
		fn{typ: 0, locals: bytes.Repeat(types(i64), 1000)},                                                                          // 18: has much to set to zero
		fn{typ: 0, export: "callsLocals", body: code(loop, empty, get, 0, call, 18, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)}, // 19
		fn{typ: 0, body: code(i32c(0), i32c(1), get, 0, 0xfc, 11, 0)},                                                               // 20: small, and pays for the length
		fn{typ: 0, export: "callsFill", body: code(i32c(80_000), call, 20)},
	)
	const every = 1 << 50
	h := newHost(t, wazero.NewRuntimeConfig())
	out := instrument(t, m.bytes(), &meter.Options{Every: every})
	for _, c := range []struct {
		name        string
		arg         uint64
		least, most int64
	}{
		{"loop", 1, 100, 130},
		{"loop", 1000, 105_000, 110_000},
		{"once", 1, 100, 110},
		{"calls", 1000, 45_000, 55_000},
		{"callsLarge", 1000, 105_000, 115_000},
		{"callsThrough", 1000, 105_000, 140_000},
		{"recursion", 1000, 6_000, 15_000},
		{"fill", 80_000, 10_000, 10_050},
		{"copy", 80_000, 10_000, 10_050},
		{"grow", 1, 8_192 + 1000, 8_192 + 1050},
		{"grow", 0xffffffff, 0xffffffff * 8192, 0xffffffff*8192 + 1050}, // it fails, and is paid for
		{"growTable", 5000, 5000, 5050},
		{"fillTable", 90, 90, 140},
		{"leaves", 1000, 60_000, 90_000},
		{"skips", 1000, 55_000, 80_000},
		{"callsLocals", 1000, 125_000, 150_000},
		{"callsFill", 0, 10_000, 10_050},
		{"divide", 100, 100 * 20 * 12, 100 * 20 * 20},
	} {
		i := h.instance(t, spied(t, out, 1))
		if problem, _ := outcome(i.ExportedFunction(c.name), c.arg); problem != "" {
			t.Errorf("%s(%d): %s", c.name, c.arg, problem)
		}
		if paid := every - global(i, "fuel"); paid < c.least || paid > c.most {
			t.Errorf("%s(%d) pays %d units, want %d to %d", c.name, c.arg, paid, c.least, c.most)
		}
	}
}

// TestTicks counts the calls of the host, and ends what does not end by itself.
func TestTicks(t *testing.T) {
	m := mod{
		types: [][]byte{sig(types(i32), nil), sig(nil, nil)},
		funcs: []fn{
			{typ: 0, export: "loop", body: code(loop, empty, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end)},
			{typ: 1, export: "forever", body: code(loop, empty, br, 0, end)},
			{typ: 1, export: "switch", body: code(loop, empty, i32c(3), brTable, vec(leb(0)), leb(0), end)},
			{typ: 1, export: "fills", body: code(loop, empty, i32c(0), i32c(0), i32c(65536), 0xfc, 11, 0, br, 0, end)},
			{typ: 1, export: "bounces", body: code(loop, empty, call, 5, br, 0, end)},
			{typ: 1, body: code(nop)},
			{typ: 1, export: "inner", body: code(block, empty, loop, empty, loop, empty, br, 1, end, end, end)},
			{typ: 1, export: "doubles", body: code(call, 8, call, 8)}, // 7: 2**22 calls
		},
		memory: code(0, 1),
	}
	for n := 8; n < 28; n++ {
		m.funcs = append(m.funcs, fn{typ: 1, body: code(call, n+1, call, n+1)})
	}
	m.funcs = append(m.funcs, fn{typ: 1, body: bytes.Repeat([]byte{nop}, 20)})
	for engine, config := range engines() {
		t.Run(engine, func(t *testing.T) {
			h := newHost(t, config)
			h.next = 10_000
			i := h.metered(t, m.bytes(), &meter.Options{Every: 10_000})
			if problem, _ := outcome(i.ExportedFunction("loop"), 100_000); problem != "" {
				t.Fatal(problem)
			}
			if want := 100_000 * 8 / 10_000; h.ticks < want/2 || h.ticks > want*2 {
				t.Errorf("a loop of 100000 turns ticks %d times, want about %d", h.ticks, want)
			}
			stop := errors.New("the time is up")
			h.onTick = func(context.Context) {
				if h.ticks == 100 {
					panic(stop)
				}
			}
			for _, name := range []string{"forever", "switch", "fills", "bounces", "inner", "doubles"} {
				h.ticks = 0
				_, err := h.metered(t, m.bytes(), &meter.Options{Every: 1000}).ExportedFunction(name).Call(t.Context())
				if !errors.Is(err, stop) {
					t.Errorf("%s ends with %v", name, err)
				}
			}
		})
	}
}

// TestStartTicks stops a start function.
func TestStartTicks(t *testing.T) {
	m := mod{types: [][]byte{sig(nil, nil)}, funcs: []fn{{body: code(loop, empty, br, 0, end)}}, start: leb(0)}
	h := newHost(t, wazero.NewRuntimeConfig())
	stop := errors.New("the time is up")
	h.onTick = func(context.Context) { panic(stop) }
	if _, err := h.runtime.Instantiate(t.Context(), instrument(t, m.bytes(), nil)); !errors.Is(err, stop) {
		t.Fatalf("it ends with %v", err)
	}
}
