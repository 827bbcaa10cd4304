package consumer_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
)

// BenchmarkRun is eight consumers of a group in one process that acknowledge each event, with nothing to do.
func BenchmarkRun(b *testing.B) {
	r := begin(b, nil)
	defer r.close(b)
	const streams = 2000
	for i := range (b.N + 99) / 100 {
		batch := make([]nacre.Append, 100)
		for j := range batch {
			batch[j] = nacre.Append{
				Stream: nacre.StreamID(fmt.Sprint("s-", (i*100+j)%streams)), Expected: nacre.Any,
				Events: []nacre.Event{{Type: "x", Data: []byte(`{"n":1}`)}},
			}
		}
		if _, err := r.store.Commit(b.Context(), nil, batch...); err != nil {
			b.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(b.Context())
	var done atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range 8 {
		all.Go(func() {
			if err := consumer.Run(ctx, r.group, func(context.Context, consumer.Delivery) error {
				if done.Add(1) == int64(b.N) {
					stop()
				}
				return nil
			}, nil); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
