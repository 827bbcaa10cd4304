package index

import (
	"encoding/binary"
	"slices"
)

// treeWalk is where an iterator stands in a list of more than 128 positions.
type treeWalk struct {
	// levels counts the levels of nodes; path[levels-1] is the root, path[0]
	// the node above the leaves.
	levels int
	path   [maxLevels]step
	// bottom holds the entries of path[0]'s node. It is a copy: it is used for
	// longer than a moment, and a failing disk can change what is mapped.
	bottom [nodeEntries * entrySize]byte
	// length is the number of entries in bottom.
	length int
	// fresh is true until the first leaf was looked for.
	fresh bool
	// missed is true where the last leaf had nothing behind the bound.
	missed bool
}

// step is a node on the way to a leaf, and the index of the entry taken there.
type step struct {
	node  place
	index int
}

// nodeEntry is what stands in a node for what is below it.
func nodeEntry(node []byte, i int) (last uint64, below place) {
	e := node[i*entrySize:]
	return binary.LittleEndian.Uint64(e), place(binary.LittleEndian.Uint64(e[8:]))
}

// loadLeaf decodes the next leaf with keys behind the bound, or, backward, the
// one before which it must be; done is true where there is none.
func (it *Iter) loadLeaf() (done bool, err error) {
	p, t, backward := &it.postings, it.tree, it.flip != 0
	wanted, ok := it.wanted()
	if !ok {
		return true, nil
	}
	found := true
	switch {
	case t.fresh:
		t.fresh = false
		if err = t.begin(p); err == nil {
			err = t.descend(p, wanted)
		}
	case backward:
		found, err = t.back(p, wanted)
	default:
		err = t.ahead(p, wanted)
	}
	if err != nil || !found {
		return true, err
	}
	if err := it.decodeLeaf(); err != nil {
		return true, err
	}
	// Backward, the leaf that is found by its last position may begin after
	// what is wanted; then the one before it has it. In a list that is out of
	// order that could go on for ever.
	missed := it.keys[len(it.keys)-1] <= it.bound
	if missed && t.missed {
		return true, p.run.badList(p.at, "a list of postings is out of order")
	}
	t.missed = missed
	return false, nil
}

// wanted is the first position behind the bound, relative to the run: forward
// the least that may come next, backward the greatest. ok is false where the
// list has none.
func (it *Iter) wanted() (relative uint64, ok bool) {
	p := &it.postings
	if it.bound == ^uint64(0) {
		return 0, false
	}
	pos := (it.bound + 1) ^ it.flip
	if it.flip == 0 {
		return max(pos, p.first) - p.first, pos <= p.last
	}
	return min(pos, p.last) - p.first, pos >= p.first
}

// begin reads where the root is.
func (t *treeWalk) begin(p *Postings) error {
	content, err := p.run.list(p.at, listHead, "the head of a list of postings")
	if err != nil {
		return err
	}
	// Lookup has seen that the number is between 1 and maxLevels.
	t.levels = max(1, min(int(content[24]), maxLevels))
	t.path[t.levels-1].node = place(binary.LittleEndian.Uint64(content[16:]))
	return nil
}

// node returns the verified entries of the node on a level of the path.
func (t *treeWalk) node(p *Postings, level int) ([]byte, error) {
	at := t.path[level].node
	content, err := p.run.list(at.offset(), at.length(), "a node of a list of postings")
	if err != nil {
		return nil, err
	}
	if n := len(content); n == 0 || n%entrySize != 0 || n > len(t.bottom) {
		return nil, p.run.badList(at.offset(), "a node of a list of postings has an impossible length")
	}
	return content, nil
}

