package filestore

import (
	"context"
	"iter"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

// Read implements nacre.Driver.
func (l *log) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		var e nacre.Event
		err := l.scan(ctx, f, o, true, func(_ []byte, v *line.View) bool {
			v.Event(&e, o.Borrowed)
			return yield(e, nil)
		})
		if err != nil {
			yield(nacre.Event{}, err)
		}
	}
}

// ReadLines implements nacre.LineReader.
func (l *log) ReadLines(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		err := l.scan(ctx, f, o, false, func(text []byte, v *line.View) bool {
			return yield(nacre.Line{Position: v.Stamp.Position, Bytes: text}, nil)
		})
		if err != nil {
			yield(nacre.Line{}, err)
		}
	}
}

// visit is called for each line that is read, verified; false ends the read. Without parsing, only the
// stamp is set in the view.
type visit func(text []byte, v *line.View) bool

// scan reads what a filter selects. It returns nil where the visitor ended it.
func (l *log) scan(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions, parse bool, fn visit) error {
	if l.closed.Load() {
		return errClosed
	}
	if err := l.refresh(); err != nil {
		return err
	}
	last := l.visible()
	if o.Before > 0 {
		last = min(last, o.Before-1)
	}
	if o.After >= last {
		return ctx.Err()
	}
	first := o.After + 1
	sc := &scanning{l: l, ctx: ctx, f: f, o: o, fn: fn, first: first, last: last, parse: parse || !f.All()}
	return l.healing(func(s *snapshot) error {
		sc.s = s
		switch {
		case f.All():
			return sc.everything()
		case f.OneStream():
			return sc.stream()
		default:
			return sc.filtered()
		}
	})
}

// scanning is one read. first and last move as it goes, so that it can go on where it was.
type scanning struct {
	l           *log
	ctx         context.Context
	s           *snapshot
	f           nacre.Filter
	o           *nacre.ReadOptions
	fn          visit
	first, last nacre.Position
	yielded     int
	parse       bool
	ended       bool // the visitor or the limit ended it
	ticks       int
}

func (sc *scanning) dir() index.Direction { return index.Direction(sc.o.Backwards) }

// give hands a line to the visitor, and tells whether to go on.
func (sc *scanning) give(text []byte, v *line.View) bool {
	if sc.o.Backwards {
		sc.last = v.Stamp.Position - 1
	} else {
		sc.first = v.Stamp.Position + 1
	}
	sc.yielded++
	if !sc.fn(text, v) || sc.o.Limit > 0 && sc.yielded >= sc.o.Limit {
		sc.ended = true
	}
	return !sc.ended
}

// canceled looks at the context now and then.
func (sc *scanning) canceled() error {
	if sc.ticks++; sc.ticks&63 != 1 {
		return nil
	}
	return sc.ctx.Err()
}

// everything reads segment after segment.
func (sc *scanning) everything() error {
	for !sc.ended && sc.first <= sc.last {
		at := sc.first
		if sc.o.Backwards {
			at = sc.last
		}
		i := sc.s.segIndex(at)
		if i < 0 {
			return nacre.Errorf(nacre.CodeInternal, "position %d is before the first segment", at)
		}
		from, to := max(sc.first, sc.s.segs[i].first), min(sc.last, sc.s.lastOf(i))
		if err := sc.segment(sc.s.segs[i], from, to); err != nil {
			return err
		}
	}
	return nil
}

// segment reads the lines of positions from to to, both in the segment.
func (sc *scanning) segment(g *seg, from, to nacre.Position) error {
	if g.isBroken() {
		return sc.byPosition(from, to)
	}
	start, _, err := g.bounds(from)
	if err != nil {
		return err
	}
	_, end, err := g.bounds(to)
	if err != nil {
		return err
	}
	r, err := g.reader()
	if err != nil {
		return err
	}
	lines := segment.NewReader(r, start, end, sc.o.Backwards)
	defer lines.Close()
	due, step := from, nacre.Position(1)
	if sc.o.Backwards {
		due, step = to, ^nacre.Position(0)
	}
	var v line.View
	for {
		if err := sc.canceled(); err != nil {
			return err
		}
		off, text, err := lines.Next()
		if err != nil {
			return sc.unreadable(g, off, due, err)
		}
		if text == nil {
			return sc.damaged(g, off, due, "the segment ends before the line")
		}
		if err := sc.verify(text, &v); err != nil {
			return sc.damaged(g, off, due, err.Error())
		}
		if v.Stamp.Position != due {
			return sc.damaged(g, off, due, "the line is of another position")
		}
		if !sc.give(text, &v) {
			return nil
		}
		if !sc.o.Backwards && due == to || sc.o.Backwards && due == from {
			return nil
		}
		due += step
	}
}

func (sc *scanning) verify(text []byte, v *line.View) error {
	if sc.parse {
		return line.Parse(text, v)
	}
	stamp, _, err := line.Check(text)
	v.Stamp = stamp
	return err
}

func (sc *scanning) damaged(g *seg, off int64, p nacre.Position, reason string) error {
	d := &nacre.DamageError{File: g.path(), Offset: off, Position: p, Reason: reason}
	sc.l.told(d)
	return d
}

func (sc *scanning) unreadable(g *seg, off int64, p nacre.Position, err error) error {
	if isDamage(err) {
		return err
	}
	return sc.damaged(g, off, p, "cannot be read: "+err.Error())
}

// byPosition reads line by line: around damage.
func (sc *scanning) byPosition(from, to nacre.Position) error {
	c := chunk{first: from, last: to}
	return sc.positions(c.all(sc.dir()))
}

// filtered reads what the index selects.
func (sc *scanning) filtered() error {
	sc.s.fold()
	var sel selection
	sel.choose(sc.l.hasher, sc.f)
	for c := range sc.s.chunks(sc.dir(), sc.first, sc.last) {
		src, err := sc.l.source(c, &sel, sc.dir(), nil)
		if err != nil {
			return err
		}
		if err := sc.positions(src); err != nil || sc.ended {
			return err
		}
		sc.passed(c)
	}
	return nil
}

// passed remembers that a part of the index is done.
func (sc *scanning) passed(c *chunk) {
	if sc.o.Backwards {
		sc.last = c.first - 1
	} else {
		sc.first = c.last + 1
	}
}

// positions reads the lines of a source, and gives those that the filter selects.
func (sc *scanning) positions(src index.Source) error {
	f := sc.l.newFetcher(sc.s)
	defer f.free()
	all := sc.f.All()
	var e nacre.Event
	for p, ok := src.Next(); ok; p, ok = src.Next() {
		if err := sc.canceled(); err != nil {
			return err
		}
		text, v, err := f.at(nacre.Position(p))
		if err != nil {
			return err
		}
		if !all {
			v.Event(&e, true)
			if !sc.f.Matches(&e) {
				continue // another name with the same hash
			}
		}
		if !sc.give(text, v) {
			return nil
		}
	}
	return src.Err()
}
