package merge

import (
	"bytes"
	"slices"
	"strconv"
)

func (l *list) Undo(done []Done, before State) []byte {
	was := before.(*list)
	var undo listOp
	var removed []Element
	written := map[Element]bool{}
	for _, d := range done {
		o := d.Operation.(*listOp)
		for _, s := range l.spans[d.By] {
			for i := range s.count {
				if n := &l.nodes[int(s.node)+i]; !n.removed {
					undo.remove = append(undo.remove, n.Element)
				}
			}
		}
		removed = append(removed, o.remove...)
		for i := range o.set {
			written[o.set[i].element] = true
		}
	}
	for el := range written {
		at, old := l.find(el), was.find(el)
		if at == 0 || old == 0 || was.nodes[old].removed {
			continue
		}
		own, others := l.nodes[at].survivors().ownOf(done)
		if len(own) == 0 {
			continue
		}
		value, ok := others.shown()
		if !ok {
			value = was.nodes[old].shown()
		}
		undo.set = append(undo.set, elementSet{el, value, own})
	}
	undo.insert = l.putBack(removed, was)
	return undo.append()
}

// putBack makes runs of what was there before it was removed, each behind the last of those that stood side by side.
func (l *list) putBack(removed []Element, was *list) []run {
	values := map[int32][]byte{}
	for _, el := range removed {
		if at, old := l.find(el), was.find(el); at != 0 && old != 0 && !was.nodes[old].removed {
			values[at] = was.nodes[old].shown()
		}
	}
	if len(values) == 0 {
		return nil
	}
	var runs []run
	var open [][]byte
	order := l.order()
	last := 0
	closeRun := func() {
		if len(open) > 0 {
			runs = append(runs, l.behind(order, last, open))
			open = nil
		}
	}
	for i, at := range order {
		if value, ok := values[at]; ok {
			open, last = append(open, value), i
		} else if !l.nodes[at].removed {
			closeRun()
		}
	}
	closeRun()
	return runs
}

// behind is the run that stands directly behind the element order[i], or at the beginning where i is -1.
func (l *list) behind(order []int32, i int, values [][]byte) run {
	r := run{values: values, count: len(values), right: true}
	at := int32(0)
	if i >= 0 {
		at = order[i]
	}
	if len(l.kidsOf(at, true)) > 0 {
		// What follows it has nothing at its left, or it would not follow.
		at, r.right = order[i+1], false
	}
	r.root, r.of = at == 0, l.nodes[at].Element
	return r
}

// listItem is an element that is shown, or a value that is new where node is 0.
type listItem struct {
	node  int32
	value []byte
	set   bool // it was written to, which settles a conflict
}

// listChange is a list with what a user wants it to be.
type listChange struct {
	base  *list
	items []listItem
	set   bool // it was set as a whole: an empty list is a value, too
}

func (l *list) Change() Change {
	c := &listChange{base: l, items: make([]listItem, 0, len(l.nodes))}
	for _, at := range l.order() {
		if n := &l.nodes[at]; !n.removed {
			c.items = append(c.items, listItem{node: at, value: n.shown()})
		}
	}
	return c
}

func listValues(value []byte) ([]listItem, error) {
	elements, ok := elementsOf(value)
	if !ok {
		return nil, invalid("value", "a list takes an array of its elements")
	}
	items := make([]listItem, len(elements))
	for i, el := range elements {
		items[i].value = el
	}
	return items, nil
}

func (c *listChange) Set(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	if members, ok := membersOf(canonical); ok {
		return c.setOne(members)
	}
	items, err := listValues(canonical)
	if err != nil {
		return err
	}
	same := func(a, b listItem) bool { return bytes.Equal(a.value, b.value) }
	begin := 0
	for begin < min(len(items), len(c.items)) && same(items[begin], c.items[begin]) {
		begin++
	}
	end := 0
	for end < min(len(items), len(c.items))-begin && same(items[len(items)-1-end], c.items[len(c.items)-1-end]) {
		end++
	}
	c.items = slices.Replace(c.items, begin, len(c.items)-end, items[begin:len(items)-end]...)
	c.set = true
	return nil
}

