package merge

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxElements is how many elements one event may insert into one list.
const maxElements = 1_000_000

// Element is an element of a list: the n-th value that an event inserted.
type Element struct {
	ID ID
	N  int
}

// String is the element as operations name it.
func (e Element) String() string { return string(e.append(nil)) }

func (e Element) append(dst []byte) []byte {
	return strconv.AppendInt(append(e.ID.AppendText(dst), '#'), int64(e.N), 10)
}

func (e Element) compare(other Element) int {
	if c := e.ID.Compare(other.ID); c != 0 {
		return c
	}
	return e.N - other.N
}

func parseElement(text string) (e Element, ok bool) {
	id, n, found := strings.Cut(text, "#")
	if !found || n == "" || len(n) > 6 || n[0] == '0' && len(n) > 1 || strings.Trim(n, "0123456789") != "" {
		return e, false
	}
	e.N, _ = strconv.Atoi(n)
	e.ID, ok = parseID(id)
	return e, ok
}

type listKind struct{}

// run is a place and the values that are put there; of a voided event only how many they were.
type run struct {
	of     Element
	root   bool // below the root, of being none
	right  bool
	values [][]byte // nil where they were voided
	count  int
}

// elementSet writes a value to an element.
type elementSet struct {
	element Element
	value   []byte
	over    []ID
}

type listOp struct {
	insert []run
	set    []elementSet
	remove []Element
}

func (o *listOp) Names(dst []ID) []ID {
	for i := range o.insert {
		if !o.insert[i].root {
			dst = append(dst, o.insert[i].of.ID)
		}
	}
	for i := range o.set {
		dst = append(append(dst, o.set[i].element.ID), o.set[i].over...)
	}
	for i := range o.remove {
		dst = append(dst, o.remove[i].ID)
	}
	return dst
}

func (listKind) Name() string { return "list" }

func (listKind) Claims(op []Member) bool {
	_, ok := find(op, "insert")
	return ok
}

func (listKind) Decode(op []Member) (Operation, error) {
	if !only(op, "insert", "remove", "set") {
		return nil, shape("a list's operation has insert, and perhaps remove and set, and nothing else")
	}
	o := new(listOp)
	insert, _ := find(op, "insert")
	runs, ok := elementsOf(insert)
	total := 0
	for i := 0; ok && i < len(runs); i++ {
		var r run
		r, ok = decodeRun(runs[i])
		o.insert = append(o.insert, r)
		total += r.count
	}
	if !ok || total > maxElements {
		return nil, shape(`a list's insert is [{"of":element or null,"side":"left" or "right","values":[…]}], null only with "right", at most %d values`, maxElements)
	}
	named := map[Element]bool{}
	if remove, there := find(op, "remove"); there {
		texts, ok := elementsOf(remove)
		for i := 0; ok && i < len(texts); i++ {
			text, _ := textOf(texts[i])
			var el Element
			el, ok = parseElement(text)
			ok = ok && !named[el]
			named[el] = true
			o.remove = append(o.remove, el)
		}
		if !ok {
			return nil, shape("a list's remove is an array of elements, each once")
		}
	}
	if set, there := find(op, "set"); there {
		members, ok := membersOf(set)
		for i := 0; ok && i < len(members); i++ {
			var s elementSet
			s.element, ok = parseElement(members[i].Name)
			if ok = ok && !named[s.element]; ok {
				s.value, s.over, ok = valueOver(members[i].Value)
			}
			o.set = append(o.set, s)
		}
		if !ok {
			return nil, shape(`a list's set is {element:{"value":value,"over":[ids]}}, of elements that it does not remove`)
		}
	}
	return o, nil
}

func decodeRun(text []byte) (r run, ok bool) {
	members, ok := membersOf(text)
	if !ok || len(members) != 3 || members[0].Name != "of" || members[1].Name != "side" || members[2].Name != "values" {
		return r, false
	}
	var origin, side, values bool
	r.of, r.root, origin = decodeOrigin(members[0].Value)
	r.right, side = decodeSide(members[1].Value)
	r.values, values = elementsOf(members[2].Value)
	r.count = len(r.values)
	return r, origin && side && values && r.count > 0 && (!r.root || r.right)
}

func decodeOrigin(value []byte) (el Element, root, ok bool) {
	if string(value) == "null" {
		return el, true, true
	}
	text, _ := textOf(value)
	el, ok = parseElement(text)
	return el, false, ok
}

func decodeSide(value []byte) (right, ok bool) {
	return string(value) == `"right"`, string(value) == `"right"` || string(value) == `"left"`
}

func (listKind) New() State { return newList() }

// node is an element in the tree.
type node struct {
	Element
	parent  int32 // an index of nodes; the root is 0
	kids    [2]int32
	right   bool // the side of its parent
	removed bool
	value   []byte    // what its own event wrote, where that is the only survivor
	more    survivors // all survivors otherwise
}

