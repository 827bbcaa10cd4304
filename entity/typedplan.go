package entity

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// plan is what is known of a Go type whose values are entities.
type plan struct {
	name    string
	id      []int // the field with the entity's id, nil where there is none
	idName  string
	fields  []*field
	indexes [][]string
}

// field is a field that is a property.
type field struct {
	path  string // in Go: Album.Year
	name  string
	label []byte // the name, quoted, and a colon
	index []int
	kind  string
	// coder is that of the value, or of the elements of a set, map or list.
	coder    *coder
	omit     bool // the zero value is no value
	fallback json.RawMessage
	// of, id, was and from are as the tag says.
	of, id, was, from string
}

// tag is what stands behind "entity:".
type tag struct {
	name    string
	kind    string
	omit    bool
	value   *string // the default
	of      string
	id      string
	was     string
	from    string
	indexes []string
}

// kinds are the options of tags that say one; without one a field is a register, or a reference.
var tagKinds = []string{"counter", "set", "map", "list"}

const tagOptions = "counter, set, map, list, index, index=NAME:PLACE, default=VALUE, omitzero, of=COLLECTION, id=ID, was=NAME, from=ID"

var plans sync.Map // of *plan by reflect.Type

func planOf(t reflect.Type) (*plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*plan), nil
	}
	if t.Kind() != reflect.Struct {
		return nil, invalid("type", "%s is no struct: entities are structs whose fields are properties", t)
	}
	p := &plan{name: "struct"}
	if name, _, _ := strings.Cut(t.Name(), "["); name != "" {
		p.name = name // without the arguments of a generic type
	}
	in := &indexing{named: map[string]map[int]string{}}
	if err := p.add(t, nil, in); err != nil {
		return nil, err
	}
	if len(p.fields) == 0 {
		return nil, invalid("type", "%s has no fields that are properties", t)
	}
	var err error
	if p.indexes, err = in.lists(p.name); err != nil {
		return nil, err
	}
	for _, f := range p.fields {
		if other := p.field(f.was); other != nil && f.was != "" {
			return nil, invalid(f.path, "was=%s names the property of %s: a name is given to another property by one step after the other", f.was, other.path)
		}
	}
	plans.Store(t, p)
	return p, nil
}

func (p *plan) field(name string) *field {
	for _, f := range p.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// add takes the fields of a struct; those of structs embedded in it count as its own.
func (p *plan) add(t reflect.Type, index []int, in *indexing) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		path := p.name + "." + sf.Name
		text, tagged := sf.Tag.Lookup("entity")
		if text == "-" || !tagged && jsonName(&sf) == "-" {
			continue
		}
		if sf.Anonymous && !tagged {
			flat, err := p.embedded(&sf, path)
			if err != nil {
				return err
			}
			if flat {
				if err := p.add(sf.Type, at, in); err != nil {
					return err
				}
				continue
			}
		}
		if !sf.IsExported() {
			if tagged {
				return invalid(path, "begins with a small letter, so nobody can read or set it: begin with a capital")
			}
			continue
		}
		parsed, err := parseTag(text)
		if err != nil {
			return invalid(path, "%w", err)
		}
		if parsed.name == "" {
			parsed.name = propertyName(&sf)
		}
		if err := p.take(&sf, at, path, parsed, in); err != nil {
			return err
		}
	}
	return nil
}

// embedded tells whether an embedded field's own fields are meant.
func (p *plan) embedded(sf *reflect.StructField, path string) (bool, error) {
	t := sf.Type
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		return false, invalid(path, "is embedded as a pointer: embed the struct itself, or give the field a name in its tag")
	}
	if t.Kind() != reflect.Struct || t == timeType {
		return false, nil
	}
	own := t.Implements(marshalerType) || reflect.PointerTo(t).Implements(unmarshalerType) || t.Implements(textType)
	return !own, nil
}

