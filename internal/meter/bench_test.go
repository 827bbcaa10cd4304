package meter_test

import (
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre/internal/meter"
)

// BenchmarkInstrument tells how long a module takes to be instrumented, by its bytes.
func BenchmarkInstrument(b *testing.B) {
	for _, l := range languages[:2] {
		b.Run(l.name, func(b *testing.B) {
			binary := l.module(b)
			b.SetBytes(int64(len(binary)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := meter.Instrument(binary, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRun tells what measuring costs: programs as they are, instrumented, and under wazero's own means, which leaves
// the machine code at each turn of a loop. "call" is a call of a function that does nothing.
func BenchmarkRun(b *testing.B) {
	for _, l := range languages[:2] {
		calls := append([]workload{{"fibonacci", 0}}, l.calls...)
		for _, c := range calls {
			name := c.name
			if c.arg == 0 {
				name = "call"
			}
			for _, way := range []struct {
				name    string
				metered bool
				closes  bool
			}{{"plain", false, false}, {"metered", true, false}, {"closeOnContextDone", false, true}} {
				b.Run(l.name+"/"+name+"/"+way.name, func(b *testing.B) {
					binary := l.module(b)
					if way.metered {
						binary = instrument(b, binary, nil)
					}
					h := newHost(b, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(way.closes).WithCompilationCache(compiled))
					f := h.reactor(b, binary).ExportedFunction(c.name)
					for b.Loop() {
						if _, err := f.Call(b.Context(), c.arg); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(h.ticks)/float64(b.N), "ticks/op")
				})
			}
		}
	}
}

// compiled spares benchmarks to compile again what they have compiled.
var compiled = wazero.NewCompilationCache()
