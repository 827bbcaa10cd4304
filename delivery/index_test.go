package delivery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
)

// TestTheIndexFindsWhatTheFiltersMatch compares it with asking every filter, while subscriptions come and go.
func TestTheIndexFindsWhatTheFiltersMatch(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	some := func(most int, of ...string) (out []string) {
		for range rng.IntN(most + 1) {
			out = append(out, of[rng.IntN(len(of))])
		}
		return out
	}
	var x index
	x.init()
	var all []*subscription
	var found []*subscription
	for range 3000 {
		switch rng.IntN(3) {
		case 0:
			var f nacre.Filter
			for range rng.IntN(4) {
				it := nacre.FilterItem{
					Categories: some(1, "a", "b", "c"), Tags: some(2, "red", "green", "blue"),
					Types: some(2, "x", "x.y", "x.*", "*.y", "x*z", "*", "*y*", "x.y.*", "ü.*"),
				}
				for _, s := range some(1, "a-1", "b-1", "c") {
					it.Streams = append(it.Streams, nacre.StreamID(s))
				}
				f = append(f, it)
			}
			s := &subscription{known: &known{definition: &definition{name: fmt.Sprint(len(all)), filter: f, within: f}}}
			all = append(all, s)
			x.add(s)
			x.add(s) // once more does nothing
		case 1:
			if len(all) > 0 {
				i := rng.IntN(len(all))
				x.remove(all[i])
				all = slices.Delete(all, i, i+1)
			}
		}
		e := nacre.Event{
			StreamID: nacre.StreamID([]string{"a-1", "a-2", "b-1", "c"}[rng.IntN(4)]), Tags: some(3, "red", "green", "blue", "red"),
			Type: []string{"x", "x.y", "x.y.z", "z.y", "y", "xz", "x..z", "ü.ü", "ü."}[rng.IntN(9)],
		}
		found = x.match(&e, found)
		got := map[*subscription]int{}
		for _, s := range found {
			got[s]++
		}
		for _, s := range all {
			want := 0
			if s.filter.Matches(&e) {
				want = 1
			}
			if got[s] != want {
				t.Fatalf("seed %d: %+v was found %d times for %+v", seed, s.filter, got[s], e)
			}
			delete(got, s)
		}
		if len(got) > 0 {
			t.Fatalf("seed %d: %d that are gone were found", seed, len(got))
		}
	}
	for _, s := range all {
		x.remove(s)
	}
	left := len(x.streams) + len(x.types) + len(x.tags) + len(x.categories) + len(x.rest) + len(x.filed) +
		len(x.prefixes.texts) + len(x.prefixes.lengths) + len(x.suffixes.texts) + len(x.suffixes.lengths)
	if left != 0 {
		t.Errorf("%d things are left", left)
	}
}
