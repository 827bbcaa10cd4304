// Package build makes WebAssembly modules of source folders, with the tool chain of their language: what "nacre wasm
// build" and "nacre wasm init" do.
//
// [Build] finds out the language of a folder and gives a [Module]; [Init] writes a folder to begin with.
//
// Guarantees:
//
//  1. Nothing is written into the source folder but what the tool chain itself keeps there, and, where
//     [Options.KeepGenerated] asks for it, the generated Go files.
//  2. What is missing of a tool chain is said, with what to do.
//  3. The same source with the same tool chain gives the same Go module, byte for byte, wherever it stands.
//  4. The folder's *.test.json files are in the module: the host runs them before it publishes it.
//  5. Init overwrites nothing.
//
// Functions may be called from several goroutines, for different folders. Errors are for people; those of a tool chain
// have what it printed.
//
// What this package does not do: it runs no module, and knows no host. Package wasm does.
package build
