package index

import (
	"encoding/binary"
	"slices"
)

// Iter walks postings in one direction; *Iter is a [Source]. The zero value
// yields nothing.
type Iter struct {
	postings Postings
	flip     uint64
	// bound is the key that everything still to be returned is greater than.
	bound uint64
	// keys is the decoded part that is being walked, next the index in it.
	keys []uint64
	next int
	// chainAt and chainLeft are the next link of a Mem, and how many are left.
	chainAt   uint32
	chainLeft uint64
	tree      *treeWalk
	done      bool
	err       error
}

var _ Source = (*Iter)(nil)

// chainChunk is how many links are collected at once, walking backward.
const chainChunk = 64

// start makes the iterator walk postings. Its buffers are used again.
func (it *Iter) start(p *Postings, dir Direction, bound uint64) {
	flip := dir.flip()
	*it = Iter{postings: *p, flip: flip, bound: bound ^ flip, keys: it.keys[:0], tree: it.tree}
	it.done = p.count == 0
	switch p.form {
	case formChain:
		it.chainAt, it.chainLeft = uint32(p.at), p.count
	case formLong:
		if it.tree == nil {
			it.tree = new(treeWalk)
		}
		it.tree.fresh = true
	}
}

// Reset lets go of what is walked, and keeps the buffers for [Postings.WalkWith].
func (it *Iter) Reset() { *it = Iter{keys: it.keys[:0], tree: it.tree} }

// Next implements Source.
func (it *Iter) Next() (pos uint64, ok bool) {
	if it.next == len(it.keys) {
		if it.postings.form == formLone {
			return it.lone()
		}
		if !it.load() {
			return 0, false
		}
	}
	key := it.keys[it.next]
	it.next++
	it.bound = key
	return key ^ it.flip, true
}

// lone returns the only position, which stands nowhere but in the iterator.
func (it *Iter) lone() (pos uint64, ok bool) {
	pos = it.postings.last
	if it.done || pos^it.flip <= it.bound {
		it.done = true
		return 0, false
	}
	it.done = true
	return pos, true
}

// Seek implements Source.
func (it *Iter) Seek(pos uint64) (found uint64, ok bool) {
	if key := pos ^ it.flip; key > it.bound {
		it.bound = key - 1
		it.trim()
	}
	return it.Next()
}

// Err implements Source.
func (it *Iter) Err() error { return it.err }

// trim drops the keys that are not behind the bound.
func (it *Iter) trim() {
	// Most steps are short: look at a few before searching.
	for range 4 {
		if it.next == len(it.keys) || it.keys[it.next] > it.bound {
			return
		}
		it.next++
	}
	low, high := it.next, len(it.keys)
	for low < high {
		if middle := int(uint(low+high) >> 1); it.keys[middle] > it.bound {
			high = middle
		} else {
			low = middle + 1
		}
	}
	it.next = low
}

// load decodes the next part that has keys behind the bound.
func (it *Iter) load() bool {
	for !it.done {
		it.keys, it.next = it.keys[:0], 0
		switch it.postings.form {
		case formShort:
			it.err = it.loadShort()
			it.done = true
		case formLong:
			it.done, it.err = it.loadLeaf()
		case formChain:
			it.loadChain()
		}
		if it.err != nil {
			it.keys, it.done = it.keys[:0], true
			return false
		}
		if it.trim(); it.next < len(it.keys) {
			return true
		}
	}
	return false
}

// loadShort decodes the only leaf.
func (it *Iter) loadShort() error {
	p := &it.postings
	at := place(p.at)
	content, err := p.run.list(at.offset(), at.length(), "a list of postings")
	if err != nil {
		return err
	}
	last, n := binary.Uvarint(content)
	it.keys = slices.Grow(it.keys, int(p.count))
	ok := n > 0 && p.first+last == p.last
	if ok {
		it.keys, ok = appendKeys(it.keys, content[n:], p.first, last, it.flip)
	}
	if !ok || uint64(len(it.keys)) != p.count {
		return p.run.badList(at.offset(), "a list of postings is not as it is written")
	}
	if it.flip == 0 {
		slices.Reverse(it.keys)
	}
	return nil
}

// loadChain collects links of a Mem: backward some, forward all that are
// behind the bound, since links lead backward.
func (it *Iter) loadChain() {
	p := &it.postings
	forward := it.flip == 0
	limit := chainChunk
	if forward {
		if it.bound >= p.last {
			it.done = true
			return
		}
		// Spread evenly there would be this many of them.
		span := p.last - p.first + 1
		ahead := min(p.last-it.bound, span)
		limit = int(p.count)
		it.keys = slices.Grow(it.keys, int(min(p.count, p.count*ahead/span+p.count/16+8)))
	} else {
		it.keys = slices.Grow(it.keys, int(min(it.chainLeft, chainChunk)))
	}
	for it.chainLeft > 0 && len(it.keys) < limit {
		l := p.chains[it.chainAt>>pieceBits][it.chainAt&(pieceSize-1)]
		key := (p.first + uint64(l.pos)) ^ it.flip
		if forward && key <= it.bound {
			it.chainLeft = 0
			break
		}
		it.chainAt = l.prev
		it.chainLeft--
		if key > it.bound {
			it.keys = append(it.keys, key)
		}
	}
	if forward {
		slices.Reverse(it.keys)
	}
	it.done = it.chainLeft == 0
}
