package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// Command is a command of a module.
type Command struct {
	Command string // its name
	// Payload is its JSON; empty is null. It is not changed.
	Payload json.RawMessage

	checked bool // the payload is one JSON value, without white space
}

// Event is an event of a module: one that it led to, or one of the log that it reads.
type Event struct {
	Type string
	// Data is its JSON. It is not changed.
	Data json.RawMessage
	Tags []string
	// SchemaVersion is that of the data, from 1; 0 is 1.
	SchemaVersion int

	of      *reading // what the module does with its type; nil where somebody made the event
	checked bool     // the data is one JSON value, without white space
	from    *decision
	index   int // in from
}

var (
	_ codec.Named  = Command{}
	_ codec.Named  = Event{}
	_ codec.Tagged = Event{}

	_ codec.TagReader = Event{}
)

// Decider is the module as a decider, for aggregate.New with [Module.CodecOptions]. Its functions may be called
// from many goroutines. Decide gives a [*DomainError] where the guest refuses a command, and otherwise errors with
// codes: those of this package, aggregate.CodeUnknownCommand, and nacre.CodeInvalid for a payload that the guest
// does not take.
func (m *Module) Decider() decider.Decider[*State, Command, Event] {
	d := decider.Decider[*State, Command, Event]{
		Category:      m.description.Name,
		Decide:        m.decide,
		Evolve:        m.evolve,
		Commands:      map[string]Command{},
		Events:        map[string]Event{},
		SchemaVersion: m.description.SchemaVersion,
	}
	if m.description.Open {
		d.Commands[anyName], d.Events[anyName] = Command{}, Event{of: openReading}
	}
	for name := range m.description.Commands {
		d.Commands[name] = Command{Command: name}
	}
	for name, r := range m.readings {
		d.Events[name] = Event{Type: name, of: r}
	}
	return d
}

// CodecOptions are what the decider's events need to be read and written.
func (m *Module) CodecOptions() *codec.Options {
	o := &codec.Options{Versions: map[string]int{}, Skip: slices.Clone(m.description.Skip)}
	for name, e := range m.description.Events {
		if e.SchemaVersion > 1 {
			o.Versions[name] = e.SchemaVersion
		}
	}
	return o
}

func (m *Module) decide(s *State, c Command, dc decider.Context) ([]Event, error) {
	return m.Decide(context.Background(), s, c, dc)
}

// Decide gives the events that a command leads to. The decider's Decide is this one with a context that does not
// end.
func (m *Module) Decide(ctx context.Context, s *State, c Command, dc decider.Context) ([]Event, error) {
	now := s.now()
	if now.err != nil {
		return nil, now.err
	}
	if !c.checked && len(c.Payload) > 0 {
		payload, err := checkJSON(c.Payload)
		if err != nil {
			return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "payload", Message: "is no JSON", Err: err}
		}
		c.Payload = payload
	}
	if m.thalo != nil {
		return m.decideThalo(ctx, s, &now, &c, &dc)
	}
	q := question{id: dc.ID, decides: true, command: c, context: dc, wants: now.looked > 0 || now.long(tailEvents, tailBytes)}
	a, held, err := m.ask(ctx, &now, &q)
	if err != nil {
		return nil, err
	}
	if len(a.events) == 0 {
		s.kept(held, a.state)
		return nil, nil
	}
	decided(s, a.events, held).state = a.state
	return a.events, nil
}

// kept notes that an instance holds the state, and its JSON where that was given.
func (s *State) kept(h hold, state []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = h
	if state != nil {
		s.base, s.from, s.tail = state, s.total, nil
	}
}

// evolve asks the guest only now and then; see State. A bad event of somebody's own making panics, as there is no
// error to be given.
func (m *Module) evolve(s *State, e Event) *State {
	if e.from != nil && !e.from.gave[e.index].is(&e) {
		e.from, e.checked = nil, false
	}
	if !e.checked {
		data, err := checkJSON(e.Data)
		if err != nil {
			panic(fmt.Sprintf("wasm: the data of an event of type %q is no JSON: %v", e.Type, err))
		}
		e.Data = data
	}
	if e.SchemaVersion == 0 {
		e.SchemaVersion = 1
	}
	return m.after(s, &e)
}

