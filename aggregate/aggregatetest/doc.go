// Package aggregatetest tests deciders: given events, when a command, then events or a domain error. It needs no
// store.
//
// [Run] tests a table of [Case]s; [Case.Test] one of them.
//
// Beside what it says, each case shows:
//
//  1. Decide and Evolve changed nothing of what they were given, and gave the same again when they were asked again.
//  2. Events and commands survive their encoding, and the state is that of the decoded events, too.
//  3. The state survives its encoding after each event, and the state from such a snapshot and the rest of the events is
//     the state from all events: so a repository may keep snapshots of it.
//
// What differs is told as a diff, in which lines with "-" are what was wanted, or was before, and lines with "+" what
// came. Nothing is shared between cases: they may run in parallel.
//
// What this package does not do: it runs no store, no repository and no middleware; tests of those use
// storage/memstore.
package aggregatetest
