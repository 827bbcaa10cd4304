package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Call is a command on its way to its aggregate.
type Call struct {
	Category string // of the aggregate
	ID       string // of the instance
	Name     string // of the command, in the aggregate's table; "" where it has none
	Command  any
}

// NamedCommand is a command that is known by its names only: what a program that does not have its Go type gives to a
// bus. It is never in a decider's table.
type NamedCommand struct {
	Category, Command string
	Payload           json.RawMessage // nil is null
}

// Executor has commands executed by their names, and shows states. A [Bus] is one, and so is whatever runs aggregates
// that come and go, such as WebAssembly modules. A category or name that it does not know is CodeUnknownCommand.
type Executor interface {
	ExecuteNamed(ctx context.Context, category, id, name string, payload []byte) (Outcome, error)
	View(ctx context.Context, category, id string, of Moment) (View, error)
}

// Outcome is what a command led to, without its aggregate's types.
type Outcome struct {
	Stream    nacre.StreamID
	Version   int64
	Position  nacre.Position
	Events    []nacre.Event
	Duplicate bool
	state     any
}

// State is the state after the command, as JSON.
func (o *Outcome) State() (json.RawMessage, error) { return codec.Marshal(o.state) }

// WithState is the outcome with a state that the executor knows as JSON.
func (o Outcome) WithState(state json.RawMessage) Outcome {
	o.state = state
	return o
}

// Handler executes a call.
type Handler func(ctx context.Context, c *Call) (Outcome, error)

// Middleware wraps a handler: it may look at a call, refuse it, or try it again.
type Middleware func(next Handler) Handler

// Routable is a repository, of whatever types.
type Routable interface {
	route() *route
}

// route is what a bus knows of a repository.
type route struct {
	category string
	types    map[string]reflect.Type // of commands, by name
	execute  Handler
	view     func(ctx context.Context, id string, of Moment) (View, error)
	encode   func(command any) (name string, payload []byte, err error)
	decode   func(name string, payload []byte) (any, error)
}

func (r *Repository[S, C, E]) route() *route {
	types := map[string]reflect.Type{}
	for name, c := range r.d.Commands {
		types[name] = reflect.TypeOf(any(c))
	}
	return &route{
		category: r.d.Category,
		types:    types,
		execute: func(ctx context.Context, c *Call) (Outcome, error) {
			command, ok := c.Command.(C)
			if !ok {
				return Outcome{}, nacre.Errorf(CodeUnknownCommand, "%T is no command of %q", c.Command, r.d.Category)
			}
			h := r.Get(c.ID)
			result, err := h.Execute(ctx, command)
			if err != nil {
				return Outcome{}, err
			}
			out := Outcome{
				Stream: h.Stream(), Version: result.Version, Position: result.Position, Duplicate: result.Duplicate,
				Events: make([]nacre.Event, len(result.Events)), state: result.State,
			}
			for i := range result.Events {
				out.Events[i] = result.Events[i].Event
			}
			return out, nil
		},
		view: func(ctx context.Context, id string, of Moment) (View, error) { return r.Get(id).view(ctx, of) },
		encode: func(command any) (string, []byte, error) {
			c, ok := command.(C)
			if !ok {
				return "", nil, nacre.Errorf(CodeUnknownCommand, "%T is no command of %q", command, r.d.Category)
			}
			e, err := r.commands.Encode(c)
			return e.Type, e.Data, err
		},
		decode: func(name string, payload []byte) (any, error) { return r.commands.DecodeValue(name, payload) },
	}
}

// Bus routes a command to its aggregate by the command's Go type, or by category and name. It is complete when
// it has been made, and may then be used from many goroutines.
type Bus struct {
	byType     map[reflect.Type]target
	byName     map[string]target // "category.command"
	byCategory map[string]*route
	others     Executor // of categories that no repository has; nil is none
	middleware []Middleware
	handle     Handler
}

// target is where a command goes.
type target struct {
	route *route
	name  string
}

// NewBus makes a bus of repositories. It panics where two take the same type of command, or have the same
// category; only commands in a decider's table are routed.
func NewBus(repositories ...Routable) *Bus {
	b := &Bus{byType: map[reflect.Type]target{}, byName: map[string]target{}, byCategory: map[string]*route{}}
	for _, r := range repositories {
		route := r.route()
		if b.byCategory[route.category] != nil {
			panic(fmt.Sprintf("aggregate: two repositories of the category %q on one bus", route.category))
		}
		b.byCategory[route.category] = route
		for name, t := range route.types {
			_, named := reflect.TypeAssert[codec.Named](reflect.Zero(t))
			if other, taken := b.byType[t]; taken && !named {
				panic(fmt.Sprintf("aggregate: both %q and %q take the command %v", other.route.category, route.category, t))
			}
			qualified := route.category + "." + name
			if other, taken := b.byName[qualified]; taken {
				panic(fmt.Sprintf("aggregate: a command of %q and one of %q are both called %q", other.route.category, route.category, qualified))
			}
			if !named {
				b.byType[t] = target{route, name}
			}
			b.byName[qualified] = target{route, name}
		}
	}
	return b.Use()
}

// Use puts middleware around what the bus does, the first one outermost, and all inside of what was put there
// before. It is called before the bus is used.
func (b *Bus) Use(middleware ...Middleware) *Bus {
	b.middleware = append(b.middleware, middleware...)
	b.handle = b.execute
	for _, m := range slices.Backward(b.middleware) {
		b.handle = m(b.handle)
	}
	return b
}

