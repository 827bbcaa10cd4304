package index

import (
	"slices"
	"sort"
)

// None is a source without positions.
func None() Source { return noSource{} }

type noSource struct{}

func (noSource) Next() (uint64, bool)       { return 0, false }
func (noSource) Seek(uint64) (uint64, bool) { return 0, false }
func (noSource) Err() error                 { return nil }

// Positions is a source over an ascending slice without duplicates, in
// whichever direction it is walked. The slice is kept and not changed.
func Positions(dir Direction, ascending []uint64) Source {
	if dir == Backward {
		ascending = slices.Clone(ascending)
		slices.Reverse(ascending)
	}
	return &sliceSource{positions: ascending, flip: dir.flip()}
}

// sliceSource walks a slice that is in the order of the walk.
type sliceSource struct {
	positions []uint64
	flip      uint64
}

func (s *sliceSource) Next() (uint64, bool) {
	if len(s.positions) == 0 {
		return 0, false
	}
	pos := s.positions[0]
	s.positions = s.positions[1:]
	return pos, true
}

func (s *sliceSource) Seek(pos uint64) (uint64, bool) {
	s.positions = s.positions[sort.Search(len(s.positions), func(i int) bool {
		return s.positions[i]^s.flip >= pos^s.flip
	}):]
	return s.Next()
}

func (s *sliceSource) Err() error { return nil }

// Union yields each position that one of the sources yields, once. All of them
// walk in direction dir.
func Union(dir Direction, sources ...Source) Source {
	sources = slices.DeleteFunc(slices.Clone(sources), func(s Source) bool { return s == None() })
	switch len(sources) {
	case 0:
		return None()
	case 1:
		return sources[0]
	}
	return &union{flip: dir.flip(), sources: sources}
}

// union is a heap of sources by the key of their present position.
type union struct {
	flip    uint64
	sources []Source // not asked yet
	heap    []standing
	// last is the key returned last.
	last uint64
	any  bool
	err  error
}

// standing is a source and the key of the position at which it stands, once it
// was asked.
type standing struct {
	key    uint64
	source Source
	asked  bool
}

func earlier(a, b standing) bool { return a.key < b.key }

func (u *union) Next() (uint64, bool) {
	if u.sources != nil {
		u.begin(func(s Source) (uint64, bool) { return s.Next() })
	}
	for len(u.heap) > 0 && u.err == nil {
		key := u.heap[0].key
		if u.any && key == u.last {
			u.advance(u.heap[0].source.Next())
			continue
		}
		return u.yield(key)
	}
	return 0, false
}

func (u *union) Seek(pos uint64) (uint64, bool) {
	if u.sources != nil {
		u.begin(func(s Source) (uint64, bool) { return s.Seek(pos) })
	}
	for len(u.heap) > 0 && u.err == nil {
		key := u.heap[0].key
		if key < pos^u.flip {
			u.advance(u.heap[0].source.Seek(pos))
			continue
		}
		if u.any && key == u.last {
			u.advance(u.heap[0].source.Next())
			continue
		}
		return u.yield(key)
	}
	return 0, false
}

func (u *union) yield(key uint64) (uint64, bool) {
	u.last, u.any = key, true
	return key ^ u.flip, true
}

// begin asks every source for its first position.
func (u *union) begin(first func(Source) (uint64, bool)) {
	for _, s := range u.sources {
		if pos, ok := first(s); ok {
			u.heap = append(u.heap, standing{key: pos ^ u.flip, source: s})
		} else if u.err = s.Err(); u.err != nil {
			break
		}
	}
	u.sources = nil
	heapify(u.heap, earlier)
}

// advance takes the next position of the top source.
func (u *union) advance(pos uint64, ok bool) {
	if !ok {
		u.err = u.heap[0].source.Err()
		u.heap = dropTop(u.heap, earlier)
		return
	}
	u.heap[0].key = pos ^ u.flip
	siftDown(u.heap, 0, earlier)
}

func (u *union) Err() error { return u.err }

