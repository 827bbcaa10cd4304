package filestore

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
)

// fetcher reads single lines by position. Lines that stand close together come out of one read.
type fetcher struct {
	l    *log
	s    *snapshot
	view line.View

	seg        *seg
	r          io.ReaderAt
	buf        []byte
	start, end int64 // what buf holds of the segment
	quiet      bool  // damage is not told: someone else will come to it
}

// window is how much is read at once where lines stand close together.
const window = 64 << 10

var fetchers = sync.Pool{New: func() any { return &fetcher{buf: make([]byte, 0, 4096)} }}

func (l *log) newFetcher(s *snapshot) *fetcher {
	f := fetchers.Get().(*fetcher)
	f.l, f.s = l, s
	return f
}

func (f *fetcher) free() {
	*f = fetcher{buf: f.buf[:0]}
	fetchers.Put(f)
}

// line gives the stored line of a position, without its line feed, not verified yet. It is valid until
// the next call.
func (f *fetcher) line(p nacre.Position) ([]byte, error) {
	g := f.s.segAt(p)
	if g == nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "position %d is before the first segment", p)
	}
	start, end, err := g.bounds(p)
	if err != nil {
		return nil, err
	}
	if g != f.seg {
		r, err := g.scattered()
		if err != nil {
			return nil, err
		}
		f.seg, f.r, f.start, f.end = g, r, 0, 0
	}
	if start < f.start || end > f.end {
		if err := f.fill(start, end, p); err != nil {
			return nil, err
		}
	}
	line := f.buf[start-f.start : end-f.start]
	if line[len(line)-1] != '\n' {
		return nil, f.damage(p, start, "the line does not end where it should")
	}
	return line[:len(line)-1], nil
}

// fill reads a line into the buffer.
func (f *fetcher) fill(start, end int64, p nacre.Position) error {
	if f.end > 0 && start-f.end < window && f.start-end < window && f.fillAround(start, end) {
		return nil
	}
	n, err := f.read(f.r, start, end)
	if n == end-start {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return f.damage(p, start, "the file ends before the line does")
	}
	if isDamage(err) {
		return err
	}
	return f.damage(p, start, "cannot be read: "+err.Error())
}

// fillAround reads a line together with those that are likely to be next, out of the file: a mapping brings
// them from the disk page by page. It is false where the line could not be read so, which may be the fault of
// what stands beside it.
func (f *fetcher) fillAround(start, end int64) bool {
	from, to := start, end
	if start >= f.start {
		to = max(end, start+window)
	} else {
		from = max(0, min(start, end-window))
	}
	r, err := f.seg.reader()
	if err != nil {
		return false
	}
	n, _ := f.read(r, from, to)
	return n >= end-from
}

// read fills the buffer, and gives how many bytes it got.
func (f *fetcher) read(r io.ReaderAt, from, to int64) (int64, error) {
	if n := int(to - from); cap(f.buf) < n {
		f.buf = make([]byte, n)
	} else {
		f.buf = f.buf[:n]
	}
	n, err := r.ReadAt(f.buf, from)
	f.start, f.end = from, from+int64(n)
	return int64(n), err
}

// at gives the verified line of a position, parsed. It is valid until the next call.
func (f *fetcher) at(p nacre.Position) ([]byte, *line.View, error) {
	text, err := f.line(p)
	if err != nil {
		return nil, nil, err
	}
	if err := line.Parse(text, &f.view); err != nil {
		return nil, nil, f.damage(p, f.offset(text), err.Error())
	}
	if f.view.Position != p {
		return nil, nil, f.damage(p, f.offset(text), "the line is of another position")
	}
	return text, &f.view, nil
}

// versionAt gives the stream position of the line of a position, if it is of the stream. It verifies the line
// and looks at no more of it than that takes.
func (f *fetcher) versionAt(p nacre.Position, stream nacre.StreamID) (version int64, same bool, err error) {
	text, err := f.line(p)
	if err != nil {
		return 0, false, err
	}
	stamp, _, err := line.Check(text)
	if err != nil {
		return 0, false, f.damage(p, f.offset(text), err.Error())
	}
	if stamp.Position != p {
		return 0, false, f.damage(p, f.offset(text), "the line is of another position")
	}
	const key = `{"streamId":"`
	n := len(key) + len(stream)
	same = len(text) > n && string(text[:len(key)]) == key && string(text[len(key):n]) == string(stream) && text[n] == '"'
	return stamp.StreamPosition, same, nil
}

