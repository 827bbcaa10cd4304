package filestore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
)

func payload() nacre.Event {
	return nacre.Event{Type: "thing.happened", Data: []byte(`{"payload":"` + strings.Repeat("x", 242) + `"}`)}
}

// BenchmarkAppend has writers that each append to a stream of their own, with its version.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("writers=%d/batch=%d", writers, size), func(b *testing.B) {
				s, err := Open(b.TempDir(), &Options{Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				events := make([]nacre.Event, size)
				for i := range events {
					events[i] = payload()
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ResetTimer()
				for w := range writers {
					wg.Go(func() {
						stream := nacre.StreamID(fmt.Sprintf("bench-%d", w))
						version := int64(-1)
						for left.Add(-1) >= 0 {
							a, err := s.Append(context.Background(), stream, nacre.Exactly(version), events...)
							if err != nil {
								b.Error(err)
								return
							}
							version = a.Version
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				st, _ := s.Stats(context.Background())
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(float64(b.N*size)/float64(max(st.Syncs, 1)), "events/sync")
			})
		}
	}
}

// BenchmarkRead reads everything in order, one goroutine, verified.
func BenchmarkRead(b *testing.B) {
	s, err := Open(b.TempDir(), &Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	events := make([]nacre.Event, 1000)
	for i := range events {
		events[i] = payload()
	}
	const n = 300_000
	for i := range n / len(events) {
		if _, err := s.Append(context.Background(), nacre.StreamID(fmt.Sprintf("bench-%d", i)), nacre.Any, events...); err != nil {
			b.Fatal(err)
		}
	}
	for _, borrowed := range []bool{true, false} {
		b.Run(fmt.Sprintf("borrowed=%t", borrowed), func(b *testing.B) {
			count := 0
			for b.Loop() {
				for _, err := range s.Read(context.Background(), nil, &nacre.ReadOptions{Borrowed: borrowed}) {
					if err != nil {
						b.Fatal(err)
					}
					count++
				}
			}
			b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
