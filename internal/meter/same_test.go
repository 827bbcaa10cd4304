package meter_test

import (
	"context"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre/internal/meter"
)

// want is a call of an exported function, and what it has to give.
type want struct {
	name    string
	args    []uint64
	results []uint64
	err     string // the first line of the error
}

const (
	trapUnreachable = "wasm error: unreachable"
	trapDivision    = "wasm error: integer divide by zero"
	trapTable       = "wasm error: invalid table access"
)

// programs are modules that use what may go wrong when code is put into them.
var programs = []struct {
	name   string
	module mod
	calls  []want
	traced []uint64 // what the start function traces
}{
	{
		name: "loops",
		module: mod{
			types: [][]byte{sig(types(i32), types(i64)), sig(types(i32, i32), types(i32))},
			funcs: []fn{
				{typ: 0, locals: types(i64), export: "sum", body: code(
					block, empty, loop, empty, get, 0, i32Eqz, brIf, 1,
					get, 1, get, 0, i64ExtendI32U, i64Add, set, 1,
					get, 0, i32c(1), i32Sub, set, 0, br, 0, end, end, get, 1,
				)},
				{typ: 1, locals: types(i32, i32), export: "product", body: code( // by adding, in nested loops
					loop, empty, i32c(0), set, 3,
					loop, empty, get, 2, i32c(1), i32Add, set, 2, get, 3, i32c(1), i32Add, tee, 3, get, 1, i32LtU, brIf, 0, end,
					get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end, get, 2,
				)},
				{typ: 1, export: "once", body: code( // a loop that nothing comes back to, left by a value
					block, i32, loop, empty, get, 0, get, 1, i32Add, br, 1, end, unreachable, end,
				)},
			},
		},
		calls: []want{
			{name: "sum", args: []uint64{0}, results: []uint64{0}},
			{name: "sum", args: []uint64{100_000}, results: []uint64{5_000_050_000}},
			{name: "product", args: []uint64{321, 123}, results: []uint64{321 * 123}},
			{name: "once", args: []uint64{4, 5}, results: []uint64{9}},
		},
	},
	{
		name: "parameters of loops and blocks",
		module: mod{
			types: [][]byte{
				sig(types(i32), types(i32)), sig(types(i32, i32), types(i32)), sig(types(i32, i32), types(i32, i32)),
			},
			funcs: []fn{
				{typ: 0, export: "countdown", body: code( // n (n-1) … 1 as a product, both on the stack
					i32c(1), get, 0,
					loop, 1, tee, 0, i32Mul, get, 0, i32c(1), i32Sub, tee, 0, get, 0, brIf, 0, drop, end,
				)},
				{typ: 2, export: "swap", body: code(get, 0, get, 1, block, 2, set, 0, set, 1, get, 0, get, 1, end)},
				{typ: 1, export: "either", body: code( // an if with two parameters
					get, 0, get, 1, get, 0, if_, 1, i32Add, else_, i32Sub, end,
				)},
				{typ: 1, export: "larger", body: code(get, 0, get, 1, get, 0, get, 1, i32LtU, if_, i32, get, 1, else_, get, 0, end, return_)},
			},
		},
		calls: []want{
			{name: "countdown", args: []uint64{6}, results: []uint64{720}},
			{name: "swap", args: []uint64{1, 2}, results: []uint64{2, 1}},
			{name: "either", args: []uint64{0, 3}, results: []uint64{0xfffffffd}},
			{name: "either", args: []uint64{4, 3}, results: []uint64{7}},
			{name: "larger", args: []uint64{4, 3}, results: []uint64{4}},
			{name: "larger", args: []uint64{3, 4}, results: []uint64{4}},
		},
	},
	{
		name: "br_table",
		module: mod{
			types: [][]byte{sig(types(i32), types(i32))},
			funcs: []fn{
				{typ: 0, export: "switch", body: code(
					block, empty, block, empty, block, empty, get, 0, brTable, vec(leb(0), leb(1)), leb(2),
					end, i32c(10), return_, end, i32c(11), return_, end, i32c(12),
				)},
				{typ: 0, export: "value", body: code( // with a value, out of the function
					block, i32, block, i32, i32c(5), get, 0, brTable, vec(leb(0), leb(1), leb(2)), leb(2), end, i32c(1), i32Add, end, i32c(10), i32Add,
				)},
				{typ: 0, locals: types(i32), export: "machine", body: code( // as Go compiles jumps: a loop around a switch
					loop, empty, block, empty, block, empty, block, empty, get, 1, brTable, vec(leb(0), leb(1)), leb(2),
					end, slices.Repeat(code(get, 0, i32c(3), i32Add, set, 0), 60), i32c(1), set, 1, br, 2,
					end, slices.Repeat(code(get, 0, i32c(2), i32Mul, set, 0), 40), i32c(2), set, 1, br, 1,
					end, get, 0, return_, end, unreachable,
				)},
			},
		},
		calls: []want{
			{name: "switch", args: []uint64{0}, results: []uint64{10}},
			{name: "switch", args: []uint64{1}, results: []uint64{11}},
			{name: "switch", args: []uint64{9}, results: []uint64{12}},
			{name: "value", args: []uint64{0}, results: []uint64{16}},
			{name: "value", args: []uint64{1}, results: []uint64{15}},
			{name: "value", args: []uint64{2}, results: []uint64{5}},
			{name: "machine", args: []uint64{1}, results: []uint64{0}},
		},
	},
	{
		name: "results of functions that come back to themselves",
		module: mod{
			types: [][]byte{
				sig(types(i32), types(i32, i64)), sig(types(i32), nil), sig(types(i32), types(i32)), sig(types(i64, f64), types(f64, i64)),
			},
			globals: [][]byte{code(i32, 1, i32c(0), end)},
			exports: [][]byte{code(text("left"), 3, 0)},
			funcs: []fn{
				{typ: 0, export: "pair", body: code( // (n, n) by way of itself; returns from the middle of blocks
					get, 0, i32Eqz, if_, empty, block, empty, i32c(0), i64c(0), return_, end, end,
					get, 0, i32c(1), i32Sub, call, 0, i64c(1), i64Add, set, 1, i32c(1), i32Add, get, 1, get, 0, brIf, 0,
				), locals: types(i64)},
				{typ: 1, export: "none", body: code(
					globalGet, 0, i32c(1), i32Add, globalSet, 0,
					get, 0, i32Eqz, brIf, 0, get, 0, i32c(1), i32Sub, call, 1,
				)},
				{typ: 2, export: "fib", body: code(
					get, 0, i32c(2), i32LtU, if_, i32, get, 0, else_, get, 0, i32c(1), i32Sub, call, 2, get, 0, i32c(2), i32Sub, call, 2, i32Add, end,
				)},
				{typ: 3, export: "cross", body: code(get, 0, i64c(0), 0x51, if_, empty, get, 1, get, 0, br, 1, end, get, 0, i64c(1), 0x7d, get, 1, call, 3)},
			},
		},
		calls: []want{
			{name: "pair", args: []uint64{20}, results: []uint64{20, 20}},
			{name: "none", args: []uint64{10}, results: nil},
			{name: "fib", args: []uint64{20}, results: []uint64{6765}},
			{name: "cross", args: []uint64{9, 0x4000000000000000}, results: []uint64{0x4000000000000000, 0}},
		},
	},
	{
		name: "tables and elements",
		module: mod{
			types: [][]byte{sig(nil, types(i32)), sig(types(i32), types(i32)), sig(types(i32), nil)},
			imports: [][]byte{
				code(text("env"), text("give"), 0, 0), // function 0 gives 7
			},
			importedFuncs: 1,
			funcs: []fn{
				{typ: 0, body: code(i32c(1))},                                                  // 1
				{typ: 0, body: code(i32c(2))},                                                  // 2
				{typ: 0, body: code(i32c(3))},                                                  // 3
				{typ: 1, export: "at", body: code(get, 0, callIndirect, 0, 0)},                 // 4
				{typ: 1, export: "second", body: code(get, 0, callIndirect, 0, 1)},             // 5
				{typ: 2, export: "init", body: code(i32c(8), i32c(0), get, 0, 0xfc, 12, 1, 0)}, // 6: from segment 1
				{typ: 2, export: "init5", body: code(i32c(8), i32c(0), get, 0, 0xfc, 12, 5, 0, 0xfc, 13, 5)},
				{typ: 1, export: "put", body: code(i32c(9), refFunc, 2, 0x26, 0, i32c(9), 0x25, 0, refIsNull)}, // 8
				{typ: 1, export: "grow", body: code(refFunc, 3, get, 0, 0xfc, 15, 1, drop, 0xfc, 16, 1)},
				{typ: 2, export: "fill", body: code(i32c(0), refFunc, 1, get, 0, 0xfc, 17, 1)},
				{typ: 2, export: "copy", body: code(i32c(0), i32c(0), get, 0, 0xfc, 14, 0, 1)}, // table 0 from table 1
			},
			tables: [][]byte{code(funcref, 0, 10), code(funcref, 1, 3, 20)},
			elems: [][]byte{
				code(0, i32c(0), end, vec(leb(0), leb(1))),                                     // 7, 1
				code(1, 0, vec(leb(3), leb(2))),                                                // passive
				code(2, 1, i32c(0), end, 0, vec(leb(2), leb(0))),                               // to table 1
				code(3, 0, vec(leb(2), leb(3), leb(1))),                                        // declared
				code(4, i32c(2), end, vec(code(refFunc, 2, end), code(refNull, funcref, end))), // by expressions
				code(5, funcref, vec(code(refFunc, 0, end), code(refFunc, 3, end))),            // passive
				code(6, 1, i32c(2), end, funcref, vec(code(refFunc, 3, end))),                  // to table 1
				code(7, funcref, vec(code(refFunc, 1, end))),                                   // declared
			},
		},
		calls: []want{
			{name: "at", args: []uint64{0}, results: []uint64{7}},
			{name: "at", args: []uint64{1}, results: []uint64{1}},
			{name: "at", args: []uint64{2}, results: []uint64{2}},
			{name: "at", args: []uint64{3}, err: trapTable},
			{name: "second", args: []uint64{0}, results: []uint64{2}},
			{name: "second", args: []uint64{1}, results: []uint64{7}},
			{name: "second", args: []uint64{2}, results: []uint64{3}},
			{name: "init", args: []uint64{2}},
			{name: "at", args: []uint64{8}, results: []uint64{3}},
			{name: "at", args: []uint64{9}, results: []uint64{2}},
			{name: "init5", args: []uint64{2}},
			{name: "at", args: []uint64{8}, results: []uint64{7}},
			{name: "at", args: []uint64{9}, results: []uint64{3}},
			{name: "put", args: []uint64{0}, results: []uint64{0}},
			{name: "at", args: []uint64{9}, results: []uint64{2}},
			{name: "grow", args: []uint64{4}, results: []uint64{7}},
			{name: "second", args: []uint64{6}, results: []uint64{3}},
			{name: "fill", args: []uint64{5}},
			{name: "second", args: []uint64{4}, results: []uint64{1}},
			{name: "copy", args: []uint64{6}},
			{name: "at", args: []uint64{4}, results: []uint64{1}},
			{name: "at", args: []uint64{5}, results: []uint64{3}},
		},
	},
	{
		name: "memory",
		module: mod{
			types: [][]byte{sig(types(i32, i32, i32), nil), sig(types(i32), types(i32)), sig(nil, types(i32))},
			funcs: []fn{
				{typ: 0, export: "copy", body: code(get, 0, get, 1, get, 2, 0xfc, 10, 0, 0)},
				{typ: 0, export: "fill", body: code(get, 0, get, 1, get, 2, 0xfc, 11, 0)},
				{typ: 0, export: "init", body: code(get, 0, get, 1, get, 2, 0xfc, 8, 1, 0)},
				{typ: 1, export: "grow", body: code(get, 0, memoryGrow, 0, drop, memorySize, 0)},
				{typ: 1, export: "load", body: code(get, 0, 0x28, 2, 0)},
				{typ: 2, export: "drop", body: code(0xfc, 9, 1, i32c(0))},
			},
			memory: code(1, 1, 3),
			count:  true,
			data:   [][]byte{code(0, i32c(4), end, vec(leb(1), leb(2), leb(3), leb(4))), code(1, vec(leb(9), leb(8), leb(7), leb(6)))},
		},
		calls: []want{
			{name: "load", args: []uint64{4}, results: []uint64{0x04030201}},
			{name: "init", args: []uint64{8, 0, 4}},
			{name: "load", args: []uint64{8}, results: []uint64{0x06070809}},
			{name: "copy", args: []uint64{12, 4, 8}},
			{name: "load", args: []uint64{16}, results: []uint64{0x06070809}},
			{name: "fill", args: []uint64{12, 0xee, 4}},
			{name: "load", args: []uint64{12}, results: []uint64{0xeeeeeeee}},
			{name: "grow", args: []uint64{1}, results: []uint64{2}},
			{name: "grow", args: []uint64{70000}, results: []uint64{2}},
			{name: "grow", args: []uint64{1}, results: []uint64{3}},
			{name: "grow", args: []uint64{1}, results: []uint64{3}},
			{name: "drop", results: []uint64{0}},
			{name: "init", args: []uint64{8, 0, 4}, err: "wasm error: out of bounds memory access"},
			{name: "fill", args: []uint64{0xfffffff0, 0, 4}, err: "wasm error: out of bounds memory access"},
		},
	},
	{
		name: "a start function, and imports",
		module: mod{
			types:         [][]byte{sig(types(i32), nil), sig(nil, nil), sig(nil, types(i32))},
			imports:       [][]byte{code(text("env"), text("trace"), 0, 0), code(text("env"), text("give"), 0, 2)},
			importedFuncs: 2,
			globals: [][]byte{
				code(i32, 0, i32c(42), end), code(funcref, 0, refFunc, 3, end), code(funcref, 1, refNull, funcref, end), code(i32, 1, i32c(5), end),
			},
			tables: [][]byte{code(funcref, 0, 1)},
			funcs: []fn{
				{typ: 1, body: code(globalGet, 0, call, 0, call, 1, call, 0)},                                          // 2, the start
				{typ: 2, body: code(i32c(33))},                                                                         // 3
				{typ: 2, export: "viaGlobal", body: code(i32c(0), globalGet, 1, 0x26, 0, i32c(0), callIndirect, 2, 0)}, // 4
				{typ: 2, export: "viaImport", body: code(call, 1)},                                                     // 5
				{typ: 2, export: "bump", body: code(globalGet, 3, i32c(1), i32Add, globalSet, 3, globalGet, 3)},
			},
			exports: [][]byte{code(text("given"), 0, 1)},
			start:   leb(2),
			names: slices.Concat(
				section(0, text("named")),
				section(1, vec(code(leb(0), text("trace")), code(leb(2), text("start")), code(leb(4), text("global")))),
				section(2, vec(code(leb(4), vec(code(leb(0), text("x")))))),
			),
			customs: map[string][]byte{".debug_line": {1, 2, 3}},
		},
		calls: []want{
			{name: "viaGlobal", results: []uint64{33}},
			{name: "viaImport", results: []uint64{7}},
			{name: "given", results: []uint64{7}},
			{name: "bump", results: []uint64{6}},
			{name: "bump", results: []uint64{7}},
		},
		traced: []uint64{42, 7},
	},
	{
		name: "numbers and vectors",
		module: mod{
			types: [][]byte{sig(types(i64), types(i64)), sig(types(f64), types(i32)), sig(types(i32, i32), types(i32)), sig(types(v128), types(v128))},
			funcs: []fn{
				{typ: 0, export: "extend", body: code(get, 0, 0xc2)},         // i64.extend8_s
				{typ: 1, export: "saturate", body: code(get, 0, 0xfc, 2)},    // i32.trunc_sat_f64_s
				{typ: 2, export: "divide", body: code(get, 0, get, 1, 0x6e)}, // i32.div_u
				{typ: 0, locals: types(v128), export: "lanes", body: code(
					get, 0, 0xfd, 18, tee, 1, get, 1, 0xfd, leb(206), get, 1, 0xfd, 13, slices.Repeat([]byte{8}, 16), // i64x2.splat, add, shuffle
					0xfd, 77, 0xfd, 12, slices.Repeat([]byte{0x11}, 16), 0xfd, 78, 0xfd, 29, 1, // not, const, and, extract_lane
				)},
				{typ: 3, body: code(get, 0, call, 4)},
				{typ: 0, export: "pick", body: code(get, 0, i64c(3), get, 0, i32WrapI64, 0x1c, 1, i64)}, // select with a type
				{typ: 2, export: "fall", body: code(get, 0, if_, empty, unreachable, end, get, 1)},
			},
		},
		calls: []want{
			{name: "extend", args: []uint64{0x80}, results: []uint64{0xffffffffffffff80}},
			{name: "saturate", args: []uint64{0x7ff0000000000000}, results: []uint64{0x7fffffff}},
			{name: "divide", args: []uint64{7, 2}, results: []uint64{3}},
			{name: "divide", args: []uint64{7, 0}, err: trapDivision},
			{name: "lanes", args: []uint64{0x0102030405060708}, results: []uint64{0x0101010101010101}},
			{name: "pick", args: []uint64{9}, results: []uint64{9}},
			{name: "pick", args: []uint64{0}, results: []uint64{3}},
			{name: "fall", args: []uint64{1, 2}, err: trapUnreachable},
			{name: "fall", args: []uint64{0, 2}, results: []uint64{2}},
		},
	},
}