// ask has an instance of the guest answer a question about a state: one that holds it where there is one, and else
// any, which is given the state. It gives who holds the state that this came to.
func (m *Module) ask(ctx context.Context, s *standing, q *question) (answer, hold, error) {
	begun := m.e.o.Clock()
	in, err := m.pool.take(ctx, begun, s.hold.by)
	if err != nil {
		return answer{}, hold{}, err
	}
	defer m.pool.put(in)
	held, age := s.hold.by == in.holder && s.hold.total >= s.from, in.kept-s.hold.number
	if held && !m.reach.worth(age, s.size()) {
		held = false
	}
	for {
		in.begin(ctx, begun, q)
		a, err := in.exchange(q, s, held)
		switch {
		case err != nil:
			return a, hold{}, err
		case a.missing && held:
			held = false
			m.reach.missed(age)
			continue
		case a.missing:
			return a, hold{}, in.bad("its reply says that the state is missing, which it was given")
		case a.err != nil:
			return a, hold{}, in.meaning(a.err, q)
		}
		if held {
			m.reach.found(age)
		}
		return a, hold{by: in.holder, number: in.kept, total: s.total + int64(len(a.events))}, nil
	}
}

func (in *instance) begin(ctx context.Context, begun time.Time, q *question) {
	if !q.decides {
		in.run.begin(ctx, begun, q.id, "evolving", "")
	} else {
		in.run.begin(ctx, begun, q.id, "the command", q.command.Command)
	}
}

// exchange is one request and its reply.
func (in *instance) exchange(q *question, s *standing, held bool) (answer, error) {
	in.kept++
	if err := in.write(q, s, held, in.kept); err != nil {
		return answer{}, err
	}
	f := in.decide
	if !q.decides {
		f = in.evolve
	}
	reply, err := in.call(f)
	if err != nil {
		return answer{}, err
	}
	var a answer
	err = in.run.aside(len(reply), func() error {
		a, err = in.read(reply, q)
		return err
	})
	return a, err
}

// Name is the command's.
func (c Command) Name() string { return c.Command }

// Read gives the command of a name and its payload.
func (c Command) Read(name string, data []byte, _ int) (any, error) {
	payload, err := checkJSON(bytes.Clone(data))
	if err != nil {
		return nil, err
	}
	return Command{Command: name, Payload: payload, checked: true}, nil
}

// MarshalJSON is the payload.
func (c Command) MarshalJSON() ([]byte, error) {
	if len(c.Payload) == 0 {
		return []byte("null"), nil
	}
	return c.Payload, nil
}

// Name is the event's type.
func (e Event) Name() string { return e.Type }

// EventTags are the event's.
func (e Event) EventTags() []string { return e.Tags }

// ReadTags gives an event of the log with its tags.
func (e Event) ReadTags(tags []string) any {
	e.Tags = make([]string, len(tags))
	for i, tag := range tags {
		e.Tags[i] = strings.Clone(tag)
	}
	return e
}

// MarshalJSON is the data.
func (e Event) MarshalJSON() ([]byte, error) { return e.Data, nil }

// Read gives an event of the log. A schema version that the module does not say that it reads is an error.
func (e Event) Read(name string, data []byte, schemaVersion int) (any, error) {
	if !e.of.reads(schemaVersion) {
		if schemaVersion > e.of.present && e.of.present > 0 {
			return nil, fmt.Errorf("the module knows schema version %d of %q, and a newer one wrote version %d", e.of.present, name, schemaVersion)
		}
		return nil, fmt.Errorf("the module does not say that it reads schema version %d of %q: its description has that in upcasts", schemaVersion, name)
	}
	kind := e.Type
	if e.of == openReading {
		kind = strings.Clone(name)
	}
	return Event{Type: kind, Data: bytes.Clone(data), SchemaVersion: schemaVersion, of: e.of, checked: true}, nil
}
