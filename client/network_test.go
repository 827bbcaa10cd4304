package client_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
)

var seedFlag = flag.Uint64("client.seed", 0, "the seed of the tests with random failures; 0 takes a new one")

// seed gives the test's seed, and says how to run it again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := *seedFlag
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("seed %d: go test ./client/ -run '^%s$' -client.seed %d", n, t.Name(), n)
	return n
}

// TestAppendsOverABadNetwork: each event that was acknowledged is there once, and nothing is there twice,
// whatever the network does; what is not known is told by the same ids, once it works again.
func TestAppendsOverABadNetwork(t *testing.T) {
	server := serve(t, t.TempDir())
	n := seed(t)
	proxy := between(t, strings.TrimPrefix(server.url, "http://"), n, 0.15)
	s := open(t, proxy.url(), client.Hurried(client.Options{Retries: 2, Timeout: 5 * time.Second}))
	direct := open(t, server.url, nil)

	const writers, each = 6, 25
	type outcome struct {
		given bool
		out   []nacre.Appended
		again []nacre.Append
	}
	outcomes := make([][]outcome, writers)
	var all sync.WaitGroup
	for w := range writers {
		r := rand.New(rand.NewPCG(n, uint64(w)+2))
		all.Go(func() {
			version := int64(-1)
			known := true // the version
			for i := range each {
				batch := []nacre.Append{{Stream: nacre.StreamID(fmt.Sprintf("own-%d", w))}}
				if known && r.IntN(2) == 0 {
					batch[0].Expected = nacre.Exactly(version)
				}
				if r.IntN(3) == 0 {
					batch = append(batch, nacre.Append{Stream: nacre.StreamID(fmt.Sprintf("shared-%d", i%3))})
				}
				o := outcome{given: r.IntN(2) == 0}
				for j := range batch {
					for k := range 1 + r.IntN(3) {
						e := nacre.NewEvent("t", map[string]int{"w": w, "i": i, "j": j, "k": k})
						if o.given {
							e.ID = fmt.Sprintf("%d-%d-%d-%d", w, i, j, k)
						}
						batch[j].Events = append(batch[j].Events, e)
					}
				}
				out, err := s.Commit(t.Context(), nil, batch...)
				var unknown *client.UnknownError
				switch {
				case err == nil:
					o.out, version, known = out, out[0].Version, true
					if out[0].Duplicate {
						t.Errorf("writer %d, append %d is a duplicate, and nobody else has its ids", w, i)
					}
				case errors.As(err, &unknown):
					o.again, known = unknown.Batch, false
				case nacre.CodeOf(err) == nacre.CodeInternal:
					continue // certainly not there, which the count below tells
				default:
					t.Errorf("writer %d, append %d: %v", w, i, err)
					return
				}
				outcomes[w] = append(outcomes[w], o)
			}
		})
	}
	all.Wait()
	cuts := proxy.heal()
	unknown, want := 0, 0
	for w := range outcomes {
		for i := range outcomes[w] {
			o := &outcomes[w][i]
			if o.again != nil {
				unknown++
				for j := range o.again {
					o.again[j].Expected = nacre.Any // what was expected may have changed since
				}
				out, err := direct.Commit(t.Context(), nil, o.again...)
				if err != nil {
					t.Fatalf("the batch of %v again: %v", o.again, err)
				}
				o.out = out
			}
			for j := range o.out {
				want += len(o.out[j].Events)
			}
		}
	}
	log := readAll(t, direct, nil)
	if cuts == 0 {
		t.Errorf("the network was good")
	}
	t.Logf("%d cuts, %d appends of which nothing was known, %d events", cuts, unknown, len(log))
	if len(log) != want {
		t.Errorf("the log has %d events, %d were told", len(log), want)
	}
	seen := map[string]bool{}
	for i := range log {
		if key := string(log[i].Data); seen[key] {
			t.Errorf("%s is there twice", key)
		} else {
			seen[key] = true
		}
	}
	for w := range outcomes {
		for _, o := range outcomes[w] {
			for _, a := range o.out {
				for _, e := range a.Events {
					if got := log[e.GlobalPosition-1]; got.ID != e.ID || got.StreamID != e.StreamID || got.StreamPosition != e.StreamPosition ||
						string(got.Data) != string(e.Data) || got.TransactionID != e.TransactionID || !got.CreatedAt.Equal(e.CreatedAt) {
						t.Fatalf("told was %+v, there is %+v", e, got)
					}
				}
			}
		}
	}
}

