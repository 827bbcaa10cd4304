package merge

import (
	"fmt"
)

// Draft is what a user wants of an entity, until it becomes an event's data. It reads its own writes.
type Draft struct {
	base    *Entity
	changes map[string]draftChange
}

type draftChange struct {
	kind   Kind
	change Change
}

// NewDraft begins a draft on the entity as it is. The entity may go on meanwhile; the draft names what it saw.
func NewDraft(base *Entity) *Draft {
	return &Draft{base: base.Clone(), changes: map[string]draftChange{}}
}

// Change is the change of a property, begun at the first call. A property has one kind.
func (d *Draft) Change(property string, kind Kind) (Change, error) {
	if c, ok := d.changes[property]; ok {
		if c.kind != kind {
			return nil, invalid(property, fmt.Sprintf("is edited as a %s and as a %s: it has one kind", c.kind.Name(), kind.Name()))
		}
		return c.change, nil
	}
	if problem := checkProperty(property); problem != "" {
		return nil, invalid(property, "the property's id "+problem)
	}
	if property[0] == '$' {
		return nil, invalid(property, `begins with "$", which is reserved: an entity is deleted and restored by calls of their own`)
	}
	return d.begin(property, kind), nil
}

func (d *Draft) begin(property string, kind Kind) Change {
	state := d.base.state(property, kind)
	if state == nil {
		state = kind.New()
	}
	c := draftChange{kind, state.Change()}
	d.changes[property] = c
	return c.change
}

// Delete marks the entity as deleted. It erases nothing.
func (d *Draft) Delete() { d.live(lifeDeleted) }

// Restore takes a deletion back.
func (d *Draft) Restore() { d.live(lifeLive) }

func (d *Draft) live(value string) {
	c := d.begin(PropertyLife, registerKind{})
	if value == lifeLive && !d.base.Deleted() && len(d.base.properties[PropertyLife]) == 0 {
		delete(d.changes, PropertyLife) // it lives already
		return
	}
	_ = c.Set([]byte(value)) // it is JSON
}

// Deleted tells whether the entity is deleted, with the draft.
func (d *Draft) Deleted() bool {
	value, ok := d.Value(PropertyLife, registerKind{})
	return ok && string(value) == lifeDeleted
}

// Value is a property's value with the draft, as Entity.Value.
func (d *Draft) Value(property string, kind Kind) ([]byte, bool) {
	if c, ok := d.changes[property]; ok && (kind == nil || c.kind == kind) {
		return c.change.AppendValue(nil)
	}
	return d.base.Value(property, kind)
}

// Parents are the heads that the draft stands on, at most MaxParents of the greatest, as an event has them.
func (d *Draft) Parents() []ID {
	heads := d.base.Heads()
	return heads[max(0, len(heads)-MaxParents):]
}

// Data is an event's data, canonical; nil where nothing is changed and no conflict settled.
func (d *Draft) Data() []byte {
	data := map[string][]byte{}
	for property, c := range d.changes {
		if op := c.change.Operation(); op != nil {
			data[property] = op
		}
	}
	if len(data) == 0 {
		return nil
	}
	return appendObject(nil, data)
}
