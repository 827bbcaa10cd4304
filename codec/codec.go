package codec

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
)

// Event is an event with its data decoded; the embedded one has the JSON.
type Event[E any] struct {
	nacre.Event
	Data E
}

// Tagged is what a value is that says which tags its event has, beside those that it is given.
type Tagged interface {
	EventTags() []string
}

// Named is a value whose name is its own matter and not its Go type's: many names of a table may share its type.
// What comes from a WebAssembly guest is such a value.
type Named interface {
	// Name is the name under which it is encoded; its JSON is the event's data.
	Name() string
	// Read gives the value of a table that a name, JSON and a schema version stand for. Its receiver is what
	// the table has, and is not changed. The data is the caller's: what is kept of it is copied.
	Read(name string, data []byte, schemaVersion int) (any, error)
}

// TagReader is a [Named] that knows the tags of the event that it was read of.
type TagReader interface {
	// ReadTags gives what was read with the event's tags, of which there is one at least. They are the caller's: what is
	// kept of them is copied.
	ReadTags(tags []string) any
}

// Options: nil upcasts nothing, and an unknown type is an error that names it.
type Options struct {
	// Upcast turns older events into what the table knows, by "type@schemaVersion", or by "type" for all
	// versions below the present one. An event without a schema version has version 1. What comes out is
	// looked at again, until its type and version are the table's.
	Upcast map[string]Upcaster

	// Versions are the present schema versions of types, where that is not 1: Encode writes them to
	// metadata.schemaVersion, and Decode refuses events that are newer.
	Versions map[string]int

	// Skip are types to pass over, where they are not in the table; "*" as in filters.
	Skip []string

	// Erased gives the zero value for an event whose payload has been erased. By default it is an error.
	Erased bool

	// Strict refuses members of data that the Go type does not have. By default they are ignored, as
	// those of a newer program.
	Strict bool
}

// Codec encodes and decodes the values of one table.
type Codec[E any] struct {
	o        Options
	kinds    map[string]*kind
	patterns []*kind                 // with a "*", longest first
	names    map[reflect.Type]string // "" where a type has several names
	stepped  map[string]bool         // types whose version must be known
	types    []string
}

// kind is a row of the table.
type kind struct {
	name    string
	value   reflect.Type // what is allocated
	pointer bool         // the table's value is a pointer to it
	named   Named        // the table's value, where it reads values itself
}

// New makes a codec of names and a value of each type; values themselves are not used. A name with a "*"
// decodes every type that it matches, and encodes nothing but what is Named. Several names may share a Go type, which
// then cannot be encoded unless it is Named. Bad tables are CodeInvalid, with the field.
func New[E any](types map[string]E, o *Options) (*Codec[E], error) {
	c := &Codec[E]{kinds: map[string]*kind{}, names: map[reflect.Type]string{}, stepped: map[string]bool{}}
	if o != nil {
		c.o = *o
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		t := reflect.TypeOf(any(types[name]))
		if name == "" || t == nil {
			return nil, invalid("types."+name, "needs a name and a value of its Go type")
		}
		k := &kind{name: name, value: t, pointer: t.Kind() == reflect.Pointer}
		if k.pointer {
			k.value = t.Elem()
		}
		k.named, _ = any(types[name]).(Named)
		if strings.Contains(name, "*") {
			c.patterns = append(c.patterns, k)
			continue
		}
		c.kinds[name] = k
		if k.named != nil {
			continue
		}
		if _, taken := c.names[t]; taken {
			name = ""
		}
		c.names[t] = name
	}
	slices.SortStableFunc(c.patterns, func(a, b *kind) int { return len(b.name) - len(a.name) })
	if err := c.o.check(c.stepped); err != nil {
		return nil, err
	}
	c.types = c.readTypes(types)
	return c, nil
}

// check tells what is wrong in the options, and which types it is about.
func (o *Options) check(stepped map[string]bool) error {
	for key, up := range o.Upcast {
		name, version, numbered := strings.Cut(key, "@")
		if n, err := strconv.Atoi(version); numbered && (err != nil || n < 1) {
			return invalid("upcast."+key, `has no schema version behind "@": give a number from 1`)
		}
		if name == "" || up == nil {
			return invalid("upcast."+key, "needs a type and a function")
		}
		stepped[name] = true
	}
	for name, version := range o.Versions {
		if version < 1 {
			return invalid("versions."+name, "is %d: give a number from 1", version)
		}
		stepped[name] = true
	}
	return nil
}

