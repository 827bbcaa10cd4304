// Package codegen writes Go code that reads and writes types as JSON without reflection: the codecs of a guest.
//
// [Generate] does it for a list of types. "nacre wasm build" has [Main] run inside the user's own program, on the
// platform of the build, where the decider's tables tell what the types are; [Also] adds the types of domain errors.
//
// Guarantees:
//
//  1. A generated codec reads and writes what package codec reads and writes for the type.
//  2. A type that no code can be generated for is told, with the path that leads to it, and that part alone is
//     read and written by reflection; where a whole command, event or state is such, the module gets package
//     reflected for it.
//  3. The same types give the same code.
//
// Functions may be called from several goroutines, but for Also and Main.
//
// What this package does not do: it compiles nothing and writes to no source folder; package build does.
package codegen
