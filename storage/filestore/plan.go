package filestore

import (
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// chunk is a part of the index: a run, or a memory, clipped to the positions that are asked for.
type chunk struct {
	first, last nacre.Position
	run         *index.Run
	mem         *memory
}

const (
	forward  = index.Forward
	backward = index.Backward
)

func (c *chunk) lookup(term uint64) (index.Postings, error) {
	if c.run != nil {
		return c.run.Lookup(term)
	}
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.mem.idx.Lookup(term), nil
}

// walk gives the postings' positions within the chunk's bounds.
func (c *chunk) walk(p index.Postings, dir index.Direction) index.Source {
	return c.within(c.from(p, dir, nil), dir)
}

// from gives the postings' positions from where the chunk begins, to beyond its end.
func (c *chunk) from(p index.Postings, dir index.Direction, w *walkers) index.Source {
	if dir == forward {
		return p.WalkWith(w.next(), forward, uint64(c.first)-1)
	}
	return p.WalkWith(w.next(), backward, uint64(c.last)+1)
}

// within ends a source where the chunk ends.
func (c *chunk) within(src index.Source, dir index.Direction) index.Source {
	if dir == forward {
		return &bounded{src, uint64(c.last), dir}
	}
	return &bounded{src, uint64(c.first), dir}
}

// walkers are iterators whose buffers are used again, chunk after chunk. Of a nil one each is new.
type walkers struct {
	iters []*index.Iter
	used  int
}

var walkerPool = sync.Pool{New: func() any { return new(walkers) }}

func (w *walkers) next() *index.Iter {
	if w == nil {
		return new(index.Iter)
	}
	if w.used == len(w.iters) {
		w.iters = append(w.iters, new(index.Iter))
	}
	w.used++
	return w.iters[w.used-1]
}

// again takes all of them back: no source that walks with them may be used any more.
func (w *walkers) again() { w.used = 0 }

// free gives the walkers back, without what they have walked.
func (w *walkers) free() {
	const most = 16
	w.again()
	if len(w.iters) > most {
		clear(w.iters[most:])
		w.iters = w.iters[:most]
	}
	for _, it := range w.iters {
		it.Reset()
	}
	walkerPool.Put(w)
}

// all gives every position within the chunk's bounds.
func (c *chunk) all(dir index.Direction) index.Source {
	return &everything{next: uint64(c.first), last: uint64(c.last), dir: dir}
}

func (c *chunk) names(kind index.Kind, prefix, from string) index.NameSource {
	if c.run != nil {
		return c.run.Names(kind, forward, prefix, from)
	}
	c.mem.mu.RLock()
	names := c.mem.idx.Names()
	c.mem.mu.RUnlock()
	return names.Iter(kind, forward, prefix, from)
}

// chunks are the parts of the index between two positions, both included, in either direction.
func (s *snapshot) chunks(dir index.Direction, first, last nacre.Position) iter.Seq[*chunk] {
	return func(yield func(*chunk) bool) {
		n := len(s.runs) + len(s.mems)
		for k := range n {
			i := k
			if dir == backward {
				i = n - 1 - k
			}
			c := chunk{first: first, last: last}
			if i < len(s.runs) {
				c.run = s.runs[i]
				r := c.run.Range()
				c.first, c.last = max(first, nacre.Position(r.First)), min(last, nacre.Position(r.Last))
			} else {
				m := i - len(s.runs)
				c.mem = s.mems[m]
				c.first = max(first, c.mem.first)
				if m+1 < len(s.mems) {
					c.last = min(last, s.mems[m+1].first-1)
				}
			}
			if c.first <= c.last && !yield(&c) {
				return
			}
		}
	}
}

// foldedTo is how far the index of this snapshot goes at the moment.
func (s *snapshot) foldedTo() nacre.Position {
	if len(s.mems) == 0 {
		return s.indexedTo()
	}
	m := s.mems[len(s.mems)-1]
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.folded
}

// fold brings the index of this snapshot up to date.
func (s *snapshot) fold() {
	for _, m := range s.mems {
		m.fold()
	}
}

// selection is a filter whose names have become terms. It must not be copied.
type selection struct {
	filter nacre.Filter
	items  []selected

	// Room for the most common filter, of one item with a few names.
	one   [1]selected
	terms [4]uint64
	used  int
}

type selected struct {
	streams, categories, types, tags []uint64
	patterns                         []string // types with "*"
}

func (it *selected) all() bool {
	return len(it.streams)+len(it.categories)+len(it.types)+len(it.tags)+len(it.patterns) == 0
}

// condition is an append condition, compiled.
type condition struct {
	selection
	after nacre.Position
}

func (l *log) compile(c *nacre.Condition) *condition {
	out := &condition{after: c.After}
	out.choose(l.hasher, c.FailIfEventsMatch)
	return out
}

// choose makes s the selection of a filter.
func (s *selection) choose(h index.Hasher, f nacre.Filter) {
	s.filter = f
	if s.items = s.one[:]; len(f) > 1 {
		s.items = make([]selected, len(f))
	}
	for i := range f {
		from, to := &f[i], &s.items[i]
		to.streams = s.room(len(from.Streams))
		for k, id := range from.Streams {
			to.streams[k] = h.Term(index.Stream, string(id))
		}
		to.categories = s.hashed(h, index.Category, from.Categories)
		to.tags = s.hashed(h, index.Tag, from.Tags)
		if slices.Contains(from.Types, "*") {
			continue // every type has a character
		}
		for _, t := range from.Types {
			if strings.Contains(t, "*") {
				to.patterns = append(to.patterns, t)
			} else {
				to.types = append(to.types, h.Term(index.Type, t))
			}
		}
	}
}

// room is for n terms.
func (s *selection) room(n int) []uint64 {
	if n == 0 {
		return nil
	}
	if s.used+n > len(s.terms) {
		return make([]uint64, n)
	}
	s.used += n
	return s.terms[s.used-n : s.used : s.used]
}

func (s *selection) hashed(h index.Hasher, kind index.Kind, names []string) []uint64 {
	out := s.room(len(names))
	for i, n := range names {
		out[i] = h.Term(kind, n)
	}
	return out
}

// candidates are the runs, in order, in which something may match, as far as their filters tell at once.
func (s *selection) candidates(dst, runs []*index.Run) ([]*index.Run, error) {
	if len(s.items) != 1 {
		return append(dst, runs...), nil
	}
	it := &s.items[0]
	needed := it.tags
	if len(needed) == 0 && len(it.streams) == 1 {
		needed = it.streams
	}
	for i, term := range needed {
		if i > 0 {
			runs, dst = dst, dst[:0]
		}
		var err error
		if dst, err = index.Candidates(dst, runs, term); err != nil {
			return dst, err
		}
	}
	if len(needed) == 0 {
		dst = append(dst, runs...)
	}
	return dst, nil
}

// source gives the positions of a chunk that may match; the lines decide.
func (l *log) source(c *chunk, s *selection, dir index.Direction, w *walkers) (index.Source, error) {
	var union []index.Source
	for i := range s.items {
		it := &s.items[i]
		if it.all() {
			return c.all(dir), nil
		}
		src, err := l.itemSource(c, it, dir, w)
		if err != nil {
			return nil, err
		}
		if src != nil {
			union = append(union, src)
		}
	}
	switch len(union) {
	case 0:
		return index.None(), nil
	case 1:
		return union[0], nil
	}
	return index.Union(dir, union...), nil
}

// itemSource is nil where nothing in the chunk can match the item.
func (l *log) itemSource(c *chunk, it *selected, dir index.Direction, w *walkers) (index.Source, error) {
	types := it.types
	for _, pattern := range it.patterns {
		more, err := l.expand(c, pattern)
		if err != nil {
			return nil, err
		}
		types = append(slices.Clip(types), more...)
	}
	wantsType := len(it.types)+len(it.patterns) > 0

	type rated struct {
		count uint64
		src   index.Source
	}
	var room [4]rated
	parts := room[:0]
	// Each set of which one must match is a union; every tag is a part of its own.
	add := func(terms []uint64) (bool, error) {
		var room [2]index.Source
		union := room[:0]
		var count uint64
		for _, t := range terms {
			p, err := c.lookup(t)
			if err != nil {
				return false, err
			}
			if p.Count() > 0 && p.Last() >= uint64(c.first) {
				union = append(union, c.from(p, dir, w))
				count += p.Count()
			}
		}
		switch len(union) {
		case 0:
			return false, nil
		case 1:
			parts = append(parts, rated{count, union[0]})
		default:
			parts = append(parts, rated{count, index.Union(dir, union...)})
		}
		return true, nil
	}
	for i := range it.tags {
		if ok, err := add(it.tags[i : i+1]); err != nil || !ok {
			return nil, err
		}
	}
	for _, set := range []struct {
		terms  []uint64
		wanted bool
	}{{it.streams, len(it.streams) > 0}, {types, wantsType}, {it.categories, len(it.categories) > 0}} {
		if !set.wanted {
			continue
		}
		if ok, err := add(set.terms); err != nil || !ok {
			return nil, err
		}
	}
	if len(parts) == 1 {
		return c.within(parts[0].src, dir), nil
	}
	slices.SortStableFunc(parts, func(a, b rated) int {
		switch {
		case a.count < b.count:
			return -1
		case a.count > b.count:
			return 1
		}
		return 0
	})
	sources := make([]index.Source, len(parts))
	for i := range parts {
		sources[i] = parts[i].src
	}
	return c.within(index.Intersect(dir, sources...), dir), nil
}

// expand gives the terms of a chunk's types that a pattern matches.
func (l *log) expand(c *chunk, pattern string) ([]uint64, error) {
	prefix, _, _ := strings.Cut(pattern, "*")
	names := c.names(index.Type, prefix, "")
	var out []uint64
	for names.Next() {
		if name := string(names.Name()); nacre.MatchType(pattern, name) {
			out = append(out, l.hasher.Term(index.Type, name))
		}
	}
	return out, names.Err()
}

// mayHit finds, by the index alone, the first event behind a position that may match; its line decides,
// and only the caller reads lines.
func (m *memory) mayHit(l *log, s *selection, after nacre.Position) (nacre.Position, bool) {
	if !m.mayHold(s, after) {
		return 0, false
	}
	m.mu.RLock()
	folded := m.folded
	m.mu.RUnlock()
	src, err := l.source(&chunk{first: max(after+1, m.first), last: folded, mem: m}, s, forward, nil)
	if err != nil {
		return folded, true // a memory gives no errors; should it, the caller will meet it
	}
	p, ok := src.Next()
	return nacre.Position(p), ok
}

// mayHold tells whether something behind a position may match, by its names alone.
func (m *memory) mayHold(s *selection, after nacre.Position) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.folded > after && m.namesBehind(s, after)
}

