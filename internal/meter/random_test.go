package meter_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

// Globals of random programs.
const (
	counted = iota // instructions that were run
	chance         // what decides where to jump
	steps          // how many calls and turns of loops are left
	ofPrograms
)

// spied is a program whose exports "fuel" and "depth" are pointed at the globals of the code that measures, which no
// module could do for itself.
func spied(t testing.TB, out []byte, globals byte) []byte {
	t.Helper()
	out = bytes.Clone(out)
	for i, name := range []string{"fuel", "depth"} {
		at := bytes.Index(out, append(text(name), 3, 0))
		if at < 0 {
			t.Fatalf("no export %q to turn", name)
		}
		out[at+len(text(name))+1] = globals + byte(i)
	}
	return out
}

// writer makes a random program: functions of blocks, loops, jumps and calls, which count the instructions that are run.
type writer struct {
	*rand.Rand
	functions int
	tables    bool   // calls go through tables as well
	kinds     []int  // of each function: the type
	labels    []byte // of open blocks, the last one innermost: 'b' a block, 'l' a loop, 'f' the function
	results   []byte // that the function leaves
	budget    int
}

// run counts n instructions, the counting and the n-6 that follow included.
func (w *writer) run(n int, rest ...any) []byte {
	return code(globalGet, counted, i64c(int64(n)), i64Add, globalSet, counted, code(rest...))
}

// coin leaves 0 or 1.
func (w *writer) coin() []byte {
	return w.run(14,
		globalGet, chance, i64c(6364136223846793005), i64Mul, i64c(1442695040888963407), i64Add, globalSet, chance,
		globalGet, chance, i64c(61), 0x88, i32WrapI64,
	)
}

// leave puts the function's results there.
func (w *writer) leave() []byte {
	var b []byte
	for _, t := range w.results {
		if t == i32 {
			b = append(b, i32c(5)...)
		} else {
			b = append(b, i64c(6)...)
		}
	}
	return b
}

func (w *writer) drops() []byte { return bytes.Repeat([]byte{drop}, len(w.results)) }

// guard ends the function when there are no steps left.
func (w *writer) guard() []byte {
	return code(
		w.run(7, globalGet, steps, i32Eqz), if_, empty, w.leave(), return_, end,
		w.run(9, globalGet, steps, i32c(1), i32Sub, globalSet, steps),
	)
}

func (w *writer) statements(depth int) []byte {
	var b []byte
	for range 1 + w.IntN(5) {
		if w.budget--; w.budget < 0 {
			break
		}
		b = append(b, w.statement(depth)...)
	}
	return b
}

func (w *writer) inside(label byte, depth int) []byte {
	w.labels = append(w.labels, label)
	b := w.statements(depth + 1)
	w.labels = w.labels[:len(w.labels)-1]
	return b
}

// jump gives a label, and whether the results have to be there.
func (w *writer) jump() (label int, whole bool) {
	label = w.IntN(len(w.labels))
	return label, w.labels[len(w.labels)-1-label] == 'f'
}

func (w *writer) statement(depth int) []byte {
	kind := w.IntN(13)
	if depth > 6 {
		kind = w.IntN(4)
	}
	switch kind {
	case 0, 1:
		n := w.IntN(150)
		return w.run(6+n, bytes.Repeat([]byte{nop}, n))
	case 2: // a direct call
		f := w.IntN(w.functions)
		return code(w.run(7, call, leb(uint32(f))), bytes.Repeat([]byte{drop}, len(kinds[w.kinds[f]])))
	case 3:
		if !w.tables {
			return code(w.coin(), drop)
		}
		f := w.IntN(w.functions)
		return code(w.run(8, i32c(int32(f)), callIndirect, w.kinds[f], 0), bytes.Repeat([]byte{drop}, len(kinds[w.kinds[f]])))
	case 4:
		return code(block, empty, w.inside('b', depth), end)
	case 5, 6: // a loop, with or without coming back
		if w.IntN(4) == 0 {
			return code(loop, empty, w.inside('l', depth), end)
		}
		return code(loop, empty, w.guard(), w.inside('l', depth), w.coin(), i32c(3), i32And, brIf, 0, end)
	case 7:
		return code(w.coin(), if_, empty, w.inside('b', depth), end)
	case 8:
		return code(w.coin(), i32c(1), i32And, if_, empty, w.inside('b', depth), else_, w.inside('b', depth), end)
	case 9, 10:
		label, whole := w.jump()
		if w.labels[len(w.labels)-1-label] == 'l' {
			label, whole = len(w.labels)-1, true // loops are come back to only where steps are counted
		}
		if whole {
			return code(w.leave(), w.coin(), i32c(1), i32And, brIf, leb(uint32(label)), w.drops())
		}
		return code(w.coin(), i32c(1), i32And, brIf, leb(uint32(label)))
	case 11: // a switch out of blocks of its own, with pieces of code between their ends
		n := 1 + w.IntN(12)
		b := bytes.Repeat([]byte{block, empty}, n)
		b = append(b, w.coin()...)
		b = append(b, brTable)
		b = append(b, leb(uint32(n))...)
		for range n + 1 {
			b = append(b, leb(uint32(w.IntN(n)))...)
		}
		for range n {
			b = append(b, end)
			m := w.IntN(90)
			b = append(b, w.run(6+m, bytes.Repeat([]byte{nop}, m))...)
		}
		return b
	default:
		if w.IntN(3) > 0 {
			return code(w.run(9, i32c(0), i32c(0), i32c(9)), 0xfc, 11, 0)
		}
		return code(w.coin(), i32c(7), i32And, i32Eqz, if_, empty, w.leave(), return_, end)
	}
}