func (c *listChange) Add(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	at := len(c.items)
	if members, ok := membersOf(canonical); ok {
		place, hasPlace := find(members, "at")
		values, hasValues := find(members, "values")
		n, err := strconv.Atoi(string(place))
		if !hasPlace || !hasValues || len(members) != 2 || err != nil || n < 0 || n > at {
			return invalid("add", `a list takes an array, put at its end, or {"at":index,"values":[…]}, the index from 0 to its length, `+strconv.Itoa(at))
		}
		at, canonical = n, values
	}
	items, err := listValues(canonical)
	if err != nil {
		return err
	}
	c.items = slices.Insert(c.items, at, items...)
	return nil
}

func (c *listChange) Remove(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	wrong := invalid("remove", `a list takes an array of indexes, each once, or {"at":index,"count":number}, within its length, `+strconv.Itoa(len(c.items)))
	if members, ok := membersOf(canonical); ok {
		place, _ := find(members, "at")
		count, _ := find(members, "count")
		at, err := strconv.Atoi(string(place))
		n, err2 := strconv.Atoi(string(count))
		if err != nil || err2 != nil || len(members) != 2 || at < 0 || n < 0 || at > len(c.items) || n > len(c.items)-at {
			return wrong
		}
		c.items = slices.Delete(c.items, at, at+n)
		return nil
	}
	elements, ok := elementsOf(canonical)
	if !ok {
		return wrong
	}
	gone := make(map[int]bool, len(elements))
	for _, el := range elements {
		at, err := strconv.Atoi(string(el))
		if err != nil || at < 0 || at >= len(c.items) || gone[at] {
			return wrong
		}
		gone[at] = true
	}
	kept := make([]listItem, 0, len(c.items)-len(gone))
	for i, item := range c.items {
		if !gone[i] {
			kept = append(kept, item)
		}
	}
	c.items = kept
	return nil
}

// setOne writes another value to an element, which stays the same element.
func (c *listChange) setOne(members []Member) error {
	place, _ := find(members, "at")
	value, ok := find(members, "value")
	at, err := strconv.Atoi(string(place))
	if err != nil || !ok || len(members) != 2 || at < 0 || at >= len(c.items) {
		return invalid("set", `a list is set to an array, or one element of it by {"at":index,"value":value}, the index below its length, `+strconv.Itoa(len(c.items)))
	}
	c.items[at].value, c.items[at].set = value, true
	return nil
}

func (c *listChange) AppendValue(dst []byte) ([]byte, bool) {
	if !c.base.any && !c.set && len(c.items) == 0 {
		return dst, false
	}
	dst = append(dst, '[')
	for i, item := range c.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, item.value...)
	}
	return append(dst, ']'), true
}

func (c *listChange) Operation() []byte {
	l := c.base
	var o listOp
	order := l.order()
	place := make([]int, len(l.nodes)) // in the order, by node
	for i, at := range order {
		place[at] = i
	}
	kept := make([]bool, len(l.nodes))
	last := -1
	var open [][]byte
	for _, item := range c.items {
		if item.node == 0 {
			open = append(open, item.value)
			continue
		}
		if len(open) > 0 {
			o.insert = append(o.insert, l.behind(order, last, open))
			open = nil
		}
		last = place[item.node]
		kept[item.node] = true
		n := &l.nodes[item.node]
		if s := n.survivors(); item.set && needsWrite(s, item.value) {
			o.set = append(o.set, elementSet{n.Element, item.value, s.ids()})
		}
	}
	if len(open) > 0 {
		o.insert = append(o.insert, l.behind(order, last, open))
	}
	for _, at := range order {
		if n := &l.nodes[at]; !n.removed && !kept[at] {
			o.remove = append(o.remove, n.Element)
		}
	}
	if out := o.append(); out != nil || !c.set || l.any {
		return out
	}
	return []byte(`{"insert":[]}`)
}
