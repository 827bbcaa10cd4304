// Package projection folds events of many streams into read models: [Start] follows the log, [CatchUp] runs to its
// end once, [Fold] makes a value on request.
//
// A [Projection] says which events it wants and what it writes; a [ReadModel] keeps what was written and how far
// it has come: [Memory] in a Go value, packages sqlmodel and sqlite in tables, [Own] wherever the user writes.
//
// Guarantees:
//
//  1. Events are applied in the log's order (with [Projection.Parallel], in that of each stream), none is left out
//     but by choice, and a rebuilt read model is the same as one that followed.
//  2. Where what is written and the checkpoint commit together, an event counts exactly once, whatever crashes:
//     in Memory and in SQL. A writer of one's own sees an event at least once, with its position to tell it by.
//  3. An event that cannot be decoded or applied stops its projection, with a state that says so, or is parked as
//     a dead letter, by choice. Other projections go on.
//  4. One process at a time runs a projection of a name on a store; others wait for it. A read model in memory is
//     each process's own.
//  5. A rebuild is made beside the read model that is in use, and takes its place when it has caught up.
//
// A [Runner] has goroutines of its own, which Stop waits for. Apply is called from one of them, or from several where
// Parallel says so. How a runner does, and orders to it, stand in the store's companion log
// (spec/companion-log.md), so that HTTP and the command line show and steer it wherever it runs; checkpoints and
// snapshots are in spec/projections.md. Errors: [CodeCheckpointMoved], [CodeNoRebuild], codec.CodeUndecodable, and those of
// the store; [ApplyError] tells which event it was.
//
// What this package does not do: it sends nothing to other aggregates (package process does), and it has no
// opinion on what a read model looks like.
package projection
