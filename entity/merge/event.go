package merge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/nacredb/nacre"
)

// Limits of what an event may hold.
const (
	// MaxParents is the most parents of an event.
	MaxParents = 1024
	// MaxProperties is the most properties of an event, and the most entries of a void.
	MaxProperties = 1000
)

// TypeVoid is the type of the event by which a category's home takes the effects of others away.
const TypeVoid = "$void"

// PropertyLife is the property that says whether an entity is deleted.
const PropertyLife = "$life"

// Hash is the SHA-256 of an event's body. With the id it is the event's identity.
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashOf is the hash of an event's body.
func HashOf(e *nacre.Event) Hash {
	return sha256.Sum256(e.AppendBody(make([]byte, 0, e.BodySize())))
}

// Event is an event of a merge stream, read once. Nobody changes it.
type Event struct {
	// Stream is where it stands.
	Stream nacre.StreamID
	// ID is its id; Hash tells it from others of that id.
	ID   ID
	Hash Hash
	// Type is for people, apart from TypeVoid.
	Type string
	// Parents are the events that its author had seen, sorted; of a void also those that it voids.
	Parents []ID
	// Transaction is the id of the first event of its transaction, its own where it is alone; Size is how many there are.
	Transaction ID
	Size        int
	// Actor is metadata's, "" where there is none.
	Actor string
	// Changes are the operations that can be read, by property.
	Changes []PropertyChange
	// Damage is what cannot be read. It has no effect.
	Damage []Damage
	// Void is what a void says, in the order in which it says it.
	Void []Voided
	// Reason is why a void was made.
	Reason string
}

// PropertyChange is what an event does to a property.
type PropertyChange struct {
	Property  string
	Kind      Kind
	Operation Operation
}

// Damage is what cannot be read: the operation on a property, or the whole event.
type Damage struct {
	Property string
	Whole    bool
	Problem  string
}

// Voided is an event whose effects are taken away.
type Voided struct {
	ID      ID
	Hash    Hash
	Parents []ID
	Anchors []Anchor
}

// Anchor is the place of a run of list elements that a voided event inserted.
type Anchor struct {
	Property string
	run      run
}

// Decode reads an event. An error means that the event is refused, here and everywhere; whatever is wrong inside of data is
// told as damage instead.
func Decode(in *nacre.Event) (*Event, error) {
	e := &Event{Stream: in.StreamID, Type: in.Type, Size: 1}
	var err error
	if e.ID, err = ParseID(in.ID); err != nil {
		return nil, err
	}
	if in.Parents == nil {
		return nil, invalid("parents", "is missing: an event of a merge stream has parents, even if there are none")
	}
	if e.Parents, err = parents(in.Parents, e.ID, "parents"); err != nil {
		return nil, err
	}
	if err := e.transaction(in); err != nil {
		return nil, err
	}
	e.Hash = HashOf(in)
	e.Actor = actor(in.Metadata)
	if problem := e.data(in); problem != "" {
		e.Changes, e.Void = nil, nil
		e.Damage = []Damage{{Whole: true, Problem: problem}}
	}
	return e, nil
}

