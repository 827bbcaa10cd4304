package index

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// memNames is the set of names of a Mem. It holds no pointers to the names:
// they stand in one text, each with its length before it.
type memNames struct {
	text  []byte
	lists [named][]uint32

	// table is an open-addressing table: in the upper half of an element the
	// lower half of the name's hash, in the lower half its place in text, from
	// 1; 0 marks a free element.
	table []uint64
	used  int
}

func (n *memNames) bytes() int {
	total := cap(n.text) + 8*len(n.table)
	for i := range n.lists {
		total += 4 * cap(n.lists[i])
	}
	return total
}

func (n *memNames) add(hash uint64, kind Kind, name string) {
	if n.used >= len(n.table)-len(n.table)/4 {
		n.grow()
	}
	// The kind makes equal names of two kinds differ, since it is hashed.
	short := hash * mix0 >> 32
	mask := uint64(len(n.table) - 1)
	i := short & mask
	for ; n.table[i] != 0; i = (i + 1) & mask {
		if n.table[i]>>32 == short {
			at := uint32(n.table[i]) - 1
			if Kind(n.text[at]) == kind && string(nameAt(n.text, at+1)) == name {
				return
			}
		}
	}
	at := uint32(len(n.text))
	n.table[i] = short<<32 | uint64(at+1)
	n.used++
	n.text = append(n.text, byte(kind))
	n.text = binary.AppendUvarint(n.text, uint64(len(name)))
	n.text = append(n.text, name...)
	n.lists[kind-1] = append(n.lists[kind-1], at+1)
}

func (n *memNames) grow() {
	old := n.table
	n.table = make([]uint64, max(64, 2*len(old)))
	mask := uint64(len(n.table) - 1)
	for _, element := range old {
		if element == 0 {
			continue
		}
		i := element >> 32 & mask
		for n.table[i] != 0 {
			i = (i + 1) & mask
		}
		n.table[i] = element
	}
}

// nameAt returns the name whose length stands at a place of the text.
func nameAt(text []byte, at uint32) []byte {
	length, n := binary.Uvarint(text[at:])
	return text[int(at)+n : int(at)+n+int(length)]
}

// MemNames is a snapshot of the names of a Mem.
type MemNames struct {
	text  []byte
	lists [named][]uint32
}

// Count counts the names of a kind.
func (s MemNames) Count(kind Kind) int {
	if !kind.hasNames() {
		return 0
	}
	return len(s.lists[kind-1])
}

// Iter returns the names of a kind that begin with prefix, as Run.Names does.
// It looks at every name once, and sorts as far as it is read.
func (s MemNames) Iter(kind Kind, dir Direction, prefix, from string) NameSource {
	it := &memNameIter{text: s.text}
	if !kind.hasNames() {
		return it
	}
	it.less = func(a, b uint32) bool {
		return bytes.Compare(nameAt(s.text, a), nameAt(s.text, b)) < 0 == (dir == Forward)
	}
	for _, at := range s.lists[kind-1] {
		name := nameAt(s.text, at)
		if hasPrefix(name, prefix) && inBound(dir, name, from) {
			it.heap = append(it.heap, at)
		}
	}
	heapify(it.heap, it.less)
	return it
}

// inBound tells whether a name is on the side of `from` that a walk in
// direction dir goes through.
func inBound(dir Direction, name []byte, from string) bool {
	if dir == Forward {
		return string(name) >= from
	}
	return from == "" || string(name) < from
}

// hasPrefix is strings.HasPrefix without a copy of the name.
func hasPrefix(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix
}

// sorted returns the places of the names of a kind, ascending.
func (s MemNames) sorted(kind Kind) []uint32 {
	places := slices.Clone(s.lists[kind-1])
	slices.SortFunc(places, func(a, b uint32) int {
		return bytes.Compare(nameAt(s.text, a), nameAt(s.text, b))
	})
	return places
}

// memNameIter is a heap of the places of names.
type memNameIter struct {
	text []byte
	heap []uint32
	less func(a, b uint32) bool
	name []byte
}

func (it *memNameIter) Next() bool {
	if len(it.heap) == 0 {
		it.name = nil
		return false
	}
	it.name = nameAt(it.text, it.heap[0])
	it.heap = dropTop(it.heap, it.less)
	return true
}

func (it *memNameIter) Name() []byte { return it.name }

func (it *memNameIter) Err() error { return nil }
