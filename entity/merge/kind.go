package merge

import (
	"fmt"
	"slices"
)

// Kind is a way in which a property merges. What its operations do may depend only on what they name: operations whose
// names are all there give the same state in any order. Package kindtest has the suite that every kind passes.
type Kind interface {
	// Name is what states and schemas call it.
	Name() string
	// Claims tells by an operation's verb whether it is one of this kind's. Members are sorted by name and canonical.
	Claims(op []Member) bool
	// Decode reads an operation that it claims. An error says what is wrong with its shape.
	Decode(op []Member) (Operation, error)
	// New is the state before any operation.
	New() State
	// Load reads what AppendState of its states wrote.
	Load(state []byte) (State, error)
}

// Operation is one operation of a kind. Nobody changes it.
type Operation interface {
	// Names appends the event ids that it names, perhaps more than once.
	Names(dst []ID) []ID
}

// State is what the operations of one kind on one property come to.
type State interface {
	// Apply takes the operation of the event by. What it names was applied before, and it was not.
	Apply(by ID, op Operation)
	// AppendState appends the whole state as canonical JSON.
	AppendState(dst []byte) []byte
	// AppendValue appends what users see as canonical JSON; ok is false where there is no value, and then the state
	// is as if it were new.
	AppendValue(dst []byte) (out []byte, ok bool)
	// Conflicts are the places whose surviving writes differ, in their order.
	Conflicts() []Conflict
	// Clone is a copy of its own.
	Clone() State
	// Change begins an edit of the state. Neither changes the state, nor may it be changed while the edit is in use.
	Change() Change
	// Undo is the operation, as canonical JSON, that takes back what was done, nil where nothing is left of it. before is
	// what its authors saw, without what was done itself.
	Undo(done []Done, before State) []byte
}

// Done is an operation of an event, in the order of the events' ids.
type Done struct {
	By        ID
	Operation Operation
}

// ownOf splits survivors into those that were written by what was done, and the others.
func (s survivors) ownOf(done []Done) (own []ID, others survivors) {
	for _, w := range s {
		if slices.ContainsFunc(done, func(d Done) bool { return d.By == w.id }) {
			own = append(own, w.id)
		} else {
			others = append(others, w)
		}
	}
	return own, others
}

// Change turns what a user wants of a property, call by call, into one operation. Values are JSON; errors say what
// a value must be, and leave the change as it was.
type Change interface {
	// Set makes the value what it is given.
	Set(value []byte) error
	// Add adds: to a counter, to a set, to a map, to a list.
	Add(value []byte) error
	// Remove takes away.
	Remove(value []byte) error
	// AppendValue appends the value with the edit, as State does.
	AppendValue(dst []byte) (out []byte, ok bool)
	// Operation is the operation as canonical JSON, nil where there is nothing to change or to settle.
	Operation() []byte
}

// Survivor is a write that nothing replaced.
type Survivor struct {
	// ID is the event that wrote.
	ID ID
	// Value is what it wrote, canonical.
	Value []byte
	// Author is the event's actor, where a Graph told it.
	Author string
}

// Conflict is a place where several writes survive, of different values. The last survivor is the one that is shown.
type Conflict struct {
	// Property is the property's id.
	Property string
	// Kind is the property's kind.
	Kind string
	// Key is the map's key or the list's element, "" in a register.
	Key string
	// Survivors are in the order of their ids.
	Survivors []Survivor
}

// kinds are in the order in which one is shown where several wrote to one property.
var kinds = []Kind{registerKind{}, counterKind{}, setKind{}, mapKind{}, listKind{}}

// Kinds are all kinds that this version knows.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf finds a kind by name. A reference is a register.
func KindOf(name string) (Kind, error) {
	if name == "reference" {
		name = "register"
	}
	for _, k := range kinds {
		if k.Name() == name {
			return k, nil
		}
	}
	return nil, invalid("kind", fmt.Sprintf("there is no kind %q: take register, reference, counter, set, map or list", name))
}

// find is the member of that name.
func find(op []Member, name string) ([]byte, bool) {
	for i := range op {
		if op[i].Name == name {
			return op[i].Value, true
		}
	}
	return nil, false
}

// only tells whether all members have one of these names.
func only(op []Member, names ...string) bool {
	for i := range op {
		if !slices.Contains(names, op[i].Name) {
			return false
		}
	}
	return true
}

// idsOf reads an array of ids, each once, and sorts it.
func idsOf(value []byte) ([]ID, bool) {
	elements, ok := elementsOf(value)
	if !ok {
		return nil, false
	}
	ids := make([]ID, len(elements))
	for i, el := range elements {
		text, _ := textOf(el)
		if ids[i], ok = parseID(text); !ok {
			return nil, false
		}
	}
	slices.SortFunc(ids, ID.Compare)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return nil, false
		}
	}
	return ids, true
}

func appendIDs(dst []byte, ids []ID) []byte {
	dst = append(dst, '[')
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(id.AppendText(append(dst, '"')), '"')
	}
	return append(dst, ']')
}

func shape(format string, args ...any) error {
	return invalid("operation", fmt.Sprintf(format, args...))
}
