package decider_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/decider"
)

type add struct{ N int }

func model() decider.Decider[int, any, any] {
	return decider.Decider[int, any, any]{
		Category: "counter",
		Decide:   func(_ int, c any, _ decider.Context) ([]any, error) { return []any{c}, nil },
		Evolve:   func(s int, e any) int { return s + e.(add).N },
		Commands: map[string]any{"add": add{}},
		Events:   map[string]any{"counter.added": add{}},
	}
}

func TestADeclarationIsChecked(t *testing.T) {
	d := model()
	if err := d.Check(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for want, change := range map[string]func(*decider.Decider[int, any, any]){
		"Category is empty":      func(d *decider.Decider[int, any, any]) { d.Category = "" },
		`has a "-"`:              func(d *decider.Decider[int, any, any]) { d.Category = "my-counter" },
		"Decide is nil":          func(d *decider.Decider[int, any, any]) { d.Decide = nil },
		"Evolve is nil":          func(d *decider.Decider[int, any, any]) { d.Evolve = nil },
		"Events is empty":        func(d *decider.Decider[int, any, any]) { d.Events = nil },
		"SchemaVersion is -1":    func(d *decider.Decider[int, any, any]) { d.SchemaVersion = -1 },
		`"counter.added" is nil`: func(d *decider.Decider[int, any, any]) { d.Events = map[string]any{"counter.added": nil} },
		"is empty":               func(d *decider.Decider[int, any, any]) { d.Events = map[string]any{"": add{}} },
		"has two names":          func(d *decider.Decider[int, any, any]) { d.Commands = map[string]any{"add": add{}, "plus": add{N: 1}} },
	} {
		d := model()
		change(&d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}

func TestStateFoldsFromTheZeroValue(t *testing.T) {
	d := model()
	if got := d.State(add{1}, add{2}); got != 3 {
		t.Errorf("got %d", got)
	}
}

func TestAContextIsCarried(t *testing.T) {
	if got := decider.From(t.Context()); !got.Time.IsZero() || got.Actor != "" {
		t.Errorf("an empty one: %+v", got)
	}
	want := decider.Context{Actor: "ann", Time: time.Unix(1, 0)}
	ctx, cancel := context.WithCancel(decider.With(t.Context(), want))
	defer cancel()
	if got := decider.From(ctx); got.Actor != "ann" || !got.Time.Equal(want.Time) {
		t.Errorf("got %+v", got)
	}
}
