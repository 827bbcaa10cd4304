// Package memory keeps the tables of entities in memory: for tests, for stores in memory and for small programs.
//
// [Open] makes empty [Tables], which are an entity.Tables.
//
// Guarantees:
//
//  1. They do what entity/tablestest asks of all tables, and answer queries by package query's matcher, which is the
//     reference of what a query gives.
//  2. A batch is there whole or not at all, and a query sees the tables between two batches.
//  3. They copy what they are given and what they return.
//
// They may be used from many goroutines. A query goes over every entity of its collection, and a Write waits for the
// queries that have begun. All is gone with the process.
//
// Errors are of the root package, or package query's; after Close all have the code STORE_CLOSED.
//
// What this package does not do: indexes, files, limits on memory.
package memory
