package projection_test

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/projectiontest"
)

func TestMemory(t *testing.T) {
	for name, o := range map[string]*projection.MemoryOptions{"default": nil, "often": {SnapshotEvery: 3}, "never": {SnapshotEvery: -1}} {
		t.Run(name, func(t *testing.T) {
			projectiontest.Run(t, projectiontest.Harness[*projectiontest.Sums]{
				Store: newStore,
				Open: func(_ testing.TB, store *nacre.Store) (projection.ReadModel[*projectiontest.Sums], func()) {
					return projection.NewMemory[projectiontest.Sums](store, o), func() {}
				},
				Add: func(_ context.Context, to *projectiontest.Sums, stream string, cents int64) error {
					if *to == nil {
						*to = projectiontest.Sums{}
					}
					was := (*to)[stream]
					(*to)[stream] = projectiontest.Sum{Cents: was.Cents + cents, Count: was.Count + 1}
					return nil
				},
				Read: func(t testing.TB, m projection.ReadModel[*projectiontest.Sums]) (out projectiontest.Sums) {
					if _, err := m.Checkpoint(t.Context(), "sums"); err != nil { // a new one fills from its snapshot
						t.Fatal(err)
					}
					m.(*projection.Memory[projectiontest.Sums]).View(func(s *projectiontest.Sums) { out = maps.Clone(*s) })
					return out
				},
				Volatile: o != nil && o.SnapshotEvery < 0, Resets: true, Rebuilds: true,
			})
		})
	}
}

// outside is a writer of the user's, which outlives the process.
type outside struct {
	mu   sync.Mutex
	sums projectiontest.Sums
}

func TestOwn(t *testing.T) {
	kept := map[*nacre.Store]*outside{}
	projectiontest.Run(t, projectiontest.Harness[*outside]{
		Store: newStore,
		Open: func(t testing.TB, store *nacre.Store) (projection.ReadModel[*outside], func()) {
			if kept[store] == nil {
				kept[store] = &outside{sums: projectiontest.Sums{}}
			}
			m, err := projection.Own(store, kept[store])
			if err != nil {
				t.Fatal(err)
			}
			return m, func() {}
		},
		Add: func(_ context.Context, to *outside, stream string, cents int64) error {
			to.mu.Lock()
			defer to.mu.Unlock()
			was := to.sums[stream]
			to.sums[stream] = projectiontest.Sum{Cents: was.Cents + cents, Count: was.Count + 1}
			return nil
		},
		Read: func(t testing.TB, m projection.ReadModel[*outside]) (out projectiontest.Sums) {
			cp, err := m.Checkpoint(t.Context(), "sums")
			if err != nil {
				t.Fatal(err)
			}
			err = m.Update(t.Context(), "sums", cp, cp, func(w *outside) error { out = maps.Clone(w.sums); return nil })
			if err != nil {
				t.Fatal(err)
			}
			return out
		},
		AtLeastOnce: true,
	})
}
