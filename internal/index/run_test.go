package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

// TestFormatStaysTheSame: the files of a fixed log have fixed bytes. Whoever
// changes them changes the version in the header, and spec/index-format.md.
func TestFormatStaysTheSame(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(1, h)
	for i := range uint64(20_000) {
		m.index(event{
			pos: 1 + i, category: "order", stream: fmt.Sprint("order-", i%700), kind: "order.placed",
			id: fmt.Sprintf("%026d", i), tags: []string{fmt.Sprint("customer:", i%300)}, begins: i < 700,
		})
	}
	fsys := newDisk(t)
	run, err := BuildRun(fsys, "/index", m, 3)
	if err != nil {
		t.Fatal(err)
	}
	offsets, err := WriteOffsets(fsys, "/index", 1, []uint32{0, 300, 650}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		run:     "62b6a93784ec92f3d457da996200be0e26a4e860c80e7e6866f1c240c2b03f49",
		offsets: "1d4ae93ac70cd1cab254732047e9146dbb48b9578f44c5c795fccd179f005621",
	} {
		data, err := fsys.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want {
			t.Errorf("%s of %d bytes has the SHA-256 %s, want %s", path, len(data), got, want)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(1, h)
	for i := range uint64(1000) {
		m.Add(1+i, []uint64{h.Term(Category, "order"), h.Term(ID, fmt.Sprint(i))}, false)
	}
	run := mustRun(t, newDisk(t), "/index", m, 1)
	for name, x := range map[string]looker{"mem": m, "run": run} {
		for what, term := range map[string]uint64{
			"absent": h.Term(ID, "absent"), "lone": h.Term(ID, "7"), "long": h.Term(Category, "order"),
		} {
			if n := testing.AllocsPerRun(100, func() {
				p, err := x.lookup(term)
				if err != nil {
					t.Fatal(err)
				}
				if what == "long" {
					return
				}
				it := p.Descend(End)
				pos, _ := it.Next()
				sink += pos
			}); n > 0 {
				t.Errorf("%s: looking up what is %s allocates %v times", name, what, n)
			}
		}
	}
}

// TestFilterKeepsItsPromise: about one absent term in a hundred passes.
func TestFilterKeepsItsPromise(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(1, h)
	for i := range uint64(50_000) {
		m.Add(1+i, []uint64{h.Term(ID, fmt.Sprint(i))}, false)
	}
	run := mustRun(t, newDisk(t), "/index", m, 1)
	passed := 0
	const asked = 100_000
	for i := range asked {
		maybe, err := run.MayContain(h.Term(Stream, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if maybe {
			passed++
		}
	}
	if passed < asked/1000 || passed > asked/50 {
		t.Errorf("%d of %d absent terms passed the filter", passed, asked)
	}
}

// TestRunsAreCounted: a run that was merged away stays until its last reader.
func TestRunsAreCounted(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(1, h)
	term := h.Term(Stream, "order-1")
	for i := range uint64(500) {
		m.Add(1+i, []uint64{term}, i == 0)
	}
	dir := t.TempDir()
	path, err := BuildRun(vfs.OS, dir, m, 1)
	if err != nil {
		t.Fatal(err)
	}
	run, err := OpenRun(vfs.OS, path, h)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 200 {
				if !run.Acquire() {
					return
				}
				p, err := run.Lookup(term)
				if err != nil || p.Count() != 500 {
					t.Errorf("a held run answers %d, %v", p.Count(), err)
				}
				if got, err := collect(p.Walk(Forward, 0)); err != nil || len(got) != 500 {
					t.Errorf("a held run walks %d, %v", len(got), err)
				}
				if _, err := vfs.OS.Stat(path); err != nil {
					t.Errorf("the file of a held run is gone: %v", err)
				}
				if err := run.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	run.Discard()
	if err := run.Release(); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
	if run.Acquire() {
		t.Error("a run was acquired after its end")
	}
	if _, err := vfs.OS.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a discarded run's file is still there: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a run was released more often than acquired")
		}
	}()
	_ = run.Release()
}

// TestReadersBesideTheWriter: what Lookup and Names return under the lock is
// read without it. The race detector watches.
func TestReadersBesideTheWriter(t *testing.T) {
	h := NewHasher(testKey, 0)
	m := NewMem(1, h)
	category := h.Term(Category, "order")
	const events = 30_000
	var lock sync.RWMutex
	var all sync.WaitGroup
	for reader := range 3 {
		all.Go(func() {
			for done := false; !done; {
				lock.RLock()
				p := m.Lookup(category)
				names := m.Names()
				last := m.Last()
				lock.RUnlock()
				done = last == events
				dir, bound := Forward, uint64(0)
				if reader == 1 {
					dir, bound = Backward, End
				}
				got, _ := collect(p.Walk(dir, bound))
				if uint64(len(got)) != last || len(got) > 0 && max(got[0], got[len(got)-1]) != last {
					t.Errorf("a snapshot after %d events has %d", last, len(got))
					return
				}
				if reader == 2 {
					listed, _ := collectNames(names.Iter(Stream, Forward, "order-", ""))
					if len(listed) != names.Count(Stream) || !slices.IsSorted(listed) {
						t.Errorf("a snapshot of %d names lists %d", names.Count(Stream), len(listed))
						return
					}
				}
			}
		})
	}
	for i := range uint64(events) {
		lock.Lock()
		m.index(event{pos: 1 + i, category: "order", stream: fmt.Sprint("order-", i%997), kind: "t", id: fmt.Sprint(i)})
		lock.Unlock()
	}
	all.Wait()
}

func TestMergeRefusesWhatDoesNotFit(t *testing.T) {
	h := NewHasher(testKey, 0)
	build := func(first, last uint64, h Hasher) *Run {
		m := NewMem(first, h)
		for pos := first; pos <= last; pos++ {
			m.Add(pos, []uint64{pos, 7}, false)
		}
		return mustRun(t, newDisk(t), "/index", m, 1)
	}
	one, two, three := build(1, 10, h), build(11, 20, h), build(21, 30, h)
	for name, runs := range map[string][]*Run{
		"nothing":     nil,
		"a gap":       {one, three},
		"disorder":    {two, one},
		"one twice":   {one, one},
		"another key": {one, build(11, 20, NewHasher([16]byte{}, 0))},
	} {
		fsys := newDisk(t)
		if _, err := Merge(context.Background(), fsys, "/index", runs, nil); err == nil {
			t.Errorf("%s was merged", name)
		}
		if len(fsys.Files()) > 0 {
			t.Errorf("%s left %v", name, fsys.Files())
		}
	}
	fsys := newDisk(t)
	path, err := Merge(context.Background(), fsys, "/index", []*Run{one, two, three}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if merged := mustOpen(t, fsys, path, h); merged.Segments() != 3 || merged.Events() != 30 || merged.Size() == 0 {
		t.Errorf("merged, it covers %d segments, %d events", merged.Segments(), merged.Events())
	}
}

func TestMergeEndsWithItsContext(t *testing.T) {
	h := NewHasher(testKey, 0)
	a := newAuthor(newRand(1), 1)
	fsys := newDisk(t)
	var runs []*Run
	for range 3 {
		m, _ := a.fill(h, 8000)
		runs = append(runs, mustRun(t, fsys, "/index", m, 1))
	}
	before := len(fsys.Files())
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		path, err := Merge(ctx, fsys, "/index", runs, &MergeOptions{Progress: func(uint64, uint64) {
			if calls++; calls == stop {
				cancel()
			}
		}})
		ended := ctx.Err() != nil
		cancel()
		if !ended {
			if err != nil || stop < 3 {
				t.Fatalf("a merge with %d steps: %s, %v", calls, path, err)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || len(fsys.Files()) != before || calls > stop {
			t.Fatalf("stopped at step %d: %v after %d steps, files %v", stop, err, calls, fsys.Files())
		}
	}
}

// TestMergeOfADamagedRun names the run that is damaged.
func TestMergeOfADamagedRun(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		h := NewHasher(testKey, 0)
		a := newAuthor(r.Rand, 1)
		fsys := newDisk(t)
		var runs []*Run
		for range 3 {
			m, _ := a.fill(h, 500)
			runs = append(runs, mustRun(t, fsys, "/index", m, 1))
		}
		bad := runs[1]
		before := len(fsys.Files())
		for at := headerSize; at < len(bad.data)-footerSize; at += 61 {
			part := slices.IndexFunc(bad.starts[:], func(start uint64) bool { return start > uint64(at) }) - 1
			if part == partFilter {
				continue // a merge does not read filters
			}
			bad.data[at] ^= 0x10
			_, err := Merge(context.Background(), fsys, "/index", runs, nil)
			r.isBad(err, bad.path)
			if !strings.Contains(err.Error(), bad.path) || len(fsys.Files()) != before {
				r.Fatalf("byte %d: %v, files %v", at, err, fsys.Files())
			}
			bad.data[at] ^= 0x10
		}
		_, err := Merge(context.Background(), fsys, "/index", runs, nil)
		r.must(err)
	})
}
