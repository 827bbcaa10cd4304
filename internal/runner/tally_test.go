package runner_test

import (
	"maps"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

func TestTallyCountsWhatIsOpen(t *testing.T) {
	store := open(t)
	tally := runner.Tally{Kind: runner.Subscription}
	count := func(tally *runner.Tally, want map[string]int) {
		t.Helper()
		if got, err := tally.Count(t.Context(), store); err != nil || !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v, %v", got, want, err)
		}
	}
	settle := func(id runner.ID, letters ...string) {
		t.Helper()
		if _, err := store.System().Commit(t.Context(), nil, runner.Settle(id, runner.Discarded, letters...)); err != nil {
			t.Fatal(err)
		}
	}
	count(&tally, map[string]int{})
	a, b := runner.ID{Kind: runner.Subscription, Name: "a.b"}, runner.ID{Kind: runner.Subscription, Name: "b"}
	bury(t, store, a, runner.Letter{ID: "1"}, runner.Letter{ID: "2"}, runner.Letter{ID: "1", Attempts: 7})
	bury(t, store, b, runner.Letter{ID: "1"})
	bury(t, store, runner.ID{Kind: runner.Process, Name: "b"}, runner.Letter{ID: "9"})
	count(&tally, map[string]int{"a.b": 2, "b": 1})
	settle(b, "1")
	settle(a, "1", "3")
	count(&tally, map[string]int{"a.b": 1})
	count(&runner.Tally{Kind: runner.Subscription}, map[string]int{"a.b": 1})
	count(&runner.Tally{Kind: runner.Process}, map[string]int{"b": 1})
	bury(t, store, b, runner.Letter{ID: "1"})
	count(&tally, map[string]int{"a.b": 1, "b": 1})

	// Another history is counted from its start.
	other := open(t)
	bury(t, other, b, runner.Letter{ID: "5"}, runner.Letter{ID: "6"})
	store = other
	count(&tally, map[string]int{"b": 2})
	if _, err := tally.Count(t.Context(), nacre.NewStore(bare{store.Driver()}, nil)); nacre.CodeOf(err) != nacre.CodeUnsupported {
		t.Errorf("without a companion log: %v", err)
	}
}

// bare is a driver without a companion log.
type bare struct{ nacre.Driver }
