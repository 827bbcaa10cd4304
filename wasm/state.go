package wasm

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
)

// What a state may have in events before the guest is asked for it as JSON: few while commands are decided on it,
// more while a stream is read.
const (
	tailEvents = 64
	tailBytes  = 4 << 10
	readEvents = 512
	readBytes  = 64 << 10
	// lookedFor is how many events the next state's JSON comes with the decision after somebody wanted one, which saves a
	// call of its own: who shows states, as a server does, shows each.
	lookedFor = 8
	// lostBytes is where a state that the guest does not give any more is given up.
	lostBytes = 8 << 20
)

// State is that of an aggregate instance: JSON that the guest gave, and the events since. Where an instance of the
// guest keeps it decoded, it knows which. It is a value: what it stands for never changes, and many goroutines may
// have it. nil is the state before the first event.
type State struct {
	m   *Module   // nil where it came from JSON
	via *decision // where it is between two of a decision's events
	at  int       // how many of those it has

	mu sync.Mutex // of how it stands, not of what it stands for
	standing
}

// standing is how a state is known.
type standing struct {
	total int64  // events that it came from, as far as they were counted
	base  []byte // JSON of the state after the first of them; nil is the state before the first event
	from  int64  // how many those were
	tail  *node  // the rest
	hold  hold
	err   error // why it cannot be known

	failures int // of asking the guest for it, since it was last given
	looked   int // how many events more somebody is expected to want it as JSON behind
}

// node is an event behind others.
type node struct {
	event  Event
	before *node
	size   int // of the data of all events from the base on
}

// hold says which instance of the guest may have a state.
type hold struct {
	by     *holder
	number uint64
	total  int64 // of the events that it had then
}

// decision is what a command came to, until its events have been applied.
type decision struct {
	on     *State
	events int
	gave   []gift // each of them
	room   [1]gift
	hold   hold
	state  []byte // after the events; nil where it was not asked for
	inside bool   // only the instance has the state
}

// gift is an event as the guest gave it: whoever wraps a decider may make another one of it, which the guest knows
// nothing of.
type gift struct {
	kind string
	data []byte
	tags []string
}

// decided is a decision of these events, which refer to it from then on.
func decided(on *State, events []Event, held hold) *decision {
	d := &decision{on: on, events: len(events), hold: held}
	d.gave = d.room[:0]
	for i := range events {
		e := &events[i]
		e.from, e.index = d, i
		d.gave = append(d.gave, gift{e.Type, e.Data, e.Tags})
	}
	return d
}

// is tells whether an event is as the guest gave it.
func (g *gift) is(e *Event) bool {
	return e.Type == g.kind && sameArray(e.Data, g.data) && slices.Equal(e.Tags, g.tags)
}