// TestPrograms runs each program as it is, and instrumented with ticks that come at every chance and seldom.
func TestPrograms(t *testing.T) {
	for engine, config := range engines() {
		for _, p := range programs {
			t.Run(engine+"/"+p.name, func(t *testing.T) {
				binary := p.module.bytes()
				check := func(name string, module []byte, next int64) {
					h := newHost(t, config)
					h.next = next
					i := h.instance(t, module)
					if !slices.Equal(h.traced, p.traced) {
						t.Errorf("%s: the start traced %v, want %v", name, h.traced, p.traced)
					}
					for n, c := range p.calls {
						f := i.ExportedFunction(c.name)
						if f == nil {
							t.Fatalf("%s: %s is not exported", name, c.name)
						}
						problem, results := outcome(f, c.args...)
						if problem != c.err || !slices.Equal(results, c.results) {
							t.Errorf("%s: call %d, %s%v gives %v, %q; want %v, %q", name, n, c.name, c.args, results, problem, c.results, c.err)
						}
					}
				}
				check("plain", binary, 0)
				check("metered", instrument(t, binary, nil), 1<<20)
				check("ticking", instrument(t, binary, &meter.Options{Every: 1}), 0)
			})
		}
	}
}

// TestNames looks at the names in traces, which are those of the functions as they were.
func TestNames(t *testing.T) {
	m := mod{
		types:         [][]byte{sig(nil, nil), sig(nil, types(i32))},
		imports:       [][]byte{code(text("env"), text("give"), 0, 1)},
		importedFuncs: 1,
		funcs:         []fn{{typ: 0, export: "run", body: code(call, 2)}, {typ: 0, body: code(unreachable)}},
		names:         section(1, vec(code(leb(1), text("outside")), code(leb(2), text("inside")))),
	}
	h := newHost(t, wazero.NewRuntimeConfig())
	_, err := h.metered(t, m.bytes(), nil).ExportedFunction("run").Call(context.Background())
	if err == nil {
		t.Fatal("no trap")
	}
	for _, name := range []string{".inside()", ".outside()"} {
		if !containsLine(err.Error(), name) {
			t.Errorf("the trace does not have %s:\n%v", name, err)
		}
	}

	// Names that cannot be read are left out, and nothing else.
	for _, bad := range [][]byte{
		section(1, vec(code(leb(9), text("nowhere")))),
		section(1, leb(1000)),
		{1, 200},
		section(0, []byte{2, 0xff, 0xfe}),
		section(1, append(vec(code(leb(1), text("x"))), 0)),
	} {
		m.names = bad
		h := newHost(t, wazero.NewRuntimeConfig())
		if problem, _ := outcome(h.metered(t, m.bytes(), nil).ExportedFunction("run")); problem != trapUnreachable {
			t.Errorf("with the names % x it ends in %q", bad, problem)
		}
	}
}
