package guests

import (
	"testing"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

// What a command and its event cost, the state being kept.
func BenchmarkCounter(b *testing.B) {
	for _, s := range sdks {
		b.Run(s.name, func(b *testing.B) {
			m := compile(b, s.module(b, "counter"), nil)
			d := m.Decider()
			command := d.Commands["increment"]
			command.Payload = []byte(`{"by":1}`)
			reset := d.Commands["reset"]
			var state *wasm.State
			for i := 0; b.Loop(); i++ {
				next := command
				if i%100_000 == 99_999 {
					next = reset
				}
				events, err := d.Decide(state, next, decider.Context{ID: "ann"})
				if err != nil {
					b.Fatal(err)
				}
				for _, e := range events {
					state = d.Evolve(state, e)
				}
			}
		})
	}
}