func (f *fetcher) offset(text []byte) int64 {
	return f.start + int64(cap(f.buf)-cap(text))
}

func (f *fetcher) damage(p nacre.Position, off int64, reason string) error {
	d := &nacre.DamageError{File: f.seg.path(), Offset: off, Position: p, Reason: reason}
	if !f.quiet {
		f.l.told(d)
	}
	return d
}

// viewAt reads one line; free ends the use of the view.
func (l *log) viewAt(s *snapshot, p nacre.Position) (v *line.View, free func(), err error) {
	f := l.newFetcher(s)
	if _, v, err = f.at(p); err != nil {
		f.free()
		return nil, nil, err
	}
	return v, f.free, nil
}

// versionInRuns is the version of a stream as far as the runs go: that of its last line there, -1 where
// it has none.
func (l *log) versionInRuns(s *snapshot, stream nacre.StreamID, term uint64) (int64, error) {
	var f *fetcher
	var room [32]*index.Run
	candidates, err := index.Candidates(room[:0], s.runs, term)
	if err != nil {
		return 0, err
	}
	for _, run := range slices.Backward(candidates) {
		p, err := run.Find(term)
		if err != nil {
			return 0, err
		}
		if p.Count() == 0 {
			continue
		}
		if f == nil {
			f = l.newFetcher(s)
			defer f.free()
		}
		it := p.Descend(index.End)
		for pos, ok := it.Next(); ok; pos, ok = it.Next() {
			version, same, err := f.versionAt(nacre.Position(pos), stream)
			if err != nil {
				return 0, err
			}
			if same {
				return version, nil
			}
		}
		if err := it.Err(); err != nil {
			return 0, err
		}
	}
	return -1, nil
}

// matching finds what a condition forbids between two positions, after being exclusive.
func (l *log) matching(ctx context.Context, s *snapshot, c *condition, after, upTo nacre.Position) (*nacre.ConditionError, error) {
	if after >= upTo {
		return nil, nil
	}
	runs := s.runs
	for len(runs) > 0 && nacre.Position(runs[0].Range().Last) <= after {
		runs = runs[1:]
	}
	var room [32]*index.Run
	candidates, err := c.candidates(room[:0], runs)
	if err != nil {
		return nil, err
	}
	inMemory := false
	for _, m := range s.mems {
		inMemory = inMemory || m.mayHold(&c.selection, after)
	}
	if len(candidates) == 0 && !inMemory {
		return nil, nil // most conditions end here
	}
	return l.matches(ctx, s, c, after, upTo, candidates)
}

// matches reads what the index says may match, in some of the runs and in the memories.
func (l *log) matches(ctx context.Context, s *snapshot, c *condition, after, upTo nacre.Position, candidates []*index.Run) (*nacre.ConditionError, error) {
	const most = 100
	found := &nacre.ConditionError{After: c.after}
	f := l.newFetcher(s)
	defer f.free()
	w := walkerPool.Get().(*walkers)
	defer w.free()
	var e nacre.Event
	for part := range s.chunks(forward, after+1, upTo) {
		if part.run != nil && !slices.Contains(candidates, part.run) {
			continue
		}
		w.again()
		src, err := l.source(part, &c.selection, forward, w)
		if err != nil {
			return nil, err
		}
		for p, ok := src.Next(); ok; p, ok = src.Next() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			_, v, err := f.at(nacre.Position(p))
			if err != nil {
				return nil, err
			}
			v.Event(&e, true)
			if !c.filter.Matches(&e) {
				continue
			}
			if found.Positions = append(found.Positions, nacre.Position(p)); len(found.Positions) == most {
				return found, nil
			}
		}
		if err := src.Err(); err != nil {
			return nil, err
		}
	}
	if len(found.Positions) == 0 {
		return nil, nil
	}
	return found, nil
}
