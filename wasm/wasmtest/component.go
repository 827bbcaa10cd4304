package wasmtest

import (
	"slices"
	"strings"
	"testing"
)

// Generation is one of the two interfaces of Thalo.
type Generation int

// The generations, with what people who have such components know them by.
const (
	// Agg is that of thalo 0.8: the resource "agg", errors with one text, and the error "ignore".
	Agg Generation = iota
	// Entity is the last one: the resource "entity", errors with the command's or event's name, and tracing.
	Entity
)

// Resource is what the generation calls the thing that it exports.
func (g Generation) Resource() string { return [...]string{"agg", "entity"}[g] }

// Errors are the cases of the generation's error, in order; the names of those with two texts end with "2", and of
// those with a text that may be missing with "?".
func (g Generation) Errors() []string {
	if g == Agg {
		return []string{"command", "ignore?", "deserialize-command", "deserialize-context", "deserialize-event", "serialize-event"}
	}
	return []string{"command2", "deserialize-command2", "deserialize-context", "deserialize-event2", "serialize-error2", "serialize-event"}
}

// Component makes a component of a core module, as Thalo's tools do: the module, an adapter beside it that nobody
// calls, and the three functions of the interface "aggregate" lifted. The module exports them as
// "aggregate#[constructor]entity" and so on, with "memory" and "cabi_realloc", and "cabi_post_…" where post is true.
func Component(t testing.TB, g Generation, core string, post bool) []byte {
	t.Helper()
	p := &Parts{Generation: g, Core: Assemble(t, core), Post: post, Errors: g.Errors(), Export: "aggregate", Resource: g.Resource()}
	return p.Encode()
}

// Parts are what a component is made of, for tests that want one with something wrong.
type Parts struct {
	Generation Generation
	Core       []byte
	Post       bool
	Errors     []string // as those of Generation
	Export     string   // what the instance is exported as
	Resource   string   // in the names of functions
	Encoding   byte     // of texts: 0 is UTF-8
	Command    []string // its fields; nil is what they should be
	NoRealloc  bool     // leave cabi_realloc away
}

// scope counts what a component has of each sort.
type scope struct {
	out                        []byte
	types, coreFuncs, memories int
}

func newScope() *scope { return &scope{out: []byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}} }

func (s *scope) section(id byte, items ...[]byte) {
	content := append(leb(len(items)), slices.Concat(items...)...)
	s.out = slices.Concat(s.out, []byte{id}, leb(len(content)), content)
}

// nested adds a module or component.
func (s *scope) nested(id byte, binary []byte) {
	s.out = slices.Concat(s.out, []byte{id}, leb(len(binary)), binary)
}

// define adds a type, and gives its index.
func (s *scope) define(definition []byte) []byte {
	s.section(7, definition)
	s.types++
	return leb(s.types - 1)
}

// coreExport is an alias of a function of the first core instance.
func (s *scope) coreExport(sort byte, name string) []byte {
	s.section(6, slices.Concat([]byte{0, sort, 1}, leb(1), text(name)))
	if sort == 2 {
		s.memories++
		return leb(s.memories - 1)
	}
	s.coreFuncs++
	return leb(s.coreFuncs - 1)
}

const (
	primString = 0x73
	primU8     = 0x7d
)

// Encode gives the component.
func (p *Parts) Encode() []byte {
	s := newScope()
	// (type (instance (type (list u8)) (type (func (param "event" 0))) (export "send-event" (func (type 1)))))
	if p.Generation == Entity {
		tracing := slices.Concat([]byte{0x42, 3},
			[]byte{1, 0x70, primU8},
			[]byte{1, 0x40, 1}, text("event"), []byte{0, 1, 0},
			[]byte{4, 0}, text("send-event"), []byte{1, 1})
		s.section(10, slices.Concat([]byte{0}, text("thalo:aggregate/tracing"), []byte{5}, s.define(tracing)))
	}
	s.nested(1, p.Core)
	s.nested(1, []byte{0, 'a', 's', 'm', 1, 0, 0, 0})
	resource := s.define([]byte{0x3f, 0x7f, 0})
	// (core func (canon resource.new …)), in a bundle which is what the module imports
	s.section(8, slices.Concat([]byte{2}, resource))
	s.coreFuncs++
	s.section(2, slices.Concat([]byte{1, 1}, text("[resource-new]"+p.Resource), []byte{0, 0}))
	s.section(2, slices.Concat([]byte{0, 0, 1}, text("[export]aggregate"), []byte{0x12, 0}))
	s.section(2, []byte{0, 1, 0})
	options := []([]byte){{p.Encoding}, append([]byte{3}, s.coreExport(2, "memory")...)}
	if !p.NoRealloc {
		options = append(options, append([]byte{4}, s.coreExport(0, "cabi_realloc")...))
	}
	types := p.define(s, resource, func(_ string, t []byte) []byte { return t })
	functions := p.functions()
	for i, name := range functions {
		f := s.coreExport(0, "aggregate#"+name)
		all := options
		if p.Post && i > 0 {
			all = append(slices.Clip(options), append([]byte{5}, s.coreExport(0, "cabi_post_aggregate#"+name)...))
		}
		s.section(8, slices.Concat([]byte{0, 0}, f, leb(len(all)), slices.Concat(all...), types.functions[i]))
	}
	s.nested(4, p.interfaceComponent())
	with := slices.Concat([]byte{0, 0}, leb(len(functions)+1+len(types.named)), text("import-type-"+p.Resource), []byte{3}, resource)
	for i, name := range functions {
		with = slices.Concat(with, text("import-"+kebab(name)), []byte{1, byte(i)})
	}
	for _, n := range types.named {
		with = slices.Concat(with, text("import-type-"+n.name), []byte{3}, n.index)
	}
	s.section(5, with)
	instance := byte(0)
	if p.Generation == Entity {
		instance = 1 // behind the imported one
	}
	s.section(11, slices.Concat([]byte{0}, text(p.Export), []byte{5, instance, 0}))
	return s.out
}

