package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// settings say how long everything takes, and where it is kept.
type settings struct {
	dir      string   // where stores are made, and removed again
	largeDir string   // where the large store is
	cases    []string // which to run
	keep     bool     // the large store
	quick    bool     // nobody believes the figures

	slice  time.Duration // of one lane
	rounds int           // of slices
	burst  time.Duration // the first while of a new store

	sustain      time.Duration // the least that the sustained cases run
	sustainRolls int           // and the least of segments that they fill
	sustainMost  time.Duration // after this they end in any case

	tagged      int // events that conditions are put over
	readEvents  int // events that are read in global order
	largeEvents int // of the large store, ten to a stream
	reads       int // of single streams, warm
	coldRounds  int // of emptying the page cache
	followers   int // that wait idly at a server
	seen        int // appends that a follower is timed with
	fanouts     int // appends that many followers are timed with
	delivered   int // events that subscriptions deliver
	folded      int // events that read models are made of
	instances   int // of an aggregate, idle in memory
	modules     int // that a server starts with
	sandboxes   int // instances of a module, whose memory is measured

	work time.Duration // for which a process' memory is watched

	emptyCache func() error // empties the page cache
}

// caseNames in the order in which they run.
var caseNames = []string{"peers", "sustained", "batches", "conditions", "read", "commands", "folds", "server", "fanout", "delivery", "wasm", "entities", "live", "large"}

func fullSettings() settings {
	return settings{
		slice: 3 * time.Second, rounds: 5, burst: 2500 * time.Millisecond,
		sustain: time.Minute, sustainRolls: 20, sustainMost: 5 * time.Minute,
		tagged: 1_000_000, readEvents: 4_000_000, largeEvents: 20_000_000, reads: 20_000, coldRounds: 5,
		followers: 2_000, seen: 3_000, fanouts: 300, delivered: 500_000, folded: 2_000_000, instances: 200_000,
		modules: 20, sandboxes: 32,
		work: 10 * time.Second, emptyCache: dropCaches,
	}
}

// quickSettings show in about a minute that everything works; their figures say little.
func quickSettings() settings {
	return settings{
		quick: true,
		slice: 300 * time.Millisecond, rounds: 2, burst: 500 * time.Millisecond,
		sustain: 2 * time.Second, sustainRolls: 1, sustainMost: 10 * time.Second,
		tagged: 100_000, readEvents: 200_000, largeEvents: 200_000, reads: 500, coldRounds: 1,
		followers: 200, seen: 200, fanouts: 20, delivered: 50_000, folded: 40_000, instances: 5_000,
		modules: 4, sandboxes: 4,
		work: time.Second, emptyCache: dropCaches,
	}
}

func (s *settings) validate() error {
	for _, c := range s.cases {
		if !slices.Contains(caseNames, c) {
			return fmt.Errorf("-cases: there is no case %q: give some of %s", c, strings.Join(caseNames, ","))
		}
	}
	if s.largeEvents < 1000 || s.largeEvents%(streamEvents*largeBatch) != 0 {
		return fmt.Errorf("-events is %d: give a multiple of %d", s.largeEvents, streamEvents*largeBatch)
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("-dir: %s is not a folder", s.dir)
	}
	return nil
}

// room makes sure that a case has the space that it needs in a folder, and says so.
func (s *settings) room(r *report, what, dir string, need int64) error {
	if s.quick {
		need /= 4
	}
	free, err := freeBytes(dir)
	if err != nil {
		r.say("how much space is free in %s is not known (%v); %s needs about %s", dir, err, what, mega(need))
		return nil
	}
	r.say("%s needs about %s in %s, where %s are free", what, mega(need), dir, mega(free))
	if free < need {
		return fmt.Errorf("%s needs about %s in %s, and %s are free: make room, or choose a folder on another disk", what, mega(need), dir, mega(free))
	}
	return nil
}
