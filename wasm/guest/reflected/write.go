package reflected

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

func write(w *jsontext.Writer, v reflect.Value) {
	if !v.IsValid() {
		w.Raw("null")
		return
	}
	t := v.Type()
	switch KindOf(t) {
	case Time:
		w.Time(v.Interface().(time.Time))
		return
	case Raw:
		if v.IsNil() {
			w.Raw("null")
		} else {
			w.Value(v.Bytes())
		}
		return
	case Number:
		w.Number(v.String())
		return
	}
	if writesItself(w, v) {
		return
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		w.Bool(v.Bool())
	case k == reflect.String:
		w.String(v.String())
	case v.CanInt():
		w.Int(v.Int())
	case v.CanUint():
		w.Uint(v.Uint())
	case v.CanFloat():
		w.Float(v.Float(), t.Bits())
	case k == reflect.Pointer, k == reflect.Interface:
		if v.IsNil() {
			w.Raw("null")
		} else if w.Enter() {
			write(w, v.Elem())
			w.Leave()
		}
	case k == reflect.Struct, k == reflect.Slice, k == reflect.Array, k == reflect.Map:
		if w.Enter() {
			writeMany(w, v)
		}
		w.Leave()
	default:
		w.Fail(errors.New(unsupported(t)))
	}
}

// writesItself is false where the value does not encode itself: where its type does not, or only by a pointer that
// cannot be taken.
func writesItself(w *jsontext.Writer, v reflect.Value) bool {
	how, addressed := Encodes(v.Type())
	if how == "" {
		return false
	}
	if addressed {
		if !v.CanAddr() {
			return false
		}
		v = v.Addr()
	}
	if how == "json" {
		text, err := v.Interface().(jsonMarshaler).MarshalJSON()
		if err != nil {
			w.Fail(err)
		} else {
			w.Value(text)
		}
		return true
	}
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		w.Fail(err)
	} else {
		w.String(string(text))
	}
	return true
}

func writeMany(w *jsontext.Writer, v reflect.Value) {
	switch k := v.Kind(); {
	case k == reflect.Struct:
		writeStruct(w, v)
	case k != reflect.Array && v.IsNil():
		w.Raw("null")
	case k == reflect.Map:
		writeMap(w, v)
	case k == reflect.Slice && IsBytes(v.Type()):
		w.Base64(v.Bytes())
	default:
		w.Byte('[')
		for i := range v.Len() {
			if i > 0 {
				w.Byte(',')
			}
			write(w, v.Index(i))
		}
		w.Byte(']')
	}
}

func writeStruct(w *jsontext.Writer, v reflect.Value) {
	m := membersOf(v.Type())
	if m.err != nil {
		w.Fail(m.err)
		return
	}
	w.Byte('{')
	for i := range m.fields {
		f := &m.fields[i]
		value, ok := follow(v, f)
		if !ok || f.OmitEmpty && isEmpty(value) || f.OmitZero && isZero(value) {
			continue
		}
		w.Comma()
		w.String(f.Name)
		w.Byte(':')
		if f.Quoted {
			writeQuoted(w, value)
		} else {
			write(w, value)
		}
	}
	w.Byte('}')
}

// follow is where a member is; false behind an embedded pointer that is nil.
func follow(v reflect.Value, f *Field) (reflect.Value, bool) {
	for i, s := range f.Steps {
		v = v.Field(s.Index)
		if i < len(f.Steps)-1 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
	}
	return v, true
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

func isZero(v reflect.Value) bool {
	t := v.Type()
	if t.Kind() == reflect.Pointer && t.Implements(zeroer) {
		return v.IsNil() || v.Interface().(interface{ IsZero() bool }).IsZero()
	}
	if t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(zeroer) {
		p := reflect.New(t)
		p.Elem().Set(v)
		return p.Interface().(interface{ IsZero() bool }).IsZero()
	}
	return v.IsZero()
}

var zeroer = reflect.TypeFor[interface{ IsZero() bool }]()

// writeQuoted writes a value in a text.
func writeQuoted(w *jsontext.Writer, v reflect.Value) {
	how, _ := Encodes(v.Type())
	switch {
	case how != "":
		write(w, v)
	case v.Kind() == reflect.Pointer && v.IsNil():
		w.Raw("null")
	case v.Kind() == reflect.Pointer:
		writeQuoted(w, v.Elem())
	case v.Kind() == reflect.String && KindOf(v.Type()) != Number:
		var inner jsontext.Writer
		inner.String(v.String())
		w.Fail(inner.Err())
		w.String(string(inner.Bytes()))
	default:
		w.Byte('"')
		write(w, v)
		w.Byte('"')
	}
}

// IsBytes tells whether a slice is base64 in JSON.
func IsBytes(t reflect.Type) bool {
	how, _ := Encodes(t.Elem())
	return t.Elem().Kind() == reflect.Uint8 && how == "" && Decodes(t.Elem()) == ""
}

func writeMap(w *jsontext.Writer, v reflect.Value) {
	type entry struct {
		name  string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for each := v.MapRange(); each.Next(); {
		name, err := keyName(each.Key())
		if err != nil {
			w.Fail(err)
			return
		}
		entries = append(entries, entry{name, each.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	w.Byte('{')
	for i, e := range entries {
		if i > 0 {
			w.Byte(',')
		}
		w.String(e.name)
		w.Byte(':')
		write(w, e.value)
	}
	w.Byte('}')
}

func keyName(k reflect.Value) (string, error) {
	if text, ok := reflect.TypeAssert[encoding.TextMarshaler](k); ok {
		if k.Kind() == reflect.Pointer && k.IsNil() {
			return "", nil
		}
		name, err := text.MarshalText()
		return string(name), err
	}
	switch {
	case k.Kind() == reflect.String:
		return k.String(), nil
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	default:
		return "", errors.New("the keys of a map are of " + k.Type().String() + ", which JSON cannot have for a name")
	}
}
