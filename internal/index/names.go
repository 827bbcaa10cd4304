package index

import (
	"bytes"
)

// NameSource yields names in bytewise order.
type NameSource interface {
	// Next goes to the next name; false at the end or after an error.
	Next() bool
	// Name is the present name; the bytes are valid until Next.
	Name() []byte
	// Err returns the error that ended the source early, if one did.
	Err() error
}

// UnionNames yields each name that one of the sources yields, once. All of
// them walk in direction dir.
func UnionNames(dir Direction, sources ...NameSource) NameSource {
	return &nameUnion{waiting: sources, less: func(a, b NameSource) bool {
		return bytes.Compare(a.Name(), b.Name()) < 0 == (dir == Forward)
	}}
}

type nameUnion struct {
	// waiting are sources whose first name was not asked for yet.
	waiting []NameSource
	// heap holds those that have a name, the first in order on top. name is a
	// copy of what was returned last: its sources have gone on.
	heap []NameSource
	less func(a, b NameSource) bool
	name []byte
	any  bool
	err  error
}

func (u *nameUnion) Next() bool {
	if u.err != nil {
		return false
	}
	for _, source := range u.waiting {
		if source.Next() {
			u.heap = append(u.heap, source)
		} else if err := source.Err(); err != nil {
			u.err = err
			return false
		}
	}
	if u.waiting != nil {
		u.waiting = nil
		heapify(u.heap, u.less)
	}
	for len(u.heap) > 0 {
		top := u.heap[0]
		fresh := !u.any || !bytes.Equal(top.Name(), u.name)
		if fresh {
			u.name = append(u.name[:0], top.Name()...)
			u.any = true
		}
		if top.Next() {
			siftDown(u.heap, 0, u.less)
		} else {
			if u.err = top.Err(); u.err != nil {
				return false
			}
			u.heap = dropTop(u.heap, u.less)
		}
		if fresh {
			return true
		}
	}
	return false
}

func (u *nameUnion) Name() []byte { return u.name }

func (u *nameUnion) Err() error { return u.err }

// Names yields the names of a kind that begin with prefix: Forward those from
// `from` on, Backward those before `from`, an empty `from` being no bound. The
// run must be held while the source is used.
func (r *Run) Names(kind Kind, dir Direction, prefix, from string) NameSource {
	it := &nameIter{prefix: prefix, dir: dir, from: from, fresh: true}
	if !kind.hasNames() {
		return it
	}
	it.names = r.namesOf(kind)
	if dir == Forward {
		it.from = max(from, prefix)
	} else if end := prefixEnd(prefix); from == "" || end != "" && end < from {
		it.from = end
	}
	return it
}

// prefixEnd is the least text behind all that begin with prefix, empty where
// nothing is behind them.
func prefixEnd(prefix string) string {
	last := len(prefix) - 1
	for last >= 0 && prefix[last] == 0xff {
		last-- // nothing is behind this byte, but behind those before it
	}
	if last < 0 {
		return ""
	}
	return prefix[:last] + string([]byte{prefix[last] + 1})
}

// nameIter walks the names of one kind of a run.
type nameIter struct {
	names  nameList
	dir    Direction
	prefix string
	// from is the bound: forward the least name, backward the name behind the
	// greatest, or none where it is empty.
	from string

	// block is the decoded block, number that of the block, i the index in it.
	block  nameBlockText
	number uint64
	i      int
	fresh  bool
	done   bool
	err    error
}

func (it *nameIter) Next() bool {
	if it.done {
		return false
	}
	ok := it.advance()
	if it.err != nil || !ok || !hasPrefix(it.Name(), it.prefix) {
		it.done = true
		return false
	}
	return true
}

// advance goes to the next name, within the bound but perhaps without the
// prefix.
func (it *nameIter) advance() bool {
	if it.fresh {
		it.fresh = false
		return it.begin()
	}
	if it.dir == Forward {
		if it.i++; it.i < it.block.count() {
			return true
		}
		return it.load(it.number+1) && it.at(0)
	}
	if it.i--; it.i >= 0 {
		return true
	}
	return it.number > 0 && it.load(it.number-1) && it.at(it.block.count()-1)
}

func (it *nameIter) at(i int) bool {
	it.i = i
	return true
}

// begin goes to the first name within the bound.
func (it *nameIter) begin() bool {
	n := it.names.blocks()
	if n == 0 {
		return false
	}
	if it.dir == Backward && it.from == "" {
		return it.load(n-1) && it.at(it.block.count()-1)
	}
	number, err := it.names.find(it.from)
	if err != nil {
		it.err = err
		return false
	}
	if !it.load(number) {
		return false
	}
	i := it.block.search(it.from)
	if it.dir == Backward {
		// The block's first name is before the bound, but in the first block.
		return i > 0 && it.at(i-1)
	}
	if i < it.block.count() {
		return it.at(i)
	}
	return it.load(number+1) && it.at(0)
}

// load decodes a block; false at the end and after an error.
func (it *nameIter) load(number uint64) bool {
	if number >= it.names.blocks() {
		return false
	}
	it.number = number
	it.err = it.names.decode(number, &it.block)
	return it.err == nil
}

func (it *nameIter) Name() []byte {
	if it.done || it.fresh {
		return nil
	}
	return it.block.name(it.i)
}

func (it *nameIter) Err() error { return it.err }
