package filestore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// mustFind wants these events to be found.
func mustFind(t *testing.T, s *nacre.Store, want ...nacre.Event) {
	t.Helper()
	for _, w := range want {
		e, found, err := s.FindEvent(t.Context(), w.StreamID, w.ID)
		if err != nil || !found {
			t.Fatalf("%s of %s, at %d: found %t, %v", w.ID, w.StreamID, w.GlobalPosition, found, err)
		}
		sameEvents(t, []nacre.Event{e}, []nacre.Event{w})
	}
}

func mustNotFind(t *testing.T, s *nacre.Store, stream nacre.StreamID, id string) {
	t.Helper()
	if e, found, err := s.FindEvent(t.Context(), stream, id); err != nil || found {
		t.Fatalf("%s of %s, which is not there: found %t, at %d, %v", id, stream, found, e.GlobalPosition, err)
	}
}

// TestFindReadsLittle: what is not there reads none of the log, and what is there its own line, however long
// the stream is.
func TestFindReadsLittle(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, &Options{Logger: quiet, SegmentBytes: 16 << 10, env: environment{fs: fsys}})
	defer s.Close()
	var want []nacre.Event
	for i := range 50 {
		want = append(want, mustAppend(t, s, "order-1", 20, numbered(i)).Events...)
	}
	settle(t, s)
	var reads, bytes atomic.Int64
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpRead && filepath.Dir(op.Name) == testDir {
			reads.Add(1)
			bytes.Add(op.Len)
		}
		return nil
	})
	defer fsys.SetHook(nil)
	const absent = 500
	for i := range absent {
		mustNotFind(t, s, "order-1", fmt.Sprintf("absent-%d", i))
	}
	if n := reads.Load(); n > 0 {
		t.Errorf("%d ids that are not there cost %d reads of the log", absent, n)
	}
	mustFind(t, s, want...)
	lines := int64(0)
	snap := s.Driver().(*log).acquire()
	defer snap.release()
	for i := range want {
		from, to, err := snap.segAt(want[i].GlobalPosition).bounds(want[i].GlobalPosition)
		if err != nil {
			t.Fatal(err)
		}
		lines += to - from
	}
	if n, size := reads.Load(), bytes.Load(); n != int64(len(want)) || size != lines {
		t.Errorf("%d events of %d bytes cost %d reads of %d bytes", len(want), lines, n, size)
	}
}

// TestFindBeforeItIsIndexed finds what waits to be indexed, and does not find what is not acknowledged.
func TestFindBeforeItIsIndexed(t *testing.T) {
	fsys := newFS()
	o := on(fsys)
	o.SegmentBytes = 1 << 20
	s := mustOpen(t, testDir, o)
	defer s.Close()
	first := mustAppend(t, s, "m-1", 1, numbered(1)).Events
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	free := sync.OnceFunc(func() { close(release) })
	defer free() // before the store is closed, also where the test has failed
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpSync && filepath.Dir(op.Name) == testDir {
			once.Do(func() { close(reached) })
			<-release
		}
		return nil
	})
	defer fsys.SetHook(nil)
	var appended nacre.Appended
	var err error
	var writing sync.WaitGroup
	writing.Go(func() { appended, err = s.Append(t.Context(), "m-1", nacre.Any, numbered(2).WithID("a")) })
	<-reached
	mustNotFind(t, s, "m-1", "a")
	mustFind(t, s, first...)
	free()
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	mustFind(t, s, append(first, appended.Events...)...)
}

