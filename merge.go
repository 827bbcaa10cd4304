package nacre

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of what an event of a merge stream names; see spec/merge.md.
const (
	maxParents     = 1024
	maxTransaction = 1000
)

// The reserved names that are taken. The categories are of ordered streams, and their only type has their name.
const (
	schemaCategory = "$schema"
	policyCategory = "$policy"
	voidType       = "$void" // of merge streams
)

// reserved tells whether a category is one of those that a store takes though they begin with "$".
func reserved(category string) bool { return category == schemaCategory || category == policyCategory }

// number is an id of a merge stream's event, of 128 bits.
type number struct{ high, low uint64 }

// minus is the distance from other, which is not greater; ok is false where it has more than 64 bits.
func (n number) minus(other number) (distance uint64, ok bool) {
	high := n.high - other.high
	if n.low < other.low {
		high--
	}
	return n.low - other.low, high == 0
}

// parseNumber reads the canonical text of a ULID, which is the only one: 26 capitals and digits, the first 0 to 7.
func parseNumber(id string) (n number, ok bool) {
	if len(id) != 26 || id[0] > '7' {
		return number{}, false
	}
	for i := range len(id) {
		digit := strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", id[i])
		if digit < 0 {
			return number{}, false
		}
		n.high = n.high<<5 | n.low>>59
		n.low = n.low<<5 | uint64(digit)
	}
	return n, true
}

const notCanonical = "is not a ULID in canonical text: 26 capitals and digits without I, L, O, U, the first one 0 to 7"

// checkMerge tells what is wrong with an event in itself where it has parents.
func checkMerge(e *Event, stream StreamID) *Error {
	if reserved(stream.Category()) {
		return invalid("parents", fmt.Sprintf("stand in the category %q, which is of ordered streams: leave them out", stream.Category()))
	}
	if e.ID == "" {
		return invalid("eventId", "is missing: events of merge streams are given theirs by who makes them")
	}
	if _, ok := parseNumber(e.ID); !ok {
		return invalid("eventId", notCanonical)
	}
	if len(e.Parents) > maxParents {
		return invalid("parents", fmt.Sprintf("has %d ids, at most %d are taken", len(e.Parents), maxParents))
	}
	for i, parent := range e.Parents {
		field := fmt.Sprintf("parents[%d]", i)
		if _, ok := parseNumber(parent); !ok {
			return invalid(field, notCanonical)
		}
		if parent >= e.ID {
			return invalid(field, fmt.Sprintf("is %s, which is not less than the event's id, %s: an event is made after its parents", parent, e.ID))
		}
	}
	if twice := repeated(e.Parents); twice >= 0 {
		return invalid(fmt.Sprintf("parents[%d]", twice), fmt.Sprintf("id %s stands twice", e.Parents[twice]))
	}
	if e.Binary != nil {
		return invalid("data", "is a binary payload: events of merge streams have JSON")
	}
	return nil
}

// repeated is the index of an id that stands before it too, -1 where there is none.
func repeated(ids []string) int {
	if len(ids) < 16 {
		for i := range ids {
			if slices.Contains(ids[:i], ids[i]) {
				return i
			}
		}
		return -1
	}
	seen := make(map[string]struct{}, len(ids))
	for i, id := range ids {
		if _, twice := seen[id]; twice {
			return i
		}
		seen[id] = struct{}{}
	}
	return -1
}

// kindOf tells whether a batch is of merge streams: all of it is, or nothing.
func kindOf(batch []Append) (merge bool, err error) {
	first := true
	for i := range batch {
		for j := range batch[i].Events {
			is := batch[i].Events[j].Parents != nil
			if first {
				merge, first = is, false
			}
			if is != merge {
				return false, invalid(eventField(batch, i, j, "parents"),
					"are given to some of the batch's events: append those of merge streams and those of ordered ones apart")
			}
		}
	}
	return merge, nil
}

// transaction is what a commit's events of merge streams have in common; it is zero where there is one event.
type transaction struct {
	id   string
	size int
}

// transactionOf is the transaction of a commit, which has the id of its first event.
func transactionOf(batch []Append, events int) (transaction, error) {
	if events > maxTransaction {
		return transaction{}, &Error{Code: CodeTooLarge, Field: "batch", Message: fmt.Sprintf(
			"has %d events of merge streams, and a transaction has at most %d: append it in parts", events, maxTransaction)}
	}
	if events < 2 {
		return transaction{}, nil
	}
	t := transaction{size: events}
	for i := range batch {
		for j := range batch[i].Events {
			if id := batch[i].Events[j].ID; t.id == "" || id < t.id {
				t.id = id
			}
		}
	}
	return t, nil
}

// join makes an event one of the transaction. What it was given already must be that.
func (t *transaction) join(e *Event) *Error {
	if e.TransactionID != "" && e.TransactionID != t.id {
		return invalid("transactionId", t.expected(fmt.Sprintf("is %q", e.TransactionID)))
	}
	if e.TransactionSize != 0 && e.TransactionSize != t.size {
		return invalid("transactionSize", t.expected(fmt.Sprintf("is %d", e.TransactionSize)))
	}
	e.TransactionID, e.TransactionSize = t.id, t.size
	return nil
}