// span is a part of an event's elements, which stand side by side in nodes.
type span struct {
	n, count int
	node     int32
}

// list is a tree of elements. nodes[0] is the root. Kids of one side are none (0), one (its index), or several (the
// negative of an index of many, one up), in the order of their elements.
type list struct {
	nodes []node
	many  [][]int32
	spans map[ID][]span
	any   bool
}

func newList() *list { return &list{nodes: make([]node, 1), spans: map[ID][]span{}} }

func side(right bool) int {
	if right {
		return 1
	}
	return 0
}

// find is the index of an element, 0 where there is none.
func (l *list) find(el Element) int32 {
	spans := l.spans[el.ID]
	i, exact := slices.BinarySearchFunc(spans, el.N, func(s span, n int) int { return s.n - n })
	if !exact {
		i--
	}
	if i < 0 || el.N >= spans[i].n+spans[i].count {
		return 0
	}
	return spans[i].node + int32(el.N-spans[i].n)
}

// kidsOf are the kids of one side.
func (l *list) kidsOf(at int32, right bool) []int32 {
	switch k := l.nodes[at].kids[side(right)]; {
	case k == 0:
		return nil
	case k > 0:
		return l.nodes[at].kids[side(right) : side(right)+1]
	default:
		return l.many[-k-1]
	}
}

// adopt puts a node among its parent's kids.
func (l *list) adopt(kid int32) {
	n := &l.nodes[kid]
	slot := &l.nodes[n.parent].kids[side(n.right)]
	switch {
	case *slot == 0:
		*slot = kid
		return
	case *slot > 0:
		l.many = append(l.many, []int32{*slot})
		*slot = -int32(len(l.many))
	}
	kids := &l.many[-*slot-1]
	i, _ := slices.BinarySearchFunc(*kids, n.Element, func(k int32, el Element) int { return l.nodes[k].compare(el) })
	*kids = slices.Insert(*kids, i, kid)
}

// place puts a run into the tree, its first value as element number n. It tells whether there was a place for it.
func (l *list) place(by ID, n int, r *run) bool {
	parent := int32(0)
	if !r.root {
		if parent = l.find(r.of); parent == 0 {
			return false
		}
	}
	first := int32(len(l.nodes))
	l.spans[by] = append(l.spans[by], span{n, r.count, first})
	right := r.right
	for i := range r.count {
		el := node{Element: Element{by, n + i}, parent: parent, right: right, removed: r.values == nil}
		if r.values != nil {
			el.value = bytes.Clone(r.values[i])
		}
		l.nodes = append(l.nodes, el)
		parent = first + int32(i)
		l.adopt(parent)
		right = true
	}
	return true
}

func (n *node) survivors() survivors {
	switch {
	case n.removed:
		return nil
	case n.more != nil:
		return n.more
	}
	return survivors{{n.ID, n.value}}
}

func (n *node) shown() []byte {
	if n.more != nil {
		value, _ := n.more.shown()
		return value
	}
	return n.value
}

func (n *node) remove() { n.removed, n.value, n.more = true, nil, nil }

func (l *list) Apply(by ID, op Operation) {
	o := op.(*listOp)
	l.any = true
	n := 0
	for i := range o.insert {
		l.place(by, n, &o.insert[i])
		n += o.insert[i].count
	}
	for i := range o.set {
		s := &o.set[i]
		at := l.find(s.element)
		if at == 0 || l.nodes[at].removed {
			continue
		}
		el := &l.nodes[at]
		all := slices.Clone(el.survivors())
		all.take(s.over)
		all.put(by, s.value)
		el.value, el.more = nil, all
		if len(all) == 1 && all[0].id == el.ID {
			el.value, el.more = all[0].value, nil
		}
	}
	for _, el := range o.remove {
		if at := l.find(el); at != 0 {
			l.nodes[at].remove()
		}
	}
}

// order is all elements in the order of the list, removed ones included.
func (l *list) order() []int32 {
	out := make([]int32, 0, len(l.nodes)-1)
	stack := []int32{0}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at < 0 {
			out = append(out, -at)
			continue
		}
		for _, kid := range slices.Backward(l.kidsOf(at, true)) {
			stack = append(stack, kid)
		}
		if at > 0 {
			stack = append(stack, -at)
		}
		for _, kid := range slices.Backward(l.kidsOf(at, false)) {
			stack = append(stack, kid)
		}
	}
	return out
}

func (l *list) AppendState(dst []byte) []byte {
	ids := make([]ID, 0, len(l.spans))
	for id := range l.spans {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	dst = append(dst, '[')
	first := true
	for _, id := range ids {
		for _, s := range l.spans[id] {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = l.appendRun(dst, s)
		}
	}
	return append(dst, ']')
}

func (l *list) appendRun(dst []byte, s span) []byte {
	dst = append(dst, `{"elements":[`...)
	for i := range s.count {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch n := &l.nodes[int(s.node)+i]; {
		case n.removed:
			dst = append(dst, '0')
		case n.more != nil:
			dst = n.more.appendState(dst)
		default:
			dst = append(append(append(dst, '['), n.value...), ']')
		}
	}
	n := &l.nodes[s.node]
	dst = append(n.append(append(dst, `],"id":"`...)), `","of":`...)
	if n.parent == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = append(l.nodes[n.parent].append(append(dst, '"')), '"')
	}
	return append(append(append(dst, `,"side":"`...), sideName(n.right)...), `"}`...)
}

