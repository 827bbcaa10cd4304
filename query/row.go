package query

// Row is what conditions are about: an entity, an event.
type Row interface {
	// ID is the row's id.
	ID() string
	// Get is the JSON of a property, nil where it is absent. It must not change while it is looked at.
	Get(property string) []byte
}

// Lookup finds the entity that a reference leads to; nil where there is none.
type Lookup func(collection, id string) Row

// Object is a row that is a JSON object. It may be used again and again: [Object.Reset] keeps its memory. It may be
// read from many goroutines.
type Object struct {
	id      string
	state   []byte
	members []member
	escaped bool // a name is spelled with escapes
}

type member struct {
	quoted, value []byte
}

// NewObject is a row of an id and the JSON object with its properties.
func NewObject(id string, state []byte) *Object {
	o := &Object{}
	o.Reset(id, state)
	return o
}

// Reset makes the object another row. It keeps the bytes, which must not change.
func (o *Object) Reset(id string, state []byte) {
	o.id, o.state, o.members, o.escaped = id, state, o.members[:0], false
	i := space(state, 0)
	if i >= len(state) || state[i] != '{' {
		return
	}
	for w := walk(state[i:]); w.next(true); {
		o.members = append(o.members, member{w.name, w.value})
		o.escaped = o.escaped || hasEscape(w.name)
	}
}

// ID is the row's id.
func (o *Object) ID() string { return o.id }

// State is the JSON object.
func (o *Object) State() []byte { return o.state }

// Get is the JSON of a property, nil where it is absent.
func (o *Object) Get(property string) []byte {
	for i := range o.members {
		m := &o.members[i]
		if len(m.quoted) == len(property)+2 && string(m.quoted[1:len(m.quoted)-1]) == property {
			return m.value
		}
	}
	for i := 0; o.escaped && i < len(o.members); i++ {
		if m := &o.members[i]; nameIs(m.quoted, property) {
			return m.value
		}
	}
	return nil
}

// field is a path that was checked: where a value of a row is, and of which type.
type field struct {
	at    Pos
	text  string // canonical
	refs  []hop
	name  string // the property
	typ   Type
	steps []Step // behind a property of type json
}

// hop is a reference that a path follows.
type hop struct {
	from       string // the collection of the property; "" for the query's own
	property   string
	collection string // where it leads
}

// eval is the evaluation of one row.
type eval struct {
	row    Row
	lookup Lookup
	scratch
}

// value is the field's value. It may be a part of the row or of the scratch.
func (f *field) value(e *eval) Value {
	row := e.row
	for i := range f.refs {
		id := e.read(TypeRef, row.Get(f.refs[i].property))
		if id.kind == KindNull || e.lookup == nil {
			return Value{}
		}
		if row = e.lookup(f.refs[i].collection, string(id.b)); row == nil {
			return Value{}
		}
	}
	if f.name == idName {
		begin := len(e.buffer)
		e.buffer = append(e.buffer, row.ID()...)
		return Value{kind: KindText, b: e.buffer[begin:len(e.buffer):len(e.buffer)]}
	}
	raw := row.Get(f.name)
	for i := range f.steps {
		raw = step(raw, &f.steps[i])
	}
	return e.read(f.typ, raw)
}
