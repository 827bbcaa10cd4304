package merge

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// Ahead is how far an event's time may be ahead of the receiver's clock before it is held.
const Ahead = 5 * time.Minute

// Known tells what a log holds: it belongs to whoever keeps the events.
type Known interface {
	// Lookup is the hash of the stream's event of that id. Events that a void named are held, too, with the hash that it gave.
	Lookup(stream nacre.StreamID, id ID) (hash Hash, held bool)
}

// Source is where events come from.
type Source int

const (
	// FromPeer is any other node. What is ahead of the clock is held, and voids are refused.
	FromPeer Source = iota
	// FromHere is this node: its users, or its own log. Nothing is held.
	FromHere
	// FromHome is what the category's home has stored. Nothing is held, and its events take the place of others of their id.
	FromHome
)

// Verdict is what became of an event.
type Verdict int

const (
	// Visible: it is in Outcome.Visible.
	Visible Verdict = iota + 1
	// Duplicate: it is held already, and changes nothing.
	Duplicate
	// SetAside: another event of its id is held.
	SetAside
	// Waiting: a parent, an id that it names, or a part of its transaction is not there yet.
	Waiting
	// Held: its time, or that of a part of its transaction, is too far ahead.
	Held
	// Refused: it is a void that does not come from the home.
	Refused
)

// String is the verdict's name in vectors.
func (v Verdict) String() string {
	names := []string{"", "visible", "duplicate", "set aside", "waiting", "held", "refused"}
	if v < 0 || int(v) >= len(names) {
		return ""
	}
	return names[v]
}

// Name is an event's place: ids are unique in their stream.
type Name struct {
	Stream nacre.StreamID
	ID     ID
}

func (n Name) compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Stream, other.Stream), n.ID.Compare(other.ID))
}

// Outcome is what an offer comes to.
type Outcome struct {
	// Verdicts are those of the offered events, in their order.
	Verdicts []Verdict
	// Visible are the events that became visible, also of earlier offers: parents come first, and a transaction's events
	// stand side by side. They must be stored, each transaction as one batch, before the next offer.
	Visible []*Event
	// Replaced are the visible events that took the place of others of their id: their streams are folded anew.
	Replaced []Name
}

// Gate decides which events become visible: gates 2 to 5 of spec/merge.md. It remembers what waits and what is held, in
// memory; whoever uses it keeps their bytes.
type Gate struct {
	known        Known
	pending      map[Name]*Event
	transactions map[transactionKey]*transaction
	waiting      map[Name][]*transaction // for what is not there
	held         map[*transaction]bool
	soonest      int64 // in milliseconds: nothing that is held is due before
}

type transactionKey struct {
	first ID
	size  int
}

// transaction is what has come of one.
type transaction struct {
	key     transactionKey
	events  []*Event // by index, nil where they have not come
	missing int
	trusted []bool // by index: never held
	needs   []Name // what must be there, once it is complete
	next    int    // of needs, the first that is perhaps not there
	waits   bool   // among those that wait for it
}

// NewGate makes a gate for a log.
func NewGate(known Known) *Gate {
	return &Gate{
		known: known, pending: map[Name]*Event{}, transactions: map[transactionKey]*transaction{},
		waiting: map[Name][]*transaction{}, held: map[*transaction]bool{},
	}
}

// offer is one call's work.
type offer struct {
	*Gate
	now     int64         // milliseconds
	present map[Name]Hash // since this call
	shown   map[Name]Hash // visible since this call
	out     Outcome
	queue   []*transaction
}

// Offer takes events in any order and number. now is the receiver's clock. With no events it looks again at what was held.
func (g *Gate) Offer(now time.Time, source Source, events ...*Event) Outcome {
	o := &offer{Gate: g, now: now.UnixMilli(), present: map[Name]Hash{}, shown: map[Name]Hash{}}
	first := make([]Verdict, len(events))
	for i, ev := range events {
		first[i] = o.take(ev, source)
		o.run()
	}
	o.again()
	for i, ev := range events {
		name := Name{ev.Stream, ev.ID}
		switch {
		case first[i] != 0:
		case o.shown[name] == ev.Hash:
			first[i] = Visible
		case g.pending[name] == nil:
			first[i] = Duplicate // it came twice, or a void with it
		case g.held[g.transactions[keyOf(ev)]]:
			first[i] = Held
		default:
			first[i] = Waiting
		}
	}
	o.out.Verdicts = first
	return o.out
}

// again looks at what is held, in the order of ids.
func (o *offer) again() {
	if len(o.held) == 0 || o.now < o.soonest {
		return
	}
	var due []*transaction
	o.soonest = math.MaxInt64
	for t := range o.held {
		if at := t.due(); at <= o.now {
			due = append(due, t)
		} else {
			o.soonest = min(o.soonest, at)
		}
	}
	slices.SortFunc(due, func(a, b *transaction) int { return a.key.first.Compare(b.key.first) })
	for _, t := range due {
		delete(o.held, t)
		o.queue = append(o.queue, t)
	}
	o.run()
}

func keyOf(ev *Event) transactionKey { return transactionKey{ev.Transaction, ev.Size} }

// lookup is the hash of what is present, stored or not yet.
func (o *offer) lookup(name Name) (Hash, bool) {
	if hash, there := o.present[name]; there {
		return hash, true
	}
	return o.known.Lookup(name.Stream, name.ID)
}

