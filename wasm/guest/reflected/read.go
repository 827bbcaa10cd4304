package reflected

import (
	"encoding"
	"reflect"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// read reads into a value that can be set, and is zero.
func read(r *jsontext.Reader, v reflect.Value) {
	t := v.Type()
	switch Decodes(t) {
	case "json":
		if text := r.Raw(); text != nil {
			if err := v.Addr().Interface().(jsonUnmarshaler).UnmarshalJSON(text); err != nil {
				r.Fail(err.Error())
			}
		}
		return
	case "text":
		if !r.Null() {
			if text := r.Text(); r.Err() == nil {
				if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text); err != nil {
					r.Fail(err.Error())
				}
			}
		}
		return
	}
	switch KindOf(t) {
	case Time:
		v.Set(reflect.ValueOf(r.Time()))
		return
	case Raw:
		v.SetBytes(append([]byte(nil), r.Raw()...))
		return
	}
	switch k := t.Kind(); {
	case Basic(k):
		readBasic(r, v)
	case k == reflect.Interface && t.NumMethod() == 0:
		if a := r.Any(); a != nil {
			v.Set(reflect.ValueOf(a))
		}
	case k == reflect.Pointer:
		if !r.Null() {
			p := reflect.New(t.Elem())
			read(r, p.Elem())
			v.Set(p)
		}
	case k == reflect.Struct:
		readStruct(r, v)
	case k == reflect.Slice:
		readSlice(r, v)
	case k == reflect.Array:
		for i, ok := 0, r.Array(); ok && r.Element(); i++ {
			if i < t.Len() {
				read(r, v.Index(i))
			} else {
				r.Skip()
			}
		}
	case k == reflect.Map:
		readMap(r, v)
	default:
		if !r.Null() {
			r.Fail(unsupported(t) + " that could be read")
		}
	}
}

func readBasic(r *jsontext.Reader, v reflect.Value) {
	switch t := v.Type(); {
	case KindOf(t) == Number:
		v.SetString(r.Number())
	case t.Kind() == reflect.Bool:
		v.SetBool(r.Bool())
	case t.Kind() == reflect.String:
		v.SetString(r.String())
	case v.CanInt():
		v.SetInt(r.Int(t.Bits()))
	case v.CanUint():
		v.SetUint(r.Uint(t.Bits()))
	default:
		v.SetFloat(r.Float(t.Bits()))
	}
}

func readSlice(r *jsontext.Reader, v reflect.Value) {
	t := v.Type()
	if IsBytes(t) || t.Elem().Kind() == reflect.Uint8 && r.Peek() == '"' {
		if b := r.Base64(); b != nil {
			v.Set(reflect.MakeSlice(t, len(b), len(b)))
			reflect.Copy(reflect.ValueOf(v.Bytes()), reflect.ValueOf(b))
		}
		return
	}
	if !r.Array() {
		return
	}
	v.Set(reflect.MakeSlice(t, 0, 0))
	for r.Element() {
		e := reflect.New(t.Elem()).Elem()
		read(r, e)
		v.Set(reflect.Append(v, e))
	}
}

func readMap(r *jsontext.Reader, v reflect.Value) {
	if !r.Object() {
		return
	}
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	for r.Member() {
		k := reflect.New(t.Key()).Elem()
		readKey(r, k)
		if v.MapIndex(k).IsValid() {
			r.Twice()
		}
		e := reflect.New(t.Elem()).Elem()
		read(r, e)
		if r.Err() != nil {
			return
		}
		v.SetMapIndex(k, e)
	}
}

func readKey(r *jsontext.Reader, k reflect.Value) {
	t := k.Type()
	switch {
	case reflect.PointerTo(t).Implements(unmarshalsText):
		if err := k.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(r.Name()); err != nil {
			r.Fail(err.Error())
		}
	case t.Kind() == reflect.String:
		k.SetString(string(r.Name()))
	case k.CanInt():
		k.SetInt(r.IntName(t.Bits()))
	case k.CanUint():
		k.SetUint(r.UintName(t.Bits()))
	default:
		r.Fail("the keys of a map are of " + t.String() + ", which JSON cannot have for a name")
	}
}

func readStruct(r *jsontext.Reader, v reflect.Value) {
	m := membersOf(v.Type())
	if m.err != nil {
		r.Fail(m.err.Error())
		return
	}
	if !r.Object() {
		return
	}
	seen := make([]bool, len(m.fields))
	for r.Member() {
		i, ok := m.byName[string(r.Name())]
		if !ok {
			r.Unknown()
			continue
		}
		if seen[i] {
			r.Twice()
		}
		seen[i] = true
		f := &m.fields[i]
		value := reach(v, f)
		if f.Quoted && Decodes(f.Type) == "" {
			readQuoted(r, value)
		} else {
			read(r, value)
		}
	}
}

// reach is where a member is; embedded pointers that are nil are made.
func reach(v reflect.Value, f *Field) reflect.Value {
	for i, s := range f.Steps {
		v = v.Field(s.Index)
		if i < len(f.Steps)-1 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(s.Type.Elem()))
			}
			v = v.Elem()
		}
	}
	return v
}

// readQuoted reads a value that stands in a text.
func readQuoted(r *jsontext.Reader, v reflect.Value) {
	inner := r.Quoted()
	if inner == nil {
		return
	}
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch null := inner.Null(); {
	case null && t.Kind() == reflect.String && KindOf(t) != Number:
		inner.Fail("a text should stand in the text")
	case null:
	case v.Kind() == reflect.Pointer:
		p := reflect.New(t)
		readBasic(inner, p.Elem())
		v.Set(p)
	default:
		readBasic(inner, v)
	}
	r.Unquoted(inner)
}