// namesBehind tells whether, for an item, some event behind a position bears each of its names: seldom
// so, and cheap to ask. The caller has the lock.
func (m *memory) namesBehind(s *selection, after nacre.Position) bool {
	behind := func(terms []uint64) bool {
		for _, t := range terms {
			if last, ok := m.idx.LastOf(t); ok && nacre.Position(last) > after {
				return true
			}
		}
		return false
	}
	for i := range s.items {
		it := &s.items[i]
		hit := (len(it.streams) == 0 || behind(it.streams)) &&
			(len(it.categories) == 0 || behind(it.categories)) &&
			(len(it.types) == 0 || len(it.patterns) > 0 || behind(it.types))
		for k := 0; hit && k < len(it.tags); k++ {
			hit = behind(it.tags[k : k+1])
		}
		if hit {
			return true
		}
	}
	return false
}

// bounded ends a source at a position.
type bounded struct {
	src index.Source
	end uint64
	dir index.Direction
}

func (b *bounded) clip(pos uint64, ok bool) (uint64, bool) {
	if !ok || b.dir == forward && pos > b.end || b.dir == backward && pos < b.end {
		return 0, false
	}
	return pos, true
}
func (b *bounded) Next() (uint64, bool)           { return b.clip(b.src.Next()) }
func (b *bounded) Seek(pos uint64) (uint64, bool) { return b.clip(b.src.Seek(pos)) }
func (b *bounded) Err() error                     { return b.src.Err() }

// everything yields each position of a range.
type everything struct {
	next, last uint64 // what is left, both included
	dir        index.Direction
}

func (e *everything) Next() (uint64, bool) {
	if e.next > e.last {
		return 0, false
	}
	if e.dir == backward {
		e.last--
		return e.last + 1, true
	}
	e.next++
	return e.next - 1, true
}

func (e *everything) Seek(pos uint64) (uint64, bool) {
	if e.dir == backward {
		e.last = min(e.last, pos)
	} else {
		e.next = max(e.next, pos)
	}
	return e.Next()
}

func (e *everything) Err() error { return nil }
