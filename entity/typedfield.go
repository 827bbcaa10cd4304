package entity

import (
	"iter"
	"reflect"
	"slices"
	"sync"

	"github.com/nacredb/nacre/query"
)

// parts are the elements of a canonical array, or the members of a canonical object with their names as quoted. Of other
// text they are nonsense, but they end.
func parts(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if len(raw) < 2 {
			return
		}
		object := raw[0] == '{'
		for i := 1; i < len(raw)-1; i++ { // behind the comma
			var name []byte
			if object {
				end := valueEnd(raw, i)
				name, i = raw[i:end], min(end+1, len(raw))
			}
			end := valueEnd(raw, i)
			if !yield(name, raw[i:end:end]) {
				return
			}
			i = end
		}
	}
}

// valueEnd is where the value ends that begins at i.
func valueEnd(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return min(i, len(raw))
}

// read reads canonical JSON into a field, which has its zero value. Null is no value.
func (f *field) read(raw []byte, v reflect.Value) error {
	if string(raw) == "null" {
		return nil
	}
	switch f.kind {
	case "set", "list":
		if len(raw) < 2 || raw[0] != '[' {
			return unfit(raw, "an array")
		}
		return f.readElements(raw, v)
	case "map":
		if len(raw) < 2 || raw[0] != '{' {
			return unfit(raw, "an object")
		}
		return f.readMembers(raw, v)
	}
	return f.coder.read(raw, v)
}

func (f *field) readElements(raw []byte, v reflect.Value) error {
	n := 0
	for range parts(raw) {
		n++
	}
	slice := reflect.MakeSlice(v.Type(), n, n)
	i := 0
	for _, raw := range parts(raw) {
		if string(raw) != "null" {
			if err := f.coder.read(raw, slice.Index(i)); err != nil {
				return err
			}
		}
		i++
	}
	v.Set(slice)
	return nil
}

func (f *field) readMembers(raw []byte, v reflect.Value) error {
	t := v.Type()
	m := reflect.MakeMap(t)
	for name, raw := range parts(raw) {
		text, err := textOf(name)
		if err != nil {
			return err
		}
		value := reflect.New(t.Elem()).Elem()
		if string(raw) != "null" {
			if err := f.coder.read(raw, value); err != nil {
				return err
			}
		}
		m.SetMapIndex(reflect.ValueOf(text).Convert(t.Key()), value)
	}
	v.Set(m)
	return nil
}

// write appends the value of a field; there is false where it has none.
func (f *field) write(dst []byte, v reflect.Value) (out []byte, there bool, err error) {
	switch f.kind {
	case "set", "list":
		if v.IsNil() {
			return dst, false, nil
		}
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = f.coder.write(dst, v.Index(i)); err != nil {
				return dst, false, f.wrong(err)
			}
		}
		return append(dst, ']'), true, nil
	case "map":
		if v.IsNil() {
			return dst, false, nil
		}
		return f.writeMembers(dst, v)
	case "counter":
		if f.coder.none != nil && f.coder.none(v) {
			return append(dst, `"0"`...), true, nil // an empty Decimal
		}
	default:
		if f.omit && v.IsZero() || f.coder.none != nil && f.coder.none(v) {
			return dst, false, nil
		}
	}
	if dst, err = f.coder.write(dst, v); err != nil {
		return dst, false, f.wrong(err)
	}
	return dst, true, nil
}

func (f *field) writeMembers(dst []byte, v reflect.Value) (out []byte, there bool, err error) {
	keys := make([]string, 0, v.Len())
	for _, key := range v.MapKeys() {
		keys = append(keys, key.String())
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendText(dst, key); err != nil {
			return dst, false, f.wrong(err)
		}
		dst = append(dst, ':')
		value := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
		if dst, err = f.coder.write(dst, value); err != nil {
			return dst, false, f.wrong(err)
		}
	}
	return append(dst, '}'), true, nil
}

func (f *field) wrong(err error) error { return invalid(f.path, "%w", err) }

var objects = sync.Pool{New: func() any { return new(query.Object) }}

// read makes a struct of an entity's values.
func (p *plan) read(collection, id string, values []byte, v reflect.Value) error {
	o := objects.Get().(*query.Object)
	defer func() {
		o.Reset("", nil)
		objects.Put(o)
	}()
	o.Reset(id, values)
	for _, f := range p.fields {
		if raw := o.Get(f.name); raw != nil {
			if err := f.read(raw, v.FieldByIndex(f.index)); err != nil {
				return mismatch(collection, id, f.path, err)
			}
		}
	}
	p.setID(v, id)
	return nil
}

func (p *plan) setID(v reflect.Value, id string) {
	if p.id != nil {
		v.FieldByIndex(p.id).SetString(id)
	}
}

func (p *plan) idOf(v reflect.Value) string {
	if p.id == nil {
		return ""
	}
	return v.FieldByIndex(p.id).String()
}

// values are those that a struct gives a new entity. A zero value where there is a default leaves it to that.
func (p *plan) values(v reflect.Value) ([]byte, error) {
	out := []byte{'{'}
	for _, f := range p.fields {
		value := v.FieldByIndex(f.index)
		if f.fallback != nil && value.IsZero() {
			continue
		}
		begin := len(out)
		if begin > 1 {
			out = append(out, ',')
		}
		out = append(out, f.label...)
		var there bool
		var err error
		if out, there, err = f.write(out, value); err != nil {
			return nil, err
		}
		if !there {
			out = out[:begin]
		}
	}
	return append(out, '}'), nil
}