// Else has commands of categories that no repository of the bus has executed by others. They come as NamedCommand, or by
// ExecuteNamed. It is called before the bus is used.
func (b *Bus) Else(others Executor) *Bus {
	b.others = others
	return b
}

// execute is what all middleware is around.
func (b *Bus) execute(ctx context.Context, c *Call) (Outcome, error) {
	route := b.byCategory[c.Category]
	named, ok := c.Command.(NamedCommand)
	switch {
	case route == nil && b.others != nil && ok:
		return b.others.ExecuteNamed(ctx, c.Category, c.ID, c.Name, named.Payload)
	case route == nil:
		return Outcome{}, nacre.Errorf(CodeUnknownCommand, "there is no aggregate %q: the bus knows %s", c.Category, list(maps.Keys(b.byCategory)))
	}
	return route.execute(ctx, c)
}

func list(names iter.Seq[string]) string { return strings.Join(slices.Sorted(names), ", ") }

// Dispatch is Execute without its outcome.
func (b *Bus) Dispatch(ctx context.Context, id string, command any) error {
	_, err := b.Execute(ctx, id, command)
	return err
}

// Execute has a command executed by the instance of the aggregate that takes its type, or that a NamedCommand names. A
// type that none takes is CodeUnknownCommand.
func (b *Bus) Execute(ctx context.Context, id string, command any) (Outcome, error) {
	if c, ok := command.(NamedCommand); ok {
		return b.ExecuteNamed(ctx, c.Category, id, c.Command, c.Payload)
	}
	t, err := b.target(command)
	if err != nil {
		return Outcome{}, err
	}
	return b.handle(ctx, &Call{Category: t.route.category, ID: id, Name: t.name, Command: command})
}

func (b *Bus) target(command any) (target, error) {
	t, ok := b.byType[reflect.TypeOf(command)]
	if !ok {
		return t, nacre.Errorf(CodeUnknownCommand, "no aggregate takes the command %T: the bus knows %s", command, list(maps.Keys(b.byName)))
	}
	return t, nil
}

// ExecuteNamed has a command executed that came as its aggregate's category, its name and JSON. A category or
// name that is not known is CodeUnknownCommand; JSON of another shape, with unknown members too, is CodeInvalid.
func (b *Bus) ExecuteNamed(ctx context.Context, category, id, name string, payload []byte) (Outcome, error) {
	if b.elsewhere(category) {
		return b.handle(ctx, &Call{Category: category, ID: id, Name: name, Command: NamedCommand{category, name, payload}})
	}
	t, err := b.named(category + "." + name)
	if err != nil {
		return Outcome{}, err
	}
	command, err := t.route.decode(t.name, payload)
	if err != nil {
		return Outcome{}, err
	}
	return b.handle(ctx, &Call{Category: t.route.category, ID: id, Name: t.name, Command: command})
}

// View is the state of an aggregate's instance, now or at a moment.
func (b *Bus) View(ctx context.Context, category, id string, of Moment) (View, error) {
	if b.elsewhere(category) {
		return b.others.View(ctx, category, id, of)
	}
	route := b.byCategory[category]
	if route == nil {
		return View{}, nacre.Errorf(CodeUnknownCommand, "there is no aggregate %q: the bus knows %s", category, list(maps.Keys(b.byCategory)))
	}
	return route.view(ctx, id, of)
}

// elsewhere tells whether a category is that of another executor.
func (b *Bus) elsewhere(category string) bool {
	return b.others != nil && b.byCategory[category] == nil
}

// EncodeCommand gives a command's name, as "category.command", and its JSON. A NamedCommand whose payload is none is CodeInvalid.
func (b *Bus) EncodeCommand(command any) (name string, payload []byte, err error) {
	if c, ok := command.(NamedCommand); ok {
		name = c.Category + "." + c.Command
		switch {
		case c.Payload == nil:
			return name, []byte("null"), nil
		case !json.Valid(c.Payload):
			return name, nil, invalid("payload", "of the command %q is no JSON", name)
		}
		return name, c.Payload, nil
	}
	t, err := b.target(command)
	if err != nil {
		return "", nil, err
	}
	name, payload, err = t.route.encode(command)
	return t.route.category + "." + name, payload, err
}

// DecodeCommand gives the command of a name and its JSON, as EncodeCommand gave them: a NamedCommand where its category
// is not one of the bus's repositories.
func (b *Bus) DecodeCommand(name string, payload []byte) (any, error) {
	category, command, _ := strings.Cut(name, ".")
	if _, known := b.byName[name]; !known && b.elsewhere(category) {
		return NamedCommand{category, command, payload}, nil
	}
	t, err := b.named(name)
	if err != nil {
		return nil, err
	}
	return t.route.decode(t.name, payload)
}

func (b *Bus) named(name string) (target, error) {
	t, ok := b.byName[name]
	if !ok {
		// A table with "*" takes commands of any name.
		category, command, _ := strings.Cut(name, ".")
		if t, ok = b.byName[category+".*"]; ok && command != "" {
			return target{t.route, command}, nil
		}
		if r := b.byCategory[category]; r != nil {
			return t, nacre.Errorf(CodeUnknownCommand, "the aggregate %q takes no command %q: it takes %s", category, command, list(maps.Keys(r.types)))
		}
		return t, nacre.Errorf(CodeUnknownCommand, "no aggregate takes the command %q: the bus knows %s", name, list(maps.Keys(b.byName)))
	}
	return t, nil
}

// Commands are the names of all commands, as "category.command", in byte order.
func (b *Bus) Commands() []string { return slices.Sorted(maps.Keys(b.byName)) }
