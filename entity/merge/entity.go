package merge

import (
	"maps"
	"slices"

	"github.com/nacredb/nacre"
)

// Entity is the state of a stream: what a set of visible events comes to. The zero value is not one; make one with [New],
// [Fold] or [Load].
type Entity struct {
	heads      []ID // sorted
	properties map[string][]property
	damaged    map[ID][]string
	owner      *owner
}

// owner is whose a property's state is: what bears another one's is copied before it changes.
type owner struct{ _ byte } // of a size, so that each has a place of its own

// property is the state of one kind on a property. Of one property they stand in the order of kinds.
type property struct {
	kind  Kind
	state State
	owner *owner
}

// New is the entity without events.
func New() *Entity {
	return &Entity{properties: map[string][]property{}, damaged: map[ID][]string{}, owner: new(owner)}
}

// Fold is the entity that a set of visible events comes to, in whatever order they stand. An event is taken once.
func Fold(events []*Event) *Entity {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b *Event) int { return a.ID.Compare(b.ID) })
	sorted = slices.CompactFunc(sorted, func(a, b *Event) bool { return a.ID == b.ID })
	e := New()
	voided := voidedBy(sorted)
	for _, ev := range withStubs(sorted, voided) {
		e.take(ev)
	}
	return e
}

// Apply takes a visible event: its parents and what it names were taken before, itself was not. A void changes nothing
// and is answered with [ErrVoid]: the entity is the Fold of all events then.
func (e *Entity) Apply(ev *Event) error {
	if len(ev.Void) > 0 {
		return ErrVoid
	}
	e.take(ev)
	return nil
}

func (e *Entity) take(ev *Event) {
	for _, id := range ev.Parents {
		if i, ok := slices.BinarySearchFunc(e.heads, id, ID.Compare); ok {
			e.heads = slices.Delete(e.heads, i, i+1)
		}
	}
	if i, ok := slices.BinarySearchFunc(e.heads, ev.ID, ID.Compare); !ok {
		e.heads = slices.Insert(e.heads, i, ev.ID)
	}
	for _, c := range ev.Changes {
		e.change(c.Property, c.Kind).Apply(ev.ID, c.Operation)
		e.tidy(c.Property)
	}
	if len(ev.Damage) > 0 {
		properties := make([]string, 0, len(ev.Damage))
		for _, d := range ev.Damage {
			if !d.Whole {
				properties = append(properties, d.Property)
			}
		}
		e.damaged[ev.ID] = properties
	}
}

// change is the state of a kind on a property, new where there was none.
func (e *Entity) change(id string, kind Kind) State {
	list := e.properties[id]
	for i := range list {
		if p := &list[i]; p.kind == kind {
			if p.owner != e.owner {
				p.state, p.owner = p.state.Clone(), e.owner
			}
			return p.state
		}
	}
	p := property{kind, kind.New(), e.owner}
	list = append(list, p)
	slices.SortFunc(list, func(a, b property) int { return order(a.kind) - order(b.kind) })
	e.properties[id] = list
	return p.state
}

func order(kind Kind) int {
	return slices.IndexFunc(kinds, func(k Kind) bool { return k.Name() == kind.Name() })
}

// tidy lets go of states that are as new.
func (e *Entity) tidy(id string) {
	list := slices.DeleteFunc(e.properties[id], func(p property) bool {
		r, ok := p.state.(*register) // of the kinds, the one that can lose its value
		return ok && len(r.s) == 0
	})
	if len(list) == 0 {
		delete(e.properties, id)
		return
	}
	e.properties[id] = list
}

func (e *Entity) state(id string, kind Kind) State {
	list := e.properties[id]
	for i := range list {
		if p := &list[i]; p.kind == kind {
			return p.state
		}
	}
	return nil
}

// Heads are the events that are no event's parent, in the order of their ids.
func (e *Entity) Heads() []ID { return slices.Clone(e.heads) }

// Deleted tells whether the entity is deleted.
func (e *Entity) Deleted() bool {
	value, ok := e.Value(PropertyLife, registerKind{})
	return ok && string(value) == lifeDeleted
}

// Value is a property's value as canonical JSON. kind says which one is meant where several kinds wrote to it; nil
// takes the first there is.
func (e *Entity) Value(id string, kind Kind) ([]byte, bool) {
	list := e.properties[id]
	for i := range list {
		if p := &list[i]; kind == nil || p.kind == kind {
			return p.state.AppendValue(nil)
		}
	}
	return nil, false
}

// Properties are the ids of the properties that have a state, sorted; PropertyLife is not among them.
func (e *Entity) Properties() []string {
	ids := slices.Sorted(maps.Keys(e.properties))
	return slices.DeleteFunc(ids, func(id string) bool { return id == PropertyLife })
}

// AppendValues appends the properties' values as one canonical object, by property id.
func (e *Entity) AppendValues(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for _, id := range e.Properties() {
		value, ok := e.Value(id, nil)
		if !ok {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(appendString(dst, id), ':'), value...)
	}
	return append(dst, '}')
}

