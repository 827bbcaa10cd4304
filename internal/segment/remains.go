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

	open bool // there is a stretch that goes on, in the fields below
	now  Stretch
	line int64
	loss loss
}

// loss is what tells whether a crash explains a stretch.
type loss struct {
	zeros      bool // it holds a sector of zeros
	fed        bool // it has a line feed
	terminator bool // it ends with a whole line whose terminator is another
	unread     bool // a part of it could not be read
}

func (l *loss) explained() bool { return !l.unread && (l.zeros || !l.fed && !l.terminator) }

func (r *remains) fault(f fault) {
	if r.unexplained == nil || r.unexplained.off > f.off {
		r.unexplained = &f
	}
}

// bad takes a piece that is not a good line, and why.
func (r *remains) bad(p piece, number int64, reason error) {
	if !r.open {
		r.open, r.line, r.loss = true, number, loss{}
		r.now = Stretch{Offset: p.off, First: r.last + 1, Reason: reason.Error()}
	}
	l := &r.loss
	l.zeros = l.zeros || hasZeroSector(p, p.off == r.now.Offset)
	l.fed = l.fed || p.ended
	l.unread = l.unread || r.pieces.failureIn(p.off, p.end()) != nil
	if n := len(p.text); !p.ended && n > 0 {
		var v line.View
		l.terminator = line.Parse(p.text[:n-1], &v) == nil
	}
	r.now.Length = p.end() - r.now.Offset
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
	if r.now.Loss = r.loss.explained(); !r.now.Loss {
		r.fault(fault{r.now.Offset, r.line, r.now.First, r.now.Reason})
	}
	r.all = append(r.all, r.now)
}

// hasZeroSector tells whether a sector, or as much of it as belongs to the stretch, is zero. first is true
// for a stretch's first piece: any other has a line feed before it, in the same sector unless it begins one.
func hasZeroSector(p piece, first bool) bool {
	text := p.text
	if skip := int(-p.off & (sector - 1)); !first && skip > 0 {
		text = text[min(skip, len(text)):]
	}
	end := p.off + int64(len(p.text))
	for len(text) > 0 {
		at := end - int64(len(text))
		n := min(len(text), sector-int(at%sector))
		if isZero(text[:n]) && (n < len(text) || !p.ended || (at+int64(n))%sector == 0) {
			return true // behind the last of them may stand the line feed, in the same sector
		}
		text = text[n:]
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
