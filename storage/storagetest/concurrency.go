package storagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
)

var concurrencyCases = []testCase{
	{"ManyWriters", concurrencyManyWriters},
	{"OptimisticCounters", concurrencyCounters},
	{"ReadersSeePrefixes", concurrencyPrefixes},
	{"ReadYourWrites", concurrencyReadYourWrites},
	{"CanceledAppends", concurrencyCanceled},
}

// concurrencyManyWriters: what was acknowledged is the log, each batch side by side, each writer in its order.
func concurrencyManyWriters(x *trial) {
	const writers, each = 8, 30
	batches := make([][][]nacre.Event, writers)
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for i := range each {
				batch := []nacre.Append{to(nacre.StreamID(fmt.Sprintf("own-%d", n)), nacre.Exactly(int64(len(batches[n])-1)), fact("t", i))}
				if i%3 > 0 {
					batch = append(batch, to(nacre.StreamID(fmt.Sprintf("shared-%d", (n+i)%3)), nacre.Any, facts("t", i%3)...))
				}
				out, err := x.s.Commit(x.ctx, nil, batch...)
				if err != nil {
					x.Errorf("writer %d: %v", n, err)
					return
				}
				var events []nacre.Event
				for _, a := range out {
					events = append(events, a.Events...)
				}
				batches[n] = append(batches[n], events)
			}
		})
	}
	all.Wait()
	if x.Failed() {
		return
	}
	log := x.all()
	total := 0
	for n := range batches {
		last := nacre.Position(0)
		for _, events := range batches[n] {
			first := events[0].GlobalPosition
			if first <= last || first+nacre.Position(len(events)) > nacre.Position(len(log)+1) {
				x.Fatalf("writer %d: a batch at %d after one that ends at %d, in a log of %d", n, first, last, len(log))
			}
			expectEvents(x, fmt.Sprintf("a batch of writer %d in the log", n), log[first-1:][:len(events)], events)
			last = events[len(events)-1].GlobalPosition
			total += len(events)
		}
	}
	if total != len(log) {
		x.Fatalf("%d events were acknowledged, the log has %d", total, len(log))
	}
}

// concurrencyCounters: a read, then an append that expects what was read, never loses an update.
func concurrencyCounters(x *trial) {
	const writers, each = 6, 8
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			id := nacre.StreamID(fmt.Sprintf("counter-%d", n%2))
			for range each {
				for {
					version, err := x.s.Version(x.ctx, id)
					if err != nil {
						x.Errorf("Version: %v", err)
						return
					}
					_, err = x.s.Append(x.ctx, id, nacre.Exactly(version), fact("counted", int(version+1)))
					if err == nil {
						break
					}
					if nacre.CodeOf(err) != nacre.CodeVersionConflict {
						x.Errorf("Append: %v", err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	for k := range 2 {
		id := nacre.StreamID(fmt.Sprintf("counter-%d", k))
		x.expectVersion(id, writers/2*each-1)
		for i, e := range x.read(stream(id), nil) {
			if want := fmt.Sprintf(`{"n":%d}`, i); string(e.Data) != want {
				x.Fatalf("%s, want %s", describe(&e), want)
			}
		}
	}
}

// concurrencyPrefixes: every read beside appends is the log's beginning, and later ones are no shorter.
func concurrencyPrefixes(x *trial) {
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for n := range 3 {
		writers.Go(func() {
			for i := range 30 {
				if _, err := x.s.Append(x.ctx, nacre.StreamID(fmt.Sprintf("s-%d", n)), nacre.Any, facts("t", 1+i%4)...); err != nil {
					x.Errorf("Append: %v", err)
				}
			}
		})
	}
	reads := make([][][]nacre.Event, 3)
	for n := range reads {
		readers.Go(func() {
			for {
				var got []nacre.Event
				for e, err := range x.s.Read(x.ctx, nil, &nacre.ReadOptions{Backwards: n == 1}) {
					if err != nil {
						x.Errorf("Read: %v", err)
						return
					}
					got = append(got, e)
				}
				if n == 1 {
					slices.Reverse(got)
				}
				reads[n] = append(reads[n], got)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	log := x.all()
	for n := range reads {
		before := 0
		for i, got := range reads[n] {
			if len(got) < before || len(got) > len(log) {
				x.Fatalf("reader %d: read %d gave %d events, the one before %d, the log has %d", n, i, len(got), before, len(log))
			}
			expectEvents(x, fmt.Sprintf("reader %d, read %d", n, i), got, log[:len(got)])
			before = len(got)
			if k := len(got); k > 0 && k < len(log) && log[k-1].TransactionID != "" && log[k-1].TransactionID == log[k].TransactionID {
				x.Fatalf("reader %d, read %d ends at %d, within a batch", n, i, k)
			}
		}
	}
}

// concurrencyReadYourWrites: an acknowledged event is there for everyone, by every way of reading.
func concurrencyReadYourWrites(x *trial) {
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			t := errorsOnly{x.T}
			id := nacre.StreamID(fmt.Sprintf("s-%d", n))
			for i := range 20 {
				tag := fmt.Sprintf("tag:%d:%d", n, i)
				a, err := x.s.Append(x.ctx, id, nacre.Exactly(int64(i-1)), fact(fmt.Sprintf("t%d", i%3), i, tag))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				head, err := x.s.Head(x.ctx)
				if err != nil || head.Position < a.Position() {
					t.Errorf("the head is %d, %v, after an append at %d", head.Position, err, a.Position())
				}
				if v, err := x.s.Version(x.ctx, id); err != nil || v != int64(i) {
					t.Errorf("the version is %d, %v, after an append of version %d", v, err, i)
				}
				if err := x.s.Wait(x.ctx, a.Position()-1); err != nil {
					t.Errorf("Wait: %v", err)
				}
				for _, f := range []nacre.Filter{stream(id), {{Tags: []string{tag}}}, {{Types: []string{a.Events[0].Type}}}, nil} {
					o := &nacre.ReadOptions{After: a.Position() - 1, Limit: 1}
					expectEvents(t, fmt.Sprintf("%v right after the append", f), read(t, x.ctx, x.s, f, o), a.Events)
				}
			}
		})
	}
	all.Wait()
}

// concurrencyCanceled: an append whose context ended took place or not; appending the ids again tells,
// and never writes twice.
func concurrencyCanceled(x *trial) {
	const writers, each = 4, 15
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			id := nacre.StreamID(fmt.Sprintf("s-%d", n%2))
			for i := range each {
				given := []nacre.Event{named("t", fmt.Sprintf("%d-%d-a", n, i), i), named("t", fmt.Sprintf("%d-%d-b", n, i), i)}
				ctx, cancel := context.WithCancel(x.ctx)
				ended := make(chan struct{})
				go func() { cancel(); close(ended) }()
				a, err := x.s.Append(ctx, id, nacre.Any, given...)
				<-ended
				if err != nil {
					expectCode(errorsOnly{x.T}, "an append whose context ends", err, nacre.CodeCanceled)
					if a, err = x.s.Append(x.ctx, id, nacre.Any, given...); err != nil {
						x.Errorf("the append again: %v", err)
						return
					}
				}
				if len(a.Events) != 2 || a.Events[0].ID != given[0].ID {
					x.Errorf("the append gave %+v", a)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, e := range x.all() {
		if seen[e.ID] {
			x.Fatalf("%s stands in the log twice", describe(&e))
		}
		seen[e.ID] = true
	}
	if len(seen) != 2*writers*each {
		x.Fatalf("%d events are there, want %d", len(seen), 2*writers*each)
	}
}
