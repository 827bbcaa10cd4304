package merge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

// TypeSchema is the type of the events of a schema's stream.
const TypeSchema = "$schema"

// SchemaStream is the ordered stream of a collection's schema.
func SchemaStream(collection string) nacre.StreamID {
	return nacre.StreamID("$schema-" + collection)
}

// maxChain is how many casts may follow one another.
const maxChain = 16

// Schema says what a collection's properties are called and mean. Nobody changes one that [Schemas] gave.
type Schema struct {
	// Properties are by name.
	Properties map[string]SchemaProperty `json:"properties"`
	// Indexes are names of properties, for tables.
	Indexes [][]string `json:"indexes,omitempty"`
	// earlier are the properties that from leads to, by id.
	earlier map[string]SchemaProperty
}

// SchemaProperty is a property of a collection.
type SchemaProperty struct {
	// ID is what events call it. It may be left out when declaring.
	ID string `json:"id,omitempty"`
	// Kind is register, reference, counter, set, map or list.
	Kind string `json:"kind"`
	// Type is that of its value, or of its elements.
	Type string `json:"type"`
	// Of is the collection that a reference is to.
	Of string `json:"of,omitempty"`
	// From is the id that it had before it was retyped.
	From string `json:"from,omitempty"`
	// Default is read where there is no value.
	Default json.RawMessage `json:"default,omitempty"`
}

// same tells whether two declarations may share an id.
func (p *SchemaProperty) same(other *SchemaProperty) bool {
	return p.Kind == other.Kind && p.Type == other.Type
}

// Schemas is what the events of a schema's stream come to. The zero value has none.
type Schemas struct {
	current *Schema
	ids     map[string]SchemaProperty // all that there ever were
}

// Current is the schema that counts, nil where there is none yet.
func (s *Schemas) Current() *Schema { return s.current }

// Apply takes the data of the stream's next event.
func (s *Schemas) Apply(data []byte) error {
	next, err := parseSchema(data)
	if err != nil {
		return err
	}
	if err := s.check(next); err != nil {
		return err
	}
	s.accept(next)
	return nil
}

func (s *Schemas) accept(next *Schema) {
	ids := maps.Clone(s.ids)
	if ids == nil {
		ids = map[string]SchemaProperty{}
	}
	for _, p := range next.Properties {
		ids[p.ID] = p
	}
	next.earlier = ids
	s.ids, s.current = ids, next
}

// Declare makes the data of the event that declares a schema: it gives ids to properties that have none, and checks what
// may change. The event is applied by Apply, once it is stored.
func (s *Schemas) Declare(data []byte) ([]byte, error) {
	next, err := parseSchema(data)
	if err != nil {
		return nil, err
	}
	if next.Properties == nil {
		return nil, invalid("properties", `are missing: give {"properties":{"name":{"kind":"register","type":"text"}}}`)
	}
	taken := map[string]bool{}
	for id := range s.ids {
		taken[id] = true
	}
	for _, p := range next.Properties {
		taken[p.ID] = true
	}
	for _, name := range slices.Sorted(maps.Keys(next.Properties)) {
		p := next.Properties[name]
		if p.ID != "" {
			continue
		}
		if s.current != nil {
			if was, there := s.current.Properties[name]; there && was.same(&p) {
				p.ID = was.ID
				if p.From == "" {
					p.From = was.From
				}
			}
		}
		if p.ID == "" {
			p.ID = name
			for n := 2; taken[p.ID]; n++ {
				p.ID = fmt.Sprintf("%s~%d", name, n)
			}
			if was, there := s.was(name); there && p.From == "" && was.Kind == "register" && p.Kind == "register" {
				p.From = was.ID // it is retyped
			}
		}
		taken[p.ID] = true
		next.Properties[name] = p
	}
	if err := s.check(next); err != nil {
		return nil, err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return nil, invalid("schema", err.Error())
	}
	return Canonical(text)
}

func (s *Schemas) was(name string) (SchemaProperty, bool) {
	if s.current == nil {
		return SchemaProperty{}, false
	}
	p, ok := s.current.Properties[name]
	return p, ok
}

func parseSchema(data []byte) (*Schema, error) {
	canonical, err := Canonical(data)
	if err != nil {
		return nil, err
	}
	next := new(Schema)
	d := json.NewDecoder(bytes.NewReader(canonical))
	d.DisallowUnknownFields()
	if err := d.Decode(next); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, invalid("schema", "is empty")
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			if wrong.Field == "" {
				return nil, invalid("schema", fmt.Sprintf(`is %s, and must be an object: {"properties":{…}}`, oneOf(wrong.Value)))
			}
			return nil, invalid(wrong.Field, fmt.Sprintf("is %s, and cannot be", oneOf(wrong.Value)))
		}
		return nil, invalid("schema", strings.TrimPrefix(err.Error(), "json: "))
	}
	return next, nil
}

// oneOf is a kind of JSON, as package json calls it, with its article.
func oneOf(kind string) string {
	kind, _, _ = strings.Cut(kind, " ")
	switch kind {
	case "array", "object":
		return "an " + kind
	case "bool":
		return "a boolean"
	}
	return "a " + kind
}

