package reactor

import (
	"bytes"
	"math/rand/v2"
)

// ranges are intervals of keys, both ends included, nil being no end, and who has them. It is a treap by the lower end, of which
// each node knows the greatest upper end below it (an interval tree: Cormen et al., Introduction to Algorithms, 14.3; treaps:
// Seidel and Aragon, 1996). So what holds a key is found in O(log n) and the number of what is found.
type ranges[Q comparable] struct{ root *node[Q] }

type node[Q comparable] struct {
	low, high   []byte
	most        []byte // the greatest high of the subtree
	endless     bool   // one of them has none
	owners      map[Q]struct{}
	priority    uint64
	left, right *node[Q]
}

// compareLow orders lower ends: none is below all.
func compareLow(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return bytes.Compare(a, b)
}

// compareHigh orders upper ends: none is above all.
func compareHigh(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return bytes.Compare(a, b)
}

func compareEnds(lowA, highA, lowB, highB []byte) int {
	if c := compareLow(lowA, lowB); c != 0 {
		return c
	}
	return compareHigh(highA, highB)
}

func (r *ranges[Q]) add(low, high []byte, q Q) { r.root = r.root.add(low, high, q) }

func (r *ranges[Q]) remove(low, high []byte, q Q) { r.root = r.root.remove(low, high, q) }

// stab gives the owners of what holds a key.
func (r *ranges[Q]) stab(key []byte, take func(Q)) { r.root.stab(key, take) }

func (n *node[Q]) add(low, high []byte, q Q) *node[Q] {
	if n == nil {
		n = &node[Q]{low: low, high: high, owners: map[Q]struct{}{q: {}}, priority: rand.Uint64()}
		n.update()
		return n
	}
	switch c := compareEnds(low, high, n.low, n.high); {
	case c == 0:
		n.owners[q] = struct{}{}
	case c < 0:
		n.left = n.left.add(low, high, q)
		if n.left.priority > n.priority {
			n = n.rotateRight()
		}
	default:
		n.right = n.right.add(low, high, q)
		if n.right.priority > n.priority {
			n = n.rotateLeft()
		}
	}
	n.update()
	return n
}

func (n *node[Q]) remove(low, high []byte, q Q) *node[Q] {
	if n == nil {
		return nil
	}
	switch c := compareEnds(low, high, n.low, n.high); {
	case c < 0:
		n.left = n.left.remove(low, high, q)
	case c > 0:
		n.right = n.right.remove(low, high, q)
	default:
		delete(n.owners, q)
		if len(n.owners) == 0 {
			return merged(n.left, n.right)
		}
	}
	n.update()
	return n
}

// merged is one tree of two, all of one being below all of the other.
func merged[Q comparable](a, b *node[Q]) *node[Q] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		a.right = merged(a.right, b)
		a.update()
		return a
	}
	b.left = merged(a, b.left)
	b.update()
	return b
}

func (n *node[Q]) rotateRight() *node[Q] {
	up := n.left
	n.left, up.right = up.right, n
	n.update()
	return up
}

func (n *node[Q]) rotateLeft() *node[Q] {
	up := n.right
	n.right, up.left = up.left, n
	n.update()
	return up
}

func (n *node[Q]) update() {
	n.most, n.endless = n.high, n.high == nil
	for _, below := range [...]*node[Q]{n.left, n.right} {
		if below == nil {
			continue
		}
		n.endless = n.endless || below.endless
		if n.most == nil || bytes.Compare(below.most, n.most) > 0 {
			n.most = below.most
		}
	}
}

func (n *node[Q]) stab(key []byte, take func(Q)) {
	for n != nil {
		if !n.endless && bytes.Compare(n.most, key) < 0 {
			return // all end before it
		}
		n.left.stab(key, take)
		if n.low != nil && bytes.Compare(key, n.low) < 0 {
			return // all that is left begins behind it
		}
		if n.high == nil || bytes.Compare(key, n.high) <= 0 {
			for q := range n.owners {
				take(q)
			}
		}
		n = n.right
	}
}
