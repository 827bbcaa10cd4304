package wasm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/component"
	"github.com/nacredb/nacre/internal/meter"
)

// thaloShape is what a component built for Thalo is made of: the core module inside, and the names and types of what it
// exports. Both generations of Thalo's interface, and those between them, differ in the resource's name and in the
// cases of the error.
type thaloShape struct {
	core     []byte
	resource string // "entity" or "agg"
	// The core module's exports; those that are called behind a return are "" where there are none.
	constructor, apply, handle, realloc, memory string
	afterConstructor, afterApply, afterHandle   string
	faults                                      []thaloFault
	jsonFaults                                  bool // a refused command's text is JSON
}

// thaloFault is a case of the interface's error.
type thaloFault struct {
	name  string
	texts int  // that it carries: 0, 1 or 2, the last one being the message
	maybe bool // its text may be missing
}

// The interface of Thalo.
const (
	thaloInterface   = "aggregate"
	thaloTracing     = "thalo:aggregate/tracing"
	thaloSendEvent   = "send-event"
	thaloResources   = "[export]aggregate"
	resourceNew      = "[resource-new]"
	resourceRep      = "[resource-rep]"
	resourceDrop     = "[resource-drop]"
	faultCommand     = "command"
	faultIgnore      = "ignore"
	faultDecode      = "deserialize-command"
	faultDecodeEvent = "deserialize-event"
	faultEncode      = "serialize-error"
)

// maxFaults bounds the cases of the error, which have to be told by one byte.
const maxFaults = 256

// readThalo reads a component, and refuses what was not built for Thalo.
func readThalo(binary []byte) (*thaloShape, error) {
	c, err := component.Parse(binary)
	if err != nil {
		return nil, &nacre.Error{Code: CodeRefused, Message: "the component cannot be read", Err: err}
	}
	if err := checkComponent(c); err != nil {
		return nil, err
	}
	s := &thaloShape{}
	lifts, err := s.find(c)
	if err != nil {
		return nil, err
	}
	return s, s.read(c, lifts)
}

