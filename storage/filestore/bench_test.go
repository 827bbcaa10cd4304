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

// BenchmarkCondition has appends under a condition on two tags that nothing fails, beside the same
// without one. Nothing is synced, so that what it costs to look is seen.
func BenchmarkCondition(b *testing.B) {
	const writers = 64
	for _, kind := range []string{"none", "recent", "new", "after0"} {
		b.Run(kind, func(b *testing.B) {
			s, err := Open(b.TempDir(), &Options{Logger: quiet, Durability: Never})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for i := range 500 {
				events := make([]nacre.Event, 200)
				for j := range events {
					events[j] = payload().WithTags(fmt.Sprintf("left:%d", (i*200+j)%200), fmt.Sprintf("right:%d", (i*200+j)%200+1000))
				}
				if _, err := s.Append(context.Background(), nacre.StreamID(fmt.Sprintf("fill-%d", i)), nacre.Any, events...); err != nil {
					b.Fatal(err)
				}
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					stream := nacre.StreamID(fmt.Sprintf("bench-%d", w))
					after := nacre.Position(100_000)
					for i := 0; left.Add(-1) >= 0; i++ {
						tags := []string{fmt.Sprintf("a:%d", w), fmt.Sprintf("b:%d", w)}
						var c *nacre.Condition
						switch kind {
						case "recent":
							c = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: tags}}, After: after}
						case "new":
							tags = []string{fmt.Sprintf("a:%d-%d", w, i), fmt.Sprintf("b:%d-%d", w, i)}
							c = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: tags}}}
						case "after0":
							c = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{fmt.Sprintf("left:%d", w), fmt.Sprintf("right:%d", 1001+w)}}}}
						}
						a, err := s.Commit(context.Background(), c, nacre.Append{Stream: stream, Events: []nacre.Event{payload().WithTags(tags...)}})
						if err != nil {
							b.Error(err)
							return
						}
						after = a[0].Position()
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkStreams appends to streams that were written just now, that do not exist, and that were written
// long ago, in a store of many segments. Nothing is synced, so that what it costs to look is seen.
func BenchmarkStreams(b *testing.B) {
	const writers, streams, each = 64, 100_000, 10
	s, err := Open(b.TempDir(), &Options{Logger: quiet, Durability: Never, SegmentBytes: 2 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	small := nacre.Event{Type: "thing.happened", Data: []byte(`{"n":1}`)}
	for i := range streams * each / 500 {
		batch := make([]nacre.Append, 500)
		for j := range batch {
			batch[j] = nacre.Append{Stream: nacre.StreamID(fmt.Sprintf("old-%d", (i*500+j)%streams)), Events: []nacre.Event{small}}
		}
		if _, err := s.Commit(context.Background(), nil, batch...); err != nil {
			b.Fatal(err)
		}
	}
	var used atomic.Int64
	for _, kind := range []string{"hot", "new", "cold"} {
		b.Run(kind, func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					for i := 0; left.Add(-1) >= 0; i++ {
						stream := nacre.StreamID(fmt.Sprintf("hot-%d", w))
						switch kind {
						case "new":
							stream = nacre.StreamID(fmt.Sprintf("new-%d", used.Add(1)))
						case "cold":
							stream = nacre.StreamID(fmt.Sprintf("old-%d", used.Add(7919)%streams))
						}
						if _, err := s.Append(context.Background(), stream, nacre.Any, small); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
