package wasm_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

// BenchmarkDecideEvolve is one command and its event, on a state that the guest keeps: of a guest that has nothing to
// do, which is what the host costs, and of the probe in Go.
func BenchmarkDecideEvolve(b *testing.B) {
	b.Run("constant", func(b *testing.B) { decideEvolve(b, text{}.assemble(b)) })
	b.Run("go", func(b *testing.B) { decideEvolve(b, goProbe(b)) })
}

func decideEvolve(b *testing.B, binary []byte) {
	m := compile(b, newEngine(b, compiled()), binary, nil)
	d := m.Decider()
	c := decider.Context{ID: "ann", CommandID: "c-1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	payloads := [2]json.RawMessage{json.RawMessage(`{"by":1}`), json.RawMessage(`{"by":-1}`)}
	var state *wasm.State
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		command, err := wasm.Command{}.Read("add", payloads[i%2], 1)
		if err != nil {
			b.Fatal(err)
		}
		i++
		events, err := d.Decide(state, command.(wasm.Command), c)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range events {
			state = d.Evolve(state, e)
		}
	}
}
