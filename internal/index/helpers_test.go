package index

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

var seedFlag = flag.Uint64("seed", 0, "run the random tests with this one seed; 0 draws seeds")

// random is a test with a seed, which it tells when it fails.
type random struct {
	*testing.T
	*rand.Rand
	seed uint64
}

func (r random) Helper() { r.T.Helper() }

func (r random) Fatalf(format string, arguments ...any) {
	r.T.Helper()
	r.T.Fatalf("%s\nreplay: go test ./internal/index -run '^%s$' -seed=%d",
		fmt.Sprintf(format, arguments...), r.Name(), r.seed)
}

func (r random) must(err error) {
	r.T.Helper()
	if err != nil {
		r.Fatalf("%v", err)
	}
}

// forSeeds runs a random test with some seeds.
func forSeeds(t *testing.T, runs uint64, test func(r random)) {
	t.Helper()
	first := rand.Uint64()>>16 + 1
	if *seedFlag != 0 {
		first, runs = *seedFlag, 1
	}
	for run := range runs {
		seed := first + run
		test(random{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed})
	}
}

// event is what the index learns of an event.
type event struct {
	pos                        uint64
	stream, category, kind, id string
	tags                       []string
	begins                     bool
}

// author makes events as a log has them: some streams live long, some briefly,
// and a few texts are of unusual length.
type author struct {
	rng     *rand.Rand
	next    uint64
	streams map[string]bool
	breadth int
}

func newAuthor(rng *rand.Rand, first uint64) *author {
	return &author{rng: rng, next: first, streams: map[string]bool{}, breadth: 1 + rng.IntN(200)}
}

func (a *author) event() event {
	category := []string{"order", "customer", "invoice", "x", "order.archive"}[min(a.rng.IntN(12), 4)]
	e := event{
		pos: a.next, category: category,
		stream: fmt.Sprintf("%s-%d", category, a.rng.IntN(a.breadth)),
		kind:   fmt.Sprintf("%s.%s", category, []string{"placed", "line.added", "shipped", "p", ""}[a.rng.IntN(5)]),
		id:     fmt.Sprintf("%020d", a.rng.Uint64()),
	}
	for range a.rng.IntN(4) {
		e.tags = append(e.tags, fmt.Sprintf("customer:%d", a.rng.IntN(1+a.breadth/3)))
	}
	if a.rng.IntN(50) == 0 {
		e.tags = append(e.tags, fmt.Sprintf("long:%0*d", a.rng.IntN(250), 7), "\xff", "\xff\xff")
	}
	e.begins = !a.streams[e.stream]
	a.streams[e.stream] = true
	a.next++
	return e
}

// model is an index of plain maps.
type model struct {
	hasher  Hasher
	lists   map[uint64][]uint64
	names   [named]map[string]bool
	streams uint64
	first   uint64
	last    uint64
}

func newModel(first uint64, h Hasher) *model {
	m := &model{hasher: h, lists: map[uint64][]uint64{}, first: first, last: first - 1}
	for i := range m.names {
		m.names[i] = map[string]bool{}
	}
	return m
}

func termsOf(h Hasher, e event) []uint64 {
	terms := []uint64{
		h.Term(Stream, e.stream), h.Term(Category, e.category), h.Term(Type, e.kind), h.ID(e.stream, e.id),
	}
	for _, tag := range e.tags {
		terms = append(terms, h.Term(Tag, tag))
	}
	return terms
}

func (m *model) add(e event) {
	for _, term := range termsOf(m.hasher, e) {
		list := m.lists[term]
		if len(list) == 0 || list[len(list)-1] != e.pos {
			m.lists[term] = append(list, e.pos)
		}
	}
	m.names[Stream-1][e.stream] = true
	m.names[Category-1][e.category] = true
	m.names[Type-1][e.kind] = true
	for _, tag := range e.tags {
		m.names[Tag-1][tag] = true
	}
	if e.begins {
		m.streams++
	}
	m.last = e.pos
}

func (m *model) sortedNames(kind Kind) []string {
	names := make([]string, 0, len(m.names[kind-1]))
	for name := range m.names[kind-1] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// terms are those that the model has, ascending.
func (m *model) terms() []uint64 {
	terms := make([]uint64, 0, len(m.lists))
	for term := range m.lists {
		terms = append(terms, term)
	}
	slices.Sort(terms)
	return terms
}

// index adds an event to a Mem as a store does.
func (m *Mem) index(e event) {
	fresh := m.Add(e.pos, termsOf(m.hasher, e), e.begins)
	names := []struct {
		kind Kind
		name string
	}{{Stream, e.stream}, {Category, e.category}, {Type, e.kind}}
	for i, n := range names {
		if fresh.Has(i) {
			m.AddName(n.kind, n.name)
		}
	}
	for i, tag := range e.tags {
		if fresh.Has(4 + i) {
			m.AddName(Tag, tag)
		}
	}
}

// fill makes a Mem and a model of the author's next n events.
func (a *author) fill(h Hasher, n int) (*Mem, *model) {
	mem, m := NewMem(a.next, h), newModel(a.next, h)
	for range n {
		e := a.event()
		mem.index(e)
		m.add(e)
	}
	return mem, m
}

// newDisk is an empty simulated disk with a durable directory "/index".
func newDisk(t testing.TB) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/index"); err != nil {
		t.Fatal(err)
	}
	if err := fsys.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	return fsys
}

// mustRun builds and opens the run of a Mem.
func mustRun(t testing.TB, fsys vfs.FS, dir string, m *Mem, segments uint32) *Run {
	t.Helper()
	path, err := BuildRun(fsys, dir, m, segments)
	if err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, fsys, path, m.hasher)
}

func mustOpen(t testing.TB, fsys vfs.FS, path string, h Hasher) *Run {
	t.Helper()
	r, err := OpenRun(fsys, path, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Release(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// collect walks a source to its end.
func collect(s Source) (all []uint64, err error) {
	for pos, ok := s.Next(); ok; pos, ok = s.Next() {
		all = append(all, pos)
	}
	return all, s.Err()
}

func collectNames(s NameSource) (all []string, err error) {
	for s.Next() {
		all = append(all, string(s.Name()))
	}
	return all, s.Err()
}

// reversed is a reversed copy.
func reversed[T any](s []T) []T {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// between are the positions of a list that a walk goes through.
func between(list []uint64, dir Direction, bound uint64) []uint64 {
	var out []uint64
	for _, pos := range list {
		if dir == Forward && pos > bound || dir == Backward && pos < bound {
			out = append(out, pos)
		}
	}
	if dir == Backward {
		slices.Reverse(out)
	}
	return out
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
