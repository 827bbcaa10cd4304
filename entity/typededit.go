package entity

import (
	"reflect"
	"slices"
	"strconv"
)

// Editor edits an entity by operations on properties, by their names: those of the schema, also where T has no field for
// one. The first thing that is wrong ends it: what comes behind does nothing, and Change returns the error. Values are written
// as fields of their types are.
type Editor[T any] struct {
	value *T
	h     *held
	err   error
}

// Value is the entity as it was. Changes in it do nothing.
func (e *Editor[T]) Value() *T { return e.value }

// Set makes a property what it is given, also where it was that, which settles a conflict. nil is no value, and so is what
// is none as a field: an empty Ref, say.
func (e *Editor[T]) Set(property string, value any) {
	raw := e.json(property, value)
	if v := reflect.ValueOf(value); v.IsValid() && e.err == nil {
		if c, err := coderOf(v.Type()); err == nil && c.none != nil && c.none(v) {
			raw = []byte("null")
		}
	}
	if p := e.h.schema.Properties[property]; string(raw) == "null" && p.Default == nil && p.From == "" {
		e.patch("remove", property, raw)
		return
	}
	e.patch("set", property, raw)
}

// Add adds an amount to a counter, elements to a set, or elements to the end of a list.
func (e *Editor[T]) Add(property string, values ...any) { e.each("add", property, values) }

// Remove takes an amount from a counter, elements out of a set, keys out of a map, or elements out of a list, by their
// indexes from 0.
func (e *Editor[T]) Remove(property string, values ...any) { e.each("remove", property, values) }

// Put writes a value under a key of a map.
func (e *Editor[T]) Put(property, key string, value any) {
	e.patch("add", property, slices.Concat([]byte{'{'}, e.json(property, key), []byte{':'}, e.json(property, value), []byte{'}'}))
}

// Insert puts elements into a list so that the first one has the index at.
func (e *Editor[T]) Insert(property string, at int, values ...any) {
	e.patch("add", property, slices.Concat([]byte(`{"at":`+strconv.Itoa(at)+`,"values":`), e.array(property, values), []byte{'}'}))
}

// Replace writes another value to the element of a list with the index at. It stays the same element.
func (e *Editor[T]) Replace(property string, at int, value any) {
	e.patch("set", property, slices.Concat([]byte(`{"at":`+strconv.Itoa(at)+`,"value":`), e.json(property, value), []byte{'}'}))
}

// each does a verb with values: a counter takes them one by one.
func (e *Editor[T]) each(verb, property string, values []any) {
	if e.h.schema.Properties[property].Kind != "counter" {
		e.patch(verb, property, e.array(property, values))
		return
	}
	for _, value := range values {
		e.patch(verb, property, e.json(property, value))
	}
}

func (e *Editor[T]) array(property string, values []any) []byte {
	out := []byte{'['}
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e.json(property, value)...)
	}
	return append(out, ']')
}

// json is a value as a field of its type would be written.
func (e *Editor[T]) json(property string, value any) []byte {
	if value == nil {
		return []byte("null")
	}
	v := reflect.ValueOf(value)
	c, err := coderOf(v.Type())
	var out []byte
	if err == nil {
		out, err = c.write(nil, v)
	}
	if err != nil && e.err == nil {
		e.err = invalid(property, "%w", err)
	}
	return out
}

func (e *Editor[T]) patch(verb, property string, value []byte) {
	if e.err != nil {
		return
	}
	label, err := appendText(nil, property)
	if err != nil {
		e.err = invalid("property", "%w", err)
		return
	}
	e.err = e.h.schema.Patch(e.h.draft, slices.Concat([]byte(`{"`+verb+`":{`), label, []byte{':'}, value, []byte(`}}`)))
}
