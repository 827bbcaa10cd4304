package reflected

import (
	"encoding"
	"reflect"
	"time"
)

// What encoding/json calls its interfaces; it is not imported, as modules would grow by it.
type (
	jsonMarshaler   interface{ MarshalJSON() ([]byte, error) }
	jsonUnmarshaler interface{ UnmarshalJSON(text []byte) error }
)

var (
	marshalsJSON   = reflect.TypeFor[jsonMarshaler]()
	unmarshalsJSON = reflect.TypeFor[jsonUnmarshaler]()
	marshalsText   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalsText = reflect.TypeFor[encoding.TextUnmarshaler]()

	timeType = reflect.TypeFor[time.Time]()
)

// Kind is what a type is, beside what package reflect calls its kind.
type Kind int

// The kinds.
const (
	Plain  Kind = iota
	Time        // time.Time
	Raw         // json.RawMessage
	Number      // json.Number
)

// KindOf is the kind of a type: other ones than Plain have methods for JSON, and are read and written without them.
func KindOf(t reflect.Type) Kind {
	switch {
	case t == timeType:
		return Time
	case t.PkgPath() != "encoding/json":
		return Plain
	case t.Name() == "RawMessage":
		return Raw
	case t.Name() == "Number":
		return Number
	default:
		return Plain
	}
}

func special(t reflect.Type) bool { return KindOf(t) != Plain }

// Encodes is how a type encodes itself: by "json" or "text", or not, "". addressed says that it does so only
// where a pointer to it can be taken.
func Encodes(t reflect.Type) (how string, addressed bool) {
	if special(t) || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return "", false
	}
	p := reflect.PointerTo(t)
	switch {
	case t.Implements(marshalsJSON):
		return "json", false
	case p.Implements(marshalsJSON):
		return "json", true
	case t.Implements(marshalsText):
		return "text", false
	case p.Implements(marshalsText):
		return "text", true
	default:
		return "", false
	}
}

// Decodes is how a type decodes itself.
func Decodes(t reflect.Type) string {
	if special(t) || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return ""
	}
	p := reflect.PointerTo(t)
	switch {
	case p.Implements(unmarshalsJSON):
		return "json"
	case p.Implements(unmarshalsText):
		return "text"
	default:
		return ""
	}
}

// Wavers tells whether what a value encodes as depends on whether a pointer to it can be taken, as with a method
// MarshalJSON that only the pointer has: encoding/json then calls it, or does not.
func Wavers(t reflect.Type) bool {
	if how, addressed := Encodes(t); how != "" {
		return addressed
	}
	switch {
	case special(t):
		return false
	case t.Kind() == reflect.Array:
		return Wavers(t.Elem())
	case t.Kind() == reflect.Struct:
		fields, _ := Fields(t)
		for _, f := range fields {
			if !f.BehindPointer() && Wavers(f.Type) {
				return true
			}
		}
	}
	return false
}

// HoldsItself tells whether a value of the type can hold another one of it.
func HoldsItself(t reflect.Type) bool {
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
			fields, _ := Fields(u)
			for _, f := range fields {
				if reaches(f.Type) {
					return true
				}
			}
		}
		return false
	}
	return reaches(t)
}

// Basic are the kinds that one value of JSON stands for.
func Basic(k reflect.Kind) bool {
	return k == reflect.Bool || k == reflect.String || k >= reflect.Int && k <= reflect.Float64
}

// TextKeys tells whether a map's keys encode or decode themselves.
func TextKeys(k reflect.Type) bool {
	return k.Implements(marshalsText) || reflect.PointerTo(k).Implements(unmarshalsText)
}
