package merge

import (
	"maps"
	"slices"
)

type mapKind struct{}

// mapPut writes a value to a key.
type mapPut struct {
	key   string
	value []byte
	over  []ID
}

type mapOp struct {
	put    []mapPut
	remove []named
}

func (o *mapOp) Names(dst []ID) []ID {
	for i := range o.put {
		dst = append(dst, o.put[i].over...)
	}
	for i := range o.remove {
		dst = append(dst, o.remove[i].ids...)
	}
	return dst
}

// mapping is a register a key.
type mapping struct {
	keys map[string]survivors
	any  bool
}

func (mapKind) Name() string { return "map" }

func (mapKind) Claims(op []Member) bool {
	_, ok := find(op, "put")
	return ok
}

func (mapKind) Decode(op []Member) (Operation, error) {
	wrong := shape(`a map's operation is {"put":{key:{"value":value,"over":[ids]}},"remove":{key:[ids]}}; a remove names at least one`)
	put, _ := find(op, "put")
	members, ok := membersOf(put)
	if !ok || !only(op, "put", "remove") {
		return nil, wrong
	}
	o := &mapOp{put: make([]mapPut, len(members))}
	keys := make([]named, len(members))
	for i, m := range members {
		o.put[i].key, keys[i].key = m.Name, m.Name
		if o.put[i].value, o.put[i].over, ok = valueOver(m.Value); !ok {
			return nil, wrong
		}
	}
	if remove, removes := find(op, "remove"); removes {
		if o.remove, ok = namedOf(remove, false, true); !ok || common(keys, o.remove) {
			return nil, wrong
		}
	}
	return o, nil
}

// valueOver reads {"value":v,"over":[ids]}.
func valueOver(text []byte) (value []byte, over []ID, ok bool) {
	members, ok := membersOf(text)
	if !ok || len(members) != 2 || members[0].Name != "over" || members[1].Name != "value" {
		return nil, nil, false
	}
	over, ok = idsOf(members[0].Value)
	return members[1].Value, over, ok
}

func appendValueOver(dst, value []byte, over []ID) []byte {
	dst = appendIDs(append(dst, `{"over":`...), over)
	dst = append(append(dst, `,"value":`...), value...)
	return append(dst, '}')
}

func (mapKind) New() State { return &mapping{keys: map[string]survivors{}} }

func (mapKind) Load(state []byte) (State, error) {
	members, ok := membersOf(state)
	if !ok {
		return nil, shape("a map is an object of keys")
	}
	m := &mapping{keys: make(map[string]survivors, len(members)), any: true}
	for _, member := range members {
		s, err := loadSurvivors(member.Value)
		if err != nil || len(s) == 0 {
			return nil, shape("the key %.40q has no survivors", member.Name)
		}
		m.keys[member.Name] = s
	}
	return m, nil
}

func (m *mapping) Apply(by ID, op Operation) {
	o := op.(*mapOp)
	m.any = true
	for i := range o.remove {
		s, there := m.keys[o.remove[i].key]
		if !there {
			continue
		}
		if s.take(o.remove[i].ids); len(s) > 0 {
			m.keys[o.remove[i].key] = s
		} else {
			delete(m.keys, o.remove[i].key)
		}
	}
	for i := range o.put {
		p := &o.put[i]
		s := m.keys[p.key]
		s.take(p.over)
		s.put(by, p.value)
		m.keys[p.key] = s
	}
}

func (m *mapping) AppendState(dst []byte) []byte {
	dst = append(dst, '{')
	for i, key := range slices.Sorted(maps.Keys(m.keys)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.keys[key].appendState(append(appendString(dst, key), ':'))
	}
	return append(dst, '}')
}

func (m *mapping) AppendValue(dst []byte) ([]byte, bool) {
	if !m.any {
		return dst, false
	}
	return appendObject(dst, m.values()), true
}

func (m *mapping) values() map[string][]byte {
	values := make(map[string][]byte, len(m.keys))
	for key, s := range m.keys {
		values[key], _ = s.shown()
	}
	return values
}

func appendObject(dst []byte, values map[string][]byte) []byte {
	dst = append(dst, '{')
	for i, key := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendString(dst, key), ':'), values[key]...)
	}
	return append(dst, '}')
}

func (m *mapping) Conflicts() []Conflict {
	var out []Conflict
	for _, key := range slices.Sorted(maps.Keys(m.keys)) {
		if m.keys[key].differ() {
			out = append(out, m.keys[key].conflict(key))
		}
	}
	return out
}

