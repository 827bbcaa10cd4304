// Package model is the smallest aggregate: one command, one event, a number. It is pure, and does not know where it
// runs: [Counter] is all of it.
package model

import "github.com/nacredb/nacre/decider"

// The command, and the event.
type (
	Increment   struct{}
	Incremented struct{}
)

// Counter is the aggregate. Its state is how often it was incremented.
var Counter = decider.Decider[int, Increment, Incremented]{
	Category: "counter",
	Decide: func(int, Increment, decider.Context) ([]Incremented, error) {
		return []Incremented{{}}, nil
	},
	Evolve:   func(count int, _ Incremented) int { return count + 1 },
	Commands: map[string]Increment{"increment": {}},
	Events:   map[string]Incremented{"counter.incremented": {}},
}