func sameArray(a, b []byte) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func (s *State) now() standing {
	if s == nil {
		return standing{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standing
}

// size is how much the guest is given where it does not hold the state, about.
func (s *standing) size() int {
	size := len(s.base)
	if s.tail != nil {
		size += s.tail.size
	}
	return size
}

// long tells whether there are so many events that the state should be asked for.
func (s *standing) long(events, size int) bool {
	if s.tail == nil {
		return false
	}
	return s.total-s.from >= int64(events) && s.tail.size >= len(s.base)/4 || s.tail.size >= size+2*len(s.base)
}

// after is the state after an event.
func (m *Module) after(s *State, e *Event) *State {
	now := s.now()
	n := &State{m: m, standing: now}
	n.total++
	n.looked = max(0, now.looked-1)
	if n.err != nil { // whatever happens, it is not known
		n.from = n.total
		return n
	}
	node := &node{event: Event{Type: e.Type, Data: e.Data, Tags: e.Tags, SchemaVersion: e.SchemaVersion}, before: now.tail, size: len(e.Data)}
	if now.tail != nil {
		node.size += now.tail.size
	}
	n.tail = node
	if d := e.from; d != nil && d.precedes(s, e.index) {
		n.arrive(d, e.index+1)
	}
	if m.thalo == nil && n.via == nil && n.long(readEvents<<n.failures, readBytes<<n.failures) {
		n.shorten()
	}
	return n
}

// precedes tells whether a state is the one before a decision's event.
func (d *decision) precedes(s *State, index int) bool {
	if index == 0 {
		return d.on == s
	}
	return s != nil && s.via == d && s.at == index
}

// arrive is for a state that has come to so many of a decision's events.
func (s *State) arrive(d *decision, events int) {
	if events < d.events {
		s.via, s.at = d, events
		return
	}
	s.hold = d.hold
	if d.state != nil || d.inside {
		s.base, s.from, s.tail = d.state, s.total, nil
	}
}

// shorten asks the guest for the state. Where it does not give it, the events stay, until they are too many; it is
// asked again when they have doubled.
func (s *State) shorten() {
	_, err := s.m.settle(context.Background(), s)
	switch {
	case err == nil:
		return
	case nacre.CodeOf(err) == CodeFailed: // it will say the same again
		s.err = err
	case s.tail.size > lostBytes:
		s.err = stateLost{err}
	default:
		s.failures++
		return
	}
	s.base, s.from, s.tail, s.hold = nil, s.total, nil, hold{}
}

// stateLost is an error for which the state is read from the log again.
type stateLost struct{ err error }

func (e stateLost) Error() string         { return e.err.Error() }
func (e stateLost) Unwrap() error         { return e.err }
func (e stateLost) Is(target error) bool  { return target == aggregate.ErrStateLost }
func (e stateLost) ErrorCode() nacre.Code { return nacre.CodeOf(e.err) }

// settle gives the state as JSON, and shortens how it stands.
func (m *Module) settle(ctx context.Context, s *State) ([]byte, error) {
	now := s.now()
	switch {
	case m.thalo != nil:
		return nil, m.errNoState()
	case now.err != nil:
		return nil, now.err
	case now.tail == nil && now.base != nil:
		return now.base, nil
	}
	a, held, err := m.ask(ctx, &now, &question{wants: true})
	if err != nil {
		return nil, err
	}
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.base, s.from, s.tail, s.hold, s.failures = a.state, s.total, nil, held, 0
	}
	return a.state, nil
}

// JSON is the state as the guest gives it, which may be null where there are no events. It may have to ask the
// guest.
func (s *State) JSON(ctx context.Context) ([]byte, error) {
	if s == nil {
		return []byte("null"), nil
	}
	if s.m == nil {
		now := s.now()
		return now.json(), nil
	}
	return s.m.show(ctx, s)
}

// show is settle for somebody who wants to see the state, and is expected to want the next one as well.
func (m *Module) show(ctx context.Context, s *State) ([]byte, error) {
	text, err := m.settle(ctx, s)
	if s != nil && err == nil {
		s.mu.Lock()
		s.looked = lookedFor
		s.mu.Unlock()
	}
	return text, err
}

// StateJSON is [State.JSON], which for nil gives what the guest begins with.
func (m *Module) StateJSON(ctx context.Context, s *State) ([]byte, error) { return m.show(ctx, s) }

func (s *standing) json() []byte {
	if s.base == nil {
		return []byte("null")
	}
	return s.base
}

// MarshalJSON is JSON, for snapshots.
func (s *State) MarshalJSON() ([]byte, error) { return s.JSON(context.Background()) }

// UnmarshalJSON takes what MarshalJSON gave.
func (s *State) UnmarshalJSON(text []byte) error {
	text, err := checkJSON(bytes.Clone(text))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = standing{}
	if string(text) != "null" {
		s.base = text
	}
	return nil
}

// Equal tells whether two states are the same as JSON. States that cannot be had are not.
func (s *State) Equal(other *State) bool {
	if s == other {
		return true
	}
	a, err := s.JSON(context.Background())
	if err != nil {
		return false
	}
	b, err := other.JSON(context.Background())
	return err == nil && sameJSON(a, b)
}