// checkComponent looks at a component's own imports and exports.
func checkComponent(c *component.Component) error {
	var names []string
	for _, e := range c.Exports {
		if e.Name == thaloInterface && e.Instance {
			names = nil
			break
		}
		names = append(names, e.Name)
	}
	if names != nil || len(c.Exports) == 0 {
		return refused("the component exports %s, and no interface %q: components other than those built for Thalo are not supported", listed(names), thaloInterface)
	}
	for _, name := range c.Imports {
		// What the adapter between two WASI versions wants is not called: the core module gets its functions here.
		if name != thaloTracing && !strings.HasPrefix(name, "wasi:") {
			return refused("the component imports %q: one built for Thalo has %s, and WASI", name, thaloTracing)
		}
	}
	return nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	var quoted []string
	for _, name := range names[:min(len(names), 10)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(names) > len(quoted) {
		quoted = append(quoted, "…")
	}
	return strings.Join(quoted, ", ")
}

// find gives the three functions, in order: the constructor, apply, and handle.
func (s *thaloShape) find(c *component.Component) (lifts [3]*component.Lift, err error) {
	var names []string
	for i := range c.Lifts {
		l := &c.Lifts[i]
		name, ok := strings.CutPrefix(l.Core.Name, thaloInterface+"#")
		names = append(names, l.Core.Name)
		if !ok {
			continue
		}
		which := -1
		var resource string
		if resource, ok = strings.CutPrefix(name, "[constructor]"); ok {
			which = 0
		} else if method, ok := strings.CutPrefix(name, "[method]"); ok {
			of, called, _ := strings.Cut(method, ".")
			resource, which = of, 1+slices.Index([]string{"apply", "handle"}, called)
		}
		if which < 0 || which == 0 && !strings.HasPrefix(name, "[constructor]") || resource != "entity" && resource != "agg" {
			continue
		}
		if lifts[which] != nil || s.resource != "" && s.resource != resource {
			return lifts, refused("the component has %q beside another function of its kind", l.Core.Name)
		}
		s.resource, lifts[which] = resource, l
	}
	if slices.Contains(lifts[:], nil) {
		return lifts, refused(`the component's functions are %s: one built for Thalo has a constructor, "apply" and "handle" of a resource "entity" or "agg"; `+
			"what was made by tools before thalo 0.8, or put together of several components, is not supported", listed(names))
	}
	return lifts, nil
}

// read takes the names and checks the types.
func (s *thaloShape) read(c *component.Component, lifts [3]*component.Lift) error {
	module := lifts[0].Core.Module
	if module < 0 {
		return refused("the component's functions are of no core module")
	}
	s.core = c.Modules[module]
	after := [3]*string{&s.afterConstructor, &s.afterApply, &s.afterHandle}
	for i, l := range lifts {
		if l.Encoding != component.UTF8 {
			return refused("the component's texts are not UTF-8")
		}
		if l.Memory == nil || l.Realloc == nil {
			return refused("%q has no memory or no function to allocate some, and takes texts", l.Core.Name)
		}
		for _, of := range []*component.Core{&l.Core, l.Memory, l.Realloc, l.PostReturn} {
			if of != nil && of.Module != module {
				return refused("what %q needs is spread over several core modules, which is not supported", l.Core.Name)
			}
		}
		if i > 0 && (s.memory != l.Memory.Name || s.realloc != l.Realloc.Name) {
			return refused("%q has another memory or allocator than the constructor", l.Core.Name)
		}
		s.memory, s.realloc = l.Memory.Name, l.Realloc.Name
		if l.PostReturn != nil {
			*after[i] = l.PostReturn.Name
		}
	}
	s.constructor, s.apply, s.handle = lifts[0].Core.Name, lifts[1].Core.Name, lifts[2].Core.Name
	if !isConstructor(lifts[0].Type) {
		return refused("%q is not a func(id: string) that gives the resource", s.constructor)
	}
	if !isMethod(lifts[1].Type, isEvents) || lifts[1].Type.Elem.Elem != nil {
		return refused("%q is not a func(events: list<event>) -> result<_, error>, an event having the texts event and payload", s.apply)
	}
	if !isMethod(lifts[2].Type, isCommand) || !isEvents(lifts[2].Type.Elem.Elem) {
		return refused("%q is not a func(command: command) -> result<list<event>, error>, a command having the texts command and payload", s.handle)
	}
	return s.readFaults(lifts[1].Type.Elem.Err, lifts[2].Type.Elem.Err)
}

func isConstructor(t *component.Type) bool {
	return t.Kind == component.Func && len(t.Fields) == 1 && isText(t.Fields[0].Type) && t.Elem != nil && t.Elem.Kind == component.Own
}

// isMethod tells whether a function takes the resource and something else, and gives a result.
func isMethod(t *component.Type, argument func(*component.Type) bool) bool {
	return t.Kind == component.Func && len(t.Fields) == 2 && t.Fields[0].Type.Kind == component.Borrow && argument(t.Fields[1].Type) &&
		t.Elem != nil && t.Elem.Kind == component.Result
}

func isText(t *component.Type) bool { return t != nil && t.Kind == component.String }

func isTexts(t *component.Type, n int) bool {
	return t != nil && (t.Kind == component.Record || t.Kind == component.Tuple) && len(t.Fields) == n &&
		!slices.ContainsFunc(t.Fields, func(f component.Field) bool { return !isText(f.Type) })
}

func isCommand(t *component.Type) bool {
	return isTexts(t, 2) && t.Fields[0].Name == "command" && t.Fields[1].Name == "payload"
}

func isEvents(t *component.Type) bool {
	return t != nil && t.Kind == component.List && isTexts(t.Elem, 2) && t.Elem.Fields[0].Name == "event" &&
		(t.Elem.Fields[1].Name == "payload" || t.Elem.Fields[1].Name == "data")
}

// readFaults reads the error, which has to be the same one of both methods.
func (s *thaloShape) readFaults(apply, handle *component.Type) error {
	for i, t := range []*component.Type{handle, apply} {
		faults, problem := faultsOf(t)
		if problem != "" {
			return refused("the component's error %s", problem)
		}
		if i > 0 && !slices.Equal(faults, s.faults) {
			return refused("apply and handle have different errors")
		}
		s.faults = faults
	}
	s.jsonFaults = slices.ContainsFunc(s.faults, func(f thaloFault) bool { return f.name == faultEncode })
	return nil
}

func faultsOf(t *component.Type) (out []thaloFault, problem string) {
	if t == nil || t.Kind != component.Variant {
		return nil, "is no variant"
	}
	if len(t.Fields) == 0 || len(t.Fields) > maxFaults {
		return nil, fmt.Sprintf("has %d cases, and not 1 to %d", len(t.Fields), maxFaults)
	}
	texts := false
	for _, c := range t.Fields {
		f := thaloFault{name: c.Name}
		switch p := c.Type; {
		case p == nil:
		case isText(p):
			f.texts = 1
		case p.Kind == component.Option && isText(p.Elem):
			f.texts, f.maybe = 1, true
		case isTexts(p, 2):
			f.texts = 2
		default:
			return nil, fmt.Sprintf("has a case %q with something else than one text, two, or one that may be missing", c.Name)
		}
		texts = texts || f.texts > 0
		out = append(out, f)
	}
	if !texts {
		return nil, "carries no text"
	}
	return out, ""
}

// checkCore tells what the core module imports or exports that it should not, or not so.
func (s *thaloShape) checkCore(info *meter.Info) error {
	for _, i := range info.Imports {
		want, ok := s.provided(i.Module, i.Name)
		switch {
		case !ok:
			return refused("the core module of the component imports %s.%s (a %s), which is not provided: a component built for Thalo imports %s and %s; "+
				"build it for wasm32-wasip1 (or wasm32-wasi), as Thalo's tools do", i.Module, i.Name, i.Kind, thaloTracing, wasiModule)
		case i.Kind != "func" || i.Type != want:
			return refused("the core module of the component imports %s.%s as a %s %s: it is a func %s", i.Module, i.Name, i.Kind, i.Type, want)
		}
	}
	for _, want := range []struct{ name, kind, typ string }{
		{s.memory, "memory", ""},
		{s.realloc, "func", "(i32,i32,i32,i32)->i32"},
		{s.constructor, "func", "(i32,i32)->i32"},
		{s.apply, "func", "(i32,i32,i32)->i32"},
		{s.handle, "func", "(i32,i32,i32,i32,i32)->i32"},
		{s.afterConstructor, "func", "(i32)->()"},
		{s.afterApply, "func", "(i32)->()"},
		{s.afterHandle, "func", "(i32)->()"},
	} {
		got, ok := info.Export(want.name)
		switch {
		case want.name == "":
		case !ok:
			return refused("the core module of the component does not export %s (%s %s)", want.name, want.kind, want.typ)
		case got.Kind != want.kind || want.typ != "" && got.Type != want.typ:
			return refused("the core module of the component exports %s as a %s %s: it has to be a %s %s", want.name, got.Kind, got.Type, want.kind, want.typ)
		}
	}
	if initialize, ok := info.Export(exportInitialize); ok && (initialize.Kind != "func" || initialize.Type != "()->()") {
		return refused("the core module of the component exports %s as a %s %s: it has to be a func ()->()", exportInitialize, initialize.Kind, initialize.Type)
	}
	return nil
}

// provided tells whether the core module may import a function, and what its type is.
func (s *thaloShape) provided(module, name string) (string, bool) {
	for _, f := range thaloFunctions[module] {
		if f.name == name && (module != thaloResources || strings.HasSuffix(name, "]"+s.resource)) {
			return signature(f.params, f.results), true
		}
	}
	if module == wasiModule {
		return provided(module, name)
	}
	return "", false
}
