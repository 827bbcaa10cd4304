package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// looker is what Mem and Run have in common.
type looker interface {
	lookup(term uint64) (Postings, error)
	listed(kind Kind, dir Direction, prefix, from string) NameSource
}

func (m *Mem) lookup(term uint64) (Postings, error) { return m.Lookup(term), nil }
func (m *Mem) listed(kind Kind, dir Direction, prefix, from string) NameSource {
	return m.Names().Iter(kind, dir, prefix, from)
}
func (r *Run) lookup(term uint64) (Postings, error) { return r.Lookup(term) }
func (r *Run) listed(kind Kind, dir Direction, prefix, from string) NameSource {
	return r.Names(kind, dir, prefix, from)
}

// compare asks an index everything that the model knows.
func (m *model) compare(r random, x looker) {
	r.Helper()
	for term, list := range m.lists {
		p, err := x.lookup(term)
		r.must(err)
		if p.Count() != uint64(len(list)) || p.Last() != list[len(list)-1] {
			r.Fatalf("term %x has %d positions up to %d, want %d up to %d", term, p.Count(), p.Last(), len(list), list[len(list)-1])
		}
		for _, dir := range []Direction{Forward, Backward} {
			bound := uint64(0)
			if dir == Backward {
				bound = End
			}
			got, err := collect(p.Walk(dir, bound))
			r.must(err)
			if want := between(list, dir, bound); !slices.Equal(got, want) {
				r.Fatalf("term %x walks %v: %v, want %v", term, dir, got, want)
			}
			bound = m.first - 1 + r.Uint64N(m.last-m.first+3)
			got, err = collect(p.Walk(dir, bound))
			r.must(err)
			if want := between(list, dir, bound); !slices.Equal(got, want) {
				r.Fatalf("term %x walks %v from %d: %v, want %v", term, dir, bound, got, want)
			}
			m.compareSeeks(r, p, list, dir)
		}
	}
	for range 1000 {
		term := r.Uint64() &^ m.hasher.drop
		p, err := x.lookup(term)
		r.must(err)
		if p.Count() != uint64(len(m.lists[term])) {
			r.Fatalf("term %x has %d positions, want %d", term, p.Count(), len(m.lists[term]))
		}
		if got, err := collect(p.Walk(Forward, 0)); err != nil || len(got) != int(p.Count()) {
			r.Fatalf("term %x walks to %v, %v", term, got, err)
		}
	}
	m.compareNames(r, x)
}

// compareSeeks mixes Next and Seek.
func (m *model) compareSeeks(r random, p Postings, list []uint64, dir Direction) {
	bound := m.first - 1 + r.Uint64N(m.last-m.first+3)
	left := between(list, dir, bound)
	var it Iter
	if dir == Forward {
		it = p.Ascend(bound)
	} else {
		it = p.Descend(bound)
	}
	at := bound
	for step := 0; ; step++ {
		var pos uint64
		var ok bool
		what := "Next"
		if r.IntN(3) == 0 {
			pos, ok = it.Next()
		} else {
			// Mostly a little ahead, sometimes far, sometimes behind.
			reach := []uint64{3, 200, m.last - m.first + 2}[r.IntN(3)]
			target := at + r.Uint64N(reach)
			if dir == Backward != (r.IntN(8) == 0) {
				target = at - min(at, r.Uint64N(reach))
			}
			what = fmt.Sprintf("Seek(%d)", target)
			for len(left) > 0 && (dir == Forward && left[0] < target || dir == Backward && left[0] > target) {
				left = left[1:]
			}
			pos, ok = it.Seek(target)
		}
		if it.Err() != nil || ok != (len(left) > 0) || ok && pos != left[0] {
			r.Fatalf("step %d, direction %v, from %d: %s gives %d, %v, %v; want the first of %v of %v",
				step, dir, bound, what, pos, ok, it.Err(), left[:min(len(left), 3)], list)
		}
		if !ok {
			return
		}
		at, left = pos, left[1:]
	}
}

func (m *model) compareNames(r random, x looker) {
	r.Helper()
	for kind := Stream; kind <= Tag; kind++ {
		all := m.sortedNames(kind)
		for range 20 {
			prefix, from := "", ""
			if len(all) > 0 && r.IntN(3) > 0 {
				prefix = all[r.IntN(len(all))]
				prefix = prefix[:r.IntN(len(prefix)+1)]
			}
			if len(all) > 0 && r.IntN(3) > 0 {
				from = all[r.IntN(len(all))]
				from = from[:r.IntN(len(from)+1)] + []string{"", "\x00", "5"}[r.IntN(3)]
			}
			for _, dir := range []Direction{Forward, Backward} {
				var want []string
				for _, name := range all {
					if strings.HasPrefix(name, prefix) && inBound(dir, []byte(name), from) {
						want = append(want, name)
					}
				}
				if dir == Backward {
					slices.Reverse(want)
				}
				got, err := collectNames(x.listed(kind, dir, prefix, from))
				r.must(err)
				if !slices.Equal(got, want) {
					r.Fatalf("names of kind %v, backward %v, prefix %q, from %q: %q, want %q", kind, dir, prefix, from, got, want)
				}
			}
		}
	}
}

