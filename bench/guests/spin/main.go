// Spin is a module for the bench: an aggregate whose only command, spin, loops for ever.
//
//	nacre wasm build ./guests/spin -o spin.wasm
//
// It holds that a call of it ends only by its host. Natively the program registers the aggregate and ends.
package main

import (
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/guest"
)

type (
	spin struct{}
	spun struct{}
)

// turns is read again each time, so that the loop is not one that the compiler could leave out.
var turns int

func init() {
	guest.Serve(decider.Decider[int, spin, spun]{
		Category: "spinner",
		Decide: func(int, spin, decider.Context) ([]spun, error) {
			for turns >= 0 {
				turns = (turns + 1) & 1023
			}
			return []spun{{}}, nil
		},
		Evolve:   func(n int, _ spun) int { return n + 1 },
		Commands: map[string]spin{"spin": {}},
		Events:   map[string]spun{"spinner.spun": {}},
	}, nil)
}

func main() {}
