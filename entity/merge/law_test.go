package merge_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// TestLaw: any order of arrival, with repeats, in any batching, gives identical bytes, which are those of a fold and
// those of the oracle. NACRE_GRAPHS says how many graphs.
func TestLaw(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	n := rounds(2000)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
				// Each graph has its own generator, so that it is the same whoever makes it.
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				w := newWorld(r, i%3 != 0)
				if !checkLaw(t, w, r) {
					t.Errorf("graph %d, hostile %t", i, w.hostile)
				}
			}
		})
	}
	workers.Wait()
}

func checkLaw(t *testing.T, w *world, r *rand.Rand) bool {
	later := began.Add(time.Hour)
	byID := map[merge.Name]nacre.Event{}
	var events []*merge.Event
	refused := 0
	for i := range w.pool {
		ev, err := merge.Decode(&w.pool[i])
		if err != nil {
			refused++
			continue
		}
		if len(ev.Damage) > 0 != (w.damaged[w.pool[i].ID] != nil) {
			t.Errorf("damage %+v of %s, want it in %q", ev.Damage, w.pool[i].Data, w.damaged[w.pool[i].ID])
			return false
		}
		byID[merge.Name{Stream: ev.Stream, ID: ev.ID}] = w.pool[i]
		events = append(events, ev)
	}
	var first *replica
	for arrival := range 3 {
		node := newReplica()
		list := shuffled(r, events, 0.3)
		for len(list) > 0 {
			n := 1 + r.IntN(len(list))
			var batch, fromHome []*merge.Event
			for _, ev := range list[:n] {
				switch {
				case arrival == 1 && w.voided[ev.ID.String()]:
					// Nobody gives it what was denied.
				case len(ev.Void) > 0:
					fromHome = append(fromHome, ev)
				default:
					batch = append(batch, ev)
				}
			}
			list = list[n:]
			node.offer(began, merge.FromPeer, batch...)
			node.offer(began, merge.FromHome, fromHome...)
		}
		node.offer(later, merge.FromPeer)
		if arrival == 0 {
			first = node
		}
		for _, s := range worldStreams {
			if got, want := node.state(s), first.state(s); got != want {
				t.Errorf("%s: arrival %d gives\n%s\nand the first gave\n%s", s, arrival, got, want)
				return false
			}
			// The order of lists is in their values only.
			if got, want := node.entity(s).AppendValues(nil), first.entity(s).AppendValues(nil); string(got) != string(want) {
				t.Errorf("%s: arrival %d shows\n%s\nand the first showed\n%s", s, arrival, got, want)
				return false
			}
			if folded := node.graph(s).State().AppendState(nil); string(folded) != node.state(s) {
				t.Errorf("%s: event by event\n%s\nfolded\n%s", s, node.state(s), folded)
				return false
			}
			if arrival > 0 {
				continue // the bytes are the same
			}
			loaded, err := merge.Load([]byte(node.state(s)))
			if err != nil || string(loaded.AppendState(nil)) != node.state(s) || string(loaded.AppendValues(nil)) != string(node.entity(s).AppendValues(nil)) {
				t.Errorf("%s: loading %s: %v", s, node.state(s), err)
				return false
			}
			if canonical, err := merge.Canonical([]byte(node.state(s))); err != nil || string(canonical) != node.state(s) {
				t.Errorf("%s: the state is not canonical: %v\n%s", s, err, node.state(s))
				return false
			}
		}
	}
	return checkOracle(t, w, first, byID) && checkAuthors(t, w, first, events, later)
}

func checkOracle(t *testing.T, w *world, node *replica, byID map[merge.Name]nacre.Event) bool {
	for _, s := range worldStreams {
		var visible []nacre.Event
		for _, ev := range node.graph(s).Events() {
			visible = append(visible, byID[merge.Name{Stream: s, ID: ev.ID}])
		}
		o := newOracle(visible, w.damaged)
		if got, want := node.state(s), o.state(); got != want {
			t.Errorf("%s:\n%s\nthe oracle says\n%s", s, got, want)
			return false
		}
		if w.hostile {
			continue
		}
		o.byAncestry = true
		if got, want := node.state(s), o.state(); got != want {
			t.Errorf("%s:\n%s\nby ancestry\n%s", s, got, want)
			return false
		}
	}
	return true
}

// checkAuthors: whoever took part comes to the same, from what it had.
func checkAuthors(t *testing.T, w *world, node *replica, events []*merge.Event, later time.Time) bool {
	for i, a := range w.authors {
		if i == 1 {
			// It goes on from bytes, as after a restart.
			for _, s := range worldStreams {
				loaded, err := merge.Load(a.entity(s).AppendState(nil))
				if err != nil {
					t.Error(err)
					return false
				}
				a.entities[s] = loaded
			}
		}
		a.offer(later, merge.FromHome, events...)
		for _, s := range worldStreams {
			if got, want := a.entity(s).AppendState(nil), node.state(s); !bytes.Equal(got, []byte(want)) {
				t.Errorf("%s: author %d has\n%s\nothers\n%s", s, i, got, want)
				return false
			}
		}
	}
	return true
}
