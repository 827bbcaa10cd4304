package delivery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

// TestEverythingArrives has many subscriptions of all sorts on a log that grows, with receivers that fail at random, hubs
// that are closed and opened, pauses and small windows: each gets all that its filter and condition select, a stream's events in order.
func TestEverythingArrives(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	store, d := newStore(t), newDesk()
	type sub struct {
		spec  delivery.Spec
		wants func(e *nacre.Event) bool // what its where says
		got   map[nacre.Position]int
		last  map[nacre.StreamID]int64
	}
	subs := map[string]*sub{}
	filters := []nacre.Filter{
		nil,
		{{Types: []string{"a.*"}}},
		{{Types: []string{"*.y"}}},
		{{Types: []string{"b.x", "a.*"}}},
		{{Categories: []string{"s"}}},
		{{Streams: []nacre.StreamID{"s-1", "t-2"}}},
		{{Tags: []string{"red"}}},
		{{Types: []string{"b.x"}}, {Categories: []string{"t"}, Tags: []string{"red"}}},
	}
	wheres := []struct {
		text  string
		wants func(e *nacre.Event) bool
	}{
		{"", func(*nacre.Event) bool { return true }},
		{"data > 2", func(e *nacre.Event) bool { return e.Data[0] > '2' }},
		{"type LIKE 'a.%' OR category = 't'", func(e *nacre.Event) bool {
			return strings.HasPrefix(e.Type, "a.") || strings.HasPrefix(string(e.StreamID), "t-")
		}},
		{"NOT tags CONTAINS 'red' AND data IN (0, 1, 5)", func(e *nacre.Event) bool {
			return len(e.Tags) == 0 && strings.Contains("015", string(e.Data))
		}},
	}
	fault := rand.New(rand.NewPCG(seed, 2))
	d.set(func(b *delivery.Batch) error { // d.mu is not held
		d.mu.Lock()
		defer d.mu.Unlock()
		if fault.IntN(10) == 0 {
			return errDown
		}
		s := subs[b.Subscription]
		for i := range b.Events {
			e := &b.Events[i]
			s.got[e.GlobalPosition]++
			last, seen := s.last[e.StreamID]
			if !seen {
				last = -1
			}
			if e.StreamPosition > last {
				s.last[e.StreamID] = e.StreamPosition
			} else if s.got[e.GlobalPosition] == 1 {
				t.Errorf("%s got %d of %s behind %d", b.Subscription, e.StreamPosition, e.StreamID, last)
			}
		}
		return nil
	})
	h := begin(t, store, d)
	for i, f := range filters {
		for _, order := range []delivery.Order{delivery.ByStream, delivery.Global} {
			name := fmt.Sprint("s", i, order)
			var none float64
			where := wheres[rng.IntN(len(wheres))]
			s := &sub{got: map[nacre.Position]int{}, last: map[nacre.StreamID]int64{}, wants: where.wants, spec: delivery.Spec{
				Name: name, Kind: "desk", Filter: f, Where: where.text, Start: delivery.Start{Earliest: true},
				Policy: &delivery.Policy{
					Order: order, Window: 1 + rng.IntN(20), Parallel: 1 + rng.IntN(4), Batch: 1,
					Retry: delivery.Retry{MaxAttempts: 1000, Strategy: delivery.Fixed, InitialDelayMS: 1, JitterPercent: &none},
				},
			}}
			s.spec.Policy.Batch = 1 + rng.IntN(s.spec.Policy.Window)
			d.mu.Lock()
			subs[name] = s
			d.mu.Unlock()
			create(t, h, s.spec)
		}
	}
	names := []string{}
	for name := range subs {
		names = append(names, name)
	}
	slices.Sort(names)
	var head nacre.Position
	for range 300 {
		e := nacre.NewEvent([]string{"a.x", "a.y", "b.x", "c"}[rng.IntN(4)], rng.IntN(6))
		if rng.IntN(4) == 0 {
			e = e.WithTags("red")
		}
		done, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprintf("%c-%d", "st"[rng.IntN(2)], rng.IntN(4))), nacre.Any, e)
		if err != nil {
			t.Fatal(err)
		}
		head = done.Position()
		name := names[rng.IntN(len(names))]
		switch rng.IntN(40) {
		case 0:
			end(t, h)
			h = begin(t, store, d)
		case 1:
			if err := h.Pause(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := h.Resume(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range names {
		if err := h.Resume(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		through(t, h, name, head)
	}
	end(t, h)
	for _, name := range names {
		s := subs[name]
		for e, err := range store.Read(t.Context(), nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if wanted := s.spec.Filter.Matches(&e) && s.wants(&e); wanted != (s.got[e.GlobalPosition] > 0) {
				t.Errorf("%s: position %d came %d times, wanted %v", name, e.GlobalPosition, s.got[e.GlobalPosition], wanted)
			}
		}
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

// TestAGroupWorksEverythingOff has consumers that fail, forget, return and leave at random: each event is acknowledged once, those
// of a stream in order, also where the hub is closed and opened in between.
func TestAGroupWorksEverythingOff(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, p := range []delivery.Policy{{}, {Batch: 5}, {Pinned: true}, {Batch: 3, Pinned: true, Window: 10}, {Order: delivery.Global}} {
		t.Run(fmt.Sprintf("%s %d %v", p.Order, p.Batch, p.Pinned), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { workOff(t, p, seed) })
		})
	}
}

func workOff(t *testing.T, p delivery.Policy, seed uint64) {
	t.Helper()
	store := newStore(t)
	h := begin(t, store, newDesk())
	p.AckDeadlineMS, p.Retry = 200, delivery.Retry{MaxAttempts: 1000}
	create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &p})
	const n = 300
	rng := rand.New(rand.NewPCG(seed, 3))
	for range n {
		add(t, store, nacre.StreamID(fmt.Sprint("s-", rng.IntN(7))), "x")
	}
	var mu sync.Mutex
	acked := map[nacre.Position]int{}
	last := map[nacre.StreamID]int64{}
	work := func(ctx context.Context, who string, rng *rand.Rand) {
		for ctx.Err() == nil {
			list, err := h.Poll(ctx, "g", consumer.Request{Consumer: who, Max: 1 + rng.IntN(10), Wait: 50 * time.Millisecond})
			if err != nil {
				return
			}
			held := map[nacre.StreamID]bool{} // a stream of which something was refused waits
			for _, d := range list {
				e := &d.Event
				if held[e.StreamID] {
					continue
				}
				switch rng.IntN(20) {
				case 0: // it is forgotten
					held[e.StreamID] = true
					continue
				case 1:
					held[e.StreamID] = true
					_, _ = h.Ack(ctx, "g", consumer.Answer{Consumer: who, Nack: []consumer.Nack{{ID: d.ID}}})
					continue
				case 2:
					held[e.StreamID] = true
					_, _ = h.Return("g", []string{d.ID}), h.Forget("g", who)
					continue
				}
				if d.Attempt < 1 {
					t.Errorf("position %d is tried for the %d. time", e.GlobalPosition, d.Attempt)
				}
				mu.Lock()
				if before, seen := last[e.StreamID]; seen && e.StreamPosition > before+1 {
					t.Errorf("%s: %d behind %d", e.StreamID, e.StreamPosition, before)
				}
				last[e.StreamID] = max(last[e.StreamID], e.StreamPosition)
				mu.Unlock()
				out, err := h.Ack(ctx, "g", consumer.Answer{Consumer: who, Ack: []string{d.ID}})
				if err == nil && out.Done == 1 {
					mu.Lock()
					acked[e.GlobalPosition]++
					mu.Unlock()
				}
			}
			if rng.IntN(20) == 0 {
				_ = h.Leave(ctx, "g", who)
			}
		}
	}
	for round := range 3 {
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				work(ctx, fmt.Sprint("c", i), rand.New(rand.NewPCG(seed, uint64(10*round+i))))
			})
		}
		if round < 2 {
			soon(t, "some are done", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(acked) > (round+1)*n/4
			})
		} else {
			through(t, h, "g", n)
		}
		stop()
		all.Wait()
		if round < 2 {
			end(t, h)
			h = begin(t, store, newDesk())
		}
	}
	end(t, h)
	for p := nacre.Position(1); p <= n; p++ {
		if acked[p] != 1 {
			t.Errorf("position %d was acknowledged %d times", p, acked[p])
		}
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}
