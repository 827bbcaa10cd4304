package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// lane is one of the cases that are measured side by side.
type lane struct {
	name string
	run  func(ctx context.Context, d time.Duration) (slice, error)
}

// measured is what a lane came to.
type measured struct {
	name    string
	rates   []float64 // events a second, of each slice
	events  int64
	elapsed time.Duration
	waits   latencies
}

// add takes a slice in.
func (m *measured) add(s *slice) {
	m.rates = append(m.rates, s.rate())
	m.events += s.events
	m.elapsed += s.elapsed
	m.waits.merge(&s.waits)
}

// rate is the median of the slices.
func (m *measured) rate() float64 { return median(m.rates) }

// rotate runs the lanes in short slices, in rotation, so that what else the disk and the machine do hits all
// alike. One shorter slice of each goes before, uncounted, to warm up.
func rotate(ctx context.Context, r *report, what string, rounds int, d time.Duration, lanes []lane) (map[string]*measured, error) {
	out := make(map[string]*measured, len(lanes))
	for round := range rounds + 1 {
		for _, l := range lanes {
			runtime.GC() // what others left behind is not this lane's to clean up
			length := d
			if round == 0 {
				length = d / 4
			}
			s, err := l.run(ctx, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", what, l.name, err)
			}
			if round == 0 {
				out[l.name] = &measured{name: l.name}
				continue
			}
			out[l.name].add(&s)
			r.say("%s, round %d of %d: %s: %s events/s", what, round, rounds, l.name, count(s.rate()))
		}
	}
	return out, nil
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
