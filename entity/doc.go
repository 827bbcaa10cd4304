// Package entity keeps entities: things that many writers change, whose changes are immutable events that merge the same
// way everywhere.
//
// [Open] makes a [DB] of a store and of [Tables]: package entity/sqlite has some in a file, entity/memory in memory. A collection is
// a category of merge streams with a schema, and each of its streams is an entity.
//
//   - In Go types: [Of] gives a [Collection] of a struct, which it declares; then Create, Get, Edit, Query.
//   - In JSON: [DB.Declare], then [DB.Apply] for edits, [DB.Get], [DB.Query], [DB.Watch].
//   - Over several entities: [DB.Transact] with a [Tx], and [Collection.In] for types in it.
//   - Back in time: [DB.History], [DB.At], [DB.Diff], [DB.Conflicts], [DB.Inspect], [DB.Undo], and an [Undoer] for one author.
//   - For those who follow: [DB.Changes] is what happened to rows as a store of its own.
//
// Guarantees:
//
//  1. A commit is one batch: all of its events are durable when it returns, or none of them is there. Nobody sees a part.
//  2. A Get and a Query see everything that was acknowledged before they began; each page of a query is one
//     moment of the tables. A transaction sees each entity as it was when it first got it, and its own edits.
//  3. What an entity comes to is a function of the set of its events, to the byte, as spec/merge.md has it. An edit replaces
//     what it saw, and no write that it did not see.
//  4. Edits of one entity by way of one DB ([DB.Apply], [Collection.Edit]) come one after the other, so none of them is lost and they
//     leave no conflicts. Others, by transactions or elsewhere, merge: counters add up, sets, maps and lists have what
//     each one did, and registers keep all that was set at the same time, show one, and tell of the others.
//  5. An edit that changes nothing writes nothing. Deleting and undoing erase nothing.
//  6. Tables are derived from the log: they may be lost, old or of another log, and come to the same. A
//     query never sees them behind what was acknowledged, nor between two events of a transaction.
//  7. Types and schemas lose nothing silently: [Of] neither drops nor retypes what others declared, unless it is told
//     to; values that do not fit a type are errors that name collection, id and field; integers of 64 bits are exact, and JSON
//     without a type keeps its digits.
//
// A DB, a [Collection] and an [Undoer] may be used from many goroutines; a [Tx], a [TxCollection] and an [Editor] belong to one. A DB has
// two goroutines, which Close ends: one folds the log, one writes the tables. Many processes may have a DB of one store, each with
// tables of its own. JSON that is given out is the caller's.
//
// Limits: a transaction has at most 1,000 entities, an event 1,000 properties; the store limits the bytes of events and
// batches. Beyond [Options.Lag] changes that the tables do not have yet, commits wait. Memory is [Options.CacheBytes] for states,
// beside those that are still to be written. An edit costs by the entity's size and not by its history, and what looks
// back by the history, read once.
//
// Errors have codes: [CodeExists] and [CodeDeleted] of an entity, [CodeMismatch] where values do not fit a Go type,
// nacre.CodeNotFound of collections and entities that do not exist, nacre.CodeInvalid with the field that is wrong,
// nacre.CodeConditionFailed where something changed that a strict transaction has read, nacre.CodeClosed behind Close,
// and those of the store. An error of a function that is given comes back as it is.
//
// What this package does not do: it does not move events between stores, has no rules about who may do what, enforces no uniqueness
// but that of ids and no references, and keeps no read models other than its tables: package projection does. A transaction
// that is not strict is not serializable: it merges.
package entity
