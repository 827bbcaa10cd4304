package meter_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre/internal/meter"
)

// maze writes code with one way through it, which is short, and long pieces beside it that are never run. If one of the
// places where the way goes on could be reached without paying, the way would be cheaper than it is long.
type maze struct {
	*rand.Rand
	live int64 // instructions on the way
}

// walk is a piece of the way.
func (m *maze) walk(most int) []byte {
	n := m.IntN(most)
	m.live += int64(n)
	return bytes.Repeat([]byte{nop}, n)
}

// wall is never run. It is long enough to be divided, at an end and at an if.
func (m *maze) wall() []byte {
	b := code(block, empty, bytes.Repeat([]byte{nop}, 70+m.IntN(80)), end, bytes.Repeat([]byte{nop}, m.IntN(30)))
	if m.IntN(2) == 0 {
		b = code(b, i32c(1), if_, empty, bytes.Repeat([]byte{nop}, 70), else_, bytes.Repeat([]byte{nop}, m.IntN(80)), end)
	}
	return b
}

// jump goes to a label for certain, in one of the three ways.
func (m *maze) jump(label int) []byte {
	switch m.IntN(3) {
	case 0:
		m.live++
		return code(br, label)
	case 1:
		m.live += 2
		return code(i32c(1), brIf, label)
	default:
		m.live += 2
		return code(i32c(1), brTable, vec(leb(uint32(label)), leb(uint32(label))), leb(uint32(label)))
	}
}

func (m *maze) way(depth int) []byte {
	var b []byte
	for range 1 + m.IntN(4) {
		b = append(b, m.unit(depth)...)
	}
	return b
}

func (m *maze) unit(depth int) []byte {
	inner := func() []byte {
		if depth < 3 && m.IntN(2) == 0 {
			return m.way(depth + 1)
		}
		return m.walk(50)
	}
	switch m.IntN(8) {
	case 0:
		return code(block, empty, inner(), m.jump(0), m.wall(), end, m.walk(50))
	case 1:
		return code(i32c(0), if_, empty, m.wall(), end, inner())
	case 2:
		return code(i32c(1), if_, empty, inner(), else_, m.wall(), end, m.walk(50))
	case 3:
		return code(i32c(0), if_, empty, m.wall(), else_, inner(), end, m.walk(50))
	case 4:
		return code(block, empty, block, empty, inner(), m.jump(1), end, m.wall(), end, inner())
	case 5: // a loop that could be come back to
		return code(loop, empty, inner(), i32c(0), brIf, 0, end, m.walk(50))
	case 6: // out of a loop, over its end
		return code(block, empty, loop, empty, inner(), m.jump(1), m.wall(), br, 0, end, m.wall(), end, inner())
	default: // a jump from before a wall to behind one that follows it
		return code(block, empty, block, empty, inner(), m.jump(0), m.wall(), end, m.walk(50), m.jump(0), m.wall(), end, inner())
	}
}

// TestPaths goes the ways of random mazes, which have to be paid for whole.
func TestPaths(t *testing.T) {
	seed := newSeed(t)
	rounds := 250
	if testing.Short() || racing {
		rounds = 20
	}
	const every, turns = 1 << 50, 5
	var live, paid int64
	for n := range rounds {
		z := &maze{Rand: newPCG(seed + uint64(n))}
		// The same piece many times, so that nothing else makes up for what it does not pay.
		way := z.unit(0)
		for z.live < 20 {
			way = append(way, z.unit(0)...)
		}
		way, z.live = bytes.Repeat(way, 20), 20*z.live
		m := mod{
			types: [][]byte{sig(types(i32), nil)},
			funcs: []fn{{export: "run", body: code(
				block, empty, loop, empty, way, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end, end,
			)}},
			globals: constantGlobal(),
			exports: spies(),
		}
		if n%2 == 0 { // the way is the function, and not a loop in it
			m.funcs[0] = fn{body: way}
			m.funcs = append(m.funcs, fn{export: "run", body: code(
				loop, empty, get, 0, call, 0, get, 0, i32c(1), i32Sub, tee, 0, brIf, 0, end,
			)})
		}
		h := newHost(t, wazero.NewRuntimeConfigInterpreter())
		i := h.instance(t, spied(t, instrument(t, m.bytes(), &meter.Options{Every: every, Body: 8 << 20, Compile: time.Hour}), 1))
		if problem, _ := outcome(i.ExportedFunction("run"), turns); problem != "" {
			t.Fatal(problem)
		}
		spent := every - global(i, "fuel")
		if spent < z.live*turns {
			t.Fatalf("maze %d: the way has %d instructions, and %d turns of it pay %d units", n, z.live, turns, spent)
		}
		live, paid = live+z.live*turns, paid+spent
		_ = h.runtime.Close(context.Background())
	}
	t.Logf("%d instructions were run, and %d units paid", live, paid)
}