// take makes a field a property, or the id.
func (p *plan) take(sf *reflect.StructField, index []int, path string, g *tag, in *indexing) error {
	if g.name == "id" {
		switch {
		case sf.Type.Kind() != reflect.String:
			return invalid(path, "is the entity's id, which is a text, and the field a %s", sf.Type)
		case p.id != nil:
			return invalid(path, "is the entity's id, and so is %s", p.idName)
		case !g.plain():
			return invalid(path, "is the entity's id, which has no options")
		}
		p.id, p.idName = index, path
		return nil
	}
	if other := p.field(g.name); other != nil {
		return invalid(path, "is the property %q, and so is %s: give one another name", g.name, other.path)
	}
	f := &field{path: path, name: g.name, index: index, kind: g.kind, omit: g.omit, of: g.of, id: g.id, was: g.was, from: g.from}
	label, err := appendText(nil, g.name)
	if err != nil {
		return invalid(path, "%w", err)
	}
	f.label = append(label, ':')
	if err := f.shape(sf.Type); err != nil {
		return invalid(path, "%w", err)
	}
	if err := f.options(sf.Type, g); err != nil {
		return invalid(path, "%w", err)
	}
	p.fields = append(p.fields, f)
	return in.add(f, g.indexes)
}

func (g *tag) plain() bool {
	return g.kind == "" && !g.omit && g.value == nil && g.of+g.id+g.was+g.from == "" && len(g.indexes) == 0
}

// shape finds the kind, and the coder of the value or of the elements.
func (f *field) shape(t reflect.Type) error {
	value := t
	switch f.kind {
	case "set", "list":
		if t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8 {
			return fmt.Errorf("is a %s, and the field a %s: take a slice of its elements", f.kind, t)
		}
		value = t.Elem()
	case "map":
		if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
			return fmt.Errorf("is a map, and the field a %s: take a map with keys of text", t)
		}
		value = t.Elem()
	}
	var err error
	if f.coder, err = coderOf(value); err != nil {
		return err
	}
	typ := f.coder.typ
	switch {
	case f.kind == "counter" && (typ != "int64" && typ != "decimal" || t.Kind() == reflect.Pointer):
		return fmt.Errorf("is a counter, and the field a %s: take an integer or entity.Decimal", t)
	case f.kind == "" && f.of != "" && typ == "text" && value.Kind() == reflect.String:
		text := *f.coder
		text.typ, text.none = "ref", reflect.Value.IsZero
		f.coder = &text
	}
	if f.kind == "" {
		f.kind = "register"
		if f.coder.typ == "ref" {
			f.kind = "reference"
		}
	}
	if f.of != "" && f.kind != "reference" {
		return fmt.Errorf("has of=%s, which goes with a single reference: a Ref or a text", f.of)
	}
	return nil
}

// options checks those that depend on what the field is, and reads its default.
func (f *field) options(t reflect.Type, g *tag) error {
	single := f.kind == "register" || f.kind == "reference"
	switch {
	case f.omit && !single:
		return fmt.Errorf("omitzero goes with single values, and the field is a %s", f.kind)
	case f.omit && g.value != nil:
		return fmt.Errorf("omitzero goes without a default: the zero value would be read as the default")
	case len(g.indexes) > 0 && !single && f.kind != "counter":
		return fmt.Errorf("a %s has no index: indexes are of single values", f.kind)
	case len(g.indexes) > 0 && f.coder.typ == "json":
		return fmt.Errorf("a value of JSON has no index: indexes are of single values")
	case f.from != "" && f.kind != "register":
		return fmt.Errorf("from goes with registers, and the field is a %s", f.kind)
	case g.value == nil:
		return nil
	case f.kind == "counter":
		return fmt.Errorf("a counter has no default: it begins at 0")
	}
	text := []byte(*g.value)
	if single && slices.Contains([]string{"text", "decimal", "time", "bytes", "ref"}, f.coder.typ) {
		var err error
		if text, err = appendText(nil, *g.value); err != nil {
			return err
		}
	}
	canonical, err := merge.Canonical(text)
	if err != nil {
		return fmt.Errorf("the default %.40q is no JSON: %w", *g.value, err)
	}
	if err := f.read(canonical, reflect.New(t).Elem()); err != nil {
		return fmt.Errorf("the default %.40q does not fit: %w", *g.value, err)
	}
	f.fallback = canonical
	return nil
}