// firstNotBefore is the index of the first of n entries, from `low` on, whose
// last position is at least wanted; n where there is none.
func firstNotBefore(node []byte, low, n int, wanted uint64) int {
	high := n
	for low < high {
		middle := int(uint(low+high) >> 1)
		if last, _ := nodeEntry(node, middle); last >= wanted {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// descend goes from the root to the first leaf whose last position is at least
// wanted, which is not greater than the list's last position.
func (t *treeWalk) descend(p *Postings, wanted uint64) error {
	for level := t.levels - 1; ; level-- {
		content, err := t.node(p, level)
		if err != nil {
			return err
		}
		n := len(content) / entrySize
		i := firstNotBefore(content, 0, n, wanted)
		if i == n {
			return p.run.badList(t.path[level].node.offset(), "a node of a list of postings is out of order")
		}
		t.path[level].index = i
		if level == 0 {
			t.keep(content)
			return nil
		}
		_, t.path[level-1].node = nodeEntry(content, i)
	}
}

func (t *treeWalk) keep(bottom []byte) {
	t.length = copy(t.bottom[:], bottom) / entrySize
}

// ahead goes to the first leaf after the present one whose last position is at
// least wanted. There is one: the list's last position is.
func (t *treeWalk) ahead(p *Postings, wanted uint64) error {
	i := t.path[0].index + 1
	if i < t.length {
		if last, _ := nodeEntry(t.bottom[:], i); last < wanted {
			i = firstNotBefore(t.bottom[:], i+1, t.length, wanted)
		}
	}
	if i < t.length {
		t.path[0].index = i
		return nil
	}
	return t.descend(p, wanted)
}

// back goes to the leaf before the present one that holds the greatest position
// up to wanted, or to the one after that; found is false at the beginning.
func (t *treeWalk) back(p *Postings, wanted uint64) (found bool, err error) {
	present := t.path[0].index
	if first, _ := nodeEntry(t.bottom[:], 0); present > 0 && first < wanted {
		t.path[0].index = min(firstNotBefore(t.bottom[:], 1, present, wanted), present-1)
		return true, nil
	}
	_, leaf := nodeEntry(t.bottom[:], present)
	if err := t.descend(p, wanted); err != nil {
		return false, err
	}
	if _, below := nodeEntry(t.bottom[:], t.path[0].index); below != leaf {
		return true, nil
	}
	// The leaf before this one ends before what is wanted: its last position
	// is the next.
	return t.stepBack(p)
}

// stepBack goes to the leaf before the present one.
func (t *treeWalk) stepBack(p *Postings) (found bool, err error) {
	level := 0
	for t.path[level].index == 0 {
		if level++; level == t.levels {
			return false, nil
		}
	}
	t.path[level].index--
	for ; level > 0; level-- {
		content, err := t.node(p, level)
		if err != nil {
			return false, err
		}
		if t.path[level].index >= len(content)/entrySize {
			return false, p.run.badList(t.path[level].node.offset(), "a node of a list of postings became shorter")
		}
		_, t.path[level-1].node = nodeEntry(content, t.path[level].index)
		if content, err = t.node(p, level-1); err != nil {
			return false, err
		}
		t.path[level-1].index = len(content)/entrySize - 1
		if level == 1 {
			t.keep(content)
		}
	}
	return true, nil
}

// decodeLeaf decodes the leaf that the walk has come to.
func (it *Iter) decodeLeaf() error {
	p, t := &it.postings, it.tree
	last, at := nodeEntry(t.bottom[:], t.path[0].index)
	content, err := p.run.list(at.offset(), at.length(), "a leaf of a list of postings")
	if err != nil {
		return err
	}
	it.keys = slices.Grow(it.keys, leafPostings)
	ok := last <= p.last-p.first
	if ok {
		it.keys, ok = appendKeys(it.keys, content, p.first, last, it.flip)
	}
	if !ok {
		return p.run.badList(at.offset(), "a leaf of a list of postings is not as it is written")
	}
	if t.path[0].index > 0 {
		least := it.keys[len(it.keys)-1] ^ it.flip
		if before, _ := nodeEntry(t.bottom[:], t.path[0].index-1); least <= p.first+before {
			return p.run.badList(at.offset(), "a leaf of a list of postings is out of order")
		}
	}
	if it.flip == 0 {
		slices.Reverse(it.keys)
	}
	return nil
}
