package decider

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Decider is an aggregate as two pure functions. S is the state; C and E are interfaces, the sum types of
// commands and events. Neither function changes what it is given, reads a clock, or draws at random: the
// same arguments give the same result, for ever.
type Decider[S, C, E any] struct {
	// Category is the name of the aggregate: its streams are Category-ID. It has no "-".
	Category string

	// Decide gives the events that a command leads to, or a domain error. None and no error is a command
	// with nothing to do.
	Decide func(state S, command C, ctx Context) ([]E, error)

	// Evolve gives the state after an event. It begins with S's zero value.
	Evolve func(state S, event E) S

	// Commands are the names by which commands come over the network, from WebAssembly and out of dead
	// letters, each with a value of its type.
	Commands map[string]C

	// Events are the names under which events stand in the log, each with a value of its type. A type has
	// one name, in both tables, unless its values say their own by a method Name.
	Events map[string]E

	// SchemaVersion is that of the state, from 1; 0 is 1. Raise it when S or Evolve changes, so that no
	// snapshot of the old state is read.
	SchemaVersion int
}

// Check tells what is missing or wrong in the declaration; nil where it can run. Commands may be without
// names, where they come as Go values only.
func (d *Decider[S, C, E]) Check() error {
	switch {
	case d.Category == "":
		return fmt.Errorf("decider: Category is empty: give the name that streams begin with, as in %q", "account")
	case strings.Contains(d.Category, "-"):
		return fmt.Errorf("decider: Category %q has a \"-\", which ends a category: leave it out", d.Category)
	case d.Decide == nil:
		return fmt.Errorf("decider %q: Decide is nil", d.Category)
	case d.Evolve == nil:
		return fmt.Errorf("decider %q: Evolve is nil", d.Category)
	case len(d.Events) == 0:
		return fmt.Errorf("decider %q: Events is empty: give each type of event a name, as in %q", d.Category, "account.opened")
	case d.SchemaVersion < 0:
		return fmt.Errorf("decider %q: SchemaVersion is %d: give 1 or more", d.Category, d.SchemaVersion)
	}
	if err := checkTable(d.Events); err != nil {
		return fmt.Errorf("decider %q: Events: %w", d.Category, err)
	}
	if err := checkTable(d.Commands); err != nil {
		return fmt.Errorf("decider %q: Commands: %w", d.Category, err)
	}
	return nil
}

// State folds events from the zero value: what a test, or a program that has the events already, needs.
func (d *Decider[S, C, E]) State(events ...E) S {
	var state S
	for _, e := range events {
		state = d.Evolve(state, e)
	}
	return state
}

// checkTable wants names, values, and one name a type.
func checkTable[T any](table map[string]T) error {
	names := map[reflect.Type]string{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t := reflect.TypeOf(any(table[name]))
		if name == "" {
			return fmt.Errorf("the name of %v is empty", t)
		}
		if t == nil {
			return fmt.Errorf("%q is nil: give a value of its type", name)
		}
		if _, own := any(table[name]).(interface{ Name() string }); own {
			continue
		}
		if other, taken := names[t]; taken {
			return fmt.Errorf("%v has two names, %q and %q: one type, one name", t, other, name)
		}
		names[t] = name
	}
	return nil
}
