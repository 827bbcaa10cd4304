package aggregatetest_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/aggregate/aggregatetest"
	"github.com/nacredb/nacre/decider"
)

// The model of these tests is a cart, with a map, a slice, a pointer and a time in its state.
type (
	command interface {
		decide(cart, decider.Context) ([]event, error)
	}
	event interface{ evolve(cart) cart }

	add   struct{ Item string }
	empty struct{}

	added   struct{ Item, By string }
	emptied struct{ At time.Time }

	cart struct {
		Items map[string]int
		Log   []string
		Last  *string
		At    time.Time
	}

	full struct{ Room int }
)

func (e *full) Error() string { return fmt.Sprintf("there is room for %d items", e.Room) }

var errEmpty = errors.New("the cart is empty")

func (c add) decide(s cart, ctx decider.Context) ([]event, error) {
	if len(s.Log) >= 3 {
		return nil, fmt.Errorf("no: %w", &full{3})
	}
	return []event{added{c.Item, ctx.Actor + ctx.ID}}, nil
}

func (empty) decide(s cart, ctx decider.Context) ([]event, error) {
	switch {
	case len(s.Items) > 0:
		return []event{emptied{ctx.Time}}, nil
	case s.At.IsZero():
		return nil, errEmpty
	}
	return nil, nil
}

func (e added) evolve(s cart) cart {
	s.Items = maps.Clone(s.Items)
	if s.Items == nil {
		s.Items = map[string]int{}
	}
	s.Items[e.Item]++
	s.Log = append(s.Log, e.Item)
	s.Last = &e.Item
	return s
}

func (e emptied) evolve(s cart) cart { return cart{At: e.At} }

type (
	model = decider.Decider[cart, command, event]
	test  = aggregatetest.Case[cart, command, event]
)

func newModel() model {
	return model{
		Category: "cart",
		Decide:   func(s cart, c command, ctx decider.Context) ([]event, error) { return c.decide(s, ctx) },
		Evolve:   func(s cart, e event) cart { return e.evolve(s) },
		Commands: map[string]command{"add": add{}, "empty": empty{}},
		Events:   map[string]event{"cart.added": added{}, "cart.emptied": emptied{}},
	}
}

