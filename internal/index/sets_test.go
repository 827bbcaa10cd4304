package index

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// randomList is some ascending positions up to a limit.
func randomList(r random, limit int) []uint64 {
	var list []uint64
	density := 1 + r.IntN(20)
	for pos := 1; pos <= limit; pos++ {
		if r.IntN(density) == 0 {
			list = append(list, uint64(pos))
		}
	}
	return list
}

// randomSource is a random expression of sources, and what it yields, ascending.
func randomSource(r random, dir Direction, depth int) (Source, []uint64, string) {
	const limit = 300
	kind := r.IntN(5)
	if depth == 0 {
		kind = []int{0, 1, 4}[r.IntN(3)]
	}
	switch kind {
	case 4:
		list := randomList(r, limit)
		return walkOf(dir, list), list, fmt.Sprint("postings of ", len(list))
	case 0:
		list := randomList(r, limit)
		return Positions(dir, list), list, fmt.Sprint(len(list), " positions")
	case 1:
		list := randomList(r, limit)
		source, name := concatOf(r, dir, list, limit)
		return source, list, name
	}
	sources := make([]Source, r.IntN(5))
	var text []string
	counts := map[uint64]int{}
	for i := range sources {
		var list []uint64
		var name string
		sources[i], list, name = randomSource(r, dir, depth-1)
		text = append(text, name)
		for _, pos := range list {
			counts[pos]++
		}
	}
	var out []uint64
	for pos, n := range counts {
		if kind == 2 || n == len(sources) {
			out = append(out, pos)
		}
	}
	slices.Sort(out)
	if kind == 2 {
		return Union(dir, sources...), out, fmt.Sprint("union of ", text)
	}
	return Intersect(dir, sources...), out, fmt.Sprint("intersection of ", text)
}

// walkOf walks a list in a Mem.
func walkOf(dir Direction, list []uint64) Source {
	mem := NewMem(1, Hasher{})
	for _, pos := range list {
		mem.Add(pos, []uint64{1}, false)
	}
	if dir == Forward {
		return mem.Lookup(1).Walk(dir, 0)
	}
	return mem.Lookup(1).Walk(dir, End)
}

// concatOf cuts a list in parts: in memory, in nothing, in a Mem.
func concatOf(r random, dir Direction, list []uint64, limit int) (Source, string) {
	var parts []Part
	for first := 1; first <= limit; {
		last := min(limit, first+r.IntN(limit/3))
		own := []uint64{}
		for _, pos := range list {
			if pos >= uint64(first) && pos <= uint64(last) {
				own = append(own, pos)
			}
		}
		part := Part{First: uint64(first), Last: uint64(last), Open: func() (Source, error) {
			if len(own) == 0 {
				return nil, nil
			}
			return Positions(dir, own), nil
		}}
		if r.IntN(2) == 0 {
			mem := NewMem(uint64(first), Hasher{})
			for _, pos := range own {
				mem.Add(pos, []uint64{1}, false)
			}
			part.Open = func() (Source, error) {
				if dir == Forward {
					return mem.Lookup(1).Walk(dir, 0), nil
				}
				return mem.Lookup(1).Walk(dir, End), nil
			}
		}
		parts = append(parts, part)
		first = last + 1
	}
	if dir == Backward {
		slices.Reverse(parts)
	}
	return Concat(dir, parts), fmt.Sprintf("%d positions in %d parts", len(list), len(parts))
}

func TestSetsAgreeWithTheModel(t *testing.T) {
	forSeeds(t, 3000, func(r random) {
		dir := Direction(r.IntN(2) == 0)
		source, ascending, name := randomSource(r, dir, 1+r.IntN(3))
		left := ascending
		if dir == Backward {
			left = reversed(ascending)
		}
		for {
			var pos uint64
			var ok bool
			what := "Next"
			if r.IntN(2) == 0 {
				pos, ok = source.Next()
			} else {
				target := r.Uint64N(320)
				if len(left) > 0 && r.IntN(3) > 0 {
					target = left[0] + r.Uint64N(9) - 4
				}
				what = fmt.Sprintf("Seek(%d)", target)
				for len(left) > 0 && left[0]^dir.flip() < target^dir.flip() {
					left = left[1:]
				}
				pos, ok = source.Seek(target)
			}
			if source.Err() != nil || ok != (len(left) > 0) || ok && pos != left[0] {
				r.Fatalf("%s, backward %v: %s gives %d, %v, %v; want the first of %v", name, dir, what, pos, ok, source.Err(), left)
			}
			if !ok {
				break
			}
			left = left[1:]
		}
		if pos, ok := source.Next(); ok {
			r.Fatalf("%s: after its end it gives %d", name, pos)
		}
	})
}