// take gives the verdict of an event, 0 where that turns out later.
func (o *offer) take(ev *Event, source Source) Verdict {
	name := Name{ev.Stream, ev.ID}
	if len(ev.Void) > 0 && source == FromPeer {
		return Refused
	}
	if hash, held := o.lookup(name); held {
		if hash == ev.Hash {
			return Duplicate
		}
		if source != FromHome {
			return SetAside
		}
	}
	if other := o.pending[name]; other != nil && other.Hash != ev.Hash {
		if source != FromHome {
			return SetAside
		}
		o.forget(name)
	}
	t := o.transactions[keyOf(ev)]
	if t == nil {
		t = &transaction{key: keyOf(ev), events: make([]*Event, ev.Size), missing: ev.Size, trusted: make([]bool, ev.Size)}
		o.transactions[t.key] = t
	}
	i := t.index(ev.ID)
	switch {
	case t.events[i] == nil:
		t.events[i] = ev
		t.missing--
		o.pending[name] = ev
	case t.events[i].Hash != ev.Hash || t.events[i].Stream != ev.Stream:
		return SetAside // the id stands in another stream, too: one of both is no part of the transaction
	}
	t.trusted[i] = t.trusted[i] || source != FromPeer
	o.queue = append(o.queue, t)
	return 0
}

// index is where an id stands in its transaction.
func (t *transaction) index(id ID) int {
	return int(binary.BigEndian.Uint64(id[8:]) - binary.BigEndian.Uint64(t.key.first[8:]))
}

// run looks at transactions until none changes.
func (o *offer) run() {
	for len(o.queue) > 0 {
		t := o.queue[0]
		o.queue = o.queue[1:]
		if o.transactions[t.key] == t && o.ready(t) {
			o.release(t)
		}
	}
}

// ready tells whether a transaction becomes visible, and notes what it waits for otherwise.
func (o *offer) ready(t *transaction) bool {
	if t.missing > 0 {
		return false
	}
	if t.needs == nil {
		t.needs = needs(t.events)
	}
	for ; t.next < len(t.needs); t.next++ {
		need := t.needs[t.next]
		if _, there := o.lookup(need); !there {
			if !t.waits {
				o.waiting[need] = append(o.waiting[need], t)
				t.waits = true
			}
			return false
		}
	}
	if at := t.due(); at > o.now {
		if len(o.held) == 0 {
			o.soonest = at
		}
		o.held[t], o.soonest = true, min(o.soonest, at)
		return false
	}
	return true
}

// needs are parents and named ids that are neither in the transaction nor made present by its voids.
func needs(events []*Event) []Name {
	own := map[Name]bool{}
	for _, ev := range events {
		own[Name{ev.Stream, ev.ID}] = true
		for i := range ev.Void {
			own[Name{ev.Stream, ev.Void[i].ID}] = true
		}
	}
	out := []Name{}
	for _, ev := range events {
		for _, list := range [][]ID{ev.Parents, ev.Names()} {
			for _, id := range list {
				if need := (Name{ev.Stream, id}); !own[need] {
					own[need] = true
					out = append(out, need)
				}
			}
		}
	}
	return out
}

// due is the first millisecond at which none of it is too far ahead.
func (t *transaction) due() int64 {
	at := int64(math.MinInt64)
	for i, ev := range t.events {
		if !t.trusted[i] {
			at = max(at, ev.ID.milliseconds()-Ahead.Milliseconds())
		}
	}
	return at
}

func (o *offer) release(t *transaction) {
	delete(o.transactions, t.key)
	delete(o.held, t)
	for _, ev := range t.events {
		name := Name{ev.Stream, ev.ID}
		delete(o.pending, name)
		if hash, held := o.lookup(name); held && hash != ev.Hash {
			o.out.Replaced = append(o.out.Replaced, name)
		}
		o.out.Visible = append(o.out.Visible, ev)
		o.shown[name] = ev.Hash
		o.wake(name, ev.Hash)
		for i := range ev.Void {
			voided := Name{ev.Stream, ev.Void[i].ID}
			if o.pending[voided] != nil {
				o.forget(voided)
			}
			o.wake(voided, ev.Void[i].Hash)
		}
	}
}

// wake looks again at what waited for an event, which is present now.
func (o *offer) wake(name Name, hash Hash) {
	o.present[name] = hash
	for _, t := range o.waiting[name] {
		t.waits = false
		o.queue = append(o.queue, t)
	}
	delete(o.waiting, name)
}

// forget takes a pending event out of its transaction.
func (g *Gate) forget(name Name) {
	ev := g.pending[name]
	delete(g.pending, name)
	t := g.transactions[keyOf(ev)]
	delete(g.held, t)
	i := t.index(ev.ID)
	if t.waits {
		need := t.needs[t.next]
		list := slices.DeleteFunc(g.waiting[need], func(other *transaction) bool { return other == t })
		if g.waiting[need] = list; len(list) == 0 {
			delete(g.waiting, need)
		}
		t.waits = false
	}
	t.events[i], t.trusted[i], t.needs, t.next = nil, false, nil, 0
	if t.missing++; t.missing == len(t.events) {
		delete(g.transactions, t.key)
	}
}

// Pending are the events that wait or are held, in the order of their streams and ids.
func (g *Gate) Pending() []*Event {
	out := make([]*Event, 0, len(g.pending))
	for _, ev := range g.pending {
		out = append(out, ev)
	}
	slices.SortFunc(out, func(a, b *Event) int { return Name{a.Stream, a.ID}.compare(Name{b.Stream, b.ID}) })
	return out
}

// Missing is what whole transactions wait for, each once: what to ask others for.
func (g *Gate) Missing() []Name {
	out := make([]Name, 0, len(g.waiting))
	for name := range g.waiting {
		out = append(out, name)
	}
	slices.SortFunc(out, Name.compare)
	return out
}
