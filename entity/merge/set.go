package merge

import (
	"maps"
	"slices"
)

type setKind struct{}

// named is an element, or a key, and the ids that are named for it.
type named struct {
	key string
	ids []ID
}

type setOp struct{ add, remove []named }

func (o *setOp) Names(dst []ID) []ID {
	for i := range o.add {
		dst = append(dst, o.add[i].ids...)
	}
	for i := range o.remove {
		dst = append(dst, o.remove[i].ids...)
	}
	return dst
}

// set has its elements' canonical texts, with the surviving ids, sorted.
type set struct {
	elements map[string][]ID
	any      bool
}

func (setKind) Name() string { return "set" }

func (setKind) Claims(op []Member) bool {
	v, ok := find(op, "add")
	return ok && v[0] == '{'
}

func (setKind) Decode(op []Member) (Operation, error) {
	if !only(op, "add", "remove") {
		return nil, shape("a set's operation has add and perhaps remove, and nothing else")
	}
	o := new(setOp)
	add, _ := find(op, "add")
	remove, removes := find(op, "remove")
	var ok bool
	if o.add, ok = namedOf(add, true, false); ok && removes {
		o.remove, ok = namedOf(remove, true, true)
	}
	if !ok || common(o.add, o.remove) {
		return nil, shape("a set's operation has elements, spelled canonically and each once, with the ids that they replace; a remove names at least one")
	}
	return o, nil
}

// namedOf reads an object of ids, whose names may have to be canonical JSON.
func namedOf(value []byte, canonical, some bool) ([]named, bool) {
	members, ok := membersOf(value)
	if !ok {
		return nil, false
	}
	out := make([]named, len(members))
	for i, m := range members {
		out[i].key = m.Name
		if out[i].ids, ok = idsOf(m.Value); !ok || some && len(out[i].ids) == 0 {
			return nil, false
		}
		if canonical {
			if text, err := Canonical([]byte(m.Name)); err != nil || string(text) != m.Name {
				return nil, false
			}
		}
	}
	return out, true
}

// common tells whether two sorted lists have a key of each other's.
func common(a, b []named) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].key == b[0].key:
			return true
		case a[0].key < b[0].key:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

func (setKind) New() State { return &set{elements: map[string][]ID{}} }

func (setKind) Load(state []byte) (State, error) {
	elements, ok := namedOf(state, true, true)
	if !ok {
		return nil, shape("a set is an object of elements, each with ids")
	}
	s := &set{elements: make(map[string][]ID, len(elements)), any: true}
	for _, el := range elements {
		s.elements[el.key] = el.ids
	}
	return s, nil
}

func (s *set) Apply(by ID, op Operation) {
	o := op.(*setOp)
	s.any = true
	for _, el := range o.remove {
		if ids := without(s.elements[el.key], el.ids); len(ids) > 0 {
			s.elements[el.key] = ids
		} else {
			delete(s.elements, el.key)
		}
	}
	for _, el := range o.add {
		ids := without(s.elements[el.key], el.ids)
		i, _ := slices.BinarySearchFunc(ids, by, ID.Compare)
		s.elements[el.key] = slices.Insert(ids, i, by)
	}
}

// without is a new list of those ids that are not named.
func without(ids, named []ID) []ID {
	out := make([]ID, 0, len(ids)+1)
	for _, id := range ids {
		if _, taken := slices.BinarySearchFunc(named, id, ID.Compare); !taken {
			out = append(out, id)
		}
	}
	return out
}

func (s *set) AppendState(dst []byte) []byte {
	dst = append(dst, '{')
	for i, el := range slices.Sorted(maps.Keys(s.elements)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendIDs(append(appendString(dst, el), ':'), s.elements[el])
	}
	return append(dst, '}')
}

func (s *set) AppendValue(dst []byte) ([]byte, bool) {
	if !s.any {
		return dst, false
	}
	return appendElements(dst, s.elements), true
}

func appendElements[V any](dst []byte, elements map[string]V) []byte {
	dst = append(dst, '[')
	for i, el := range slices.Sorted(maps.Keys(elements)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, el...)
	}
	return append(dst, ']')
}