// check tells what is wrong with a schema, by itself and after those before it.
func (s *Schemas) check(next *Schema) error {
	byID := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(next.Properties)) {
		p := next.Properties[name]
		wrong := func(format string, args ...any) error {
			return invalid("properties."+name, fmt.Sprintf(format, args...))
		}
		for _, id := range []string{name, p.ID} {
			if problem := checkProperty(id); problem != "" {
				return wrong("the name or id %.100q %s", id, problem)
			}
			if id[0] == '$' {
				return wrong("%.100q begins with \"$\", which is reserved", id)
			}
		}
		if name == "id" {
			return wrong("every entity has an id: take another name")
		}
		if other, twice := byID[p.ID]; twice {
			return wrong("has the id %q, and so has %q", p.ID, other)
		}
		byID[p.ID] = name
		if problem := p.check(); problem != "" {
			return wrong("%s", problem)
		}
		if was, there := s.ids[p.ID]; there && !was.same(&p) {
			return wrong("the id %q is a %s of %s for ever: leave the id out, and it gets a new one, with what can be cast", p.ID, was.Kind, was.Type)
		}
		if p.From != "" {
			if was, there := s.ids[p.From]; !there && next.byID(p.From) == nil || p.From == p.ID || there && was.Kind != "register" || p.Kind != "register" {
				return wrong("from is %q: give the id of a register that it was before", p.From)
			}
		}
	}
	for i, index := range next.Indexes {
		for _, name := range index {
			if _, there := next.Properties[name]; !there {
				return invalid(fmt.Sprintf("indexes[%d]", i), fmt.Sprintf("there is no property %q", name))
			}
		}
		if len(index) == 0 {
			return invalid(fmt.Sprintf("indexes[%d]", i), "is empty")
		}
	}
	return nil
}

func (s *Schema) byID(id string) *SchemaProperty {
	for _, p := range s.Properties {
		if p.ID == id {
			return &p
		}
	}
	return nil
}

func (p *SchemaProperty) check() string {
	if _, err := KindOf(p.Kind); err != nil {
		return problemOf(err)
	}
	reference := p.Kind == "reference"
	switch {
	case !slices.Contains(types, p.Type):
		return fmt.Sprintf("there is no type %q: take one of %s", p.Type, strings.Join(types, ", "))
	case reference != (p.Type == "ref") && (reference || p.Kind == "register"):
		return `a reference, and no register, has the type "ref"`
	case reference != (p.Of != ""):
		return "a reference says the collection that it is to, as of, and nothing else does"
	case p.Kind == "counter" && p.Type != "int64" && p.Type != "decimal":
		return "a counter is of int64 or decimal"
	case p.Kind == "counter" && p.Default != nil:
		return "a counter has no default: it begins at 0"
	case p.Default != nil:
		canonical, err := Canonical(p.Default)
		if err != nil {
			return "the default is no JSON: " + problemOf(err)
		}
		if _, ok := p.read(canonical); !ok || p.Kind != "register" && !reference && p.wrongElement(canonical) != nil {
			return fmt.Sprintf("the default %.100s is not a %s of %s", canonical, p.Kind, p.Type)
		}
	}
	return ""
}

// wrongElement is an element, or a value of a map, that is not of the type, nil where all are.
func (p *SchemaProperty) wrongElement(canonical []byte) []byte {
	elements, _ := elementsOf(canonical)
	members, _ := membersOf(canonical)
	for _, m := range members {
		elements = append(elements, m.Value)
	}
	for _, el := range elements {
		if !ofType(p.Type, el) {
			return el
		}
	}
	return nil
}

// read is a canonical value as the property's type has it, and whether there is one.
func (p *SchemaProperty) read(canonical []byte) ([]byte, bool) {
	switch p.Kind {
	case "register", "reference":
		return canonical, ofType(p.Type, canonical)
	case "counter":
		if p.Type == "decimal" && canonical[0] != '"' {
			return appendString(nil, string(canonical)), true // nothing with a fraction was added
		}
		return canonical, ofType(p.Type, canonical) || p.Type == "int64" && canonical[0] != '"'
	case "map":
		members, ok := membersOf(canonical)
		values := make(map[string][]byte, len(members))
		for _, m := range members {
			if values[m.Name] = m.Value; !ofType(p.Type, m.Value) {
				values[m.Name] = []byte("null")
			}
		}
		return appendObject(nil, values), ok
	}
	elements, ok := elementsOf(canonical)
	out := []byte{'['}
	for _, el := range elements {
		if !ofType(p.Type, el) {
			if p.Kind == "set" {
				continue
			}
			el = []byte("null")
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, el...)
	}
	return append(out, ']'), ok
}

// Valued is what properties are read of: an Entity or a Draft.
type Valued interface {
	// Value is a property's value by id, and whether there is one.
	Value(id string, kind Kind) ([]byte, bool)
}

// Value is a property of an entity, or of a draft, by name: cast and by default, as canonical JSON; nil where there is
// none, or no such property.
func (s *Schema) Value(of Valued, name string) []byte {
	p, there := s.Properties[name]
	if !there {
		return nil
	}
	if value, ok := s.valueOf(of, &p); ok {
		return value
	}
	if p.Default == nil {
		return nil
	}
	value, _ := Canonical(p.Default)
	return value
}

func (s *Schema) valueOf(of Valued, p *SchemaProperty) ([]byte, bool) {
	kind, err := KindOf(p.Kind)
	if err != nil {
		return nil, false
	}
	if value, ok := of.Value(p.ID, kind); ok {
		return p.read(value)
	}
	// A retyped register shows what its earlier ids have.
	from := p.From
	for range maxChain {
		was, there := s.earlier[from]
		if !there {
			break
		}
		if value, ok := of.Value(was.ID, kind); ok {
			return castTo(p.Type, value)
		}
		from = was.From
	}
	return nil, false
}

// AppendValues appends the properties of an entity, or of a draft, that have a value, as one canonical object by name.
func (s *Schema) AppendValues(dst []byte, of Valued) []byte {
	values := make(map[string][]byte, len(s.Properties))
	for name := range s.Properties {
		if value := s.Value(of, name); value != nil {
			values[name] = value
		}
	}
	return appendObject(dst, values)
}