func TestIndexesAgreeWithTheModel(t *testing.T) {
	for _, narrow := range []int{0, 8, 20} {
		t.Run(fmt.Sprint(narrow), func(t *testing.T) {
			forSeeds(t, 6, func(r random) {
				h := NewHasher(testKey, narrow)
				first := 1 + r.Uint64N(1_000_000)*r.Uint64N(2)
				a := newAuthor(r.Rand, first)
				mem, m := a.fill(h, 1+r.IntN(3000))
				m.compare(r, mem)
				run := mustRun(t, newDisk(t), "/index", mem, 1)
				m.compare(r, run)
				r.must(run.Check())
				if run.Range() != (Range{First: m.first, Last: m.last}) || run.Events() != m.last-m.first+1 ||
					run.Streams() != m.streams || run.Terms() != uint64(len(m.lists)) {
					r.Fatalf("the run tells %+v, %d events, %d streams, %d terms", run.Range(), run.Events(), run.Streams(), run.Terms())
				}
				var terms []uint64
				r.must(run.All(func(term uint64, p Postings) error {
					terms = append(terms, term)
					if p.Count() != uint64(len(m.lists[term])) {
						r.Fatalf("All tells %d positions of term %x", p.Count(), term)
					}
					return nil
				}))
				if !slices.Equal(terms, m.terms()) {
					r.Fatalf("All walks %d terms, want %d ascending", len(terms), len(m.lists))
				}
			})
		})
	}
}

// TestMergedEqualsBuilt is "rebuilt equals live": however a run came about, its
// bytes are the same.
func TestMergedEqualsBuilt(t *testing.T) {
	for _, narrow := range []int{0, 8} {
		t.Run(fmt.Sprint(narrow), func(t *testing.T) {
			forSeeds(t, 8, func(r random) {
				h := NewHasher(testKey, narrow)
				first := 1 + r.Uint64N(1000)
				parts := 1 + r.IntN(8)
				fsys := newDisk(t)
				author, again := newAuthor(r.Rand, first), NewMem(first, h)
				whole := newModel(first, h)
				var runs []*Run
				for range parts {
					part := NewMem(author.next, h)
					for range 1 + r.IntN(1500) {
						e := author.event()
						part.index(e)
						again.index(e)
						whole.add(e)
					}
					runs = append(runs, mustRun(t, fsys, "/index", part, 1))
				}
				r.must(fsys.MkdirAll("/built"))
				built, err := BuildRun(fsys, "/built", again, uint32(parts))
				r.must(err)
				var told uint64
				merged, err := Merge(context.Background(), fsys, "/index", runs, &MergeOptions{Progress: func(done, total uint64) {
					if told = done; done > total {
						r.Fatalf("progress tells %d of %d", done, total)
					}
				}})
				r.must(err)
				if told == 0 && whole.last > 20_000 {
					r.Fatalf("nobody was told of the progress")
				}
				r.sameBytes(fsys, built, merged)
				run := mustOpen(t, fsys, merged, h)
				r.must(run.Check())
				whole.compare(r, run)

				// By two steps, too.
				if parts > 2 {
					cut := 1 + r.IntN(parts-1)
					r.must(fsys.MkdirAll("/steps"))
					var halves []*Run
					for _, half := range [][]*Run{runs[:cut], runs[cut:]} {
						path, err := Merge(context.Background(), fsys, "/steps", half, nil)
						r.must(err)
						halves = append(halves, mustOpen(t, fsys, path, h))
					}
					path, err := Merge(context.Background(), fsys, "/steps", halves, nil)
					r.must(err)
					r.sameBytes(fsys, built, path)
				}
			})
		})
	}
}

func (r random) sameBytes(fsys interface {
	ReadFile(string) ([]byte, error)
}, a, b string,
) {
	r.Helper()
	left, err := fsys.ReadFile(a)
	r.must(err)
	right, err := fsys.ReadFile(b)
	r.must(err)
	if string(left) != string(right) {
		at := 0
		for at < len(left) && at < len(right) && left[at] == right[at] {
			at++
		}
		r.Fatalf("%s with %d bytes and %s with %d differ from byte %d on", a, len(left), b, len(right), at)
	}
}