// functions are their names in the interface.
func (p *Parts) functions() []string {
	return []string{"[constructor]" + p.Resource, "[method]" + p.Resource + ".apply", "[method]" + p.Resource + ".handle"}
}

// interfaceComponent is the component that gives the functions' types names: it exports what it imports.
func (p *Parts) interfaceComponent() []byte {
	s := newScope()
	s.section(10, slices.Concat([]byte{0}, text("import-type-"+p.Resource), []byte{3, 1}))
	s.types++
	imported := p.define(s, []byte{0}, func(name string, t []byte) []byte {
		s.section(10, slices.Concat([]byte{0}, text("import-type-"+name), []byte{3, 0}, t))
		s.types++
		return leb(s.types - 1)
	})
	for i, name := range p.functions() {
		s.section(10, slices.Concat([]byte{0}, text("import-"+kebab(name)), []byte{1}, imported.functions[i]))
	}
	export := func(name string, t []byte) []byte {
		s.section(11, slices.Concat([]byte{0}, text(name), []byte{3}, t, []byte{0}))
		s.types++
		return leb(s.types - 1)
	}
	exported := p.define(s, export(p.Resource, []byte{0}), export)
	for i, name := range p.functions() {
		s.section(11, slices.Concat([]byte{0}, text(name), []byte{1, byte(i), 1, 1}, exported.functions[i]))
	}
	return s.out
}

// kebab is a function's name where it is not in an interface.
func kebab(name string) string {
	return strings.NewReplacer("[", "", "]", "-", ".", "-").Replace(name)
}

// defined are the types of the interface.
type defined struct {
	functions [][]byte
	named     []namedType
}

type namedType struct {
	name  string
	index []byte
}

// define makes the types of the three functions; named gives those a name that need one.
func (p *Parts) define(s *scope, resource []byte, named func(name string, t []byte) []byte) (d defined) {
	name := func(n string, t []byte) []byte {
		d.named = append(d.named, namedType{n, t})
		return named(n, t)
	}
	record := func(fields ...string) []byte {
		out := append([]byte{0x72}, leb(len(fields))...)
		for _, f := range fields {
			out = append(append(out, text(f)...), primString)
		}
		return s.define(out)
	}
	own := s.define(append([]byte{0x69}, resource...))
	constructor := s.define(slices.Concat([]byte{0x40, 1}, text("id"), []byte{primString, 0}, own))
	borrow := s.define(append([]byte{0x68}, resource...))
	events := s.define(append([]byte{0x70}, name("event", record("event", "payload"))...))
	fault := name("error", p.variant(s))
	self := slices.Concat([]byte{0x40, 2}, text("self"), borrow)
	apply := s.define(slices.Concat(self, text("events"), events, []byte{0}, s.define(slices.Concat([]byte{0x6a, 0, 1}, fault))))
	fields := p.Command
	if fields == nil {
		fields = []string{"command", "payload"}
	}
	command := name("command", record(fields...))
	handle := s.define(slices.Concat(self, text("command"), command, []byte{0}, s.define(slices.Concat([]byte{0x6a, 1}, events, []byte{1}, fault))))
	d.functions = [][]byte{constructor, apply, handle}
	return d
}

// variant defines the error.
func (p *Parts) variant(s *scope) []byte {
	var pair, maybe []byte
	cases := leb(len(p.Errors))
	for _, name := range p.Errors {
		payload := []byte{primString}
		switch name[len(name)-1] {
		case '2':
			if pair == nil {
				pair = s.define([]byte{0x6f, 2, primString, primString})
			}
			payload = pair
		case '?':
			if maybe == nil {
				maybe = s.define([]byte{0x6b, primString})
			}
			payload = maybe
		}
		cases = slices.Concat(cases, text(strings.TrimRight(name, "2?")), []byte{1}, payload, []byte{0})
	}
	return s.define(append([]byte{0x71}, cases...))
}