func (t *transaction) expected(is string) string {
	if t.size == 0 {
		return is + ", and a single event of a merge stream has no transaction: leave it out"
	}
	return fmt.Sprintf("%s, and the batch is the transaction %s of %d events: leave it out", is, t.id, t.size)
}

// member is a transaction of a batch, and what has been seen of it.
type member struct {
	transaction
	start number
	seen  []bool
	count int
	// in is the append that its last event is in, last that event's id.
	in   int
	last string
	// at is its first event's place.
	i, j int
}

// checkTransactions checks that each transaction of a batch of merge streams is whole: its events have exactly the
// ids from its own on, counted up, and in each stream they ascend.
func checkTransactions(batch []Append) error {
	var members map[string]*member
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			if e.TransactionID == "" && e.TransactionSize == 0 {
				continue
			}
			m := members[e.TransactionID]
			if m == nil {
				start, ok := parseNumber(e.TransactionID)
				switch {
				case !ok:
					return invalid(eventField(batch, i, j, "transactionId"), notCanonical)
				case e.TransactionSize < 2 || e.TransactionSize > maxTransaction:
					return invalid(eventField(batch, i, j, "transactionSize"), fmt.Sprintf(
						"is %d, and a transaction of merge streams has 2 to %d events", e.TransactionSize, maxTransaction))
				}
				m = &member{
					transaction: transaction{e.TransactionID, e.TransactionSize},
					start:       start, seen: make([]bool, e.TransactionSize), i: i, j: j,
				}
				if members == nil {
					members = make(map[string]*member)
				}
				members[e.TransactionID] = m
			}
			if p := m.add(e, i); p != nil {
				p.Field = eventField(batch, i, j, p.Field)
				return p
			}
		}
	}
	return missingOf(batch, members)
}

// add counts an event in.
func (m *member) add(e *Event, i int) *Error {
	if e.TransactionSize != m.size {
		return invalid("transactionSize", fmt.Sprintf("is %d, and elsewhere in the transaction %s it is %d", e.TransactionSize, m.id, m.size))
	}
	if m.last != "" && m.in == i && e.ID <= m.last {
		return invalid("eventId", fmt.Sprintf("is %s, which stands behind %s: a transaction's events ascend in each stream", e.ID, m.last))
	}
	n, _ := parseNumber(e.ID)
	at, near := n.minus(m.start)
	if e.ID < m.id || !near || at >= uint64(m.size) || m.seen[at] {
		return invalid("eventId", fmt.Sprintf(
			"is %s: the events of the transaction %s have exactly the %d ids from there on, counted up; make ids together, or append apart", e.ID, m.id, m.size))
	}
	m.seen[at] = true
	m.count++
	m.in, m.last = i, e.ID
	return nil
}

// missingOf tells of a transaction that is not whole; of several, the one that begins first.
func missingOf(batch []Append, members map[string]*member) error {
	var first *member
	for _, m := range members {
		if m.count < m.size && (first == nil || m.i < first.i || m.i == first.i && m.j < first.j) {
			first = m
		}
	}
	if first == nil {
		return nil
	}
	return invalid(eventField(batch, first.i, first.j, "transactionId"), fmt.Sprintf(
		"is %s, of which the batch has %d of %d events: a transaction is appended whole", first.id, first.count, first.size))
}

// StreamKindError has the code WRONG_STREAM_KIND: the first event of a category decided whether its streams are merge
// streams or ordered ones, for ever, and events of the other kind were appended.
type StreamKindError struct {
	Stream StreamID
	Merge  bool // the category's streams are merge streams
}

func (e *StreamKindError) Error() string {
	if e.Merge {
		return fmt.Sprintf("nacre: category %q is of merge streams, and events without parents were appended to %q: "+
			"give each event its parents, [] for the first of a stream, or take another category", e.Stream.Category(), e.Stream)
	}
	return fmt.Sprintf("nacre: category %q is of ordered streams, and events with parents were appended to %q: "+
		"leave parents out, or take another category", e.Stream.Category(), e.Stream)
}

// ErrorCode is what [CodeOf] finds.
func (e *StreamKindError) ErrorCode() Code { return CodeWrongStreamKind }

// ParentError has the code PARENT_MISSING: an event of a merge stream names parents that its stream does not hold.
type ParentError struct {
	Stream  StreamID
	ID      string   // of the event
	Missing []string // its parents that are absent, as the event names them
}

func (e *ParentError) Error() string {
	return fmt.Sprintf("nacre: stream %q does not hold %s, which event %s names as parents: append parents before their children",
		e.Stream, strings.Join(e.Missing, ", "), e.ID)
}

// ErrorCode is what [CodeOf] finds.
func (e *ParentError) ErrorCode() Code { return CodeParentMissing }
