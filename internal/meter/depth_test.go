package meter_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre/internal/meter"
)

// TestDepth stops recursion of every kind where the depth is exceeded.
func TestDepth(t *testing.T) {
	down := code(get, 0, i32c(1), i32Sub)
	m := mod{
		types: [][]byte{sig(types(i32), nil), sig(types(i32), types(i32)), sig(types(i32), types(i32, i32))},
		funcs: []fn{
			{typ: 0, export: "direct", body: code(get, 0, if_, empty, down, call, 0, end)},
			{typ: 0, export: "mutual", body: code(get, 0, if_, empty, down, call, 2, end)},
			{typ: 0, body: code(get, 0, if_, empty, down, call, 3, end)},
			{typ: 0, body: code(get, 0, if_, empty, down, call, 1, end)},
			{typ: 0, export: "through", body: code(get, 0, if_, empty, down, i32c(0), callIndirect, 0, 0, end)}, // 4
			{typ: 1, export: "result", body: code(get, 0, i32Eqz, if_, empty, i32c(0), return_, end, down, call, 5, i32c(1), i32Add)},
			{typ: 2, export: "results", body: code(get, 0, i32Eqz, if_, empty, i32c(0), i32c(0), br, 1, end, down, call, 6)},
			{typ: 0, export: "inLoop", body: code(loop, empty, get, 0, if_, empty, down, call, 7, end, get, 0, i32c(-1), 0x46, brIf, 0, end)},
		},
		tables:  [][]byte{code(funcref, 0, 1)},
		elems:   [][]byte{code(0, i32c(0), end, vec(leb(4)))},
		globals: constantGlobal(),
		exports: spies(),
	}
	const depth = 100_000
	out := spied(t, instrument(t, m.bytes(), &meter.Options{Depth: depth}), 1)
	for _, f := range m.funcs {
		if f.export == "" {
			continue
		}
		t.Run(f.export, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			i := h.instance(t, out)
			// Each frame has a parameter, a few operands and the call itself: 32 to 64 bytes.
			for range 20 {
				if problem, _ := outcome(i.ExportedFunction(f.export), 1000); problem != "" {
					t.Fatalf("1000 calls deep: %s", problem)
				}
			}
			if left := global(i, "depth"); left != depth {
				t.Errorf("%d of %d are left afterwards", left, depth)
			}
			_, err := i.ExportedFunction(f.export).Call(t.Context(), 1_000_000)
			if !errors.Is(err, errDeep) || h.deep != 1 {
				t.Fatalf("a million calls deep: %v, and the host was called %d times", err, h.deep)
			}
			if left := global(i, "depth"); left >= 0 || left < -100 {
				t.Errorf("it was stopped with %d left", left)
			}
		})
	}
}

