package filestore

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// TestFullDiskAnywhere fails writes of all kinds of files for lack of space while many append under ids of
// their own: every append ends, nothing that was acknowledged is lost or twice there, and the store goes on.
func TestFullDiskAnywhere(t *testing.T) {
	seeds(t, 60, func(t *testing.T, _ uint64, rng *rand.Rand) {
		fsys := newFS()
		s := mustOpen(t, testDir, on(fsys))
		var mu sync.Mutex
		faults := rand.New(rand.NewPCG(rng.Uint64(), 5))
		on := true
		fsys.SetHook(func(op crashfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if !on || op.Kind != crashfs.OpWrite && op.Kind != crashfs.OpPreallocate && op.Kind != crashfs.OpCreate || faults.IntN(12) > 0 {
				return nil
			}
			if op.Kind == crashfs.OpWrite {
				return &crashfs.PartialWrite{N: faults.IntN(int(op.Len) + 1), Err: vfs.ErrFull}
			}
			return vfs.ErrFull
		})
		acked := map[string]nacre.Position{}
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 30 {
					id := string(rune('a'+w)) + "-" + strings.Repeat("i", i+1)
					for range 50 {
						e := numbered(i).WithID(id)
						a, err := s.Append(context.Background(), nacre.StreamID("s-"+string(rune('a'+w%2))), nacre.Any, e)
						if err == nil {
							mu.Lock()
							acked[id] = a.Position()
							mu.Unlock()
							break
						}
						if nacre.CodeOf(err) != nacre.CodeStoreFull {
							t.Errorf("append: %v", err)
							return
						}
						if strings.Contains(err.Error(), "index") {
							break // tried again by the store after a second; the test does not wait for it
						}
					}
				}
			})
		}
		wg.Wait()
		mu.Lock()
		on = false
		mu.Unlock()
		check := func(s *nacre.Store) {
			seen := map[string]nacre.Position{}
			for _, e := range readAll(t, s) {
				if p, twice := seen[e.ID]; twice {
					t.Fatalf("id %s stands at %d and %d", e.ID, p, e.GlobalPosition)
				}
				seen[e.ID] = e.GlobalPosition
			}
			for id, p := range acked {
				if seen[id] != p {
					t.Fatalf("id %s was acknowledged at %d, and stands at %d", id, p, seen[id])
				}
			}
		}
		check(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		verify(t, testDir, environment{fs: fsys})
		s = mustOpen(t, testDir, &Options{SegmentBytes: 4 << 10, Logger: quiet, env: environment{fs: fsys}})
		check(s)
		mustAppend(t, s, "s-after", 1, numbered(1))
		_ = s.Close()
	})
}

// TestRestoredWithoutActiveSegment: a backup that ends with a sealed segment, restored, meets a full disk at
// its first append; what it holds can be read all the same.
func TestRestoredWithoutActiveSegment(t *testing.T) {
	fsys := newFS()
	want := smallStore(t, fsys, 60, true)
	l, err := openStore(testDir, on(fsys))
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := l.readManifest()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// As if it had been copied between a roll and the first line.
	last := m.Segments[len(m.Segments)-1]
	m.Segments = m.Segments[:len(m.Segments)-1]
	if err := writeHead(fsys, testDir, m, last.First-1); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Remove(filepath.Join(testDir, last.Name)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	for range 3 {
		fsys.SetHook(crashfs.FailFrom(crashfs.OpWrite, "manifest.tmp", 1, vfs.ErrFull))
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, numbered(1)); nacre.CodeOf(err) != nacre.CodeStoreFull {
			t.Fatalf("a roll on a full disk: %v", err)
		}
		fsys.SetHook(nil)
		sameEvents(t, readAll(t, s), want[:last.First-1])
	}
	a := mustAppend(t, s, "s-1", 1, numbered(1))
	if a.Position() != last.First {
		t.Fatalf("position %d, %d is due", a.Position(), last.First)
	}
}

// TestDamageIsNotClosedAway: opening and closing a damaged store leaves the damage to be seen.
func TestDamageIsNotClosedAway(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 30, true)
	if err := fsys.Corrupt(testDir+"/mark", 30, 4); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := mustOpen(t, testDir, on(fsys))
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, numbered(1)); nacre.CodeOf(err) != nacre.CodeDamaged {
			t.Fatalf("an append beside a damaged mark: %v", err)
		}
		_ = s.Close()
	}
}

