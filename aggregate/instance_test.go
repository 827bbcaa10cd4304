package aggregate

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
)

// Who has an instance loaded is given what was loaded, also where a panic of others has it forgotten at once.
func TestStateIsWholeWhereItIsForgottenMeanwhile(t *testing.T) {
	store := memstore.Open(nil)
	r := New(store, decider.Decider[int, int, int]{
		Category: "sum",
		Decide:   func(_, c int, _ decider.Context) ([]int, error) { return []int{c}, nil },
		Evolve:   func(s, e int) int { return s + e },
		Events:   map[string]int{"sum.added": 0},
	}, &Options{SnapshotAfter: time.Nanosecond})
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := store.Append(t.Context(), "sum-a", nacre.Any, nacre.NewEvent("sum.added", 5)); err != nil {
		t.Fatal(err)
	}
	in, err := r.enter("a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.leave(in)
	r.keeper.mu.Lock() // a look waits here, which has loaded the instance and has a snapshot kept
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		if s, err := r.Get("a").State(context.Background()); err != nil || s != 5 {
			t.Errorf("%d, %v, and not 5", s, err)
		}
	}()
	for loaded := false; !loaded; runtime.Gosched() {
		in.mu.Lock()
		loaded = in.loaded
		in.mu.Unlock()
	}
	in.forget()
	r.keeper.mu.Unlock()
	<-looked
}