func (*set) Conflicts() []Conflict { return nil }

func (s *set) Clone() State {
	// The lists of ids are never changed in place.
	return &set{elements: maps.Clone(s.elements), any: s.any}
}

func (s *set) Undo(done []Done, before State) []byte {
	was := before.(*set).elements
	added, removed := map[string][]ID{}, map[string][]ID{}
	for _, d := range done {
		o := d.Operation.(*setOp)
		for _, el := range o.add {
			_, own := slices.BinarySearchFunc(s.elements[el.key], d.By, ID.Compare)
			if _, there := was[el.key]; own && !there {
				added[el.key] = append(added[el.key], d.By)
			}
		}
		for _, el := range o.remove {
			_, there := was[el.key]
			if _, still := s.elements[el.key]; there && !still {
				removed[el.key] = nil
			}
		}
	}
	undo := setOp{add: sortedNamed(removed), remove: sortedNamed(added)}
	return undo.append()
}

func sortedNamed(keys map[string][]ID) []named {
	out := make([]named, 0, len(keys))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, named{key, keys[key]})
	}
	return out
}

// append is the operation as canonical JSON, nil where it does nothing.
func (o *setOp) append() []byte {
	if len(o.add)+len(o.remove) == 0 {
		return nil
	}
	dst := appendNamed([]byte(`{"add":`), o.add)
	if len(o.remove) > 0 {
		dst = appendNamed(append(dst, `,"remove":`...), o.remove)
	}
	return append(dst, '}')
}

func appendNamed(dst []byte, list []named) []byte {
	dst = append(dst, '{')
	for i, n := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendIDs(append(appendString(dst, n.key), ':'), n.ids)
	}
	return append(dst, '}')
}

func (s *set) Change() Change {
	return &setChange{base: s, wanted: map[string]bool{}}
}

// setChange is a set and the elements that a user wants in it or out of it.
type setChange struct {
	base   *set
	wanted map[string]bool
	set    bool // it was set as a whole: an empty set is a value, too
}

func setElements(value []byte) ([]string, error) {
	canonical, err := Canonical(value)
	if err != nil {
		return nil, err
	}
	elements, ok := elementsOf(canonical)
	if !ok {
		return nil, invalid("value", "a set takes an array of its elements")
	}
	out := make([]string, len(elements))
	for i, el := range elements {
		out[i] = string(el)
	}
	return out, nil
}

func (c *setChange) want(value []byte, in bool) error {
	elements, err := setElements(value)
	for _, el := range elements {
		c.wanted[el] = in
	}
	return err
}

func (c *setChange) Add(value []byte) error    { return c.want(value, true) }
func (c *setChange) Remove(value []byte) error { return c.want(value, false) }

func (c *setChange) Set(value []byte) error {
	elements, err := setElements(value)
	if err != nil {
		return err
	}
	clear(c.wanted)
	c.set = true
	for el := range c.base.elements {
		c.wanted[el] = false
	}
	for _, el := range elements {
		c.wanted[el] = true
	}
	return nil
}

func (c *setChange) AppendValue(dst []byte) ([]byte, bool) {
	if !c.base.any && !c.set && len(c.wanted) == 0 {
		return dst, false
	}
	elements := maps.Clone(c.base.elements)
	for el, in := range c.wanted {
		if in {
			elements[el] = nil
		} else {
			delete(elements, el)
		}
	}
	return appendElements(dst, elements), true
}

func (c *setChange) Operation() []byte {
	var o setOp
	for _, el := range slices.Sorted(maps.Keys(c.wanted)) {
		ids, there := c.base.elements[el]
		switch in := c.wanted[el]; {
		case in && !there:
			o.add = append(o.add, named{key: el})
		case !in && there:
			o.remove = append(o.remove, named{el, ids})
		}
	}
	if out := o.append(); out != nil || !c.set || c.base.any {
		return out
	}
	return []byte(`{"add":{}}`)
}
