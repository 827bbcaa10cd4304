package aggregatetest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nacredb/nacre/decider"
)

// Case is something that an aggregate does.
type Case[S, C, E any] struct {
	// Name is the subtest's. Default is the command's type.
	Name string

	// Given are the events before the command.
	Given []E
	// When is the command. Where it is nil, nothing is decided, and Given alone is tested, with ThenState; Then and
	// ThenError must not be set.
	When C
	// Context is the command's. Default is the instance "test" and the first moment of 2026.
	Context decider.Context

	// Then are the events that the command leads to, in order. None, and no ThenError, is a command with nothing to
	// do.
	Then []E
	// ThenError is the domain error that the command leads to: one that errors.Is finds, or one of the same type with the
	// same fields. A nil pointer to an error's type, as in (*Overdrawn)(nil), is any error of that type.
	ThenError error
	// ThenState is the state afterwards. Default is not to look.
	ThenState *S

	// NoSnapshots says that the state does not survive JSON, and that snapshots of it are not wanted.
	NoSnapshots bool
}

// Run tests each case in a subtest.
func Run[S, C, E any](t *testing.T, d decider.Decider[S, C, E], cases ...Case[S, C, E]) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name(), func(t *testing.T) {
			t.Helper()
			c.Test(t, d)
		})
	}
}

func (c *Case[S, C, E]) name() string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprintf("%T", c.When)
}

// Test tests the case.
func (c Case[S, C, E]) Test(t testing.TB, d decider.Decider[S, C, E]) {
	t.Helper()
	l, err := newLaws(t, &d, c.NoSnapshots)
	if err != nil {
		t.Errorf("the decider cannot run: %v", err)
		return
	}
	var state S
	for _, e := range c.Given {
		state = l.evolve(state, e)
	}
	if any(c.When) != nil {
		state = c.decide(l, state)
	} else if c.Then != nil || c.ThenError != nil {
		t.Errorf("%s: Then or ThenError is set, and When is not, so nothing was decided", c.when())
	}
	if c.ThenState != nil {
		if diff := diff(*c.ThenState, state); diff != "" {
			t.Errorf("%s: another state (-want +got):\n%s", c.when(), diff)
		}
	}
	l.finish()
}

// decide asks for the command's events, and gives the state after them.
func (c *Case[S, C, E]) decide(l *laws[S, C, E], state S) S {
	l.t.Helper()
	context := c.Context
	if context.ID == "" {
		context.ID = "test"
	}
	if context.Time.IsZero() {
		context.Time = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	events, err := l.decide(state, c.When, context)
	switch {
	case c.ThenError != nil && err == nil:
		l.t.Errorf("%s: not refused, and %v was wanted; it led to %s", c.when(), describe(c.ThenError), list(events))
	case c.ThenError != nil && !matches(err, c.ThenError):
		l.t.Errorf("%s: refused with another error:\n  want %s\n  got  %s", c.when(), describe(c.ThenError), describe(err))
	case c.ThenError == nil && err != nil:
		l.t.Errorf("%s: refused with %s", c.when(), describe(err))
	}
	if err != nil {
		if len(events) > 0 {
			l.t.Errorf("%s: refused, and led to %s nevertheless; a repository drops them", c.when(), list(events))
		}
		return state
	}
	if diff := diff(c.Then, events); diff != "" && c.ThenError == nil {
		l.t.Errorf("%s: other events (-want +got):\n%s", c.when(), diff)
	}
	for _, e := range events {
		state = l.evolve(state, e)
	}
	return state
}

func (c *Case[S, C, E]) when() string {
	if any(c.When) == nil {
		return fmt.Sprintf("given %d events", len(c.Given))
	}
	return fmt.Sprintf("given %d events, when %T%+v", len(c.Given), c.When, c.When)
}

func list[E any](events []E) string {
	if len(events) == 0 {
		return "no events"
	}
	texts := make([]string, len(events))
	for i, e := range events {
		texts[i] = fmt.Sprintf("%T%+v", e, e)
	}
	return strings.Join(texts, ", ")
}

// describe is an error with its type; of a nil pointer the type alone.
func describe(err error) string {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Sprintf("any %T", err)
	}
	return fmt.Sprintf("%T: %v", err, err)
}

// matches tells whether an error is the one that is wanted, somewhere in its chain.
func matches(err, want error) bool {
	if errors.Is(err, want) {
		return true
	}
	if reflect.TypeOf(err) == reflect.TypeOf(want) {
		v := reflect.ValueOf(want)
		if v.Kind() == reflect.Pointer && v.IsNil() || cmp.Equal(want, err, equating...) {
			return true
		}
	}
	switch e := err.(type) { //nolint:errorlint // this is the walk along the chain
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		return inner != nil && matches(inner, want)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if matches(inner, want) {
				return true
			}
		}
	}
	return false
}

// equating compares values whole, with what is not exported, and takes a nil slice or map for an empty one.
var equating = cmp.Options{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()}

func diff(want, got any) string { return cmp.Diff(want, got, equating...) }
