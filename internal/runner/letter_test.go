package runner_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

func bury(t *testing.T, store *nacre.Store, id runner.ID, letters ...runner.Letter) {
	t.Helper()
	for _, l := range letters {
		if _, err := store.System().Commit(t.Context(), nil, runner.Bury(id, l)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeadLettersComeInPages(t *testing.T) {
	store := open(t)
	payload := fmt.Appendf(nil, "%q", strings.Repeat("x", 1000))
	for i := range 5 {
		bury(t, store, id, runner.Letter{ID: fmt.Sprint(i), What: runner.LetterEvent, Payload: payload})
	}
	bury(t, store, id, runner.Letter{ID: "1", Attempts: 2}) // stays the second oldest
	other := runner.ID{Kind: runner.Process, Name: id.Name}
	bury(t, store, other, runner.Letter{ID: "0"})
	for _, c := range []struct {
		q     runner.LetterQuery
		want  string
		total int
	}{
		{runner.LetterQuery{}, "0 1 2 3 4 0", 6},
		{runner.LetterQuery{Limit: 2}, "0 1", 6},
		{runner.LetterQuery{Limit: 2, Offset: 4}, "4 0", 6},
		{runner.LetterQuery{Offset: 9}, "", 6},
		{runner.LetterQuery{Limit: -1}, "", 6},
		{runner.LetterQuery{ID: "0"}, "0 0", 2},
		{runner.LetterQuery{ID: "0", Kind: runner.Process}, "0", 1},
		{runner.LetterQuery{Name: id.Name, Kind: runner.Projection}, "0 1 2 3 4", 5},
		{runner.LetterQuery{MaxBytes: 1}, "0", 6},
		{runner.LetterQuery{MaxBytes: 2500}, "0 1 2", 6},
	} {
		page, total, err := runner.FindLetters(t.Context(), store, c.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range page {
			got = append(got, l.ID)
			if want := id.Kind; l.Kind != want && l.Kind != runner.Process || l.Runner != id.Name {
				t.Errorf("%+v: letter %s is of %s %q", c.q, l.ID, l.Kind, l.Runner)
			}
		}
		if strings.Join(got, " ") != c.want || total != c.total {
			t.Errorf("%+v: %q of %d, want %q of %d", c.q, got, total, c.want, c.total)
		}
	}
	if l, err := runner.GetLetter(t.Context(), store, id, "1"); err != nil || l.Attempts != 2 || l.Payload != nil {
		t.Errorf("what was buried again: %+v, %v", l, err)
	}
	if _, err := runner.GetLetter(t.Context(), store, id, ""); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("no id: %v", err)
	}
}

func TestAnUnreadableLetterIsAnError(t *testing.T) {
	store := open(t)
	if _, err := store.System().Append(t.Context(), "letter-projection.x", nacre.Any, nacre.NewEvent("letter.buried", []int{1})); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.Letters(t.Context(), store, "", ""); nacre.CodeOf(err) != nacre.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestTheStatusTellsWhatBecameOfOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		l := acquire(t, store)
		if s := status(t, store); s.LastOrder != nil || !s.Held {
			t.Errorf("before any order: %+v", s)
		}
		var places []nacre.Position
		for _, do := range []string{runner.Pause, runner.Reset} {
			o, err := runner.Give(t.Context(), store, id, runner.Order{Do: do})
			if err != nil {
				t.Fatal(err)
			}
			places = append(places, o.Place)
		}
		if err := l.Obeyed(t.Context(), <-l.Orders(), nil); err != nil {
			t.Fatal(err)
		}
		s := status(t, store)
		if o := s.LastOrder; o == nil || o.Do != runner.Pause || o.Order != places[0] || o.Failure != nil || o.At.IsZero() {
			t.Errorf("after the first: %+v", o)
		}
		if err := l.Obeyed(t.Context(), <-l.Orders(), errors.New("the table is locked")); err != nil {
			t.Fatal(err)
		}
		release(t, l)
		s = status(t, store)
		if o := s.LastOrder; s.Held || o == nil || o.Order != places[1] || o.Failure == nil || o.Failure.Message != "the table is locked" {
			t.Errorf("after the second: %+v", o)
		}
	})
}

// A status of which there is no blob counts its dead letters itself.
func TestDeadLettersAreCountedWithoutAHeartbeat(t *testing.T) {
	store := open(t)
	startedElsewhere(t, store, 1)
	bury(t, store, id, runner.Letter{ID: "a"}, runner.Letter{ID: "b"})
	if s := status(t, store); s.DeadLetters != 2 || s.Host != "another.example" {
		t.Errorf("status %+v", s)
	}
	list, err := runner.List(t.Context(), store, "")
	if err != nil || !slices.ContainsFunc(list, func(s runner.Status) bool { return s.DeadLetters == 2 }) {
		t.Errorf("list %+v, %v", list, err)
	}
}
