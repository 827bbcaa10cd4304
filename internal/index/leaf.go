package index

import (
	"encoding/binary"
	"math"
)

// A leaf holds up to 128 positions, relative to the run's first: its last one
// is known from elsewhere, then follow the gaps down to the first one, each
// less one, as variable-length numbers.
const leafPostings = 128

// appendGaps appends the leaf of ascending positions.
func appendGaps(b []byte, positions []uint64) []byte {
	for i := len(positions) - 1; i > 0; i-- {
		gap := positions[i] - positions[i-1] - 1
		if gap < 0x80 {
			b = append(b, byte(gap))
		} else {
			b = binary.AppendUvarint(b, gap)
		}
	}
	return b
}

// appendKeys decodes a leaf and appends base plus each position, the last one
// first, each by exclusive or with flip. ok is false where the content is not a
// leaf.
func appendKeys(keys []uint64, gaps []byte, base, last, flip uint64) (_ []uint64, ok bool) {
	start := len(keys)
	keys = append(keys, (base+last)^flip)
	for i := 0; i < len(gaps); {
		gap := uint64(gaps[i])
		switch {
		case gap < 0x80:
			i++
		case i+1 < len(gaps) && gaps[i+1] < 0x80:
			gap = gap&0x7f | uint64(gaps[i+1])<<7
			i += 2
		default:
			var n int
			if gap, n = binary.Uvarint(gaps[i:]); n <= 0 || gap == math.MaxUint64 {
				return keys, false
			}
			i += n
		}
		if gap++; gap > last || len(keys)-start == leafPostings {
			return keys, false
		}
		last -= gap
		keys = append(keys, (base+last)^flip)
	}
	return keys, true
}
