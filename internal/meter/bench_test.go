package meter_test

import (
	"context"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

// BenchmarkInstrument tells how long a module takes to be instrumented, by its bytes.
func BenchmarkInstrument(b *testing.B) {
	for _, l := range languages {
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

// BenchmarkRun tells what measuring costs: programs as they are, instrumented, and under wazero's own means
// (WithCloseOnContextDone), which leaves the machine code at each turn of a loop. The three take turns, and the best time
// of each counts, so that what else the machine does counts little. "call" is a function that does nothing.
func BenchmarkRun(b *testing.B) {
	for _, l := range languages {
		for _, c := range append([]workload{{"fibonacci", 0}}, l.calls...) {
			name := c.name
			if c.arg == 0 {
				name = "call"
			}
			b.Run(l.name+"/"+name, func(b *testing.B) {
				binary := l.module(b)
				plain := newHost(b, wazero.NewRuntimeConfigCompiler().WithCompilationCache(compiled))
				metered := newHost(b, wazero.NewRuntimeConfigCompiler().WithCompilationCache(compiled))
				closing := newHost(b, wazero.NewRuntimeConfigCompiler().WithCompilationCache(compiled).WithCloseOnContextDone(true))
				ways := []*measured{
					{f: plain.reactor(b, binary).ExportedFunction(c.name)},
					{f: metered.reactor(b, instrument(b, binary, nil)).ExportedFunction(c.name)},
					{f: closing.reactor(b, binary).ExportedFunction(c.name)},
				}
				metered.ticks = 0
				for b.Loop() {
					for _, w := range ways {
						w.call(b, c.arg)
					}
				}
				first := float64(ways[0].best)
				b.ReportMetric(first, "ns/plain")
				b.ReportMetric(float64(ways[1].best)/first, "metered/plain")
				b.ReportMetric(float64(ways[2].best)/first, "closing/plain")
				b.ReportMetric(float64(metered.ticks)/float64(b.N), "ticks/op")
			})
		}
	}
}

// compiled spares benchmarks to compile again what they have compiled.
var compiled = wazero.NewCompilationCache()

type measured struct {
	f    api.Function
	best time.Duration
}

func (m *measured) call(b *testing.B, arg uint64) {
	begin := time.Now()
	if _, err := m.f.Call(context.Background(), arg); err != nil {
		b.Fatal(err)
	}
	if took := time.Since(begin); m.best == 0 || took < m.best {
		m.best = took
	}
}
