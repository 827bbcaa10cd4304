package main

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// slice is what came of a while of appending.
type slice struct {
	events  int64
	elapsed time.Duration
	waits   latencies // of each append
}

func (s *slice) rate() float64 { return float64(s.events) / s.elapsed.Seconds() }

// appendFunc is one append of a writer; it gives how many events were acknowledged.
type appendFunc func(ctx context.Context, w *writer) (int, error)

// driveFor lets every writer append, each in its own goroutine, one append after the other, for a while.
func driveFor(ctx context.Context, ws []*writer, d time.Duration, do appendFunc) (slice, error) {
	return drive(ctx, ws, do, func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	})
}

// drive lets every writer append until the wait returns. The time runs until the last one is done. The
// first error ends it.
func drive(ctx context.Context, ws []*writer, do appendFunc, wait func(context.Context)) (slice, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var stop atomic.Bool
	var wg sync.WaitGroup
	events, waits := make([]int64, len(ws)), make([]latencies, len(ws))
	start := time.Now()
	for i, w := range ws {
		wg.Go(func() {
			began := time.Now()
			for !stop.Load() {
				n, err := do(ctx, w)
				if err != nil {
					cancel(err)
					return
				}
				now := time.Now()
				waits[i].add(now.Sub(began))
				began = now
				events[i] += int64(n)
				w.acknowledged.Add(int64(n))
			}
		})
	}
	wait(ctx)
	stop.Store(true)
	wg.Wait()
	out := slice{elapsed: time.Since(start)}
	if err := context.Cause(ctx); err != nil {
		return out, err
	}
	for i := range ws {
		out.events += events[i]
		out.waits.merge(&waits[i])
	}
	return out, nil
}

// acknowledged is how many events the writers have had acknowledged, ever.
func acknowledged(ws []*writer) (n int64) {
	for _, w := range ws {
		n += w.acknowledged.Load()
	}
	return n
}

// latencies counts durations in buckets, eight to each doubling.
type latencies struct {
	counts [64 * 8]uint32
	total  uint64
}

func (l *latencies) add(d time.Duration) {
	l.counts[bucketOf(d)]++
	l.total++
}

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 8))
	log := bits.Len64(n) - 1
	return log*8 + int(n>>(log-3)&7)
}

// bucketEnd is the end of a bucket.
func bucketEnd(i int) time.Duration {
	log := i / 8
	return time.Duration(uint64(9+i%8) << (log - 3))
}

func (l *latencies) merge(other *latencies) {
	for i, n := range other.counts {
		l.counts[i] += n
	}
	l.total += other.total
}

// quantile is a duration that this share of all are not above, at most an eighth too large.
func (l *latencies) quantile(share float64) time.Duration {
	left := uint64(share * float64(l.total))
	for i, n := range l.counts {
		if n == 0 {
			continue
		}
		if uint64(n) > left {
			return bucketEnd(i)
		}
		left -= uint64(n)
	}
	return 0
}
