// Package modules keeps WebAssembly aggregates in a store, and runs those that are active.
//
// [Open] gives a [Host]; [Host.Publish] takes a binary, [Host.ExecuteNamed] has a command executed, and a Host stands
// behind an aggregate.Bus by its method Else. What was published is in the store's companion log and its blobs:
// spec/modules.md.
//
// Guarantees:
//
//  1. What becomes active was looked at: its binary, its own tests, the types of events that it reads, and a sample of
//     the streams that are there. A [*Refusal] names every reason, and nothing was written then.
//  2. A version takes over between two commands: none is lost, repeated, or decided by the version before behind one
//     that the new version decided, in one process.
//  3. Whatever a module does wrong fails the command that it was asked for and nothing else; no version is lost, and
//     each can become active again.
//  4. A host sees what others publish to the same store, and runs it.
//
// A Host may be used from many goroutines. It holds its versions' repositories, and Close waits for what they began; the
// store and the engine are the caller's. A module is compiled when it is first asked for something. Limits are bytes and
// durations; zero ones are the defaults of package wasm.
//
// Errors have codes: wasm.CodeRefused, aggregate.CodeUnknownCommand for a category without a module, nacre.CodeNotFound,
// nacre.CodeVersionConflict where two change a module at once, those of package wasm where a module goes wrong, and those of
// the store.
//
// What this package does not do: it compiles no sources (the command line does), and it keeps no modules of other stores.
package modules
