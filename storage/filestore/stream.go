package filestore

import (
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// stream reads one stream, whose positions can be counted.
func (sc *scanning) stream() error {
	sc.s.fold()
	id := sc.f[0].Streams[0]
	term := sc.l.hasher.Term(index.Stream, string(id))
	if err := sc.seekVersion(id, term); err != nil {
		return err
	}
	f := sc.l.newFetcher(sc.s)
	defer f.free()
	var begun *ahead
	defer func() { begun.stop() }()
	now := sc.l.o.env.now()
	for c := range sc.s.chunks(sc.dir(), sc.first, sc.last) {
		if before := now; begun == nil {
			if now = sc.l.o.env.now(); now.Sub(before) > sc.l.o.env.slow {
				begun = sc.startAhead(sc.ctx, term)
			}
		}
		postings, err := c.lookup(term)
		if err != nil {
			return err
		}
		if postings.Count() == 0 {
			continue
		}
		src := c.walk(postings, sc.dir())
		for p, ok := src.Next(); ok; p, ok = src.Next() {
			if err := sc.canceled(); err != nil {
				return err
			}
			text, v, err := f.at(nacre.Position(p))
			if err != nil {
				return err
			}
			if string(v.StreamID) != string(id) {
				continue // another stream with the same hash
			}
			at := v.Stamp.StreamPosition
			below, above := at < sc.o.From, sc.o.Until > 0 && at >= sc.o.Until
			if below && sc.o.Backwards || above && !sc.o.Backwards {
				return nil
			}
			if below || above {
				continue
			}
			if !sc.give(text, v) {
				return nil
			}
		}
		if err := src.Err(); err != nil {
			return err
		}
		sc.passed(c)
	}
	return nil
}

// seekVersion skips to the first event of the range, in the direction of the read, by counting postings.
// Where two streams share a hash the count is off, the line found tells so, and nothing is skipped.
func (sc *scanning) seekVersion(id nacre.StreamID, term uint64) error {
	version := sc.o.From
	if sc.o.Backwards {
		version = sc.o.Until - 1
	}
	if version <= 0 {
		return nil
	}
	before := uint64(0)
	for c := range sc.s.chunks(forward, 1, sc.last) {
		postings, err := c.lookup(term)
		if err != nil {
			return err
		}
		if before+postings.Count() <= uint64(version) {
			before += postings.Count()
			continue
		}
		src := postings.Walk(forward, 0)
		for range uint64(version) - before {
			src.Next()
		}
		p, ok := src.Next()
		if err := src.Err(); err != nil || !ok {
			return err
		}
		if nacre.Position(p) > sc.last {
			return nil
		}
		v, free, err := sc.l.viewAt(sc.s, nacre.Position(p))
		if err != nil {
			return err
		}
		if string(v.StreamID) == string(id) && v.Stamp.StreamPosition == version {
			if sc.o.Backwards {
				sc.last = min(sc.last, nacre.Position(p))
			} else {
				sc.first = max(sc.first, nacre.Position(p))
			}
		}
		free()
		return nil
	}
	return nil
}