func (m *mapping) Clone() State {
	out := &mapping{keys: make(map[string]survivors, len(m.keys)), any: m.any}
	for key, s := range m.keys {
		out.keys[key] = slices.Clone(s)
	}
	return out
}

func (m *mapping) Undo(done []Done, before State) []byte {
	was := before.(*mapping).keys
	taken := map[string][]ID{}   // by key, whoever was taken out
	removed := map[string]bool{} // whether the last that was done to it was that
	for _, d := range done {
		o := d.Operation.(*mapOp)
		for i := range o.put {
			taken[o.put[i].key] = append(taken[o.put[i].key], o.put[i].over...)
			removed[o.put[i].key] = false
		}
		for _, r := range o.remove {
			taken[r.key] = append(taken[r.key], r.ids...)
			removed[r.key] = true
		}
	}
	var undo mapOp
	for _, key := range slices.Sorted(maps.Keys(taken)) {
		if !removed[key] {
			taken[key] = nil
		}
		switch value, over, drop := m.keys[key].undo(done, was[key], taken[key]); {
		case drop != nil:
			undo.remove = append(undo.remove, named{key, drop})
		case value != nil:
			undo.put = append(undo.put, mapPut{key, value, over})
		}
	}
	return undo.append()
}

// append is the operation as canonical JSON, nil where it does nothing.
func (o *mapOp) append() []byte {
	if len(o.put)+len(o.remove) == 0 {
		return nil
	}
	dst := []byte(`{"put":{`)
	for i := range o.put {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValueOver(append(appendString(dst, o.put[i].key), ':'), o.put[i].value, o.put[i].over)
	}
	dst = append(dst, '}')
	if len(o.remove) > 0 {
		dst = appendNamed(append(dst, `,"remove":`...), o.remove)
	}
	return append(dst, '}')
}

func (m *mapping) Change() Change {
	return &mapChange{base: m, wanted: map[string][]byte{}}
}

// mapChange is a map and what a user wants under its keys, nil for nothing.
type mapChange struct {
	base   *mapping
	wanted map[string][]byte
	set    bool // it was set as a whole: an empty map is a value, too
}

func (c *mapChange) object(value []byte) ([]Member, error) {
	canonical, err := Canonical(value)
	if err != nil {
		return nil, err
	}
	members, ok := membersOf(canonical)
	if !ok {
		return nil, invalid("value", "a map takes an object of keys and values")
	}
	return members, nil
}

func (c *mapChange) Add(value []byte) error {
	members, err := c.object(value)
	for _, m := range members {
		c.wanted[m.Name] = m.Value
	}
	return err
}

func (c *mapChange) Remove(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	elements, ok := elementsOf(canonical)
	keys := make([]string, len(elements))
	for i, el := range elements {
		text, isText := textOf(el)
		keys[i], ok = text, ok && isText
	}
	if !ok {
		return invalid("remove", "a map takes an array of keys to remove")
	}
	for _, key := range keys {
		c.wanted[key] = nil
	}
	return nil
}

func (c *mapChange) Set(value []byte) error {
	members, err := c.object(value)
	if err != nil {
		return err
	}
	clear(c.wanted)
	c.set = true
	for key := range c.base.keys {
		c.wanted[key] = nil
	}
	for _, m := range members {
		c.wanted[m.Name] = m.Value
	}
	return nil
}

func (c *mapChange) AppendValue(dst []byte) ([]byte, bool) {
	if !c.base.any && !c.set && len(c.wanted) == 0 {
		return dst, false
	}
	values := c.base.values()
	for key, value := range c.wanted {
		if value == nil {
			delete(values, key)
		} else {
			values[key] = value
		}
	}
	return appendObject(dst, values), true
}

func (c *mapChange) Operation() []byte {
	var o mapOp
	for _, key := range slices.Sorted(maps.Keys(c.wanted)) {
		s := c.base.keys[key]
		switch value := c.wanted[key]; {
		case value == nil && len(s) > 0:
			o.remove = append(o.remove, named{key, s.ids()})
		case value != nil && needsWrite(s, value):
			o.put = append(o.put, mapPut{key, value, s.ids()})
		}
	}
	if out := o.append(); out != nil || !c.set || c.base.any {
		return out
	}
	return []byte(`{"put":{}}`)
}
