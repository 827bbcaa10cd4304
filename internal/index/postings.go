package index

import "encoding/binary"

// Direction is the order in which positions or names are walked.
type Direction bool

// The directions.
const (
	// Forward is ascending.
	Forward Direction = false
	// Backward is descending.
	Backward Direction = true
)

// flip is the number that a position is combined with by exclusive or to get
// its key: keys ascend in the direction, so that one code walks both ways.
func (d Direction) flip() uint64 {
	if d == Backward {
		return ^uint64(0)
	}
	return 0
}

// End stands behind every position: Descend(End) begins at the last one.
const End = ^uint64(0)

// Source yields positions, strictly ascending or strictly descending.
type Source interface {
	// Next returns the next position; ok is false at the end or after an
	// error.
	Next() (pos uint64, ok bool)

	// Seek is Next, but leaves out positions that stand before pos in the
	// source's direction: ascending it returns the first one left that is at
	// least pos, descending the first one left that is at most pos. It never
	// goes back.
	Seek(pos uint64) (found uint64, ok bool)

	// Err returns the error that ended the source early, if one did.
	Err() error
}

// Postings are the positions of one term in a Mem or a Run. The zero value has
// none. Those of a run must not be used after the run was released.
type Postings struct {
	form        form
	count, last uint64
	// first is what the stored positions are relative to.
	first uint64

	chains [][]link // of a Mem
	run    *Run     // of a Run

	// at is the index of the last link, the place of the only leaf, or the
	// offset of the list's head.
	at uint64
}

// Count is the number of positions.
func (p Postings) Count() uint64 { return p.count }

// Last is the greatest position, 0 where there is none.
func (p Postings) Last() uint64 { return p.last }

// Ascend walks the positions after `after`, ascending.
func (p Postings) Ascend(after uint64) Iter {
	var it Iter
	it.start(&p, Forward, after)
	return it
}

// Descend walks the positions before `before`, descending; see End.
func (p Postings) Descend(before uint64) Iter {
	var it Iter
	it.start(&p, Backward, before)
	return it
}

// Walk is Ascend or Descend as a Source.
func (p Postings) Walk(dir Direction, bound uint64) Source {
	return p.WalkWith(new(Iter), dir, bound)
}

// WalkWith is Walk with an iterator of the caller's, which nothing else uses
// any more: its buffers are used again.
func (p Postings) WalkWith(it *Iter, dir Direction, bound uint64) Source {
	if p.count == 0 {
		return None()
	}
	it.start(&p, dir, bound)
	return it
}

// short looks at the postings of a leaf that the directory points to.
func (r *Run) short(v value) (Postings, error) {
	count, length, offset := v.short()
	content, err := r.list(offset, length, "a list of postings")
	if err != nil {
		return Postings{}, err
	}
	last, n := binary.Uvarint(content)
	if n <= 0 || last > r.head.last-r.head.first {
		return Postings{}, r.badList(offset, "a list of postings has an impossible last position")
	}
	return Postings{
		form: formShort, count: count, last: r.head.first + last, first: r.head.first,
		run: r, at: uint64(placeOf(offset, int(length))),
	}, nil
}

// long looks at the head of a list.
func (r *Run) long(v value) (Postings, error) {
	content, err := r.list(v.offset(), listHead, "the head of a list of postings")
	if err != nil {
		return Postings{}, err
	}
	count := binary.LittleEndian.Uint64(content)
	last := binary.LittleEndian.Uint64(content[8:])
	levels := uint64(content[24])
	span := r.head.last - r.head.first
	if last > span || count > last+1 || count <= leafPostings || levels == 0 || levels > maxLevels {
		return Postings{}, r.badList(v.offset(), "the head of a list of postings is impossible")
	}
	return Postings{
		form: formLong, count: count, last: r.head.first + last, first: r.head.first,
		run: r, at: v.offset(),
	}, nil
}

// list returns a verified block of the part of postings.
func (r *Run) list(offset, length uint64, what string) ([]byte, error) {
	size := r.head.sizes[partPostings]
	if length > size || offset > size-length {
		return nil, r.badList(offset, what+" reaches beyond the postings")
	}
	return r.block(r.starts[partPostings]+offset, length, what)
}

func (r *Run) badList(offset uint64, what string) error {
	return r.bad(r.starts[partPostings]+offset, what)
}
