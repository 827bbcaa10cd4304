package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// history is what a crash test knows: what was acknowledged, and what was attempted.
type history struct {
	mu        sync.Mutex
	acked     map[nacre.Position]nacre.Event
	attempted map[string]string // event id -> batch
	sizes     map[string]int    // batch -> events
	batches   int
}

func newHistory() *history {
	return &history{acked: map[nacre.Position]nacre.Event{}, attempted: map[string]string{}, sizes: map[string]int{}}
}

// work appends at random, until the store fails or n batches are done.
func (h *history) work(t *testing.T, s *nacre.Store, rng *rand.Rand, n int) {
	for range n {
		if rng.IntN(3) == 0 {
			if !h.merge(t, s, rng) {
				return
			}
			continue
		}
		h.mu.Lock()
		h.batches++
		name := fmt.Sprintf("b%d", h.batches)
		var batch []nacre.Append
		size := 0
		for k := range 1 + rng.IntN(3) {
			var events []nacre.Event
			for range 1 + rng.IntN(4) {
				id := fmt.Sprintf("%s.%d", name, size)
				e := nacre.Event{ID: id, Type: "t.x", Data: json.RawMessage(fmt.Sprintf(`{"b":%q,"pad":"%0*d"}`, name, rng.IntN(700), 1)), Tags: []string{"tag" + fmt.Sprint(rng.IntN(4))}}
				events = append(events, e)
				h.attempted[id] = name
				size++
			}
			batch = append(batch, nacre.Append{Stream: nacre.StreamID(fmt.Sprintf("c%d-%d", k, rng.IntN(6))), Events: events})
		}
		h.sizes[name] = size
		h.mu.Unlock()
		out, err := s.Commit(t.Context(), nil, batch...)
		if err != nil {
			return
		}
		h.mu.Lock()
		for _, a := range out {
			for _, e := range a.Events {
				h.acked[e.GlobalPosition] = e
			}
		}
		h.mu.Unlock()
	}
}

// merge appends a transaction to merge streams, whose events name some that were acknowledged.
func (h *history) merge(t *testing.T, s *nacre.Store, rng *rand.Rand) bool {
	h.mu.Lock()
	h.batches++
	name := fmt.Sprintf("b%d", h.batches)
	streams := rng.Perm(5)[:1+rng.IntN(3)]
	events := merged(len(streams) + rng.IntN(4))
	batch := make([]nacre.Append, len(streams))
	for i := range events {
		a := &batch[i%len(batch)]
		a.Stream = nacre.StreamID(fmt.Sprintf("e%d-%d", streams[i%len(batch)]%3, streams[i%len(batch)]))
		e := &events[i]
		e.Parents = []string{}
		for _, known := range h.acked {
			if known.StreamID == a.Stream && known.ID < e.ID {
				e.Parents = append(e.Parents, known.ID)
			}
			if len(e.Parents) == 3 {
				break
			}
		}
		a.Events = append(a.Events, *e)
		h.attempted[e.ID] = name
	}
	h.sizes[name] = len(events)
	h.mu.Unlock()
	out, err := s.Commit(t.Context(), nil, batch...)
	if code := nacre.CodeOf(err); code == nacre.CodeParentMissing || code == nacre.CodeWrongStreamKind {
		t.Error(err) // every parent was acknowledged
	}
	if err != nil {
		return false
	}
	h.mu.Lock()
	for _, a := range out {
		for _, e := range a.Events {
			h.acked[e.GlobalPosition] = e
		}
	}
	h.mu.Unlock()
	return true
}

// checkMerges: parents stand before their children, and a category is of merge streams exactly where an event of it
// stands in the log.
func checkMerges(t *testing.T, s *nacre.Store, events []nacre.Event) {
	t.Helper()
	seen := map[string]bool{}
	there := map[string]bool{}
	for i := range events {
		e := &events[i]
		for _, parent := range e.Parents {
			if !seen[string(e.StreamID)+parent] {
				t.Fatalf("position %d: the parent %s does not stand before it", e.GlobalPosition, parent)
			}
		}
		seen[string(e.StreamID)+e.ID] = true
		there[e.StreamID.Category()] = true
	}
	for _, category := range []string{"e0", "e1", "e2"} {
		wrong := nacre.CodeWrongStreamKind
		if there[category] {
			wrong = nacre.CodeVersionConflict
		}
		// The machine may go off meanwhile, which is another error.
		if _, err := s.Append(t.Context(), nacre.StreamID(category+"-x"), nacre.Exactly(77), numbered(1)); err == nil || nacre.CodeOf(err) == wrong {
			t.Fatalf("an ordered event in category %s, of which events are there %t: %v", category, there[category], err)
		}
	}
}