func parents(texts []string, own ID, field string) ([]ID, error) {
	if len(texts) > MaxParents {
		return nil, invalid(field, fmt.Sprintf("has %d ids, at most %d are taken", len(texts), MaxParents))
	}
	ids := make([]ID, 0, len(texts))
	for i, text := range texts {
		id, ok := parseID(text)
		switch {
		case !ok:
			return nil, invalid(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%.40q is not a ULID in canonical text", text))
		case id.Compare(own) >= 0:
			return nil, invalid(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%s is not less than the event's own id, %s", id, own))
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return nil, invalid(field, fmt.Sprintf("has %s twice", ids[i]))
		}
	}
	return ids, nil
}

func (e *Event) transaction(in *nacre.Event) error {
	e.Transaction = e.ID
	if in.TransactionID == "" && in.TransactionSize == 0 {
		return nil
	}
	id, ok := parseID(in.TransactionID)
	if !ok {
		return invalid("transactionId", fmt.Sprintf("%.40q is not a ULID in canonical text: it is the id of the transaction's first event", in.TransactionID))
	}
	if in.TransactionSize < 2 || in.TransactionSize > MaxTransaction {
		return invalid("transactionSize", fmt.Sprintf("is %d: a transaction has 2 to %d events, and an event alone has none", in.TransactionSize, MaxTransaction))
	}
	last, ok := id.next(uint64(in.TransactionSize) - 1)
	if !ok || e.ID.Compare(id) < 0 || e.ID.Compare(last) > 0 {
		return invalid("transactionId", fmt.Sprintf("the event's id, %s, is not one of the %d ids from %s on", e.ID, in.TransactionSize, id))
	}
	e.Transaction, e.Size = id, in.TransactionSize
	return nil
}

func actor(metadata []byte) string {
	if !bytes.Contains(metadata, []byte(`"actor"`)) {
		return ""
	}
	canonical, err := Canonical(metadata)
	if err != nil {
		return ""
	}
	members, _ := membersOf(canonical)
	for _, m := range members {
		if m.Name == "actor" {
			text, _ := textOf(m.Value)
			return text
		}
	}
	return ""
}

// data reads the payload, and says what is wrong with all of it.
func (e *Event) data(in *nacre.Event) string {
	switch {
	case in.DataHash != "":
		return "the payload has been erased"
	case in.Binary != nil:
		return "the payload is not JSON"
	}
	canonical, err := Canonical(in.Data)
	if err != nil {
		return problemOf(err)
	}
	members, ok := membersOf(canonical)
	switch {
	case !ok:
		return "data is not an object"
	case in.Type == TypeVoid:
		return e.void(members)
	case len(members) > MaxProperties:
		return fmt.Sprintf("data has %d properties, at most %d are taken", len(members), MaxProperties)
	}
	for _, m := range members {
		c, problem := decodeChange(m, e.ID)
		if problem != "" {
			e.Damage = append(e.Damage, Damage{Property: m.Name, Problem: problem})
			continue
		}
		e.Changes = append(e.Changes, c)
	}
	return ""
}

func problemOf(err error) string {
	if e, ok := err.(*nacre.Error); ok { //nolint:errorlint // made here, wrapped by nobody
		return e.Message
	}
	return err.Error()
}

func decodeChange(m Member, own ID) (c PropertyChange, problem string) {
	if problem := checkProperty(m.Name); problem != "" {
		return c, "the property's id " + problem
	}
	if m.Name[0] == '$' && m.Name != PropertyLife {
		return c, "the property's id begins with \"$\", which is reserved"
	}
	op, ok := membersOf(m.Value)
	if !ok {
		return c, "the operation is not an object"
	}
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Claims(op) })
	if i < 0 {
		return c, "no kind of property has such an operation"
	}
	operation, err := kinds[i].Decode(op)
	if err != nil {
		return c, problemOf(err)
	}
	for _, id := range operation.Names(nil) {
		if id.Compare(own) >= 0 {
			return c, fmt.Sprintf("names %s, which is not less than the event's own id", id)
		}
	}
	if m.Name == PropertyLife {
		r, ok := operation.(*registerOp)
		if !ok || r.value != nil && string(r.value) != lifeDeleted && string(r.value) != lifeLive {
			return c, `is neither "deleted" nor "live"`
		}
	}
	return PropertyChange{m.Name, kinds[i], operation}, ""
}

// Names are the ids that must be present before the event is visible, beside its parents: each once, sorted.
func (e *Event) Names() []ID {
	var ids []ID
	for _, c := range e.Changes {
		ids = c.Operation.Names(ids)
	}
	for i := range e.Void {
		ids = append(ids, e.Void[i].Parents...)
		for _, a := range e.Void[i].Anchors {
			if !a.run.root {
				ids = append(ids, a.run.of.ID)
			}
		}
	}
	slices.SortFunc(ids, ID.Compare)
	return slices.Compact(ids)
}
