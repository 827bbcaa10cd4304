package index

import (
	"slices"
	"testing"
)

func TestLeaves(t *testing.T) {
	forSeeds(t, 300, func(r random) {
		positions := make([]uint64, 1+r.IntN(leafPostings))
		at := uint64(0)
		for i := range positions {
			at += r.Uint64N(1 << r.IntN(50))
			positions[i] = at
			at++
		}
		base, last := r.Uint64N(1000), positions[len(positions)-1]
		gaps := appendGaps(nil, positions)
		for _, dir := range []Direction{Forward, Backward} {
			keys, ok := appendKeys(nil, gaps, base, last, dir.flip())
			var want []uint64
			for _, pos := range reversed(positions) {
				want = append(want, (base+pos)^dir.flip())
			}
			if !ok || !slices.Equal(keys, want) {
				r.Fatalf("positions %v come back as %v, %v", positions, keys, ok)
			}
		}
		if n := len(gaps); n > 0 {
			if _, ok := appendKeys(nil, gaps, base, last-positions[0]-1, 0); ok && len(positions) > 1 {
				r.Fatalf("gaps down to before the first position are taken: %v", positions)
			}
			gaps[n-1] |= 0x80
			if _, ok := appendKeys(nil, gaps, base, last, 0); ok {
				r.Fatalf("a number without an end is taken")
			}
		}
	})
	if _, ok := appendKeys(nil, make([]byte, leafPostings-1), 0, 1000, 0); !ok {
		t.Error("a leaf of 128 positions is refused")
	}
	if _, ok := appendKeys(nil, make([]byte, leafPostings), 0, 1000, 0); ok {
		t.Error("a leaf of 129 positions is taken")
	}
	greatest := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	if _, ok := appendKeys(nil, greatest, 0, 1000, 0); ok {
		t.Error("a gap of 2^64 is taken")
	}
}
