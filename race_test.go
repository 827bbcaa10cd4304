//go:build race

package nacre

// racing: pools forget at random, so that allocations cannot be counted.
const racing = true
