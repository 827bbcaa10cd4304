// Package reflected reads and writes values by reflection: what modules do that were built without generated
// codecs, and for types that none can be generated for.
//
// [Codec] makes a codec of a type; [Read] and [Write] do it for a part of a value whose other parts have
// generated codecs.
//
// Guarantees: what is read and written is what encoding/json reads and writes, and besides, as in package codec,
// a name that an object has twice is an error, text has to be UTF-8, and HTML is not escaped.
//
// All of it may be used from many goroutines, as far as the Reader and Writer may.
//
// What this package does not do: it does not match the names of members exactly, as package codec and generated
// codecs do; encoding/json takes "Name" for a field "name".
package reflected

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// Codec makes a codec of a type.
func Codec(t reflect.Type) *jsontext.Codec {
	return &jsontext.Codec{
		Type: t,
		Read: func(r *jsontext.Reader) any {
			v := reflect.New(t)
			Read(r, v.Interface())
			return v.Elem().Interface()
		},
		ReadPointer: func(r *jsontext.Reader) any {
			v := reflect.New(t)
			Read(r, v.Interface())
			return v.Interface()
		},
		Write: Write,
	}
}

// Read reads into a pointer.
func Read(r *jsontext.Reader, into any) {
	text := r.Raw()
	if r.Err() != nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if r.Strict() {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		r.Fail(err.Error())
	}
}

// Write writes a value.
func Write(w *jsontext.Writer, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		w.Fail(err)
		return
	}
	w.RawBytes(plain(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
}

// plain writes out the two line separators that encoding/json always escapes.
func plain(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case bytes.HasPrefix(text[i:], []byte(`\u2028`)):
			out = append(out, "\u2028"...)
			i += len(`\u2028`) - 1
		case bytes.HasPrefix(text[i:], []byte(`\u2029`)):
			out = append(out, "\u2029"...)
			i += len(`\u2029`) - 1
		case text[i] == '\\': // the next byte is a part of the escape
			out = append(out, text[i], text[i+1])
			i++
		default:
			out = append(out, text[i])
		}
	}
	return out
}
