// Package component reads WebAssembly components, as far as is needed to call the functions of one through the core
// module inside.
//
// [Is] tells a component from a core module; [Parse] gives a [Component]: its core modules, the names that it imports and
// exports, and the functions that it lifts, each with its type and with the core functions that belong to it.
//
// Guarantees:
//
//  1. What is not a component, is cut off, or has an index that leads nowhere is an error that names the section and
//     the byte. No input panics, and none takes more time or memory than a small multiple of its length.
//  2. What is read and not understood is an error, and never passed over; only custom sections, and what nested
//     components hold, are not looked at.
//
// The types of a [Component] are shared among its parts and are not changed. A Component keeps the binary that it was
// read from. It may be read from many goroutines.
//
// It follows the binary format of the component model's explainer (Binary.md), as of the tools that made components in
// 2023 and of the present ones; asynchronous functions and threads are not among what it reads.
//
// What this package does not do: it validates neither the core modules nor the types among each other, instantiates
// nothing, and calls nothing.
package component
