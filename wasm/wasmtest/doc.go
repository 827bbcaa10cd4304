// Package wasmtest makes WebAssembly modules and components for tests, of text that is written in the tests.
//
// [Assemble] makes a core module of a part of the text format: functions, imports, exports, one memory, globals, one
// table, data, and instructions, folded or not. [Component] makes a component of such text, as those that were built for
// Thalo; [Parts] make one with something wrong, and [Counter] is one that works, with commands that misbehave.
//
// Mistakes in the text fail the test with the place. What is made is not checked any further: tests want modules that
// are wrong as well. The same text gives the same bytes.
//
// What this package does not do: it has neither vectors, references in globals, nor inline function types beyond
// parameters and results.
package wasmtest