// TestDepthOfLargeFrames counts locals, parameters and operands.
func TestDepthOfLargeFrames(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     fn
		frame int64 // bytes, without the call itself
	}{
		{"parameters", fn{typ: 0, body: code(get, 0, get, 1, call, 0)}, 4 * 8},
		{"locals", fn{typ: 0, locals: bytes.Repeat(types(i64), 500), body: code(get, 0, get, 1, call, 0)}, 504 * 8},
		{"vectors", fn{typ: 0, locals: bytes.Repeat(types(v128), 500), body: code(get, 0, get, 1, call, 0)}, 2*16 + 501*16},
		{"operands", fn{typ: 0, body: code(bytes.Repeat(i32c(1), 300), get, 0, get, 1, call, 0, bytes.Repeat([]byte{drop}, 300))}, 304 * 8},
		{"operands in blocks", fn{typ: 0, body: code(i32c(1), i32c(2), block, 1, bytes.Repeat(i32c(1), 300), call, 0, bytes.Repeat([]byte{drop}, 300), end)}, 304 * 8},
		{"results of blocks", fn{typ: 0, body: code(bytes.Repeat(code(block, i32, i32c(1), end), 300), get, 0, get, 1, call, 0, bytes.Repeat([]byte{drop}, 300))}, 304 * 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.export = "run"
			m := mod{
				types:   [][]byte{sig(types(i32, i32), nil), sig(types(i32, i32), nil)},
				funcs:   []fn{c.f},
				globals: constantGlobal(), exports: spies(),
			}
			h := newHost(t, wazero.NewRuntimeConfig())
			i := h.instance(t, spied(t, instrument(t, m.bytes(), &meter.Options{Depth: 1}), 1))
			if _, err := i.ExportedFunction("run").Call(t.Context(), 1, 1); !errors.Is(err, errDeep) {
				t.Fatal(err)
			}
			if frame := 1 - global(i, "depth"); frame != c.frame+16 {
				t.Errorf("the frame has %d bytes, want %d", frame, c.frame+16)
			}
			_, _, err := meter.Instrument(m.bytes(), &meter.Options{Frame: int(c.frame) + 15})
			if err == nil {
				t.Error("a frame beyond the limit is taken")
			}
			if _, _, err = meter.Instrument(m.bytes(), &meter.Options{Frame: int(c.frame) + 16}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDepthOfMany has functions that do not come back to themselves by direct calls, and take much together.
func TestDepthOfMany(t *testing.T) {
	chain := mod{types: [][]byte{sig(types(i32), nil)}}
	for n := range uint32(400) {
		chain.funcs = append(chain.funcs, fn{locals: bytes.Repeat(types(i64), 100), body: code(get, 0, call, leb(n+1))})
	}
	chain.funcs = append(chain.funcs, fn{})
	chain.funcs[0].export = "run"

	// A function with many locals, and a small one that it calls, which calls it through a table.
	circle := mod{
		types: [][]byte{sig(types(i32), nil)},
		funcs: []fn{
			{export: "run", locals: bytes.Repeat(types(i64), 400), body: code(get, 0, if_, empty, get, 0, i32c(1), i32Sub, call, 1, end)},
			{body: code(get, 0, i32c(0), callIndirect, 0, 0)},
		},
		tables: [][]byte{code(funcref, 0, 1)},
		elems:  [][]byte{code(0, i32c(0), end, vec(leb(0)))},
	}
	for name, m := range map[string]mod{"a chain": chain, "a circle": circle} {
		h := newHost(t, wazero.NewRuntimeConfig())
		// Together they take more than 300,000 bytes.
		i := h.metered(t, m.bytes(), &meter.Options{Depth: 200_000})
		if _, err := i.ExportedFunction("run").Call(t.Context(), 100); !errors.Is(err, errDeep) {
			t.Errorf("%s is not too deep: %v", name, err)
		}
		i = h.metered(t, m.bytes(), &meter.Options{Depth: 500_000})
		if problem, _ := outcome(i.ExportedFunction("run"), 100); problem != "" {
			t.Errorf("%s with enough: %s", name, problem)
		}
	}
}

// TestDeepGoesOn lets the host return, which is allowed and of little use.
func TestDeepGoesOn(t *testing.T) {
	m := mod{
		types: [][]byte{sig(types(i32), types(i32))},
		funcs: []fn{{typ: 0, export: "run", body: code(get, 0, i32Eqz, if_, empty, i32c(1), return_, end, get, 0, i32c(1), i32Sub, call, 0)}},
	}
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	calls := 0
	_, err := r.NewHostModuleBuilder(meter.ModuleName).
		NewFunctionBuilder().WithFunc(func() int64 { return 1 }).Export(meter.TickName).
		NewFunctionBuilder().WithFunc(func() { calls++ }).Export(meter.DeepName).
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i, err := r.Instantiate(ctx, instrument(t, m.bytes(), &meter.Options{Depth: 400}))
	if err != nil {
		t.Fatal(err)
	}
	if problem, results := outcome(i.ExportedFunction("run"), 100); problem != "" || results[0] != 1 {
		t.Fatal(problem, results)
	}
	if calls < 50 || calls > 101 {
		t.Errorf("the host was called %d times in 101 calls", calls)
	}
}
