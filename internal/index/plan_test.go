package index

import (
	"fmt"
	"slices"
	"testing"
)

// ranges makes adjacent ranges of levels; a negative level is a gap.
func ranges(levels ...int) (out []Range) {
	first := uint64(1)
	for _, level := range levels {
		if level >= 0 {
			out = append(out, Range{First: first, Last: first + 9, Level: level})
		}
		first += 10
	}
	return out
}

func repeat(level, n int) []int { return slices.Repeat([]int{level}, n) }

func TestPlanMerge(t *testing.T) {
	for _, c := range []struct {
		name   string
		levels []int
		i, j   int
		ok     bool
	}{
		{name: "nothing"},
		{name: "seven", levels: repeat(0, 7)},
		{name: "eight", levels: repeat(0, 8), i: 0, j: 8, ok: true},
		{name: "the oldest eight", levels: repeat(0, 17), i: 0, j: 8, ok: true},
		{name: "behind older ones", levels: append([]int{2, 1, 1}, repeat(0, 9)...), i: 3, j: 11, ok: true},
		{name: "the lowest level first", levels: append(repeat(1, 8), repeat(0, 8)...), i: 8, j: 16, ok: true},
		{name: "a gap", levels: append(append(repeat(0, 5), -1), repeat(0, 5)...)},
		{name: "behind a gap", levels: append(append(repeat(0, 5), -1), repeat(0, 8)...), i: 5, j: 13, ok: true},
		{name: "falling levels", levels: []int{3, 3, 2, 2, 1, 1, 0, 0}},
		{name: "rebuilt below a newer one", levels: []int{1, 0, 0, 0, 1, 0}, i: 1, j: 4, ok: true},
		{name: "one below a newer one", levels: []int{1, 0, 1}},
		{name: "below a newer one behind a gap", levels: []int{1, 0, 0, -1, 1}},
	} {
		if i, j, ok := PlanMerge(ranges(c.levels...)); i != c.i || j != c.j || ok != c.ok {
			t.Errorf("%s: %d, %d, %v; want %d, %d, %v", c.name, i, j, ok, c.i, c.j, c.ok)
		}
	}
}

// TestMergingKeepsFewRuns seals segment after segment, and merges as planned.
func TestMergingKeepsFewRuns(t *testing.T) {
	const segments = 5000
	var runs []Range
	covered := map[uint64]uint32{}
	written := 0
	for n := uint64(1); n <= segments; n++ {
		runs = append(runs, Range{First: n, Last: n})
		covered[n] = 1
		for {
			i, j, ok := PlanMerge(runs)
			if !ok {
				break
			}
			total := uint32(0)
			for _, r := range runs[i:j] {
				total += covered[r.First]
			}
			merged := Range{First: runs[i].First, Last: runs[j-1].Last, Level: levelOf(total)}
			covered[merged.First] = total
			written += int(total)
			runs = slices.Replace(runs, i, j, merged)
		}
		if len(runs) > 7*5 {
			t.Fatalf("after %d segments there are %d runs", n, len(runs))
		}
	}
	if written > 4*segments {
		t.Errorf("each segment was written %d times", written/segments)
	}
}

func TestRunNames(t *testing.T) {
	name := RunName(1, 160_000)
	if name != "00000000000000000001-00000000000000160000.run" {
		t.Errorf("the name is %q", name)
	}
	if first, last, ok := ParseRunName(name); first != 1 || last != 160_000 || !ok {
		t.Errorf("the name tells %d, %d, %v", first, last, ok)
	}
	if first, last, ok := ParseRunName(RunName(End-1, End)); first != End-1 || last != End || !ok {
		t.Errorf("the greatest name tells %d, %d, %v", first, last, ok)
	}
	for _, other := range []string{
		"", "-", ".run", "1-2.run", name + ".tmp", name[1:], "x" + name[1:], "+" + name[1:], RunName(2, 1), RunName(0, 1),
		"00000000000000000001.off", "00000000000000000001.ndjson", "99999999999999999999-99999999999999999999.run",
	} {
		if _, _, ok := ParseRunName(other); ok {
			t.Errorf("%q is taken for a run's name", other)
		}
	}
}

func TestListRuns(t *testing.T) {
	fsys := newDisk(t)
	for _, name := range []string{
		RunName(1, 10), RunName(11, 20), RunName(21, 30), RunName(1, 20), RunName(41, 50),
		RunName(31, 40) + ".tmp", OffsetsName(1), OffsetsName(11) + ".tmp", "notes.txt", "other.tmp",
	} {
		if err := fsys.WriteFile("/index/"+name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := fsys.MkdirAll("/index/" + RunName(51, 60)); err != nil {
		t.Fatal(err)
	}
	runs, stale, err := ListRuns(fsys, "/index")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprintf("%d-%d", r.First, r.Last))
		if r.Path != "/index/"+RunName(r.First, r.Last) {
			t.Errorf("the run over %d to %d is %s", r.First, r.Last, r.Path)
		}
	}
	if want := []string{"1-20", "21-30", "41-50"}; !slices.Equal(got, want) {
		t.Errorf("the runs are %v, want %v", got, want)
	}
	want := []string{
		"/index/" + RunName(1, 10), "/index/" + OffsetsName(11) + ".tmp",
		"/index/" + RunName(11, 20), "/index/" + RunName(31, 40) + ".tmp",
	}
	if slices.Sort(want); !slices.Equal(stale, want) {
		t.Errorf("stale are %v, want %v", stale, want)
	}
	if _, _, err := ListRuns(fsys, "/absent"); err == nil {
		t.Error("an absent directory is listed")
	}
}
