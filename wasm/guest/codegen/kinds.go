package codegen

import (
	"encoding"
	"encoding/json"
	"reflect"
	"time"
)

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

	timeType   = reflect.TypeFor[time.Time]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	numberType = reflect.TypeFor[json.Number]()
)

// special are types that have methods for JSON, and that code is generated for all the same.
func special(t reflect.Type) bool { return t == timeType || t == rawType || t == numberType }

// encodes is how a type encodes itself: by "json" or "text", or not, "". addressed says that it does so only
// where a pointer to it can be taken.
func encodes(t reflect.Type) (how string, addressed bool) {
	if special(t) || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return "", false
	}
	p := reflect.PointerTo(t)
	switch {
	case t.Implements(jsonMarshaler):
		return "json", false
	case p.Implements(jsonMarshaler):
		return "json", true
	case t.Implements(textMarshaler):
		return "text", false
	case p.Implements(textMarshaler):
		return "text", true
	default:
		return "", false
	}
}

// decodes is how a type decodes itself.
func decodes(t reflect.Type) string {
	if special(t) || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return ""
	}
	p := reflect.PointerTo(t)
	switch {
	case p.Implements(jsonUnmarshaler):
		return "json"
	case p.Implements(textUnmarshaler):
		return "text"
	default:
		return ""
	}
}

// wavers tells whether what a value encodes as depends on whether a pointer to it can be taken, as with a method
// MarshalJSON that only the pointer has: encoding/json then calls it, or does not.
func wavers(t reflect.Type) bool {
	if how, addressed := encodes(t); how != "" {
		return addressed
	}
	switch {
	case special(t):
		return false
	case t.Kind() == reflect.Array:
		return wavers(t.Elem())
	case t.Kind() == reflect.Struct:
		fields, _ := fieldsOf(t)
		for _, f := range fields {
			if !f.behindPointer() && wavers(f.typ) {
				return true
			}
		}
	}
	return false
}

// holdsItself tells whether a value of the type can hold another one of it.
func holdsItself(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	var reaches func(u reflect.Type) bool
	reaches = func(u reflect.Type) bool {
		if u == t && len(seen) > 0 {
			return true
		}
		if seen[u] {
			return false
		}
		seen[u] = true
		switch u.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			return reaches(u.Elem())
		case reflect.Struct:
			fields, _ := fieldsOf(u)
			for _, f := range fields {
				if reaches(f.typ) {
					return true
				}
			}
		}
		return false
	}
	return reaches(t)
}

// basic are the kinds that one value of JSON stands for.
func basic(k reflect.Kind) bool {
	return k == reflect.Bool || k == reflect.String || k >= reflect.Int && k <= reflect.Float64
}
