package reactor

import (
	"bytes"
	"slices"

	"github.com/nacredb/nacre/query"
	"github.com/tidwall/btree"
)

// item is a row in a window.
type item struct {
	key []byte
	row *query.Object
}

func itemLess(a, b *item) bool { return bytes.Compare(a.key, b.key) < 0 }

func compareItems(a, b *item) int { return bytes.Compare(a.key, b.key) }

// fewRows is how many rows stand in a list; more stand in a tree. Most standing queries have few.
const fewRows = 32

// rows are items in the order of their keys. The zero value has none.
type rows struct {
	few  []*item // where there is no tree
	tree *btree.BTreeG[*item]
	byID map[string]*item
}

func (r *rows) put(it *item) {
	if r.tree == nil && len(r.few) < fewRows {
		i, _ := slices.BinarySearchFunc(r.few, it, compareItems)
		r.few = slices.Insert(r.few, i, it)
		return
	}
	if r.tree == nil {
		r.tree = btree.NewBTreeGOptions(itemLess, btree.Options{NoLocks: true, Degree: 16})
		r.byID = make(map[string]*item, 2*fewRows)
		for _, it := range r.few {
			r.byID[it.row.ID()] = it
			r.tree.Set(it)
		}
		r.few = nil
	}
	r.byID[it.row.ID()] = it
	r.tree.Set(it)
}

// drop takes an item out that is there.
func (r *rows) drop(it *item) {
	if r.tree == nil {
		i, _ := slices.BinarySearchFunc(r.few, it, compareItems)
		r.few = slices.Delete(r.few, i, i+1)
		return
	}
	delete(r.byID, it.row.ID())
	if r.tree.Delete(it); len(r.byID) == 0 {
		*r = rows{}
	}
}

// get is the item of an id; nil where there is none.
func (r *rows) get(id string) *item {
	if r.tree != nil {
		return r.byID[id]
	}
	for _, it := range r.few {
		if it.row.ID() == id {
			return it
		}
	}
	return nil
}

func (r *rows) len() int { return len(r.few) + len(r.byID) }

func (r *rows) at(i int) *item {
	if r.tree == nil {
		return r.few[i]
	}
	it, _ := r.tree.GetAt(i)
	return it
}

// last is the last item; nil where there is none.
func (r *rows) last() *item {
	if n := r.len(); n > 0 {
		return r.at(n - 1)
	}
	return nil
}

// from gives the items from one on, or all, until it gives false.
func (r *rows) from(first *item, see func(it *item) bool) {
	switch {
	case r.tree == nil:
		for _, it := range r.few {
			if (first == nil || compareItems(it, first) >= 0) && !see(it) {
				return
			}
		}
	case first == nil:
		r.tree.Scan(see)
	default:
		r.tree.Ascend(first, see)
	}
}

// rank is how many items stand before a key.
func (r *rows) rank(key []byte) int {
	low, high := 0, r.len()
	for low < high {
		if mid := int(uint(low+high) >> 1); bytes.Compare(r.at(mid).key, key) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