// TestReadsOverABadNetwork: a read that is cut off goes on where it was, up to where the log ended at its
// call.
func TestReadsOverABadNetwork(t *testing.T) {
	server := serve(t, "")
	n := seed(t)
	proxy := between(t, strings.TrimPrefix(server.url, "http://"), n, 0.02)
	s := open(t, proxy.url(), client.Hurried(client.Options{Retries: 30, Timeout: 5 * time.Second}))
	direct := open(t, server.url, nil)
	fill := func(count int) {
		events := make([]nacre.Event, count)
		for i := range events {
			events[i] = nacre.NewEvent(fmt.Sprintf("t%d", i%2), map[string]string{"pad": strings.Repeat("x", i%300)})
		}
		if _, err := direct.Append(t.Context(), "s-1", nacre.Any, events...); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		fill(500)
	}
	for i, o := range []nacre.ReadOptions{
		{}, {Backwards: true}, {After: 100, Before: 1400}, {Limit: 700}, {Backwards: true, Limit: 1200, After: 10}, {Borrowed: true},
	} {
		for _, f := range []nacre.Filter{nil, {{Types: []string{"t1"}}}, {{Streams: []nacre.StreamID{"s-1"}}}} {
			want := readAll(t, direct, f, o)
			var got []nacre.Event
			for e, err := range s.Read(t.Context(), f, &o) {
				if err != nil {
					t.Fatalf("read %d behind %d events: %v", i, len(got), err)
				}
				if len(got) == 50 {
					fill(1) // which this read must not see
				}
				got = append(got, e.Clone())
			}
			expectSame(t, got, want)
			n := 0
			for l, err := range s.ReadLines(t.Context(), f, &o) {
				if err != nil {
					t.Fatalf("lines %d behind %d: %v", i, n, err)
				}
				if o.Backwards || n >= len(want) {
					break // one more event is there by now
				}
				if l.Position != want[n].GlobalPosition {
					t.Fatalf("line %d has position %d, want %d", n, l.Position, want[n].GlobalPosition)
				}
				n++
			}
		}
	}
	if cuts := proxy.heal(); cuts == 0 {
		t.Errorf("the network was good")
	}
}

// TestSubscribeOverABadNetwork follows the log through the proxy: without gap or repeat.
func TestSubscribeOverABadNetwork(t *testing.T) {
	server := serve(t, "")
	proxy := between(t, strings.TrimPrefix(server.url, "http://"), seed(t), 0.03)
	s := open(t, proxy.url(), client.Hurried(client.Options{Retries: 30, Timeout: 5 * time.Second}))
	direct := open(t, server.url, nil)
	const count = 200
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range count {
			if _, err := direct.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", i)); err != nil {
				t.Errorf("Append: %v", err)
			}
		}
	})
	next := nacre.Position(1)
	for e, err := range s.Subscribe(t.Context(), nil, nil) {
		if err != nil {
			t.Fatalf("the subscription at %d: %v", next, err)
		}
		if e.GlobalPosition != next {
			t.Fatalf("position %d came, want %d", e.GlobalPosition, next)
		}
		if next++; next > count {
			break
		}
	}
	writer.Wait()
}

func readAll(t *testing.T, s *nacre.Store, f nacre.Filter, o ...nacre.ReadOptions) []nacre.Event {
	t.Helper()
	if len(o) == 0 {
		o = []nacre.ReadOptions{{}}
	}
	var out []nacre.Event
	for e, err := range s.Read(t.Context(), f, &o[0]) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Clone())
	}
	return out
}

func expectSame(t *testing.T, got, want []nacre.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].GlobalPosition != want[i].GlobalPosition || got[i].ID != want[i].ID || string(got[i].Data) != string(want[i].Data) {
			t.Fatalf("event %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
