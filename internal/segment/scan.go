package segment

import (
	"fmt"
	"io"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// Kind is what a segment was found to be.
type Kind uint8

const (
	// Clean: whole batches up to the file's end, and at least to what is durable.
	Clean Kind = iota
	// Torn: what stands behind the last whole batch is what a crash left of a group that was not synced.
	Torn
	// Damaged: bytes are not what was written, and no crash explains it.
	Damaged
)

// String gives "clean", "torn" or "damaged".
func (k Kind) String() string { return [...]string{"clean", "torn", "damaged"}[k] }

// ScanOptions say what is known of a segment. First is always needed.
type ScanOptions struct {
	// From is the offset to begin at, the beginning of a line; 0 is the file's start. What stands before
	// is not looked at. Offsets are the file's all the same; lines are counted from here.
	From int64
	// First is the position that is due at From.
	First nacre.Position
	// Durable is the last position of this segment that the mark or the manifest tell to be durable; 0
	// is none. It may be beyond the segment only where the segment is the log's last.
	Durable nacre.Position
	// Tail says that the file may have a torn tail: it is the active segment. In any other, whatever is
	// not clean is damage.
	Tail bool
	// OnLine, where it is not nil, is called for each line of the whole batches before the first line
	// that is not valid, in order, when the batch is whole. Line (without its line feed) and view are
	// borrowed. An error of it ends the scan and is returned.
	OnLine func(off int64, text []byte, v *line.View) error
}

// Verdict is what a scan came to.
type Verdict struct {
	Kind Kind
	// Last is the last position of the last whole batch before anything that is not valid, First - 1
	// where there is none; End is the offset behind it; Lines is how many lines there are up to End, from
	// From on.
	Last  nacre.Position
	End   int64
	Lines int64
	// Valid and ValidEnd are Last and End for the last valid line before anything that is not: the same,
	// or within a batch that is not whole.
	Valid    nacre.Position
	ValidEnd int64
	// Synced is the greatest position that any good line of the file knew to be durable.
	Synced nacre.Position
	// Size is the file's size as it was read.
	Size int64
	// Damage is what is wrong, for Damaged; nil elsewhere.
	Damage *nacre.DamageError
	// Bad are the parts of the file in which no good line stands, in order.
	Bad []Stretch
}

// Stretch is a part of a file between good lines.
type Stretch struct {
	Offset, Length int64
	// First and Last are the positions of the lines that are missing there; Last is 0 where the file has
	// no good line behind it.
	First, Last nacre.Position
	// Loss tells that sectors which a crash lost explain all of it.
	Loss   bool
	Reason string // what is wrong with its first line
}

// Scan reads a segment to its end and judges it: the procedure of the specification's "Recovery". name is
// for errors. The error is one of OnLine, or one of reading that says nothing about the file; a part that
// cannot be read is damage.
func Scan(r io.ReaderAt, size int64, name string, o *ScanOptions) (*Verdict, error) {
	s := scanner{
		pieces: pieces{r: r, size: size, base: o.From},
		o:      o, name: name, due: o.First,
		v: Verdict{Last: o.First - 1, End: o.From, Valid: o.First - 1, ValidEnd: o.From},
	}
	p, more, err := s.valid()
	if err == nil && more {
		err = s.rest(p)
	}
	if err != nil {
		return nil, err
	}
	s.v.Size = s.size
	s.judge()
	return &s.v, nil
}

type scanner struct {
	pieces
	o    *ScanOptions
	name string
	v    Verdict
	view line.View

	due                   nacre.Position
	batchFirst, batchLast nacre.Position // of the batch that is being read
	batch                 []place        // its lines up to here
	lines                 int64          // pieces up to here
	first                 *fault         // what is not valid
	unexplained           *fault         // what no crash explains
}

type place struct {
	off  int64
	size int
}

// fault is a place where something is wrong.
type fault struct {
	off, line int64
	position  nacre.Position
	reason    string
}

// valid reads valid lines, and gives the first piece that is none; more is false at the file's end.
func (s *scanner) valid() (p piece, more bool, err error) {
	for {
		p, more, err = s.next()
		if err != nil || !more {
			return p, false, err
		}
		s.lines++
		if err := s.invalid(p); err != nil {
			s.first = &fault{p.off, s.lines, s.due, err.Error()}
			return p, true, nil
		}
		s.due++
		s.v.Valid, s.v.ValidEnd = s.view.Position, p.end()
		s.v.Synced = max(s.v.Synced, s.view.Synced)
		if err := s.take(p); err != nil {
			return p, false, err
		}
	}
}

// invalid is why a piece is not a valid line; nil if it is one, which is then in the view.
func (s *scanner) invalid(p piece) error {
	if err := good(&s.pieces, p, &s.view); err != nil {
		return err
	}
	if s.view.Position != s.due {
		return fmt.Errorf("the line has position %d, and %d is due", s.view.Position, s.due)
	}
	switch first, last := s.view.Batch(); {
	case len(s.batch) == 0 && first != s.due:
		return fmt.Errorf("the line is of a batch that begins at position %d, and the one before is whole", first)
	case len(s.batch) > 0 && (first != s.batchFirst || last != s.batchLast):
		return fmt.Errorf("the batch of positions %d to %d is not whole before the line", s.batchFirst, s.batchLast)
	}
	return nil
}

// good is nil if a piece is a line that checks, whatever its position.
func good(p *pieces, at piece, view *line.View) error {
	err := line.Parse(at.text, view)
	if err == nil && at.ended {
		return nil
	}
	if f := p.failureIn(at.off, at.end()); f != nil {
		return fmt.Errorf("cannot be read: %w", f.err)
	}
	if !at.ended {
		return ErrUnended
	}
	return err
}

// take gives a valid line away, once its batch is whole.
func (s *scanner) take(p piece) error {
	first, last := s.view.Batch()
	if first != last {
		s.batchFirst, s.batchLast = first, last
		s.batch = append(s.batch, place{p.off, len(p.text)})
		if s.view.Position != last {
			return nil
		}
	}
	s.v.Last, s.v.End, s.v.Lines = last, p.end(), s.lines
	if err := s.give(p); err != nil {
		return err
	}
	s.batch = s.batch[:0]
	s.release()
	return nil
}

func (s *scanner) give(p piece) error {
	if s.o.OnLine == nil {
		return nil
	}
	if len(s.batch) == 0 {
		return s.o.OnLine(p.off, p.text, &s.view)
	}
	for _, at := range s.batch {
		text := s.kept(at.off, at.size)
		if err := line.ParseVerified(text, &s.view); err != nil {
			return err // cannot be: it was parsed before
		}
		if err := s.o.OnLine(at.off, text, &s.view); err != nil {
			return err
		}
	}
	return nil
}

// rest reads on from the first piece that is not a valid line, and finds what no crash explains.
func (s *scanner) rest(p piece) error {
	r := remains{pieces: &s.pieces, last: s.v.Valid}
	for more := true; more; s.lines++ {
		s.release()
		err := good(&s.pieces, p, &s.view)
		switch {
		case err != nil:
			r.bad(p, s.lines, err)
		case p.off == s.first.off:
			r.fault(*s.first) // whole, and not the line that is due
			fallthrough
		default:
			s.v.Synced = max(s.v.Synced, s.view.Synced)
			r.good(p, s.lines, s.view.Position)
		}
		if p, more, err = s.next(); err != nil {
			return err
		}
	}
	r.close(0)
	s.v.Bad, s.unexplained = r.all, r.unexplained
	return nil
}

// judge makes the verdict of what was found.
func (s *scanner) judge() {
	v := &s.v
	if v.Size = s.size; s.first == nil && v.Valid > v.Last {
		s.first = &fault{v.ValidEnd, s.lines + 1, s.due, fmt.Sprintf(
			"the file ends within the batch of positions %d to %d", s.batchFirst, s.batchLast)}
	}
	switch durable := max(s.o.Durable, v.Synced); {
	case durable > v.Last:
		f := s.first
		if f == nil {
			f = &fault{v.ValidEnd, s.lines + 1, s.due, "the file ends"}
		}
		s.damaged(f, fmt.Sprintf("%s, and the log is known to be durable up to position %d", f.reason, durable))
	case s.unexplained != nil:
		s.damaged(s.unexplained, s.unexplained.reason)
	case s.first != nil && !s.o.Tail:
		s.damaged(s.first, s.first.reason)
	case s.first != nil:
		v.Kind = Torn
	}
}

func (s *scanner) damaged(f *fault, reason string) {
	s.v.Kind = Damaged
	s.v.Damage = &nacre.DamageError{File: s.name, Line: f.line, Offset: f.off, Position: f.position, Reason: reason}
}