// failing yields some positions and then an error.
type failing struct {
	Source
	err error
	n   int
}

func (f *failing) Next() (uint64, bool) {
	if f.n--; f.n < 0 {
		return 0, false
	}
	return f.Source.Next()
}

func (f *failing) Seek(pos uint64) (uint64, bool) {
	if f.n--; f.n < 0 {
		return 0, false
	}
	return f.Source.Seek(pos)
}

func (f *failing) Err() error {
	if f.n < 0 {
		return f.err
	}
	return nil
}

// TestSetsTellErrors: a source that ends by an error must not look like one
// that ends.
func TestSetsTellErrors(t *testing.T) {
	failure := errors.New("bad block")
	list := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for n := range 5 {
		broken := func() Source { return &failing{Source: Positions(Forward, list), err: failure, n: n} }
		part := func(open func() (Source, error)) Part { return Part{First: 1, Last: 9, Open: open} }
		for name, s := range map[string]func() Source{
			"union":         func() Source { return Union(Forward, Positions(Forward, list), broken()) },
			"union, first":  func() Source { return Union(Forward, broken(), Positions(Forward, list)) },
			"intersection":  func() Source { return Intersect(Forward, Positions(Forward, list), broken()) },
			"its leader":    func() Source { return Intersect(Forward, broken(), Positions(Forward, list)) },
			"one of one":    func() Source { return Union(Forward, None(), broken()) },
			"concatenation": func() Source { return Concat(Forward, []Part{part(func() (Source, error) { return broken(), nil })}) },
			"its opening": func() Source {
				return Concat(Forward, []Part{part(func() (Source, error) { return nil, failure })})
			},
			"nested": func() Source {
				return Union(Forward, Intersect(Forward, Positions(Forward, list), Union(Forward, broken(), None())), Positions(Forward, list[:1]))
			},
		} {
			source := s()
			if got, err := collect(source); !errors.Is(err, failure) {
				t.Errorf("%s, an error after %d: it yields %v and ends with %v", name, n, got, err)
			}
			source = s()
			for pos, ok := source.Seek(1); ok; pos, ok = source.Seek(pos + 1) {
			}
			if !errors.Is(source.Err(), failure) {
				t.Errorf("%s, an error after %d: seeking through it ends with %v", name, n, source.Err())
			}
		}
	}
}

func TestConcatOpensOnlyWhatItReaches(t *testing.T) {
	for _, dir := range []Direction{Forward, Backward} {
		var opened []uint64
		var parts []Part
		for first := uint64(1); first < 100; first += 10 {
			parts = append(parts, Part{First: first, Last: first + 9, Open: func() (Source, error) {
				opened = append(opened, first)
				return Positions(dir, []uint64{first + 3, first + 6}), nil
			}})
		}
		if dir == Backward {
			slices.Reverse(parts)
		}
		s := Concat(dir, parts)
		if pos, ok := s.Seek(46); !ok || pos != map[Direction]uint64{Forward: 47, Backward: 44}[dir] {
			t.Errorf("Seek(46) gives %d, %v", pos, ok)
		}
		if _, ok := s.Next(); !ok || len(opened) != map[Direction]int{Forward: 2, Backward: 2}[dir] {
			t.Errorf("backward %v: opened were %v", dir, opened)
		}
	}
}

func TestUnionNames(t *testing.T) {
	forSeeds(t, 200, func(r random) {
		h := NewHasher(testKey, 0)
		dir := Direction(r.IntN(2) == 0)
		var sources []NameSource
		all := map[string]bool{}
		for range r.IntN(6) {
			m := NewMem(1, h)
			for range r.IntN(200) {
				name := fmt.Sprint("s-", r.IntN(300))
				m.AddName(Stream, name)
				all[name] = true
			}
			m.Add(1, []uint64{1}, true)
			if r.IntN(2) == 0 {
				sources = append(sources, m.Names().Iter(Stream, dir, "", ""))
			} else {
				sources = append(sources, mustRun(t, newDisk(t), "/index", m, 1).Names(Stream, dir, "", ""))
			}
		}
		var want []string
		for name := range all {
			want = append(want, name)
		}
		slices.Sort(want)
		if dir == Backward {
			slices.Reverse(want)
		}
		got, err := collectNames(UnionNames(dir, sources...))
		r.must(err)
		if !slices.Equal(got, want) {
			r.Fatalf("the union of %d lists, backward %v, is %q, want %q", len(sources), dir, got, want)
		}
	})
}
