// Package reflected reads and writes values by reflection: what modules do that were built without generated
// codecs, and for types that none can be generated for.
//
// [Codec] makes a codec of a type; [Read] and [Write] do it for a part of a value whose other parts have
// generated codecs. [Fields], [Encodes], [Decodes] and [KindOf] say what a type is in JSON: package codegen generates
// by them what this package does by itself.
//
// Guarantees:
//
//  1. What is read and written is what package codec reads and writes: struct tags mean what they mean in
//     encoding/json, names match exactly, a name twice is an error, and text has to be UTF-8.
//  2. No input makes it panic; a type that JSON cannot have is an error of the Reader or Writer.
//
// All of it may be used from many goroutines, as far as the Reader and Writer may.
//
// What this package does not do: it is not fast. Generated codecs are.
package reflected

import (
	"reflect"
	"sync"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// Codec makes a codec of a type.
func Codec(t reflect.Type) *jsontext.Codec {
	return &jsontext.Codec{
		Type: t,
		Read: func(r *jsontext.Reader) any {
			v := reflect.New(t)
			read(r, v.Elem())
			return v.Elem().Interface()
		},
		ReadPointer: func(r *jsontext.Reader) any {
			v := reflect.New(t)
			read(r, v.Elem())
			return v.Interface()
		},
		Write: func(w *jsontext.Writer, v any) {
			value := reflect.ValueOf(v)
			if value.IsValid() && value.Type() != t && value.Kind() == reflect.Pointer {
				if value.IsNil() {
					w.Raw("null")
					return
				}
				value = value.Elem()
			}
			write(w, value)
		},
	}
}

// Read reads into a pointer to a zero value.
func Read(r *jsontext.Reader, into any) { read(r, reflect.ValueOf(into).Elem()) }

// Write writes a value. What a pointer points to is written as encoding/json does it with a pointer.
func Write(w *jsontext.Writer, v any) { write(w, reflect.ValueOf(v)) }

// members are a struct's, by name as well.
type members struct {
	fields []Field
	byName map[string]int
	err    error
}

var memberCache sync.Map // of *members, by type

func membersOf(t reflect.Type) *members {
	if m, ok := memberCache.Load(t); ok {
		return m.(*members)
	}
	m := &members{byName: map[string]int{}}
	m.fields, m.err = Fields(t)
	for i := range m.fields {
		m.byName[m.fields[i].Name] = i
	}
	memberCache.Store(t, m)
	return m
}

func unsupported(t reflect.Type) string { return "JSON has nothing for a " + t.String() }
