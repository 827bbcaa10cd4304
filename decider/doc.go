// Package decider is what a domain model shares with whatever runs it: package aggregate in a process, a
// guest in a WebAssembly sandbox. It imports the standard library only.
//
// A model declares one [Decider]: two pure functions, and the names of its commands and events, which are
// codec, filter and documentation at once. The commands and events of a model are best interfaces sealed by
// the method that does the work, so that a command that nobody decides does not compile:
//
//	type Command interface{ decide(Account, decider.Context) ([]Event, error) }
//	type Event interface{ evolve(Account) Account }
//
// Two functions with a type switch fit the same Decider.
//
// Guarantees that the model gives, and aggregate/aggregatetest checks:
//
//  1. Decide and Evolve are pure: no clock but [Context.Time], no randomness, no input or output, and no
//     change of an argument.
//  2. State encodes as JSON and comes back the same, or snapshots of it are not kept.
//
// Functions of a Decider are called from many goroutines at once, for different instances. The pattern is
// Jérémie Chassaing's, "Functional Event Sourcing Decider" (2021).
//
// What this package does not do: it stores, encodes and dispatches nothing.
package decider
