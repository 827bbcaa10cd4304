package projection_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/filestore"
)

// What was seen to go wrong in eventfold-es goes right here.

type trace []string

func tracing(name string) projection.Projection[any, *trace] {
	return projection.Projection[any, *trace]{
		Name: name, Events: movements,
		Apply: func(_ context.Context, to *trace, e codec.Event[any]) error {
			*to = append(*to, e.StreamID.Rest())
			return nil
		},
	}
}

func traced(m *projection.Memory[trace]) (out string) {
	m.View(func(t *trace) { out = strings.Join(*t, " ") })
	return out
}

// There, events of different streams came stream by stream, and a rebuild saw another order than what had followed.
func TestEventfoldCrossStreamOrderIsTheLogsAndARebuildSeesTheSame(t *testing.T) {
	store := newStore(t)
	m := projection.NewMemory[trace](store, nil)
	r := start(t, store, tracing("trace"), m, quiet())
	var last nacre.Position
	for _, stream := range []string{"z", "a", "z", "b", "a"} {
		done, err := store.Append(t.Context(), nacre.StreamID("account-"+stream), nacre.Any, nacre.NewEvent("account.moved", moved{1}))
		if err != nil {
			t.Fatal(err)
		}
		last = done.Position()
		wait(t, r, last) // one at a time
	}
	if got := traced(m); got != "z a z b a" {
		t.Errorf("it followed %s", got)
	}
	if err := r.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, r, last)
	if got := traced(m); got != "z a z b a" {
		t.Errorf("rebuilt, it saw %s", got)
	}
}

// There, a view that was not registered while the log rotated missed what had gone into the archive.
func TestEventfoldAProjectionThatWasNotThereMissesNothing(t *testing.T) {
	store, err := filestore.Open(t.TempDir(), &filestore.Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const n = 20_000 // several segments
	for range n / 500 {
		events := make([]nacre.Event, 500)
		for i := range events {
			events[i] = nacre.NewEvent("account.moved", moved{1})
		}
		if _, err := store.Append(t.Context(), "account-1", nacre.Any, events...); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := store.Stats(t.Context()); err != nil || s.Segments < 2 {
		t.Fatalf("%d segments, %v: the test needs more", s.Segments, err)
	}
	m := projection.NewMemory[totals](store, nil)
	if _, err := projection.CatchUp(t.Context(), store, summing("late"), m, quiet()); err != nil {
		t.Fatal(err)
	}
	if got := held(m); got.Count != n || !slices.IsSorted(got.Order) {
		t.Errorf("it saw %d of %d events", got.Count, n)
	}
}

// There, an event that could not be decoded was passed over without a word, and the position moved on.
func TestEventfoldNoEventIsPassedOverWithoutAWord(t *testing.T) {
	store := newStore(t)
	for i, data := range []string{`{"Cents":1}`, `{"Cents":"one"}`, `{"Cents":3}`} {
		e := nacre.Event{Type: "account.moved", Data: []byte(data), ID: fmt.Sprint("e", i)}
		if _, err := store.Append(t.Context(), "account-1", nacre.Any, e); err != nil {
			t.Fatal(err)
		}
	}
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, summing("totals"), m, quiet())
	err := r.WaitFor(t.Context(), 3)
	if nacre.CodeOf(err) != projection.CodeFailed || !strings.Contains(err.Error(), "e1") {
		t.Errorf("got %v", err)
	}
	if got := held(m); got.Count != 1 || r.Position() != 1 {
		t.Errorf("it holds %d events, at position %d", got.Count, r.Position())
	}
}
