package filestore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// TestConditionsHoldInTheSequencer has many writers who each want to be the only one to append an event with
// a key, told by conditions of all forms and sometimes by an id too, across rolls, full disks, collisions of
// hashes and a new open: no key stands in the log twice.
func TestConditionsHoldInTheSequencer(t *testing.T) {
	seeds(t, 20, func(t *testing.T, _ uint64, rng *rand.Rand) {
		const writers, keys, rounds = 8, 150, 2
		fsys := newFS()
		env := environment{fs: fsys, termBits: []int{0, 0, 12}[rng.IntN(3)]}
		o := Options{
			Logger: quiet, SegmentBytes: 4 << 10 << rng.IntN(6), CompressAfter: rng.IntN(2) * 2,
			Durability: []Durability{Always, Never, Interval}[rng.IntN(3)], env: env,
		}
		var mu sync.Mutex
		faults, failing := rand.New(rand.NewPCG(rng.Uint64(), 5)), false
		fsys.SetHook(func(op crashfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if failing && (op.Kind == crashfs.OpWrite || op.Kind == crashfs.OpPreallocate) && faults.IntN(60) == 0 {
				return vfs.ErrFull
			}
			return nil
		})
		for round := range rounds {
			s := mustOpen(t, testDir, &o)
			mu.Lock()
			failing = rng.IntN(2) == 0
			mu.Unlock()
			var wg sync.WaitGroup
			for w := range writers {
				r := rand.New(rand.NewPCG(rng.Uint64(), uint64(w)))
				wg.Go(func() {
					for k := round * keys; k < (round+1)*keys; k++ {
						appendOnce(t, s, r, k-r.IntN(3)/2*r.IntN(min(k, 20)+1), w)
					}
				})
			}
			wg.Wait()
			mu.Lock()
			failing = false
			mu.Unlock()
			seen := map[string]nacre.Position{}
			for _, e := range readAll(t, s) {
				if e.Type != "key.taken" {
					continue
				}
				if p, twice := seen[e.Tags[0]]; twice {
					t.Fatalf("%s stands at %d and %d", e.Tags[0], p, e.GlobalPosition)
				}
				seen[e.Tags[0]] = e.GlobalPosition
			}
			if len(seen) == 0 {
				t.Fatal("nothing was appended")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			verify(t, testDir, env)
		}
	})
}

// appendOnce appends an event with a key unless there is one, told in one of many ways.
func appendOnce(t *testing.T, s *nacre.Store, r *rand.Rand, k, writer int) {
	stream := nacre.StreamID(fmt.Sprintf("s-%d", k))
	key, group := fmt.Sprintf("k:%d", k), fmt.Sprintf("m:%d", k%7)
	none := nacre.FilterItem{Types: []string{"none"}}
	c := &nacre.Condition{FailIfEventsMatch: []nacre.Filter{
		{{Tags: []string{key}}},
		{{Tags: []string{key, group}}},
		{none, {Types: []string{"key.*"}, Tags: []string{key}}},
		{{Streams: []nacre.StreamID{stream}}},
		{{Streams: []nacre.StreamID{stream, "s-none"}, Tags: []string{group}}, none},
		{{Types: []string{"key.taken"}, Categories: []string{"s", "t"}, Tags: []string{key}}},
	}[r.IntN(6)]}
	if r.IntN(4) == 0 {
		// Nothing with the key stands up to here, as far as this writer has seen.
		head, err := s.Head(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		for _, err := range s.Read(t.Context(), nacre.Filter{{Tags: []string{key}}}, nil) {
			if err != nil {
				t.Error(err)
			}
			return
		}
		c.After = head.Position
	}
	e := nacre.Event{Type: "key.taken", Data: []byte(`{"n":1}`), Tags: []string{key, group}}
	if r.IntN(2) == 0 {
		e = e.WithID(fmt.Sprint("id-", k))
	}
	batch := []nacre.Append{{Stream: stream, Expected: nacre.Any, Events: []nacre.Event{e}}}
	for i := range r.IntN(3) {
		batch = append(batch, nacre.Append{
			Stream: nacre.StreamID(fmt.Sprintf("x-%d-%d", writer, i)), Expected: nacre.Any, Events: []nacre.Event{numbered(k)},
		})
	}
	_, err := s.Commit(t.Context(), c, batch...)
	switch nacre.CodeOf(err) {
	case "", nacre.CodeStoreFull, nacre.CodeConditionFailed, nacre.CodeEventIDConflict:
	default:
		t.Errorf("append: %v", err)
	}
	if err != nil && nacre.CodeOf(err) == "" {
		t.Error(err)
	}
}