// kinds are the results of the types of random functions, none of which takes anything.
var kinds = [][]byte{nil, {i32}, {i32, i64}}

func randomProgram(r *rand.Rand, tables bool) []byte {
	w := &writer{Rand: r, tables: tables, functions: 1 + r.IntN(8)}
	m := mod{memory: code(0, 1), tables: [][]byte{code(funcref, 0, leb(uint32(w.functions)))}}
	for _, k := range kinds {
		m.types = append(m.types, sig(nil, k))
	}
	var refs [][]byte
	for f := range w.functions {
		w.kinds = append(w.kinds, r.IntN(len(kinds)))
		refs = append(refs, leb(uint32(f)))
	}
	for f := range w.functions {
		w.results, w.labels, w.budget = kinds[w.kinds[f]], []byte{'f'}, 60
		var guard []byte
		if r.IntN(5) > 0 {
			guard = w.guard()
		} else {
			w.budget = 0 // a function that does next to nothing
		}
		name := ""
		if f == 0 {
			name = "run"
		}
		m.funcs = append(m.funcs, fn{typ: w.kinds[f], locals: bytes.Repeat([]byte{i64}, r.IntN(20)), export: name, body: code(guard, w.statements(0), w.leave())})
	}
	m.elems = [][]byte{code(0, i32c(0), end, vec(refs...))}
	m.globals = [][]byte{code(i64, 1, i64c(0), end), code(i64, 1, i64c(int64(r.Uint64()>>1)), end), code(i32, 1, i32c(1500), end)}
	for i, name := range []string{"counted", "chance", "steps"} {
		m.exports = append(m.exports, code(text(name), 3, i))
	}
	m.exports = append(m.exports, code(text("fuel"), 3, 0), code(text("depth"), 3, 0))
	return m.bytes()
}

// TestRandom runs random programs: instrumented they come to the same, pay for at least every instruction that
// they run, and end at the depth that they began with.
func TestRandom(t *testing.T) {
	seed := newSeed(t)
	rounds := 300
	if testing.Short() || racing {
		rounds = 50
	}
	const every, depth = 1 << 50, 1 << 24
	var all, paid int64
	for n := range rounds {
		r := newPCG(seed + uint64(n))
		tables := r.IntN(2) == 0
		binary := randomProgram(r, tables)
		out := instrument(t, binary, &meter.Options{Every: every, Depth: depth})
		h := newHost(t, wazero.NewRuntimeConfigInterpreter())
		plain, metered := h.instance(t, binary), h.instance(t, spied(t, out, ofPrograms))
		for turn := range 3 {
			wantErr, want := outcome(plain.ExportedFunction("run"))
			gotErr, got := outcome(metered.ExportedFunction("run"))
			if wantErr != gotErr || len(want) != len(got) {
				t.Fatalf("program %d gives %v, %q as it is, and %v, %q instrumented", n, want, wantErr, got, gotErr)
			}
			for _, name := range []string{"counted", "chance", "steps"} {
				if a, b := global(plain, name), global(metered, name); a != b {
					t.Fatalf("program %d: %s is %d as it is, and %d instrumented", n, name, a, b)
				}
			}
			if left := global(metered, "depth"); left != depth {
				t.Fatalf("program %d: %d of the depth are left, want %d", n, left, depth)
			}
			// What the host calls may be too small to pay, and so may what is called through a table.
			run, spent := global(metered, "counted"), every-global(metered, "fuel")
			if least := spent + 64*int64(turn+1); run > least && (!tables || run > 3*least) {
				t.Fatalf("program %d: %d instructions were run, and %d units paid", n, run, spent)
			}
			for _, m := range []api.Module{plain, metered} {
				m.ExportedGlobal("steps").(api.MutableGlobal).Set(1500)
			}
			if n%10 == 0 {
				all, paid = all+run, paid+spent
			}
		}
		_ = h.runtime.Close(context.Background())
	}
	t.Logf("%d instructions were run, and %d units paid", all, paid)
}

// newSeed gives the seed of a random test, and says how to run it again.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with: NACRE_SEED=%d go test -run '^%s$' ./internal/meter", seed, t.Name())
	return seed
}

func newPCG(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func global(m api.Module, name string) int64 { return int64(m.ExportedGlobal(name).Get()) }