// Intersect yields the positions that every one of the sources yields. All of
// them walk in direction dir; put the rarest first, it leads. Without sources
// it yields nothing.
func Intersect(dir Direction, sources ...Source) Source {
	switch {
	case len(sources) == 0 || slices.Contains(sources, None()):
		return None()
	case len(sources) == 1:
		return sources[0]
	}
	if x := paired(sources); x != nil {
		return x
	}
	x := &intersection{flip: dir.flip(), at: make([]standing, len(sources))}
	for i, s := range sources {
		x.at[i].source = s
	}
	return x
}

// intersection lets its sources leap over each other until they agree.
type intersection struct {
	flip uint64
	at   []standing // at[0] leads
	done bool
	err  error
}

func (x *intersection) Next() (uint64, bool) {
	if x.done {
		return 0, false
	}
	return x.agree(x.at[0].source.Next())
}

func (x *intersection) Seek(pos uint64) (uint64, bool) {
	if x.done {
		return 0, false
	}
	return x.agree(x.at[0].source.Seek(pos))
}

// agree finds the first position from that of the leader on at which every
// source stands.
func (x *intersection) agree(pos uint64, ok bool) (uint64, bool) {
	if !ok {
		return x.end(x.at[0].source)
	}
	key := pos ^ x.flip
	for i := 1; i < len(x.at); {
		s := &x.at[i]
		if !s.asked || s.key < key {
			if pos, ok = s.source.Seek(key ^ x.flip); !ok {
				return x.end(s.source)
			}
			s.key, s.asked = pos^x.flip, true
		}
		if s.key == key {
			i++
			continue
		}
		if pos, ok = x.at[0].source.Seek(s.key ^ x.flip); !ok {
			return x.end(x.at[0].source)
		}
		key = pos ^ x.flip
		i = 1
	}
	return key ^ x.flip, true
}

func (x *intersection) end(s Source) (uint64, bool) {
	x.done = true
	x.err = s.Err()
	return 0, false
}

func (x *intersection) Err() error { return x.err }

// Part is a range of positions whose source is opened when it is reached.
type Part struct {
	// First and Last are the range, both included.
	First, Last uint64
	// Open returns the range's source, in the direction of Concat. A nil
	// source is empty.
	Open func() (Source, error)
}

// Concat yields what the parts yield, one after the other. The parts are in
// the order of the walk (descending where dir is Backward) and do not overlap.
// Parts that a Seek passes are not opened.
func Concat(dir Direction, parts []Part) Source {
	return &concatenation{flip: dir.flip(), parts: parts}
}

type concatenation struct {
	flip  uint64
	parts []Part
	// open is the source of the part before parts[0], or nil.
	open Source
	err  error
}

func (c *concatenation) Next() (uint64, bool) {
	for c.err == nil {
		if c.open != nil {
			if pos, ok := c.open.Next(); ok {
				return pos, true
			}
		}
		if !c.reach() {
			break
		}
	}
	return 0, false
}

func (c *concatenation) Seek(pos uint64) (uint64, bool) {
	for c.err == nil {
		if c.open != nil {
			if found, ok := c.open.Seek(pos); ok {
				return found, true
			}
			if c.err = c.open.Err(); c.err != nil {
				break
			}
			c.open = nil
		}
		for len(c.parts) > 0 && c.end(c.parts[0])^c.flip < pos^c.flip {
			c.parts = c.parts[1:]
		}
		if !c.reach() {
			break
		}
	}
	return 0, false
}

// end is the last position of a part in the direction of the walk.
func (c *concatenation) end(p Part) uint64 {
	if c.flip == 0 {
		return p.Last
	}
	return p.First
}

// reach opens the next part; false where there is none or an error.
func (c *concatenation) reach() bool {
	if c.open != nil {
		if c.err = c.open.Err(); c.err != nil {
			return false
		}
		c.open = nil
	}
	if len(c.parts) == 0 {
		return false
	}
	next := c.parts[0]
	c.parts = c.parts[1:]
	c.open, c.err = next.Open()
	return c.err == nil
}

func (c *concatenation) Err() error { return c.err }
