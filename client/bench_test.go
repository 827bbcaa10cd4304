package client_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
)

// BenchmarkAppend has writers with a stream each, one event an append, to a server in this process whose
// log is on disk and synced.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		for _, events := range []int{1, 100} {
			b.Run(fmt.Sprintf("writers=%d/events=%d", writers, events), func(b *testing.B) { benchmarkAppend(b, writers, events) })
		}
	}
}

func benchmarkAppend(b *testing.B, writers, events int) {
	s := open(b, serve(b, b.TempDir()).url, nil)
	batch := make([]nacre.Event, events)
	for i := range batch {
		batch[i] = nacre.NewEvent("order.placed", map[string]any{"customer": "ann", "total": 99.99, "note": "a note of some fifty characters, as people write"})
	}
	var turn atomic.Int64
	b.ReportAllocs()
	b.SetParallelism((writers + 1) / 2) // of two processors
	b.RunParallel(func(pb *testing.PB) {
		id := nacre.StreamID(fmt.Sprintf("order-%d", turn.Add(1)))
		for pb.Next() {
			if _, err := s.Append(b.Context(), id, nacre.Any, batch...); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRead reads a log of 100,000 events again and again.
func BenchmarkRead(b *testing.B) {
	s := open(b, serve(b, b.TempDir()).url, nil)
	batch := make([]nacre.Event, 1000)
	for i := range batch {
		batch[i] = nacre.NewEvent("order.placed", map[string]any{"customer": "ann", "total": 99.99, "n": i})
	}
	for range 100 {
		if _, err := s.Append(b.Context(), "order-1", nacre.Any, batch...); err != nil {
			b.Fatal(err)
		}
	}
	for _, borrowed := range []bool{false, true} {
		b.Run(fmt.Sprintf("borrowed=%t", borrowed), func(b *testing.B) {
			n := 0
			for b.Loop() {
				for _, err := range s.Read(b.Context(), nil, &nacre.ReadOptions{Borrowed: borrowed}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
	b.Run("version", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, err := s.Version(b.Context(), "order-1"); err != nil || v != 99_999 {
				b.Fatalf("version %d, %v", v, err)
			}
		}
	})
}
