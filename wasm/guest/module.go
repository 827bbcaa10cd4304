package guest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// Module answers the requests of spec/wasm-abi.md. What its methods give is good until the next call.
type Module struct{ a answerer }

// answerer is an aggregate without its types.
type answerer interface {
	describe() []byte
	decide(request []byte) []byte
	evolve(request []byte) []byte
	types() Types
}

// Types are the Go types that a module reads and writes.
type Types struct {
	State            reflect.Type
	Commands, Events map[string]reflect.Type
}

// served is this program's module.
var served *Module

// Serve makes d this module's aggregate. It panics on a declaration that can never work, and where there is one
// already: a module is one aggregate.
func Serve[S, C, E any](d decider.Decider[S, C, E], o *Options) {
	if served != nil {
		panic("guest: Serve was called before: a module is one aggregate")
	}
	m, err := New(d, o)
	if err != nil {
		panic(err)
	}
	served = m
}

// Served is what Serve was given, nil where it was not called.
func Served() *Module { return served }

// New makes a module that is not this program's, for tests: Serve without its panics.
func New[S, C, E any](d decider.Decider[S, C, E], o *Options) (*Module, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if len(d.Commands) == 0 {
		return nil, fmt.Errorf("decider %q: Commands is empty: give each type of command a name, as in %q", d.Category, "deposit")
	}
	a := &aggregate[S, C, E]{d: d}
	if o != nil {
		a.o = *o
	}
	for _, name := range slices.Sorted(maps.Keys(d.Events)) {
		if strings.Contains(name, "*") {
			return nil, fmt.Errorf("decider %q: the event %q has a \"*\": a module writes and reads types by their whole names", d.Category, name)
		}
	}
	var err error
	if a.stepped, err = a.o.check(); err != nil {
		return nil, err
	}
	if err := checkAbout("Commands", a.o.Commands, a.d.Commands); err != nil {
		return nil, err
	}
	if err := checkAbout("Events", a.o.Events, a.d.Events); err != nil {
		return nil, err
	}
	return &Module{a: a}, nil
}

// Describe gives the description.
func (m *Module) Describe() []byte { return m.a.describe() }

// Decide replies to a request to decide.
func (m *Module) Decide(request []byte) []byte { return m.a.decide(request) }

// Evolve replies to a request to evolve.
func (m *Module) Evolve(request []byte) []byte { return m.a.evolve(request) }

// Types are those that codecs are generated for.
func (m *Module) Types() Types { return m.a.types() }

// aggregate is a decider with its codecs.
type aggregate[S, C, E any] struct {
	d       decider.Decider[S, C, E]
	o       Options
	stepped map[string]bool // types of events whose schema version counts

	linked   bool // the following were found
	state    *jsontext.Codec
	commands map[string]row
	events   map[string]row
	written  map[reflect.Type]row // the events, by what the decider gives

	description []byte
	kept        kept[S]
	request     request[S, C]
	lastID      string
	lastActor   string
	in          jsontext.Reader
	out         jsontext.Writer
}

// row is a name of a table.
type row struct {
	name    string
	codec   *jsontext.Codec
	pointer bool // the table has a pointer to the codec's type
	tagged  bool // the table's type says which tags its events have
}

// tagged is what an event is that says which tags it has, as in package codec.
type tagged interface{ EventTags() []string }

func (r row) read(in *jsontext.Reader) any {
	if r.pointer {
		return r.codec.ReadPointer(in)
	}
	return r.codec.Read(in)
}

func (a *aggregate[S, C, E]) types() Types {
	t := Types{State: reflect.TypeFor[S](), Commands: map[string]reflect.Type{}, Events: map[string]reflect.Type{}}
	for name, c := range a.d.Commands {
		t.Commands[name] = reflect.TypeOf(any(c))
	}
	for name, e := range a.d.Events {
		t.Events[name] = reflect.TypeOf(any(e))
	}
	return t
}

// link finds the codecs: not before the first request, when everything that is generated has been registered.
func (a *aggregate[S, C, E]) link() {
	if a.linked {
		return
	}
	t := a.types()
	a.state = codecFor(t.State)
	a.commands, a.events, a.written = map[string]row{}, map[string]row{}, map[reflect.Type]row{}
	for name, c := range t.Commands {
		a.commands[name] = rowFor(name, c)
	}
	for name, e := range t.Events {
		a.events[name] = rowFor(name, e)
		a.written[e] = a.events[name]
	}
	a.linked = true
}

func rowFor(name string, t reflect.Type) row {
	r := row{name: name, pointer: t.Kind() == reflect.Pointer, tagged: t.Implements(reflect.TypeFor[tagged]())}
	if r.pointer {
		t = t.Elem()
	}
	r.codec = codecFor(t)
	return r
}

// codecFor is what was generated for a type, or what reads and writes it by reflection.
func codecFor(t reflect.Type) *jsontext.Codec {
	if c := jsontext.For(t); c != nil {
		return c
	}
	if reflection == nil {
		panic("guest: there is no codec for " + t.String() + ": build the module with \"nacre wasm build\" again")
	}
	return reflection(t)
}
