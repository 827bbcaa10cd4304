package index

import (
	"fmt"
	"runtime"
	"testing"
)

// TestMemBytesAreTrue compares the estimate with what the runtime holds, and
// with the 20 MB that a segment's index may have.
func TestMemBytesAreTrue(t *testing.T) {
	h := NewHasher(testKey, 0)
	w := newWorkload(h, benchEvents, 0)
	held := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := held()
	m := w.index(h, 1)
	real := held() - before
	if estimate := int64(m.Bytes()); estimate < real*9/10 || estimate > real*11/10 || estimate > 20e6 {
		t.Errorf("the estimate is %d bytes, and %d are held", estimate, real)
	}
	runtime.KeepAlive(w)
}

func TestMemCounts(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(100, h)
	empty := m.Bytes()
	term := h.Term(Category, "order")
	for i := range uint64(3) {
		m.Add(100+i, []uint64{term}, i == 0)
		m.AddName(Category, "order")
		m.AddName(ID, "ids have no names")
		if pos, ok := m.LastOf(term); !ok || pos != 100+i {
			t.Errorf("the last position is %d, %v, want %d", pos, ok, 100+i)
		}
	}
	if n := m.Names(); n.Count(Category) != 1 || n.Count(ID) != 0 || n.Count(Stream) != 0 {
		t.Errorf("there are %d categories, %d ids, %d streams", n.Count(Category), n.Count(ID), n.Count(Stream))
	}
	if names, err := collectNames(m.Names().Iter(ID, Forward, "", "")); len(names) != 0 || err != nil {
		t.Errorf("the ids are listed as %q, %v", names, err)
	}
	run := mustRun(t, newDisk(t), "/index", m, 9)
	if run.NameCount(Category) != 1 || run.NameCount(ID) != 0 || run.Segments() != 9 || run.Range().Level != 1 {
		t.Errorf("the run has %d categories, %d ids, %d segments, level %d",
			run.NameCount(Category), run.NameCount(ID), run.Segments(), run.Range().Level)
	}
	if names, err := collectNames(run.Names(ID, Forward, "", "")); len(names) != 0 || err != nil {
		t.Errorf("the run lists the ids as %q, %v", names, err)
	}
	for i := range 100_000 {
		m.AddName(Stream, fmt.Sprint("order-", i))
	}
	if m.Bytes() < empty+100_000*len("order-12345") {
		t.Errorf("100,000 names made %d bytes of %d", m.Bytes(), empty)
	}
}

// TestOneTextInEveryKind: a name belongs to its kind, also where hashes collide.
func TestOneTextInEveryKind(t *testing.T) {
	m := NewMem(1, NewHasher(testKey, 1))
	m.Add(1, []uint64{0}, true)
	for i := range 50 {
		for kind := Stream; kind <= Tag; kind++ {
			for range 2 {
				m.AddName(kind, fmt.Sprint("x", i))
			}
		}
	}
	for kind := Stream; kind <= Tag; kind++ {
		if n := m.Names().Count(kind); n != 50 {
			t.Errorf("there are %d names of kind %v, want 50", n, kind)
		}
	}
}