// parseTag reads "name,option,option=value"; a value in single quotes may have commas.
func parseTag(text string) (*tag, error) {
	parts, err := splitTag(text)
	if err != nil {
		return nil, err
	}
	g := &tag{name: parts[0]}
	given := map[string]bool{}
	for _, part := range parts[1:] {
		key, value, valued := strings.Cut(part, "=")
		value = unquoted(value)
		if given[key] && key != "index" {
			return nil, fmt.Errorf("the option %s stands twice", key)
		}
		given[key] = true
		texts := map[string]*string{"of": &g.of, "id": &g.id, "was": &g.was, "from": &g.from}
		switch to := texts[key]; {
		case to != nil && value != "":
			*to = value
		case key == "default" && valued:
			g.value = &value
		case key == "index" && (!valued || value != ""):
			g.indexes = append(g.indexes, value)
		case key == "omitzero" && !valued:
			g.omit = true
		case slices.Contains(tagKinds, key) && !valued:
			if g.kind != "" {
				return nil, fmt.Errorf("is a %s and a %s: it has one kind", g.kind, key)
			}
			g.kind = key
		default:
			return nil, fmt.Errorf("the option %q in the tag is unknown, or lacks its value: take %s", part, tagOptions)
		}
	}
	return g, nil
}

func splitTag(text string) ([]string, error) {
	var parts []string
	quoted, begin := false, 0
	for i := range len(text) {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	if quoted {
		return nil, fmt.Errorf("a single quote in the tag %q is not closed", text)
	}
	return append(parts, text[begin:]), nil
}

func unquoted(value string) string {
	if len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'' {
		return value[1 : len(value)-1]
	}
	return value
}

func jsonName(sf *reflect.StructField) string {
	text := sf.Tag.Get("json")
	if text == "-" {
		return text
	}
	name, _, _ := strings.Cut(text, ",")
	return name
}

// propertyName is the name of a field whose entity tag says none: json's, or its own in lower camel case.
func propertyName(sf *reflect.StructField) string {
	if name := jsonName(sf); name != "" && name != "-" {
		return name
	}
	runes := []rune(sf.Name)
	for i := range runes {
		// The last capital of several begins the next word: URLPath is urlPath.
		if !unicode.IsUpper(runes[i]) || i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
			break
		}
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

// indexing gathers indexes in the order in which tags name them.
type indexing struct {
	single []string
	order  []string
	named  map[string]map[int]string // properties of an index, by place
}

func (in *indexing) add(f *field, indexes []string) error {
	for _, text := range indexes {
		if text == "" {
			in.single = append(in.single, f.name)
			continue
		}
		name, number, placed := strings.Cut(text, ":")
		index := in.named[name]
		if index == nil {
			index = map[int]string{}
			in.named[name] = index
			in.order = append(in.order, name)
		}
		place := len(index) + 1
		if placed {
			var err error
			if place, err = strconv.Atoi(number); err != nil || place < 1 {
				return invalid(f.path, "index=%s has no place behind the colon: give a number from 1", text)
			}
		}
		if other, taken := index[place]; taken {
			return invalid(f.path, "has place %d of the index %s, and so has %q", place, name, other)
		}
		index[place] = f.name
	}
	return nil
}

func (in *indexing) lists(path string) ([][]string, error) {
	var out [][]string
	for _, name := range in.single {
		out = append(out, []string{name})
	}
	for _, name := range in.order {
		index := in.named[name]
		list := make([]string, len(index))
		for place := range list {
			property, there := index[place+1]
			if !there {
				return nil, invalid(path, "the index %s has %d properties, and none at place %d: count them from 1", name, len(index), place+1)
			}
			list[place] = property
		}
		out = append(out, list)
	}
	return out, nil
}

// collectionOf is the collection of a Go type that says it.
func collectionOf(t reflect.Type) string {
	if c, ok := reflect.TypeAssert[Collected](reflect.New(t)); ok {
		return c.EntityCollection()
	}
	return ""
}

func mismatch(collection, id, path string, err error) error {
	return nacre.Errorf(CodeMismatch, "%q in %s does not fit %s: %w", id, collection, path, err)
}