// TestReadOnlyFinds: beside a writer, a reader finds what it can read and nothing else, over segments' ends.
func TestReadOnlyFinds(t *testing.T) {
	for _, d := range []Durability{Always, Never} {
		fsys := newFS()
		w := mustOpen(t, testDir, &Options{Logger: quiet, SegmentBytes: 4 << 10, Durability: d, CompressAfter: 1, env: environment{fs: fsys}})
		defer w.Close()
		o := on(fsys)
		o.ReadOnly = true
		r := mustOpen(t, testDir, o)
		defer r.Close()
		mustNotFind(t, r, "s-0", "id-0")
		var written []nacre.Event
		for i := range 150 {
			e := mustAppend(t, w, nacre.StreamID(fmt.Sprintf("s-%d", i%5)), 1, numbered(i).WithID(fmt.Sprintf("id-%d", i/5))).Events[0]
			written = append(written, e)
			mustFind(t, w, e)
			before := shown(t, r)
			_, found, err := r.FindEvent(t.Context(), e.StreamID, e.ID)
			after := shown(t, r)
			if err != nil || found && e.GlobalPosition > after || !found && e.GlobalPosition <= before {
				t.Fatalf("event %d: found %t, %v, where %d to %d events can be read", i+1, found, err, before, after)
			}
		}
		known := shown(t, r)
		mustFind(t, r, written[:known]...)
		if d == Always && known < nacre.Position(len(written)-1) {
			t.Errorf("the reader has seen %d of %d events", known, len(written))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		mustFind(t, r, written...)
		mustNotFind(t, r, "s-0", "id-30")
	}
}

// shown is the last position that a store's reads see.
func shown(t *testing.T, s *nacre.Store) nacre.Position {
	t.Helper()
	h, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return max(h.Position, h.Last)
}

// TestFindInADamagedLog: what is whole is found. What is not found may stand where the log cannot be read, and
// so is not told to be absent.
func TestFindInADamagedLog(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	var want []nacre.Event
	for i := range 8 {
		want = append(want, mustAppend(t, s, nacre.StreamID(fmt.Sprintf("s-%d", i%2)), 1, numbered(i).WithID(fmt.Sprintf("id-%d", i))).Events...)
	}
	mustNotFind(t, s, "s-1", "id-0")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := segmentsOf(t, fsys, testDir)[0]
	data, _ := fsys.ReadFile(file)
	at := 0
	for range 3 {
		at += bytes.IndexByte(data[at:], '\n') + 1
	}
	if err := fsys.Corrupt(file, int64(at+40), 4); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		o := on(fsys)
		o.ReadOnly = readOnly
		s := mustOpen(t, testDir, o)
		mustFind(t, s, want[:3]...)
		mustFind(t, s, want[4:]...)
		for stream, id := range map[nacre.StreamID]string{"s-1": "id-3", "s-0": "id-1", "s-9": "new"} {
			_, found, err := s.FindEvent(t.Context(), stream, id)
			if d, ok := asDamage(err); !ok || found || d.File != file || d.Line != 4 {
				t.Errorf("read only %t, %s of %s: found %t, %v; line 4 of %s is damaged", readOnly, id, stream, found, err, file)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFindMeetsDamage: a line that goes bad while the store is open is told, and not served; others are found.
func TestFindMeetsDamage(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	want := fill(t, s, 100)
	settle(t, s)
	const bad = 7
	snap := s.Driver().(*log).acquire()
	g := snap.segAt(bad)
	from, _, err := g.bounds(bad)
	snap.release()
	if err != nil {
		t.Fatal(err)
	}
	if err := fsys.Corrupt(g.path(), from+30, 1); err != nil {
		t.Fatal(err)
	}
	for i, e := range want {
		if e.GlobalPosition != bad {
			mustFind(t, s, want[i])
			continue
		}
		_, found, err := s.FindEvent(t.Context(), e.StreamID, e.ID)
		if d, ok := asDamage(err); !ok || found || d.Position != bad || d.Offset != from {
			t.Errorf("a line that went bad: found %t, %v", found, err)
		}
	}
}

// TestFindSurvivesBadIndex flips bits in the index, and asks for every id, beside others.
func TestFindSurvivesBadIndex(t *testing.T) {
	fsys := newFS()
	want := smallStore(t, fsys, 200, true)
	seeds(t, 60, func(t *testing.T, _ uint64, rng *rand.Rand) {
		hurt := fsys.Clone()
		files := indexFiles(hurt)
		for range 1 + rng.IntN(3) {
			name := files[rng.IntN(len(files))]
			data, err := hurt.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := hurt.Corrupt(name, rng.Int64N(int64(len(data))), 1<<rng.IntN(8)); err != nil {
				t.Fatal(err)
			}
		}
		o := on(hurt)
		o.ReadOnly = rng.IntN(2) == 0
		s := mustOpen(t, testDir, o)
		defer s.Close()
		for _, i := range rng.Perm(len(want)) {
			mustFind(t, s, want[i])
			mustNotFind(t, s, want[i].StreamID, want[i].ID+"x")
		}
	})
}
