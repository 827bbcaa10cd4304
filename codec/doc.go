// Package codec turns Go values into events and back, by the names that its user lists.
//
// [New] makes a [Codec] of a table of names and values; [Codec.Encode] and [Codec.Decode] use it, and
// [Decode] reads a whole sequence. Nothing is registered globally, and no name is made from a Go type.
//
// Guarantees:
//
//  1. An event that cannot be decoded is a [*DecodeError] that names it; it is never skipped, unless its
//     type is listed in [Options.Skip].
//  2. What is encoded and decoded again is the same, as far as the type says what encodes: struct tags mean
//     what they mean in encoding/json.
//  3. Older events become what the program knows by [Options.Upcast], one step after the other; a step that
//     leads nowhere is an error and not a loop.
//
// A Codec is not changed after New and may be used from many goroutines. The errors have codes:
// [CodeUndecodable] for an event that this program cannot read, [CodeUnencodable] for a value that is no
// event of its table.
//
// What this package does not do: it knows no streams and no store; it validates nothing beyond types.
package codec