// TestLongLists has lists whose trees have up to three levels.
func TestLongLists(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		h := NewHasher(testKey, 0)
		sizes := []int{2, 127, 128, 129, 255, 256, 257, 128*64 - 1, 128 * 64, 128*64 + 1, 128*65 + 1, 128*64*3 + 77}
		if !testing.Short() {
			sizes = append(sizes, 128*64*64, 128*64*64+1)
		}
		longest := uint64(sizes[len(sizes)-1])
		first := uint64(1_000_000_007)
		mem, m := NewMem(first, h), newModel(first, h)
		step := map[int]uint64{}
		for i, n := range sizes {
			step[i] = longest / uint64(n)
		}
		for offset := range longest {
			var terms []uint64
			for i, n := range sizes {
				// Evenly spread, with some unevenness that a decoder could trip on.
				if s := step[i]; offset%s == (offset/s*7)%s && uint64(len(m.lists[uint64(i)<<60])) < uint64(n) {
					terms = append(terms, uint64(i)<<60)
				}
			}
			pos := first + offset
			for _, term := range terms {
				m.lists[term] = append(m.lists[term], pos)
			}
			mem.Add(pos, terms, false)
			m.last = pos
		}
		for i, n := range sizes {
			if len(m.lists[uint64(i)<<60]) != n {
				r.Fatalf("the test made %d positions instead of %d", len(m.lists[uint64(i)<<60]), n)
			}
		}
		m.compare(r, mem)
		run := mustRun(t, newDisk(t), "/index", mem, 1)
		r.must(run.Check())
		m.compare(r, run)
		for range 20 {
			for _, list := range m.lists {
				p, err := run.Lookup(termOfList(m, list))
				r.must(err)
				for _, dir := range []Direction{Forward, Backward} {
					m.compareSeeks(r, p, list, dir)
				}
			}
		}
	})
}

func termOfList(m *model, list []uint64) uint64 {
	for term, other := range m.lists {
		if &other[0] == &list[0] {
			return term
		}
	}
	return 0
}

func TestEmptyMem(t *testing.T) {
	m := NewMem(5, NewHasher(testKey, 0))
	if p := m.Lookup(7); p.Count() != 0 || p.Last() != 0 {
		t.Errorf("an empty index has %d positions", p.Count())
	}
	if _, ok := m.LastOf(7); ok || m.First() != 5 || m.Last() != 4 || m.Events() != 0 {
		t.Errorf("an empty index covers %d to %d, %d events", m.First(), m.Last(), m.Events())
	}
	if _, err := BuildRun(newDisk(t), "/index", m, 1); err == nil {
		t.Error("a run was made of nothing")
	}
}

func TestAddTellsFreshTerms(t *testing.T) {
	m := NewMem(1, NewHasher(testKey, 0))
	terms := make([]uint64, 200)
	for i := range terms {
		terms[i] = rand.Uint64() | 1
	}
	fresh := m.Add(1, terms[:50], true)
	for i := range 50 {
		if !fresh.Has(i) {
			t.Errorf("term %d was new and is not told", i)
		}
	}
	fresh = m.Add(2, terms, false)
	for i := range terms {
		if want := i >= 50; fresh.Has(i) != want {
			t.Errorf("term %d: told new %v, want %v", i, fresh.Has(i), want)
		}
	}
	fresh = m.Add(3, append([]uint64{4, 4}, terms...), false)
	if !fresh.Has(0) || fresh.Has(1) || fresh.Has(2) || m.Lookup(4).Count() != 1 {
		t.Errorf("a term given twice is told %v %v, and counts %d", fresh.Has(0), fresh.Has(1), m.Lookup(4).Count())
	}
	m.Add(4, []uint64{4, 4}, false)
	m.Add(5, []uint64{4, 4, 4}, false)
	if got, _ := collect(m.Lookup(4).Walk(Forward, 0)); !slices.Equal(got, []uint64{3, 4, 5}) {
		t.Errorf("a term given twice stands at %v", got)
	}
	if m.Streams() != 1 || m.Events() != 5 {
		t.Errorf("%d streams, %d events", m.Streams(), m.Events())
	}
}

func TestAddRefusesWhatIsNotAscending(t *testing.T) {
	m := NewMem(10, NewHasher(testKey, 0))
	m.Add(10, []uint64{1}, true)
	for _, pos := range []uint64{9, 10, 11 + 1<<32} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("position %d was taken", pos)
				}
			}()
			m.Add(pos, []uint64{1}, false)
		}()
	}
}
