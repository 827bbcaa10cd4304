package aggregate

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// unlike gives the path of something in which two values differ, and false where nothing does. What is not
// exported counts; an empty slice or map is as good as none, a time is the moment that it stands for, and raw JSON
// is what it says. A type that encodes itself may know better: where it has an Equal, that decides.
func unlike[S any](a, b *S) (string, bool) {
	c := comparison{seen: map[meeting]bool{}}
	path, differ := c.differ(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
	return reflect.TypeFor[S]().String() + path, differ
}

// comparison is under way.
type comparison struct{ seen map[meeting]bool }

// meeting is of two places that are compared, or were: what leads back to them is not followed again.
type meeting struct {
	a, b uintptr
	n    int
	t    reflect.Type
}

// differ gives the path from here to where the values differ.
func (c *comparison) differ(a, b reflect.Value) (string, bool) {
	if a.Type() != b.Type() {
		return "", true
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return "", a.IsNil() != b.IsNil()
		}
	}
	if same, known := equal(a, b); known {
		return "", !same
	}
	switch a.Kind() {
	case reflect.Pointer:
		if c.met(a, b, 0) {
			return "", false
		}
		return c.differ(a.Elem(), b.Elem())
	case reflect.Interface:
		return c.differ(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if path, differ := c.differ(a.Field(i), b.Field(i)); differ {
				return "." + a.Type().Field(i).Name + path, true
			}
		}
		return "", false
	case reflect.Slice, reflect.Array:
		return c.elements(a, b)
	case reflect.Map:
		return c.entries(a, b)
	case reflect.Func:
		return "", a.Pointer() != b.Pointer()
	default:
		return "", !a.Equal(b)
	}
}

func (c *comparison) elements(a, b reflect.Value) (string, bool) {
	if a.Len() != b.Len() {
		return "", true
	}
	if a.Kind() == reflect.Slice {
		if a.Type().Elem().Kind() == reflect.Uint8 {
			return "", !bytes.Equal(a.Bytes(), b.Bytes())
		}
		if c.met(a, b, a.Len()) {
			return "", false
		}
	}
	for i := range a.Len() {
		if path, differ := c.differ(a.Index(i), b.Index(i)); differ {
			return fmt.Sprintf("[%d]%s", i, path), true
		}
	}
	return "", false
}

func (c *comparison) entries(a, b reflect.Value) (string, bool) {
	if a.Len() != b.Len() {
		return "", true
	}
	if c.met(a, b, 0) {
		return "", false
	}
	for key, value := range a.Seq2() {
		other := b.MapIndex(key)
		if !other.IsValid() {
			return fmt.Sprintf("[%v]", key), true
		}
		if path, differ := c.differ(value, other); differ {
			return fmt.Sprintf("[%v]%s", key, path), true
		}
	}
	return "", false
}

// met tells whether two places were compared before, or are being compared, and notes that they are.
func (c *comparison) met(a, b reflect.Value, n int) bool {
	m := meeting{a.Pointer(), b.Pointer(), n, a.Type()}
	seen := c.seen[m]
	c.seen[m] = true
	return seen || m.a == m.b
}

// equal is what types say of their values; known is false where they say nothing.
func equal(a, b reflect.Value) (same, known bool) {
	t := a.Type()
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return true, true // its own text was compared with the state's
	case reflect.TypeFor[time.Time]():
		if !a.CanInterface() {
			// Its third field is the zone, which comes back as another one of the same name.
			return a.Field(0).Equal(b.Field(0)) && a.Field(1).Equal(b.Field(1)), true
		}
	default:
		if !encodesItself(t) || !a.CanInterface() {
			return false, false
		}
	}
	method := a.MethodByName("Equal")
	if !method.IsValid() || method.Type() != reflect.FuncOf([]reflect.Type{t}, []reflect.Type{reflect.TypeFor[bool]()}, false) {
		return false, false
	}
	return method.Call([]reflect.Value{b})[0].Bool(), true
}

// encodesItself tells whether JSON of a type's values is what a method of theirs gives.
func encodesItself(t reflect.Type) bool {
	marshaler, text := reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()
	p := reflect.PointerTo(t)
	return t.Implements(marshaler) || p.Implements(marshaler) || t.Implements(text) || p.Implements(text)
}
