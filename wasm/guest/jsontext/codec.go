package jsontext

import "reflect"

// Codec reads and writes one Go type.
type Codec struct {
	// Type is what Read gives and Write takes.
	Type reflect.Type
	// Read gives a value of the type.
	Read func(r *Reader) any
	// ReadPointer gives a pointer to a new value of the type.
	ReadPointer func(r *Reader) any
	// Write takes a value of the type, or a pointer to one.
	Write func(w *Writer, v any)
}

// codecs are written before the program's init functions run, and read afterwards.
var codecs = map[reflect.Type]*Codec{}

// Register makes a codec known. It is for generated code, which calls it from variables of its package; it gives
// true.
func Register(c *Codec) bool {
	codecs[c.Type] = c
	return true
}

// For is the codec of a type, nil where there is none.
func For(t reflect.Type) *Codec { return codecs[t] }
