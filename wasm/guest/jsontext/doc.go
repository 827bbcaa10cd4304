// Package jsontext reads and writes JSON without reflection: what the codecs consist of that "nacre wasm build"
// generates for a guest.
//
// A [Reader] goes over one JSON text and a [Writer] appends one. [Register] makes a generated [Codec] known, and
// [For] finds it. People who write guests meet this package in generated files only.
//
// Guarantees:
//
//  1. What is written is what package codec writes for the same value, byte for byte: no white space, text
//     escaped only where JSON demands it, numbers as encoding/json has them, maps in the order of their names.
//  2. What is read is what package codec reads: names match exactly, a name that an object has twice is an
//     error, text has to be UTF-8, and null leaves a value as it is. A strict Reader refuses names that nobody
//     asked for.
//  3. No input makes a Reader panic, and nothing that it gives refers to the input, but for [Reader.Raw] and
//     [Reader.Name], which say so.
//
// Both keep the first error: after it, reads give zero values, and [Reader.Err] and [Writer.Err] tell it. Neither
// is for several goroutines at once; a registered Codec is. A Reader goes at most [MaxDepth] values deep.
//
// What this package does not do: it knows no Go types. The codecs are generated for them, or package reflected
// reads and writes them by reflection.
package jsontext
