package index

import (
	"math/bits"
	"runtime/debug"
)

// A filter is a Bloom filter in lines of 64 bytes: 480 bits and a checksum. A
// term sets six bits of one line, so asking costs one cache miss.
const (
	filterBits    = lineContent * 8
	bitsPerTerm   = 10
	bitsSet       = 6
	termsPerLines = filterBits / bitsPerTerm
)

// filterLines is the number of lines for n terms.
func filterLines(n uint64) uint64 { return (n + termsPerLines - 1) / termsPerLines }

// scale maps a term to one of n parts, in the order of the terms: the part
// never falls as the term rises, so whoever writes the terms in order writes
// the parts in order.
func scale(term, n uint64) uint64 {
	part, _ := bits.Mul64(term, n)
	return part
}

// bitsOf returns the numbers of a term's six bits as a number of six digits of
// ten bits, to be taken from the top with nextBit. They hang on the term's
// lower bits, the line on its upper ones.
func bitsOf(term uint64) uint64 {
	x := term * mix1
	return (x ^ x>>32) * mix2
}

func nextBit(digits uint64) (bit, rest uint64) {
	return digits >> 54 * filterBits >> 10, digits << 10
}

// mayContain asks the filter of n terms that stands at an offset.
func mayContain(m *image, at, lines, term uint64) (bool, error) {
	line, err := m.block(at+scale(term, lines)*lineSize, lineSize, "a line of the filter")
	if err != nil {
		return false, err
	}
	digits, bit := bitsOf(term), uint64(0)
	for range bitsSet {
		bit, digits = nextBit(digits)
		if line[bit/8]>>(bit%8)&1 == 0 {
			return false, nil
		}
	}
	return true, nil
}

// Candidates appends to dst those of the runs, in their order, whose filters do
// not rule a term out. It is MayContain for all of them, but goes to every
// filter before it looks at the first one, so that waits for memory overlap: in
// a large store each is a cache miss, and most are answered with no.
func Candidates(dst, runs []*Run, term uint64) ([]*Run, error) {
	prefetch(runs, term)
	for _, r := range runs {
		maybe, err := r.MayContain(term)
		if err != nil {
			return dst, err
		}
		if maybe {
			dst = append(dst, r)
		}
	}
	return dst, nil
}

// prefetch touches a term's line in the filter of each run. A line that cannot
// be read is left for MayContain to find.
func prefetch(runs []*Run, term uint64) (touched byte) {
	if len(runs) < 2 {
		return 0
	}
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		if fault := recover(); fault != nil {
			if _, ok := fault.(interface{ Addr() uintptr }); !ok {
				panic(fault)
			}
		}
	}(debug.SetPanicOnFault(true))
	for _, r := range runs {
		if at := r.starts[partFilter] + scale(term, r.filterLines)*lineSize; at < uint64(len(r.data)) {
			touched += r.data[at]
		}
	}
	return touched
}

// filterWriter writes a filter, given the terms in ascending order.
type filterWriter struct {
	to    *section
	lines uint64
	line  [lineContent]byte
	done  uint64
}

func (w *filterWriter) add(term uint64) {
	w.reach(scale(term, w.lines))
	digits, bit := bitsOf(term), uint64(0)
	for range bitsSet {
		bit, digits = nextBit(digits)
		w.line[bit/8] |= 1 << (bit % 8)
	}
}

// reach writes the lines before a line.
func (w *filterWriter) reach(line uint64) {
	for w.done < line {
		w.to.block(w.line[:])
		clear(w.line[:])
		w.done++
	}
}

func (w *filterWriter) close() { w.reach(w.lines) }
