package filestore

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// TestOrderedStoresLookAtNoKinds: until the first merge stream comes nothing is remembered or looked up, and a store
// that has them knows it again, from its runs and from its memory.
func TestOrderedStoresLookAtNoKinds(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	reopen := func() *log {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, testDir, on(fsys))
		return s.Driver().(*log)
	}
	for i := range 40 {
		mustAppend(t, s, nacre.StreamID(fmt.Sprintf("o%d-1", i)), 1+i%3, numbered(i))
	}
	if l := s.Driver().(*log); l.kinds.any.Load() || l.kinds.merge != nil {
		t.Error("ordered appends look at kinds")
	}
	if reopen().kinds.any.Load() {
		t.Error("a log without merge streams seems to have one")
	}
	if _, err := s.Append(t.Context(), "m-1", nacre.Any, merged(1)...); err != nil {
		t.Fatal(err)
	}
	if !s.Driver().(*log).kinds.any.Load() || !reopen().kinds.any.Load() {
		t.Error("the merge stream is not known")
	}
	for i := range 200 { // into runs
		mustAppend(t, s, nacre.StreamID(fmt.Sprintf("o%d-1", i)), 1, numbered(i))
	}
	settle(t, s)
	if l := reopen(); !l.kinds.any.Load() {
		t.Error("the merge stream is not known from the runs")
	} else if n := len(l.kinds.merge); n != 0 {
		t.Errorf("%d kinds are known right behind the opening", n)
	}
	_, err := s.Append(t.Context(), "m-2", nacre.Any, numbered(1))
	if nacre.CodeOf(err) != nacre.CodeWrongStreamKind {
		t.Errorf("an ordered event in a category of merge streams: %v", err)
	}
	mustAppend(t, s, "o1-1", 1, numbered(1))
	mustAppend(t, s, "o1-1", 1, numbered(2))
	if merge, known := s.Driver().(*log).kinds.get("o1"); !known || merge {
		t.Errorf("the kind of o1 is known %t, merge %t", known, merge)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	verify(t, testDir, environment{fs: fsys})
}

func TestKindsForget(t *testing.T) {
	var k kinds
	for i := range manyKinds + 10 {
		k.put(fmt.Sprint(i), i%2 == 0)
		if merge, known := k.get(fmt.Sprint(i)); !known || merge != (i%2 == 0) {
			t.Fatalf("category %d is known %t, merge %t", i, known, merge)
		}
	}
	if len(k.merge) > manyKinds {
		t.Errorf("%d categories are remembered, at most %d should be", len(k.merge), manyKinds)
	}
}

// TestTakenBackKinds: a group that a full disk took back leaves no kind behind, and no parent.
func TestTakenBackKinds(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	want := fill(t, s, 5)
	for i := range 6 {
		id := nacre.StreamID(fmt.Sprintf("new%d-1", i))
		merge, ordered := merged(2), []nacre.Event{numbered(i)}
		first, second := merge, ordered
		if i%2 == 0 {
			first, second = ordered, merge
		}
		fsys.SetHook(logFault(crashfs.OpWrite, 1, &crashfs.PartialWrite{N: 100, Err: vfs.ErrFull}))
		if _, err := s.Append(t.Context(), id, nacre.Any, first...); nacre.CodeOf(err) != nacre.CodeStoreFull {
			t.Fatalf("a write on a full disk: %v", err)
		}
		fsys.SetHook(nil)
		child := merged(1)
		child[0].Parents = []string{merge[0].ID}
		if _, err := s.Append(t.Context(), id, nacre.Any, child...); nacre.CodeOf(err) != nacre.CodeParentMissing {
			t.Fatalf("a parent that was taken back: %v", err)
		}
		a, err := s.Append(t.Context(), id, nacre.Any, second...)
		if err != nil {
			t.Fatalf("after the other kind was taken back: %v", err)
		}
		want = append(want, a.Events...)
		if _, err := s.Append(t.Context(), id, nacre.Any, first...); nacre.CodeOf(err) != nacre.CodeWrongStreamKind {
			t.Fatalf("the kind that was taken back: %v", err)
		}
	}
	sameEvents(t, readAll(t, s), want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	verify(t, testDir, environment{fs: fsys})
}

// TestMergesSurviveBadIndex: a bad block where kinds and parents are looked up is made again, never believed.
func TestMergesSurviveBadIndex(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 300, true)
	seeds(t, 20, func(t *testing.T, _ uint64, rng *rand.Rand) {
		hurt := fsys.Clone()
		for _, name := range indexFiles(hurt) {
			data, err := hurt.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for at := 256 + rng.IntN(64); at < len(data); at += 1 + rng.IntN(512) {
				if err := hurt.Corrupt(name, int64(at), 1<<rng.IntN(8)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := mustOpen(t, testDir, on(hurt))
		defer s.Close()
		parent := readFirst(t, s, "m0")
		if _, err := s.Append(t.Context(), "m0-x", nacre.Any, numbered(1)); nacre.CodeOf(err) != nacre.CodeWrongStreamKind {
			t.Fatalf("an ordered event: %v", err)
		}
		if _, err := s.Append(t.Context(), "s0-x", nacre.Any, merged(1)...); nacre.CodeOf(err) != nacre.CodeWrongStreamKind {
			t.Fatalf("an event with parents: %v", err)
		}
		child := merged(1)
		child[0].Parents = []string{parent.ID}
		if _, err := s.Append(t.Context(), parent.StreamID, nacre.Any, child...); err != nil {
			t.Fatalf("a child: %v", err)
		}
	})
}

func readFirst(t *testing.T, s *nacre.Store, category string) nacre.Event {
	t.Helper()
	for e, err := range s.Read(t.Context(), nacre.Filter{{Categories: []string{category}}}, &nacre.ReadOptions{Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Fatalf("no event in category %s", category)
	return nacre.Event{}
}