// TestRebuiltRunStays: a run that was made again in place of a bad one is there at the next open.
func TestRebuiltRunStays(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 200, true)
	l, err := openStore(testDir, on(fsys))
	if err != nil {
		t.Fatal(err)
	}
	s := l.acquire()
	bad := s.runs[len(s.runs)-1]
	if bad.Segments() != 1 {
		t.Fatalf("the last run covers %d segments", bad.Segments())
	}
	path := bad.Path()
	if err := l.rebuild(&index.BadBlockError{File: path, What: "says the test"}); err != nil {
		t.Fatal(err)
	}
	s.release()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat(path); err != nil {
		t.Fatalf("the run that was made again: %v", err)
	}
	verify(t, testDir, environment{fs: fsys})
}

// TestReadOnlyMeetsDamage: a line goes bad in the segment that a reader follows; he is told, again and
// again, and the writer's end is never passed.
func TestReadOnlyMeetsDamage(t *testing.T) {
	fsys := newFS()
	w := mustOpen(t, testDir, on(fsys))
	defer w.Close()
	mustAppend(t, w, "s-1", 1, numbered(0))
	o := on(fsys)
	o.ReadOnly = true
	r := mustOpen(t, testDir, o)
	defer r.Close()
	for i := range 6 {
		mustAppend(t, w, "s-1", 1, numbered(i))
	}
	file := segmentsOf(t, fsys, testDir)[0]
	data, err := fsys.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := len(strings.Join(strings.SplitAfter(string(data), "\n")[:4], ""))
	if err := fsys.Corrupt(file, int64(at+20), 1); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := r.Head(t.Context()); err == nil || nacre.CodeOf(err) != nacre.CodeDamaged {
			t.Fatalf("the head beyond a damaged line: %v", err)
		}
	}
}

// TestReadOnlySurvivesRestart: the writer is killed and opens again; its reader goes on, without a gap and
// without going back.
func TestReadOnlySurvivesRestart(t *testing.T) {
	fsys := newFS()
	w := mustOpen(t, testDir, on(fsys))
	want := fill(t, w, 9)
	killed := fsys.Crash(nil, crashfs.CrashOptions{KeepAll: true})
	_ = w.Close()
	o := on(killed)
	o.ReadOnly = true
	r := mustOpen(t, testDir, o)
	defer r.Close()
	sameEvents(t, readAll(t, r), want)
	w = mustOpen(t, testDir, on(killed))
	defer w.Close()
	head := func() nacre.Position {
		h, err := r.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.Position
	}
	if got := head(); got < want[len(want)-1].GlobalPosition {
		t.Fatalf("the reader's head went back to %d", got)
	}
	a := mustAppend(t, w, "s-9", 1, numbered(1))
	if err := r.Wait(t.Context(), a.Position()-1); err != nil {
		t.Fatal(err)
	}
	sameEvents(t, readAll(t, r), append(want, a.Events...))
}

// TestShortWritersAreSeen has writers that come, append, and are gone again between two looks of a store that
// is open for reading only.
func TestShortWritersAreSeen(t *testing.T) {
	dir := t.TempDir()
	write := func(n int) {
		s := mustOpen(t, dir, &Options{Logger: quiet})
		for range n {
			if _, err := s.Append(t.Context(), "order-1", nacre.Any, payload()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	reader := mustOpen(t, dir, &Options{Logger: quiet, ReadOnly: true})
	for want := nacre.Position(2); want <= 6; want++ {
		write(1)
		if err := reader.Wait(t.Context(), want-1); err != nil {
			t.Fatal(err)
		}
		if h, err := reader.Head(t.Context()); err != nil || h.Position != want {
			t.Fatalf("the log's end is %d (%v), want %d", h.Position, err, want)
		}
		if v, err := reader.Version(t.Context(), "order-1"); err != nil || v != int64(want)-1 {
			t.Fatalf("the stream is at version %d (%v), want %d", v, err, want-1)
		}
	}
	l := reader.Driver().(*log)
	l.refreshMu.Lock()
	before := l.reading.loads
	l.refreshMu.Unlock()
	for range 3 {
		if _, err := reader.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.refreshMu.Lock()
	after := l.reading.loads
	l.refreshMu.Unlock()
	if after != before {
		t.Error("the log is opened anew although nothing has changed")
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
}
