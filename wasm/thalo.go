package wasm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/component"
)

// Components made for Thalo run unmodified: spec/wasm-abi.md says what becomes of what they do. What is inside one is
// an object with two methods, so an instance of the module belongs to one aggregate instance, and has its state in
// its memory, which cannot be had as JSON. A [State] of such a module refers to the instance that has it, by a number
// that the instance counts up with each change; where the instance has gone or moved on, Decide asks for a state read
// anew, which has all events, and makes an instance of them.

// thaloInstances is how many instances a component may have, and thaloIdleAfter how long one stays that nobody asks
// for, where nothing else was said: there is one for each aggregate instance that was lately used.
const (
	thaloInstances = 1000
	thaloIdleAfter = 5 * time.Minute
)

// anyName stands for all commands and events of a module that does not list them.
const anyName = "*"

// CompileAs is [Engine.Compile] for a module that is published under a name. A component made for Thalo needs it, as it
// has no name inside; a module that describes itself has its own, whatever name is given.
func (e *Engine) CompileAs(ctx context.Context, name string, binary []byte, l *Limits) (*Module, error) {
	if component.Is(binary) {
		var limits Limits
		if l != nil {
			limits = *l
		}
		defaults(&limits.Instances, thaloInstances)
		defaults(&limits.IdleAfter, thaloIdleAfter)
		l = &limits
	}
	return e.compileAs(ctx, name, binary, l)
}

// describeThalo is the description of a component, which does not describe itself.
func describeThalo(name string) (*Description, error) {
	switch {
	case name == "":
		return nil, refused("a component has no name inside: give the one that it is published under")
	case !validName(name):
		return nil, refused(`the name %q cannot be a category: it takes 1 to 64 of "A-Z a-z 0-9 _", beginning with a letter or digit; ThaloCategory makes one of Thalo's`, name)
	}
	return &Description{
		Name: name, SchemaVersion: 1, Open: true, SDK: "thalo",
		Commands: map[string]CommandDescription{}, Events: map[string]EventDescription{},
	}, nil
}

// openReading is what a module does with events that it does not list.
var openReading = &reading{name: anyName, present: 1}

// KeepsState tells whether states of the module can be had as JSON: not those of a component made for Thalo. Without
// that there are no snapshots.
func (m *Module) KeepsState() bool { return m.thalo == nil }

// errNoState is what asking for a component's state gives.
func (m *Module) errNoState() error {
	return nacre.Errorf(CodeNoState, "the state of %q is inside a component made for Thalo, which does not show it: read its events", m.name())
}

// startThalo makes an instance, to see that it can be made, and lets it go.
func (m *Module) startThalo(ctx context.Context) error {
	begun := m.e.o.Clock()
	in, err := m.instantiate(ctx, begun)
	if err != nil {
		return err
	}
	defer in.close()
	if err := in.construct(ctx, begun, "test"); err != nil {
		return err
	}
	return in.applyAll(ctx, "test", nil)
}

// maxResources bounds the objects that a guest may make of its resource; one is needed.
const maxResources = 16

// thaloFunctions are what components made for Thalo import beside WASI, by module.
var thaloFunctions = map[string][]hostFunction{
	thaloTracing: {
		{thaloSendEvent, types(i32, i32), nil, func(r *run, stack []uint64) {
			text, ok := r.in.linear.read(api.DecodeU32(stack[0]), api.DecodeU32(stack[1]))
			if !ok {
				r.end(CodeTrapped, "it logged a text that is not in its memory")
			}
			if r.in.entity == nil {
				r.end(CodeTrapped, "it logged as a component does")
			}
			r.work(len(text))
			r.in.entity.tracer.take(&r.journal, text)
		}},
	},
	thaloResources: slices.Concat(resourceFunctions("agg"), resourceFunctions("entity")),
}

// resourceFunctions are those of the canonical interface for a resource of the guest's own.
func resourceFunctions(resource string) []hostFunction {
	return []hostFunction{
		{resourceNew + resource, types(i32), types(i32), func(r *run, stack []uint64) {
			e := r.in.entity
			if len(e.objects) == maxResources {
				r.end(CodeTrapped, "it made too many resources")
			}
			e.objects = append(e.objects, object{at: api.DecodeU32(stack[0]), live: true})
			stack[0] = uint64(len(e.objects))
		}},
		{resourceRep + resource, types(i32), types(i32), func(r *run, stack []uint64) {
			stack[0] = uint64(r.object(stack[0]).at)
		}},
		{resourceDrop + resource, types(i32), nil, func(r *run, stack []uint64) {
			r.object(stack[0]).live = false
		}},
	}
}

// object is one that the guest made of its resource: where it is in the guest's memory.
type object struct {
	at   uint32
	live bool
}

// object is that of a handle.
func (r *run) object(handle uint64) *object {
	e := r.in.entity
	i := int64(api.DecodeI32(handle)) - 1
	if i < 0 || i >= int64(len(e.objects)) || !e.objects[i].live {
		r.end(CodeTrapped, "it used a resource that does not exist")
	}
	return &e.objects[i]
}

// sortFields brings fields into the order of their names.
func sortFields(fields []Field) {
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
}
