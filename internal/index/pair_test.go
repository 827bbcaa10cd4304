package index

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

// TestPairsAgreeWithTheModel intersects two terms of a run, from no positions to several leaves each, with
// steps and leaps.
func TestPairsAgreeWithTheModel(t *testing.T) {
	h := NewHasher([16]byte{7}, 0)
	forSeeds(t, 60, func(r random) {
		const events = 3000
		mem := NewMem(1, h)
		var both [2][]uint64
		density := [2]int{1 + r.IntN(40), 1 + r.IntN(40)}
		together := r.IntN(50)
		for pos := uint64(1); pos <= events; pos++ {
			terms := []uint64{3}
			agree := together > 0 && r.IntN(together) == 0
			for i := range both {
				if agree || r.IntN(density[i]) == 0 {
					terms = append(terms, uint64(1+i))
					both[i] = append(both[i], pos)
				}
			}
			mem.Add(pos, terms, false)
		}
		run := buildRun(t, mem, h)
		t.Cleanup(func() { _ = run.Release() })
		var want []uint64
		for _, pos := range both[0] {
			if slices.Contains(both[1], pos) {
				want = append(want, pos)
			}
		}
		for _, dir := range []Direction{Forward, Backward} {
			bound := uint64(0)
			left := want
			if dir == Backward {
				bound, left = End, reversed(want)
			}
			var sources []Source
			for i := range both {
				p, err := run.Lookup(uint64(1 + i))
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, p.WalkWith(new(Iter), dir, bound))
			}
			x := Intersect(dir, sources...)
			for {
				var pos uint64
				var ok bool
				if r.IntN(3) > 0 {
					pos, ok = x.Next()
				} else {
					target := 1 + r.Uint64N(events)
					if len(left) > 0 && r.IntN(3) > 0 {
						target = left[0]
					}
					for len(left) > 0 && left[0]^dir.flip() < target^dir.flip() {
						left = left[1:]
					}
					pos, ok = x.Seek(target)
				}
				if ok != (len(left) > 0) || ok && pos != left[0] {
					t.Fatalf("%v: got %d %t, want the first of %d", dir, pos, ok, left[:min(3, len(left))])
				}
				if !ok {
					break
				}
				left = left[1:]
			}
			if err := x.Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func buildRun(t *testing.T, mem *Mem, h Hasher) *Run {
	t.Helper()
	dir := t.TempDir()
	path, err := BuildRun(vfs.OS, dir, mem, 1)
	if err != nil {
		t.Fatal(err)
	}
	run, err := OpenRun(vfs.OS, path, h)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return run
}

// TestCandidates holds that asking many filters at once says what asking each says.
func TestCandidates(t *testing.T) {
	h := NewHasher([16]byte{9}, 0)
	forSeeds(t, 20, func(r random) {
		var runs []*Run
		first := uint64(1)
		for range r.IntN(5) {
			mem := NewMem(first, h)
			for range 1 + r.IntN(300) {
				mem.Add(first, []uint64{r.Uint64() | 1}, false)
				first++
			}
			run := buildRun(t, mem, h)
			t.Cleanup(func() { _ = run.Release() })
			runs = append(runs, run)
		}
		for range 200 {
			term := r.Uint64()
			var want []*Run
			for _, run := range runs {
				if maybe, err := run.MayContain(term); err != nil {
					t.Fatal(err)
				} else if maybe {
					want = append(want, run)
				}
			}
			got, err := Candidates(nil, runs, term)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("term %d: %d candidates of %d, %v; want %d", term, len(got), len(runs), err, len(want))
			}
		}
	})
}