// Conflicts are the places whose surviving writes differ, by property, then key.
func (e *Entity) Conflicts() []Conflict {
	var out []Conflict
	for _, id := range slices.Sorted(maps.Keys(e.properties)) {
		list := e.properties[id]
		for i := range list {
			p := &list[i]
			for _, c := range p.state.Conflicts() {
				c.Property, c.Kind = id, p.kind.Name()
				out = append(out, c)
			}
		}
	}
	return out
}

// Damaged are the events that are damaged, with the properties whose operations are, none where it is the whole event.
func (e *Entity) Damaged() map[ID][]string { return maps.Clone(e.damaged) }

// Clone is a copy of its own. It shares what neither of both changes, so it costs by the number of properties. It counts as a
// change to e, but that e may be read meanwhile, apart from Clone itself and NewDraft.
func (e *Entity) Clone() *Entity {
	out := &Entity{heads: slices.Clone(e.heads), properties: make(map[string][]property, len(e.properties)), damaged: maps.Clone(e.damaged), owner: new(owner)}
	for id, list := range e.properties {
		out.properties[id] = slices.Clone(list)
	}
	e.owner = new(owner)
	return out
}

// AppendState appends the entity's bytes: canonical JSON, the same for the same set of events. See [Load].
func (e *Entity) AppendState(dst []byte) []byte {
	dst = append(dst, '{')
	if len(e.damaged) > 0 {
		dst = append(dst, `"damaged":{`...)
		for i, id := range slices.SortedFunc(maps.Keys(e.damaged), ID.Compare) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(id.AppendText(append(dst, '"')), `":[`...)
			for k, p := range e.damaged[id] {
				if k > 0 {
					dst = append(dst, ',')
				}
				dst = appendString(dst, p)
			}
			dst = append(dst, ']')
		}
		dst = append(dst, `},`...)
	}
	dst = append(appendIDs(append(dst, `"heads":`...), e.heads), `,"properties":{`...)
	for i, id := range slices.Sorted(maps.Keys(e.properties)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, id), ':', '{')
		list := slices.Clone(e.properties[id])
		slices.SortFunc(list, func(a, b property) int {
			if a.kind.Name() < b.kind.Name() {
				return -1
			}
			return 1
		})
		for k, p := range list {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = p.state.AppendState(append(appendString(dst, p.kind.Name()), ':'))
		}
		dst = append(dst, '}')
	}
	return append(dst, `}}`...)
}

// Load brings an entity back from its bytes.
func Load(state []byte) (*Entity, error) {
	wrong := func(what string) (*Entity, error) {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "state", Message: "is not an entity's: " + what}
	}
	canonical, err := Canonical(state)
	if err != nil {
		return wrong(problemOf(err))
	}
	members, _ := membersOf(canonical)
	if !only(members, "damaged", "heads", "properties") {
		return wrong("it has members that no entity has")
	}
	heads, _ := find(members, "heads")
	e := New()
	var ok bool
	if e.heads, ok = idsOf(heads); !ok {
		return wrong("heads is not an array of ids")
	}
	damaged, _ := find(members, "damaged")
	list, _ := membersOf(damaged)
	for _, m := range list {
		id, ok := parseID(m.Name)
		properties, isArray := elementsOf(m.Value)
		if !ok || !isArray {
			return wrong("damaged is not ids with properties")
		}
		e.damaged[id] = make([]string, len(properties))
		for i, p := range properties {
			e.damaged[id][i], _ = textOf(p)
		}
	}
	properties, _ := find(members, "properties")
	list, ok = membersOf(properties)
	if !ok {
		return wrong("properties is not an object")
	}
	for _, m := range list {
		states, ok := membersOf(m.Value)
		if !ok || checkProperty(m.Name) != "" {
			return wrong("a property is not an object of kinds")
		}
		for _, s := range states {
			kind, err := KindOf(s.Name)
			if err != nil || kind.Name() != s.Name {
				return wrong("there is no kind " + s.Name)
			}
			loaded, err := kind.Load(s.Value)
			if err != nil {
				return wrong("the property " + m.Name + ": " + problemOf(err))
			}
			e.properties[m.Name] = append(e.properties[m.Name], property{kind, loaded, e.owner})
		}
		slices.SortFunc(e.properties[m.Name], func(a, b property) int { return order(a.kind) - order(b.kind) })
		e.tidy(m.Name)
	}
	return e, nil
}

// Difference is a property whose values differ in two states. A value is nil where there is none.
type Difference struct {
	Property string
	Old, New []byte
}

// Differences are the properties whose values differ, sorted; PropertyLife is among them.
func Differences(old, now *Entity) []Difference {
	ids := map[string]bool{}
	for id := range old.properties {
		ids[id] = true
	}
	for id := range now.properties {
		ids[id] = true
	}
	var out []Difference
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		a, _ := old.Value(id, nil)
		b, _ := now.Value(id, nil)
		if string(a) != string(b) {
			out = append(out, Difference{id, a, b})
		}
	}
	return out
}