func sideName(right bool) string {
	if right {
		return "right"
	}
	return "left"
}

func (listKind) Load(state []byte) (State, error) {
	runs, ok := elementsOf(state)
	if !ok {
		return nil, shape("a list is an array of runs")
	}
	l := newList()
	l.any = true
	for _, text := range runs {
		if !l.load(text) {
			return nil, shape("%.100q is no run of a list's elements", text)
		}
	}
	return l, nil
}

func (l *list) load(text []byte) bool {
	members, ok := membersOf(text)
	if !ok || len(members) != 4 || members[0].Name != "elements" || members[1].Name != "id" || members[2].Name != "of" || members[3].Name != "side" {
		return false
	}
	elements, ok := elementsOf(members[0].Value)
	name, _ := textOf(members[1].Value)
	first, isElement := parseElement(name)
	r := run{count: len(elements), values: elements}
	var origin, side bool
	r.of, r.root, origin = decodeOrigin(members[2].Value)
	r.right, side = decodeSide(members[3].Value)
	spans := l.spans[first.ID]
	// Runs stand in order, below elements that came before them.
	if !ok || !isElement || !origin || !side || len(elements) == 0 || r.root && !r.right || first.N+r.count > maxElements ||
		len(spans) > 0 && spans[len(spans)-1].n+spans[len(spans)-1].count > first.N || !l.place(first.ID, first.N, &r) {
		return false
	}
	at := l.find(first)
	for i, el := range elements {
		n := &l.nodes[int(at)+i]
		n.value = nil
		switch el[0] {
		case '0':
			n.remove()
		case '[':
			one, ok := elementsOf(el)
			if !ok || len(one) != 1 {
				return false
			}
			n.value = one[0]
		default:
			all, err := loadSurvivors(el)
			if err != nil || len(all) == 0 || len(all) == 1 && all[0].id == n.ID {
				return false
			}
			n.more = all
		}
	}
	return true
}

func (l *list) AppendValue(dst []byte) ([]byte, bool) {
	if !l.any {
		return dst, false
	}
	dst = append(dst, '[')
	first := true
	for _, at := range l.order() {
		if l.nodes[at].removed {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, l.nodes[at].shown()...)
	}
	return append(dst, ']'), true
}

func (l *list) Conflicts() []Conflict {
	var out []Conflict
	var order []int32
	if slices.ContainsFunc(l.nodes, func(n node) bool { return n.more.differ() }) {
		order = l.order()
	}
	for _, at := range order {
		if s := l.nodes[at].more; s.differ() {
			out = append(out, s.conflict(l.nodes[at].String()))
		}
	}
	return out
}

func (l *list) Clone() State {
	// Survivors are never changed in place, and lists of spans only grow.
	out := &list{nodes: slices.Clone(l.nodes), many: make([][]int32, len(l.many)), spans: make(map[ID][]span, len(l.spans)), any: l.any}
	for i, kids := range l.many {
		out.many[i] = slices.Clone(kids)
	}
	for id, spans := range l.spans {
		out.spans[id] = slices.Clip(spans)
	}
	return out
}

// append is the operation as canonical JSON, nil where it does nothing.
func (o *listOp) append() []byte {
	if len(o.insert)+len(o.set)+len(o.remove) == 0 {
		return nil
	}
	dst := []byte(`{"insert":[`)
	for i := range o.insert {
		r := &o.insert[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"of":`...)
		if r.root {
			dst = append(dst, "null"...)
		} else {
			dst = append(r.of.append(append(dst, '"')), '"')
		}
		dst = fmt.Appendf(dst, `,"side":"%s","values":[%s]}`, sideName(r.right), bytes.Join(r.values, []byte{','}))
	}
	dst = append(dst, ']')
	if len(o.remove) > 0 {
		for i, el := range o.remove {
			begin := `","`
			if i == 0 {
				begin = `,"remove":["`
			}
			dst = el.append(append(dst, begin...))
		}
		dst = append(dst, `"]`...)
	}
	if len(o.set) > 0 {
		slices.SortFunc(o.set, func(a, b elementSet) int { return strings.Compare(a.element.String(), b.element.String()) })
		for i := range o.set {
			begin := `,"`
			if i == 0 {
				begin = `,"set":{"`
			}
			dst = append(o.set[i].element.append(append(dst, begin...)), `":`...)
			dst = appendValueOver(dst, o.set[i].value, o.set[i].over)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