var (
	tea    = added{"tea", "test"}
	newDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestWhatIsRight(t *testing.T) {
	name := "tea"
	aggregatetest.Run(t, newModel(),
		test{Name: "the first", When: add{"tea"}, Then: []event{tea}, ThenState: &cart{Items: map[string]int{"tea": 1}, Log: []string{"tea"}, Last: &name}},
		test{Given: []event{tea, tea}, When: empty{}, Then: []event{emptied{newDay}}, ThenState: &cart{At: newDay}},
		test{Given: []event{tea, emptied{newDay}}, When: empty{}, ThenState: &cart{At: newDay}},
		test{When: empty{}, ThenError: errEmpty},
		test{Given: []event{tea, tea, tea}, When: add{"milk"}, ThenError: &full{3}},
		test{Given: []event{tea, tea, tea}, When: add{"milk"}, ThenError: (*full)(nil)},
		test{Name: "no command", Given: []event{tea}, ThenState: &cart{Items: map[string]int{"tea": 1}, Log: []string{"tea"}, Last: &name}},
		test{Context: decider.Context{ID: "7", Actor: "ann"}, When: add{"tea"}, Then: []event{added{"tea", "ann7"}}},
	)
}

// recorder is a test that notes how it fails.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// expect runs a case that has to fail for reasons that say all this.
func expect(t *testing.T, d model, c test, reasons ...string) {
	t.Helper()
	r := &recorder{TB: t}
	c.Test(r, d)
	if len(r.errors) != len(reasons) {
		t.Errorf("%d reasons, and not %d: %s", len(r.errors), len(reasons), strings.Join(r.errors, "\n"))
		return
	}
	for i, want := range reasons {
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(strings.ReplaceAll(r.errors[i], "\u00a0", " "), part) {
				t.Errorf("reason %d does not say %q:\n%s", i, part, r.errors[i])
			}
		}
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	d := newModel()
	expect(t, d, test{When: add{"tea"}, Then: []event{added{"milk", "test"}}}, `when aggregatetest_test.add{Item:tea}: other events|"milk"|"tea"`)
	expect(t, d, test{When: add{"tea"}}, "other events|added")
	expect(t, d, test{Given: []event{tea}, When: empty{}, Then: []event{emptied{newDay}, emptied{newDay}}}, "given 1 events|other events")
	expect(t, d, test{When: add{"tea"}, ThenError: errEmpty}, "not refused|the cart is empty|it led to aggregatetest_test.added{Item:tea")
	expect(t, d, test{When: add{"tea"}, ThenError: (*full)(nil)}, "not refused|any *aggregatetest_test.full")
	expect(t, d, test{When: empty{}}, "refused with *errors.errorString: the cart is empty")
	expect(t, d, test{When: empty{}, ThenError: errors.New("the cart is empty too")}, "another error|is empty too")
	expect(t, d, test{Given: []event{tea, tea, tea}, When: add{"milk"}, ThenError: &full{4}}, "another error|room for 4|room for 3")
	expect(t, d, test{When: empty{}, ThenError: (*full)(nil)}, "another error|any *aggregatetest_test.full")
	expect(t, d, test{When: add{"tea"}, Then: []event{tea}, ThenState: &cart{}}, "another state|Items")
	expect(t, d, test{Given: []event{tea}, ThenState: &cart{}}, "given 1 events: another state")
	expect(t, d, test{Given: []event{tea}, Then: []event{tea}}, "given 1 events: Then or ThenError is set, and When is not")
	expect(t, d, test{Given: []event{tea}, Then: []event{}}, "given 1 events: Then or ThenError is set, and When is not")
	expect(t, d, test{ThenError: errEmpty}, "given 0 events: Then or ThenError is set, and When is not")
	d.Evolve = nil
	expect(t, d, test{When: add{"tea"}}, "the decider cannot run|Evolve is nil")
}

func TestAnErrorBesideEventsIsTold(t *testing.T) {
	d := newModel()
	d.Decide = func(cart, command, decider.Context) ([]event, error) { return []event{tea}, errEmpty }
	expect(t, d, test{When: add{"tea"}, ThenError: errEmpty}, "refused, and led to aggregatetest_test.added")
}

// Each of these deciders breaks a law that a case does not speak of.
func TestBrokenLawsAreTold(t *testing.T) {
	c := test{Given: []event{tea}, When: add{"milk"}, Then: []event{added{"milk", "test"}}}
	for name, broken := range map[string]struct {
		change func(*model)
		test   *test
		want   string
	}{
		"Evolve changes a map": {change: func(d *model) {
			d.Evolve = func(s cart, e event) cart {
				if a, ok := e.(added); ok && s.Items != nil {
					s.Items[a.Item]++
					return s
				}
				return e.evolve(s)
			}
		}, want: `Evolve changes what it was given|at event 1|in the state|+|"milk": 1`},
		"Evolve changes a slice": {change: func(d *model) {
			d.Evolve = func(s cart, e event) cart {
				if len(s.Log) > 0 {
					s.Log[0] = "coffee"
				}
				return e.evolve(s)
			}
		}, want: `Evolve changes what it was given|in the state|"coffee"`},
		"Evolve changes what a pointer leads to": {change: func(d *model) {
			d.Evolve = func(s cart, e event) cart {
				if s.Last != nil {
					*s.Last += "!"
				}
				return e.evolve(s)
			}
		}, want: `Evolve changes what it was given|in the state|"tea!"`},
		"Evolve counts": {change: func(d *model) {
			n := 0
			d.Evolve = func(s cart, e event) cart {
				s = e.evolve(s)
				n++
				s.At = newDay.AddDate(0, 0, n)
				return s
			}
		}, want: "Evolve gives something else when it is asked again"},
		"Decide changes the state": {change: func(d *model) {
			d.Decide = func(s cart, c command, ctx decider.Context) ([]event, error) {
				s.Items["water"] = 1
				return c.decide(s, ctx)
			}
		}, want: `Decide changes what it was given|"water": 1`},
		"Decide changes the context": {
			change: func(d *model) {
				d.Decide = func(s cart, c command, ctx decider.Context) ([]event, error) {
					ctx.Metadata["seen"] = true
					return c.decide(s, ctx)
				}
			}, test: &test{When: add{"tea"}, Then: []event{tea}, Context: decider.Context{Metadata: map[string]any{}}},
			want: `Decide changes what it was given|in the context|"seen": bool true`,
		},
		"Decide reads a clock": {change: func(d *model) {
			n := 0
			d.Decide = func(s cart, c command, ctx decider.Context) ([]event, error) {
				n++
				return []event{added{"milk", "test"}, added{"milk", fmt.Sprint(n)}}[:1+n/2], nil
			}
		}, want: "Decide gives something else when it is asked again|clock"},
		"Decide refuses by chance": {change: func(d *model) {
			n := 0
			d.Decide = func(s cart, c command, ctx decider.Context) ([]event, error) {
				if n++; n > 1 {
					return []event{added{"milk", "test"}}, errEmpty
				}
				return []event{added{"milk", "test"}}, nil
			}
		}, want: "Decide gives something else when it is asked again|the cart is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			d, c := newModel(), c
			broken.change(&d)
			if broken.test != nil {
				c = *broken.test
			}
			r := &recorder{TB: t}
			c.Test(r, d)
			if len(r.errors) == 0 {
				t.Fatal("it passes")
			}
			for part := range strings.SplitSeq(broken.want, "|") {
				if !strings.Contains(strings.ReplaceAll(r.errors[0], "\u00a0", " "), part) {
					t.Errorf("it is not told first that %q:\n%s", part, strings.Join(r.errors, "\n"))
				}
			}
		})
	}
}
