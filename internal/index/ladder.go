package index

import "encoding/binary"

// A ladder is a list of ascending numbers of 40 bits in lines of 64 bytes: each
// line holds twelve of them and a checksum. It tells for i from where to where
// something reaches, out of one line: a line's last number is the next one's
// first.
const (
	lineSize    = 64
	lineContent = lineSize - checkSize
	rungSize    = 5
	rungs       = lineContent/rungSize - 1
	maxRung     = 1<<40 - 1
)

// ladderSize is the size of a ladder of n ranges.
func ladderSize(n uint64) uint64 { return (n + rungs - 1) / rungs * lineSize }

// ladder reads one.
type ladder struct {
	image *image
	at    uint64
	// ranges is their number, end where the last one ends.
	ranges, end uint64
	what        string
}

// step returns from where to where range i reaches.
func (l *ladder) step(i uint64) (from, to uint64, err error) {
	at := l.at + i/rungs*lineSize
	line, err := l.image.block(at, lineSize, l.what)
	if err != nil {
		return 0, 0, err
	}
	place := i % rungs * rungSize
	from = rung(line[place:])
	to = rung(line[place+rungSize:])
	if from > to || to > l.end {
		return 0, 0, l.image.bad(at, l.what+" is out of order")
	}
	return from, to, nil
}

func rung(b []byte) uint64 {
	_ = b[4]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32
}

// ladderWriter writes one.
type ladderWriter struct {
	to   *section
	line [lineContent + 8]byte
	n    int
}

// add adds the number at which the next range begins; the last number given
// is where the last range ends.
func (w *ladderWriter) add(number uint64) {
	binary.LittleEndian.PutUint64(w.line[w.n*rungSize:], number)
	if w.n++; w.n == rungs+1 {
		w.to.block(w.line[:lineContent])
		w.n = 0
		w.add(number)
	}
}

// close writes the last line, filled up with its last number. It needs at
// least two numbers.
func (w *ladderWriter) close() {
	if w.n == 1 {
		return // only the repetition of the number that filled the line
	}
	last := rung(w.line[(w.n-1)*rungSize:])
	for w.n <= rungs {
		binary.LittleEndian.PutUint64(w.line[w.n*rungSize:], last)
		w.n++
	}
	w.to.block(w.line[:lineContent])
}
