package merge

import (
	"bytes"
	"slices"
)

// Values of PropertyLife, canonical.
const (
	lifeDeleted = `"deleted"`
	lifeLive    = `"live"`
)

// write is a value and the event that wrote it.
type write struct {
	id    ID
	value []byte
}

// survivors are the writes that nothing replaced, by id. They are a register, a map's key or a list's element.
type survivors []write

func (s survivors) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(s, id, func(w write, id ID) int { return w.id.Compare(id) })
}

// take removes what is named.
func (s *survivors) take(named []ID) {
	for _, id := range named {
		if i, ok := s.find(id); ok {
			*s = slices.Delete(*s, i, i+1)
		}
	}
}

func (s *survivors) put(id ID, value []byte) {
	if i, ok := s.find(id); !ok {
		// The event's other data is let go.
		*s = slices.Insert(*s, i, write{id, bytes.Clone(value)})
	}
}

// shown is the value of the greatest id.
func (s survivors) shown() ([]byte, bool) {
	if len(s) == 0 {
		return nil, false
	}
	return s[len(s)-1].value, true
}

func (s survivors) ids() []ID {
	ids := make([]ID, len(s))
	for i := range s {
		ids[i] = s[i].id
	}
	return ids
}

// differ tells whether the survivors are a conflict.
func (s survivors) differ() bool {
	for i := 1; i < len(s); i++ {
		if !bytes.Equal(s[i].value, s[0].value) {
			return true
		}
	}
	return false
}

func (s survivors) conflict(key string) Conflict {
	c := Conflict{Key: key, Survivors: make([]Survivor, len(s))}
	for i, w := range s {
		c.Survivors[i] = Survivor{ID: w.id, Value: w.value}
	}
	return c
}

func (s survivors) appendState(dst []byte) []byte {
	dst = append(dst, '{')
	for i, w := range s {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(w.id.AppendText(append(dst, '"')), '"', ':')
		dst = append(dst, w.value...)
	}
	return append(dst, '}')
}

func loadSurvivors(state []byte) (survivors, error) {
	members, ok := membersOf(state)
	if !ok {
		return nil, shape("survivors are not an object")
	}
	s := make(survivors, len(members))
	for i, m := range members {
		id, ok := parseID(m.Name)
		if !ok {
			return nil, shape("%.40q among survivors is not an id", m.Name)
		}
		s[i] = write{id, m.Value}
	}
	return s, nil
}

// undo is what takes back the writes that were done: those to drop, or to set the value over. Where the last that was done
// was a drop, dropped are all ids that were taken: the greatest of them is put back, over nothing.
func (s survivors) undo(done []Done, before survivors, dropped []ID) (value []byte, over, drop []ID) {
	own, others := s.ownOf(done)
	value, ok := before.shown()
	switch {
	case len(own) > 0 && (len(others) > 0 || !ok):
		return nil, nil, own
	case len(own) > 0:
		return value, own, nil
	}
	for _, w := range slices.Backward(before) {
		if slices.Contains(dropped, w.id) {
			return w.value, nil, nil
		}
	}
	return nil, nil, nil
}

type registerKind struct{}

// registerOp sets a value, or drops writes where the value is nil.
type registerOp struct {
	value []byte
	over  []ID
}

func (o *registerOp) Names(dst []ID) []ID { return append(dst, o.over...) }

type register struct{ s survivors }

func (registerKind) Name() string { return "register" }

func (registerKind) Claims(op []Member) bool {
	if _, list := find(op, "insert"); list {
		return false
	}
	_, set := find(op, "set")
	_, drop := find(op, "drop")
	return set || drop
}

func (registerKind) Decode(op []Member) (Operation, error) {
	if named, ok := find(op, "drop"); ok {
		ids, ok := idsOf(named)
		if !ok || len(ids) == 0 || len(op) != 1 {
			return nil, shape(`a drop is {"drop":[ids]}, at least one, each once`)
		}
		return &registerOp{over: ids}, nil
	}
	value, _ := find(op, "set")
	named, _ := find(op, "over")
	ids, ok := idsOf(named)
	if !ok || len(op) != 2 {
		return nil, shape(`a register is set by {"set":value,"over":[ids]}, each id once`)
	}
	return &registerOp{value: value, over: ids}, nil
}

func (registerKind) New() State { return &register{} }

func (registerKind) Load(state []byte) (State, error) {
	s, err := loadSurvivors(state)
	return &register{s}, err
}

func (r *register) Apply(by ID, op Operation) {
	o := op.(*registerOp)
	r.s.take(o.over)
	if o.value != nil {
		r.s.put(by, o.value)
	}
}

func (r *register) AppendState(dst []byte) []byte { return r.s.appendState(dst) }

func (r *register) AppendValue(dst []byte) ([]byte, bool) {
	value, ok := r.s.shown()
	return append(dst, value...), ok
}

func (r *register) Conflicts() []Conflict {
	if !r.s.differ() {
		return nil
	}
	return []Conflict{r.s.conflict("")}
}

func (r *register) Clone() State { return &register{slices.Clone(r.s)} }

func (r *register) Undo(done []Done, before State) []byte {
	var dropped []ID
	if done[len(done)-1].Operation.(*registerOp).value == nil {
		for _, d := range done {
			dropped = d.Operation.Names(dropped)
		}
	}
	value, over, drop := r.s.undo(done, before.(*register).s, dropped)
	switch {
	case drop != nil:
		return append(appendIDs([]byte(`{"drop":`), drop), '}')
	case value != nil:
		return appendSet(nil, value, over)
	}
	return nil
}

func appendSet(dst, value []byte, over []ID) []byte {
	dst = appendIDs(append(dst, `{"over":`...), over)
	dst = append(append(dst, `,"set":`...), value...)
	return append(dst, '}')
}

func (r *register) Change() Change { return &registerChange{base: r.s} }

// registerChange is a register with what a user wants it to be.
type registerChange struct {
	base    survivors
	value   []byte // nil where it is dropped
	changed bool
}

func (c *registerChange) Set(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	c.value, c.changed = canonical, true
	return nil
}

func (c *registerChange) Add([]byte) error {
	return invalid("add", "a register is set, nothing is added to it")
}

func (c *registerChange) Remove(value []byte) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	if string(canonical) != "null" {
		return invalid("remove", "a register is removed as a whole: give null")
	}
	c.value, c.changed = nil, true
	return nil
}

func (c *registerChange) AppendValue(dst []byte) ([]byte, bool) {
	if c.changed {
		return append(dst, c.value...), c.value != nil
	}
	value, ok := c.base.shown()
	return append(dst, value...), ok
}

func (c *registerChange) Operation() []byte {
	if !c.changed {
		return nil
	}
	if c.value == nil {
		if len(c.base) == 0 {
			return nil
		}
		return append(appendIDs([]byte(`{"drop":`), c.base.ids()), '}')
	}
	if !needsWrite(c.base, c.value) {
		return nil
	}
	return appendSet(nil, c.value, c.base.ids())
}

// needsWrite tells whether setting the value changes or settles anything.
func needsWrite(s survivors, value []byte) bool {
	shown, ok := s.shown()
	return !ok || s.differ() || !bytes.Equal(shown, value)
}
