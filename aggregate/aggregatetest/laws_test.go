package aggregatetest_test

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre/aggregate/aggregatetest"
	"github.com/nacredb/nacre/decider"
)

// told runs a case on a decider of any types, and gives how it failed.
func told[S, C, E any](t *testing.T, d decider.Decider[S, C, E], c aggregatetest.Case[S, C, E]) string {
	t.Helper()
	r := &recorder{TB: t}
	c.Test(r, d)
	return strings.Join(r.errors, "\n")
}

type secret struct{ Shown, hidden int }

// counting makes a decider whose events are of one type, and whose state is what it is given to be.
func counting[S, E any](evolve func(S, E) S) decider.Decider[S, E, E] {
	var zero E
	return decider.Decider[S, E, E]{
		Category: "thing",
		Decide:   func(_ S, c E, _ decider.Context) ([]E, error) { return []E{c}, nil },
		Evolve:   evolve,
		Commands: map[string]E{"do": zero},
		Events:   map[string]E{"thing.done": zero},
	}
}

func TestAnEventThatDoesNotSurviveIsTold(t *testing.T) {
	d := counting(func(s int, e secret) int { return s + e.hidden })
	got := told(t, d, aggregatetest.Case[int, secret, secret]{Given: []secret{{1, 2}}, When: secret{}, Then: []secret{{}}})
	for _, want := range []string{"an event does not survive its encoding", "hidden", "the state from the log is another one"} {
		if !strings.Contains(got, want) {
			t.Errorf("it is not told that %q:\n%s", want, got)
		}
	}
	got = told(t, d, aggregatetest.Case[int, secret, secret]{When: secret{1, 2}, Then: []secret{{1, 2}}})
	if !strings.Contains(got, "a command does not survive its encoding") {
		t.Errorf("it is not told of the command:\n%s", got)
	}
}

func TestAnEventThatIsInNoTableIsTold(t *testing.T) {
	d := newModel()
	delete(d.Events, "cart.emptied")
	expect(t, d, test{Given: []event{tea}, When: empty{}, Then: []event{emptied{newDay}}}, "an event does not survive its encoding|emptied is not in the table")
}

func TestAStateThatDoesNotSurviveIsTold(t *testing.T) {
	d := counting(func(s secret, e int) secret { return secret{s.Shown + e, s.hidden + e} })
	c := aggregatetest.Case[secret, int, int]{Given: []int{1, 2, 3}, When: 4, Then: []int{4}}
	got := told(t, d, c)
	if !strings.Contains(got, "no snapshots can be kept of it") || !strings.Contains(got, "hidden") || strings.Count(got, "snapshots can be kept") != 1 {
		t.Errorf("got %s", got)
	}
	c.NoSnapshots = true
	if got := told(t, d, c); got != "" {
		t.Errorf("with NoSnapshots: %s", got)
	}
	type function struct{ F func() }
	f := counting(func(function, int) function { return function{func() {}} })
	if got := told(t, f, aggregatetest.Case[function, int, int]{Given: []int{1}, When: 1, Then: []int{1}}); !strings.Contains(got, "no snapshots can be kept of it") {
		t.Errorf("a function: %s", got)
	}
}

// forgetful comes back from JSON equal to what it was by its own judgement, and yet leads elsewhere.
type forgetful struct {
	N      int
	Parity *int `json:",omitempty"`
}

func (f forgetful) Equal(other forgetful) bool { return f.N == other.N }

func (f forgetful) MarshalJSON() ([]byte, error) { return []byte{byte('0' + f.N)}, nil }

func (f *forgetful) UnmarshalJSON(text []byte) error {
	f.N = int(text[0] - '0')
	return nil
}

func TestAStateFromASnapshotThatLeadsElsewhereIsTold(t *testing.T) {
	d := counting(func(s forgetful, e int) forgetful {
		if s.Parity == nil {
			return forgetful{N: s.N + e, Parity: new(1)}
		}
		return forgetful{N: s.N + 2*e, Parity: s.Parity}
	})
	got := told(t, d, aggregatetest.Case[forgetful, int, int]{Given: []int{1, 1, 1}, When: 1, Then: []int{1}})
	if !strings.Contains(got, "the state from a snapshot and the rest is another one") || !strings.Contains(got, "behind event 0") {
		t.Errorf("got %s", got)
	}
}

// A map that is empty may come back from a snapshot as nil.
func TestAnEvolveThatPanicsOnASnapshotIsTold(t *testing.T) {
	type state struct {
		Seen map[int]int `json:",omitempty"`
	}
	d := counting(func(s state, e int) state {
		if e == 0 {
			return state{Seen: map[int]int{}}
		}
		next := state{Seen: s.Seen}
		if len(s.Seen) > 0 {
			next.Seen = map[int]int{}
		}
		next.Seen[e] = 1 // of an empty map, which nobody else has
		return next
	})
	got := told(t, d, aggregatetest.Case[state, int, int]{Given: []int{0, 1}, When: 2, Then: []int{2}})
	if !strings.Contains(got, "Evolve changes what it was given") || !strings.Contains(got, "Evolve panics: assignment to entry in nil map") {
		t.Errorf("got %s", got)
	}
}

// What leads back to itself can be looked at.
func TestValuesThatLeadBackToThemselves(t *testing.T) {
	type node struct {
		Name  string
		other *node
		table map[string]any
		list  []any
		bytes []byte
		All   [2]complex128
		f     func()
		C     chan int
		U     uint8
		X     float64
		B     bool
	}
	ring := &node{Name: "a", table: map[string]any{"n": nil}, list: []any{nil, 1}, bytes: []byte("x"), f: func() {}}
	ring.other = &node{Name: "b", other: ring}
	ring.table["self"] = ring.table
	ring.list[0] = ring.list
	d := decider.Decider[*node, int, int]{
		Category: "ring",
		Decide: func(s *node, c int, _ decider.Context) ([]int, error) {
			s.other.other.Name += "!"
			return nil, nil
		},
		Evolve: func(*node, int) *node { return ring },
		Events: map[string]int{"x": 0},
	}
	got := told(t, d, aggregatetest.Case[*node, int, int]{Given: []int{1}, When: 1, NoSnapshots: true})
	if !strings.Contains(got, "Decide changes what it was given") || !strings.Contains(got, `"a!"`) {
		t.Errorf("got %s", got)
	}
}
