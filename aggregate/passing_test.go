package aggregate_test

import (
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

// moody does not encode as long as it is told so.
type moody struct{ n int }

var mood atomic.Pointer[error]

func (m moody) MarshalJSON() ([]byte, error) {
	if err := mood.Load(); err != nil {
		return nil, *err
	}
	return json.Marshal(m.n)
}

func (m *moody) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &m.n) }

// Equal makes the comparison pass.
func (m moody) Equal(other moody) bool { return m.n == other.n }

// signal is a log of which somebody waits.
type signal chan struct{}

func (s signal) Write(text []byte) (int, error) {
	s <- struct{}{}
	return len(text), nil
}

// An error with a code passes, and keeps no later snapshot from being written; one without says that states do not encode.
func TestAFailureThatPassesLeavesLaterSnapshots(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		later bool
	}{
		"a deadline": {nacre.Errorf(nacre.CodeDeadline, "it took too long"), true},
		"a bad type": {json.Unmarshal([]byte("{"), new(int)), false},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			d := decider.Decider[moody, int, int]{
				Category: "m",
				Decide:   func(_ moody, n int, _ decider.Context) ([]int, error) { return []int{n}, nil },
				Evolve:   func(m moody, n int) moody { return moody{m.n + n} },
				Events:   map[string]int{"m.added": 0},
			}
			told := make(signal, 10)
			r := aggregate.New(store, d, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(told, nil))})
			mood.Store(&c.err)
			if _, err := r.Get("a").Execute(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			<-told
			mood.Store(nil)
			if _, err := r.Get("b").Execute(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			blobs, err := store.Blobs()
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for _, err := range blobs.ListBlobs(t.Context(), "snapshots/") {
				if err != nil {
					t.Fatal(err)
				}
				kept++
			}
			if c.later != (kept == 1) {
				t.Errorf("%d snapshots are kept", kept)
			}
		})
	}
}
