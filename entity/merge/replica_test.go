package merge_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes a new one")

// newSeed is the run's seed; a failed test tells how to replay it.
func newSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with: go test -run '^%s$' ./entity/merge -seed=%d", t.Name(), seed)
		}
	})
	return seed
}

// rounds is how many random cases a test looks at: NACRE_GRAPHS, or the number given.
func rounds(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("NACRE_GRAPHS")); err == nil {
		return n
	}
	return usual
}

// began is when the random tests take place.
var began = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// replica is a node: a log in the order of admission, and the entities that it comes to, kept event by event.
type replica struct {
	gate     *merge.Gate
	hashes   map[merge.Name]merge.Hash
	log      []*merge.Event
	entities map[nacre.StreamID]*merge.Entity
	graphs   map[nacre.StreamID]*merge.Graph
}

func newReplica() *replica {
	r := &replica{
		hashes: map[merge.Name]merge.Hash{}, entities: map[nacre.StreamID]*merge.Entity{},
		graphs: map[nacre.StreamID]*merge.Graph{},
	}
	r.gate = merge.NewGate(r)
	return r
}

func (r *replica) Lookup(stream nacre.StreamID, id merge.ID) (merge.Hash, bool) {
	hash, ok := r.hashes[merge.Name{Stream: stream, ID: id}]
	return hash, ok
}

func (r *replica) offer(now time.Time, source merge.Source, events ...*merge.Event) merge.Outcome {
	out := r.gate.Offer(now, source, events...)
	for _, ev := range out.Visible {
		r.log = append(r.log, ev)
		r.hashes[merge.Name{Stream: ev.Stream, ID: ev.ID}] = ev.Hash
		for _, v := range ev.Void {
			r.hashes[merge.Name{Stream: ev.Stream, ID: v.ID}] = v.Hash
		}
		if slices.Contains(out.Replaced, merge.Name{Stream: ev.Stream, ID: ev.ID}) {
			r.graph(ev.Stream).Replace(ev)
			r.entities[ev.Stream] = r.graph(ev.Stream).State()
			continue
		}
		r.graph(ev.Stream).Add(ev)
		if err := r.entity(ev.Stream).Apply(ev); err != nil {
			r.entities[ev.Stream] = r.graph(ev.Stream).State()
		}
	}
	return out
}

func (r *replica) graph(stream nacre.StreamID) *merge.Graph {
	if r.graphs[stream] == nil {
		r.graphs[stream] = new(merge.Graph)
	}
	return r.graphs[stream]
}

func (r *replica) entity(stream nacre.StreamID) *merge.Entity {
	if r.entities[stream] == nil {
		r.entities[stream] = merge.New()
	}
	return r.entities[stream]
}

func (r *replica) state(stream nacre.StreamID) string {
	return string(r.entity(stream).AppendState(nil))
}

// decode reads an event that is not refused.
func decode(t testing.TB, e nacre.Event) *merge.Event {
	t.Helper()
	ev, err := merge.Decode(&e)
	if err != nil {
		t.Fatalf("decode %s: %v", e.ID, err)
	}
	return ev
}

// kind is the kind of that name.
func kind(name string) merge.Kind {
	k, err := merge.KindOf(name)
	if err != nil {
		panic(err)
	}
	return k
}

func texts(ids []merge.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// shuffled is a copy of the list in another order, with repeats.
func shuffled[T any](r *rand.Rand, list []T, repeats float64) []T {
	out := slices.Clone(list)
	for _, v := range list {
		if r.Float64() < repeats {
			out = append(out, v)
		}
	}
	r.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	return out
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("a test's value is not JSON: ", err))
	}
	return string(text)
}
