package segment

import (
	"fmt"
	"io"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// remains goes through a file from the first line that is not valid on, and tells good lines from
// stretches of bad ones.
type remains struct {
	pieces *pieces
	last   nacre.Position // of the last good line
	all    []Stretch

	unexplained *fault

	open bool // there is a stretch that goes on: now
	now  Stretch
}

func (r *remains) fault(f fault) {
	if r.unexplained == nil {
		r.unexplained = &f
	}
}

// bad takes a piece that is not a good line, and why.
func (r *remains) bad(p piece, number int64, reason error) {
	if !r.open {
		r.open = true
		r.now = Stretch{Offset: p.off, First: r.last + 1, Loss: true, Reason: reason.Error()}
	}
	r.now.Length = p.end() - r.now.Offset
	if !r.isLoss(p) {
		r.now.Loss = false
		r.fault(fault{p.off, number, r.now.First, reason.Error()})
	}
}

// isLoss tells whether lost sectors alone explain that the piece is not a good line. They leave zeros, or
// the file's end; what landed is what was written, and no zero is a line feed. So the piece begins as a
// line does, and what is not the line's is a sector of zeros, or missing at the file's end.
func (r *remains) isLoss(p piece) bool {
	if r.pieces.failureIn(p.off, p.end()) != nil {
		return false
	}
	if end := line.Prefix(p.text); end > 0 && end < len(p.text) {
		// A whole line whose line feed is another byte. It was lost only if its sector was.
		return p.text[end] == 0 && (p.off+int64(end))%sector == 0 && hasZeroSector(p)
	}
	return !p.ended || hasZeroSector(p)
}

// good takes a good line. Nothing is lost between two lines that stand side by side, and something is
// where a stretch stands between them.
func (r *remains) good(p piece, number int64, position nacre.Position) {
	due := r.last + 1
	if r.open {
		due++
	}
	if position < due || position > due && !r.open {
		r.fault(fault{p.off, number, position, fmt.Sprintf("the line has position %d, and the good line before has %d", position, r.last)})
	}
	r.close(position)
	r.last = position
}

// close ends the stretch before a good line, or at the file's end, where next is 0.
func (r *remains) close(next nacre.Position) {
	if !r.open {
		return
	}
	r.open = false
	if next > 0 {
		r.now.Last = next - 1
	}
	r.all = append(r.all, r.now)
}

// hasZeroSector tells whether a sector is zero, or as much of it as belongs to the piece: a sector that
// was rewritten keeps the lines that it had before, and the file may end within one.
func hasZeroSector(p piece) bool {
	for at := 0; at < len(p.text); {
		n := sector - int((p.off+int64(at))%sector)
		if at+n > len(p.text) {
			// The piece's last sector. What ended it, if anything did, stands in the same one.
			return !p.ended && isZero(p.text[at:])
		}
		if isZero(p.text[at : at+n]) {
			return true
		}
		at += n
	}
	return false
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// ScanDamaged gives the good lines of a damaged segment, in ascending order of their positions, from
// first on, and the stretches between them. A line of a batch that is not whole is given like any other:
// it was durable. Errors are as in Scan.
func ScanDamaged(r io.ReaderAt, size int64, first nacre.Position,
	onLine func(off int64, text []byte, v *line.View) error,
) ([]Stretch, error) {
	p := pieces{r: r, size: size}
	rest := remains{pieces: &p, last: first - 1}
	var v line.View
	for number := int64(1); ; number++ {
		at, more, err := p.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		err = good(&p, at, &v)
		if err == nil && v.Position <= rest.last {
			err = fmt.Errorf("the line has position %d, and the good line before has %d", v.Position, rest.last)
		}
		if err != nil {
			rest.bad(at, number, err)
		} else {
			rest.good(at, number, v.Position)
			if err := onLine(at.off, at.text, &v); err != nil {
				return nil, err
			}
		}
		p.release()
	}
	rest.close(0)
	return rest.all, nil
}