// readTypes are the table's names and those that upcasters read.
func (c *Codec[E]) readTypes(types map[string]E) []string {
	set := map[string]bool{}
	for name := range types {
		set[name] = true
	}
	for key := range c.o.Upcast {
		name, _, _ := strings.Cut(key, "@")
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Types is what a filter has to select for Decode to see all that it knows: the table's names, and the older
// ones that are upcast, in byte order.
func (c *Codec[E]) Types() []string { return slices.Clone(c.types) }

// SchemaVersion is the present one of a type, 1 where nothing else was said.
func (c *Codec[E]) SchemaVersion(eventType string) int { return max(1, c.o.Versions[eventType]) }

// Name is the name under which a value is encoded; false where it has none.
func (c *Codec[E]) Name(v E) (string, bool) {
	if n, ok := any(v).(Named); ok {
		name := n.Name()
		k := c.kind(name)
		return name, k != nil && k.named != nil
	}
	name := c.names[reflect.TypeOf(any(v))]
	return name, name != ""
}

// Encode makes an event of a value: its type, data and tags, and its schema version where that is not 1.
// A value that the table does not have, or that does not encode as JSON, is CodeUnencodable.
func (c *Codec[E]) Encode(v E) (nacre.Event, error) {
	name, ok := c.Name(v)
	if !ok {
		return nacre.Event{}, c.unknownValue(v)
	}
	data, err := Marshal(v)
	if err != nil {
		return nacre.Event{}, &nacre.Error{
			Code: CodeUnencodable, Message: fmt.Sprintf("a %T (%s) does not encode as JSON", v, name), Err: err,
		}
	}
	e := nacre.Event{Type: name, Data: data}
	if t, ok := any(v).(Tagged); ok {
		e.Tags = t.EventTags()
	}
	if version := c.o.Versions[name]; version > 1 {
		e.Metadata = []byte(`{"schemaVersion":` + strconv.Itoa(version) + `}`)
	}
	return e, nil
}

func (c *Codec[E]) unknownValue(v E) error {
	if n, ok := any(v).(Named); ok {
		return nacre.Errorf(CodeUnencodable, "%q is not in the table of %d types", n.Name(), len(c.kinds))
	}
	t := reflect.TypeOf(any(v))
	hint := "give its type a name in the table"
	if _, several := c.names[t]; several {
		hint = "its type has several names in the table: give each its own Go type"
	} else if t != nil && c.names[reflect.PointerTo(t)] != "" {
		hint = "the table has a pointer to it: give a pointer"
	} else if t != nil && t.Kind() == reflect.Pointer && c.names[t.Elem()] != "" {
		hint = "the table has the value and not a pointer: give the value"
	}
	return nacre.Errorf(CodeUnencodable, "a %T is not in the table of %d types: %s", v, len(c.kinds), hint)
}

// Decode reads a store's events as typed ones, and ends with the first that cannot be decoded.
func Decode[E any](types map[string]E, o *Options, in iter.Seq2[nacre.Event, error]) iter.Seq2[Event[E], error] {
	return func(yield func(Event[E], error) bool) {
		c, err := New(types, o)
		if err != nil {
			yield(Event[E]{}, err)
			return
		}
		c.All(in)(yield)
	}
}

// All reads a store's events as typed ones, and ends with the first that cannot be decoded.
func (c *Codec[E]) All(in iter.Seq2[nacre.Event, error]) iter.Seq2[Event[E], error] {
	return func(yield func(Event[E], error) bool) {
		var room [4]Event[E]
		for e, err := range in {
			if err != nil {
				yield(Event[E]{}, err)
				return
			}
			decoded, err := c.AppendDecoded(room[:0], e)
			for i := range decoded {
				if !yield(decoded[i], nil) {
					return
				}
			}
			if err != nil {
				yield(Event[E]{}, err)
				return
			}
		}
	}
}
