package merge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// void reads what a void says, and says what is wrong with it.
func (e *Event) void(members []Member) string {
	var entries [][]byte
	for _, m := range members {
		var ok bool
		switch m.Name {
		case "void":
			entries, ok = elementsOf(m.Value)
			ok = ok && len(entries) > 0 && len(entries) <= MaxProperties
		case "reason":
			e.Reason, ok = textOf(m.Value)
		}
		if !ok {
			return fmt.Sprintf("a void has no %q of this shape", m.Name)
		}
	}
	if len(entries) == 0 {
		return "a void without entries"
	}
	seen := make(map[ID]bool, len(entries))
	for i, entry := range entries {
		v, problem := decodeVoided(entry)
		if problem == "" && (seen[v.ID] || v.ID.Compare(e.ID) >= 0) {
			problem = "its id stands there twice or is not less than the void's own"
		}
		if problem != "" {
			return fmt.Sprintf("entry %d of the void: %s", i, problem)
		}
		seen[v.ID] = true
		e.Void = append(e.Void, v)
	}
	for id := range seen {
		e.Parents = append(e.Parents, id)
	}
	slices.SortFunc(e.Parents, ID.Compare)
	e.Parents = slices.Compact(e.Parents)
	return ""
}

func decodeVoided(entry []byte) (v Voided, problem string) {
	members, ok := membersOf(entry)
	if !ok {
		return v, "is not an object"
	}
	var rest []Member
	for _, m := range members {
		text, _ := textOf(m.Value)
		switch m.Name {
		case "id":
			v.ID, ok = parseID(text)
		case "hash":
			raw, err := hex.DecodeString(text)
			ok = err == nil && len(raw) == len(v.Hash) && strings.ToLower(text) == text
			copy(v.Hash[:], raw)
		default:
			rest = append(rest, m)
			continue
		}
		if !ok {
			return v, m.Name + " is of no such shape"
		}
	}
	if v.ID.IsZero() || len(members)-len(rest) != 2 {
		return v, "has no id or no hash"
	}
	found := false
	for _, m := range rest {
		elements, ok := elementsOf(m.Value)
		if !ok {
			return v, m.Name + " is not an array"
		}
		switch m.Name {
		case "parents":
			found = true
			texts := make([]string, len(elements))
			for i, el := range elements {
				texts[i], _ = textOf(el)
			}
			var err error
			if v.Parents, err = parents(texts, v.ID, "parents"); err != nil {
				return v, problemOf(err)
			}
		case "anchors":
			if v.Anchors, problem = decodeAnchors(elements, v.ID); problem != "" {
				return v, problem
			}
		default:
			return v, fmt.Sprintf("there is no %q in it", m.Name)
		}
	}
	if !found {
		return v, "has no parents"
	}
	return v, ""
}

func decodeAnchors(elements [][]byte, own ID) ([]Anchor, string) {
	var out []Anchor
	total := 0
	for i, el := range elements {
		members, ok := membersOf(el)
		a := Anchor{}
		if ok = ok && len(members) == 4; ok {
			// Sorted: count, of, property, side.
			n, err := strconv.Atoi(string(members[0].Value))
			a.run.count = n
			var side bool
			a.run.of, a.run.root, ok = decodeOrigin(members[1].Value)
			a.run.right, side = decodeSide(members[3].Value)
			property, text := textOf(members[2].Value)
			a.Property = property
			ok = ok && err == nil && n >= 1 && n <= maxElements && side && text && checkProperty(property) == "" &&
				members[0].Name == "count" && members[1].Name == "of" && members[2].Name == "property" && members[3].Name == "side" &&
				(!a.run.root || a.run.right) && a.run.of.ID.Compare(own) < 0
			total += n
		}
		if !ok || total > maxElements {
			return nil, fmt.Sprintf("anchor %d is of no such shape", i)
		}
		out = append(out, a)
	}
	return out, ""
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