// check compares a reopened store with what is known, and takes what it holds for acknowledged from now on.
func (h *history) check(t *testing.T, s *nacre.Store) {
	t.Helper()
	events := readAll(t, s)
	counts := map[string]int{}
	versions := map[nacre.StreamID]int64{}
	for i, e := range events {
		if e.GlobalPosition != nacre.Position(i+1) {
			t.Fatalf("position %d stands at place %d", e.GlobalPosition, i+1)
		}
		if v, ok := versions[e.StreamID]; ok && e.StreamPosition != v+1 || !ok && e.StreamPosition != 0 {
			t.Fatalf("stream %s: position %d after %d", e.StreamID, e.StreamPosition, v)
		}
		versions[e.StreamID] = e.StreamPosition
		name, known := h.attempted[e.ID]
		if !known {
			t.Fatalf("event %q was never appended", e.ID)
		}
		counts[name]++
	}
	for name, n := range counts {
		if n != h.sizes[name] {
			t.Fatalf("batch %s has %d events of %d", name, n, h.sizes[name])
		}
	}
	checkMerges(t, s, events)
	for p, want := range h.acked {
		if int(p) > len(events) {
			t.Fatalf("position %d was acknowledged and is lost; the log ends at %d", p, len(events))
		}
		if got := events[p-1]; got.ID != want.ID || string(got.Data) != string(want.Data) {
			t.Fatalf("position %d was acknowledged with %s, and holds %s", p, want.ID, got.ID)
		}
	}
	h.mu.Lock() // a crash in the background looks at it too
	for _, e := range events {
		h.acked[e.GlobalPosition] = e
	}
	h.mu.Unlock()
	for stream, want := range versions {
		if v, err := s.Version(t.Context(), stream); err != nil || v != want {
			t.Fatalf("stream %s is at version %d (%v), want %d", stream, v, err, want)
		}
	}
}

// TestCrash crashes at any operation, again and again, with several writers at work, and looks at what is left.
func TestCrash(t *testing.T) {
	seeds(t, 600, func(t *testing.T, _ uint64, rng *rand.Rand) {
		h := newHistory()
		fsys := newFS()
		killed := false // the process was, with a weaker durability: its last events are in the page cache
		for range 1 + rng.IntN(4) {
			var opened atomic.Bool
			var crashed *crashfs.FS
			var ackedThen map[nacre.Position]nacre.Event
			left := int64(rng.IntN(120))
			var once sync.Mutex
			crashSeed := rng.Uint64()
			o := on(fsys)
			o.CompressAfter = rng.IntN(3) * 2
			// With the weaker durabilities a power loss takes what it likes; what is left must still be whole.
			o.Durability, o.SyncInterval = Durability(max(0, rng.IntN(6)-3)), 2*time.Millisecond
			kernel := rand.New(rand.NewPCG(rng.Uint64(), 4))
			fsys.SetHook(func(op crashfs.Op) error {
				if !op.Kind.Changes() {
					return nil
				}
				once.Lock()
				defer once.Unlock()
				if crashed != nil {
					return errors.New("the machine is off")
				}
				if kernel.IntN(8) == 0 {
					fsys.Writeback(kernel, kernel.Float64())
				}
				if left--; left > 0 {
					return nil
				}
				// What is acknowledged from here on was not promised by the machine that went off.
				h.mu.Lock()
				ackedThen = maps.Clone(h.acked)
				h.mu.Unlock()
				left := crashfs.CrashOptions{KeepAll: crashSeed%8 == 0, LoseAll: crashSeed%8 == 1}
				weak := opened.Load() && o.Durability != Always || !opened.Load() && killed
				if weak && !left.KeepAll {
					ackedThen = map[nacre.Position]nacre.Event{}
				}
				killed = weak && left.KeepAll
				crashed = fsys.Crash(rand.New(rand.NewPCG(crashSeed, 2)), left)
				return errors.New("the machine goes off")
			})
			s, err := Open(testDir, o)
			if err == nil {
				opened.Store(true)
				if len(h.acked) > 0 {
					h.check(t, s)
				}
				var wg sync.WaitGroup
				for range 3 {
					r := rand.New(rand.NewPCG(rng.Uint64(), 3))
					wg.Go(func() { h.work(t, s, r, 12) })
				}
				wg.Wait()
				_ = s.Close()
			}
			fsys.SetHook(nil)
			once.Lock()
			if crashed == nil {
				killed = false
				crashed = fsys.Crash(rng, crashfs.CrashOptions{})
			} else {
				h.acked = ackedThen
			}
			fsys = crashed
			once.Unlock()
			if t.Failed() {
				return
			}
		}
		s, err := Open(testDir, on(fsys))
		if err != nil {
			t.Fatal(err)
		}
		h.check(t, s)
		mustAppend(t, s, "after-crash", 1, nacre.Event{ID: "last", Type: "t.y", Data: json.RawMessage(`1`)})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		verify(t, testDir, environment{fs: fsys})
	})
}

// TestFailedSync: a sync fails, the store is opened again, and then the power goes. What was
// acknowledged afterwards is there, whatever the page cache pretended.
func TestFailedSync(t *testing.T) {
	seeds(t, 200, func(t *testing.T, _ uint64, rng *rand.Rand) {
		h := newHistory()
		fsys := newFS()
		s := mustOpen(t, testDir, on(fsys))
		h.work(t, s, rng, 5)
		fsys.SetHook(logFault(crashfs.OpSync, 1+rng.IntN(4), errors.New("input/output error")))
		h.work(t, s, rng, 30)
		fsys.SetHook(nil)
		if _, err := s.Append(t.Context(), "x-1", nacre.Any, numbered(1)); err != nil && nacre.CodeOf(err) != nacre.CodeFailed {
			t.Fatalf("after a failed sync: %v", err)
		} else if err == nil {
			h.attempted["?"] = "?"
			_ = s.Close()
			return // it was a sync of something that is not the log
		}
		_ = s.Close()
		s = mustOpen(t, testDir, on(fsys))
		h.check(t, s)
		h.work(t, s, rng, 5)
		after := fsys.Crash(rng, crashfs.CrashOptions{})
		_ = s.Close()
		s = mustOpen(t, testDir, on(after))
		h.check(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		verify(t, testDir, environment{fs: after})
	})
}
