// Package soak says how long the tests of the whole go on, and from which seed. [Rounds] are a few, or as many as fit into
// NACRE_SOAK; [Seeded] begins with a seed of the moment, or with NACRE_SEED, and tells how to begin with it again.
package soak

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Rounds yields until there have been n, or as long as NACRE_SOAK says.
func Rounds(t *testing.T, n int) func(func(int) bool) {
	t.Helper()
	var until time.Time
	if text := os.Getenv("NACRE_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("NACRE_SOAK: %v", err)
		}
		until = time.Now().Add(d)
	}
	return func(yield func(int) bool) {
		for i := 0; (i < n || time.Now().Before(until)) && !t.Failed(); i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// Seeded is a generator whose seed is told, and is that of NACRE_SEED where it is set. The test is in the folder.
func Seeded(t *testing.T, folder string) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NACRE_SEED: %v", err)
		}
	}
	t.Logf("seed %d; replay: NACRE_SEED=%d go test -run '^%s$' %s", seed, seed, t.Name(), folder)
	return rand.New(rand.NewPCG(seed, 0))
}
