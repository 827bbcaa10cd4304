// Package tablestest certifies tables of entities.
//
// [Run] runs the suite on an entity.Tables: marks and batches, states and rows, schemas that change, names that only
// differ in capitals, values of every type and of none, pages in every order, aggregates, references, Reset, Close, a second
// life after Close, contexts that end, many goroutines, and random schemas, rows and queries, of which every result
// is compared with package query's matcher.
//
// Random tests print their seed, and -tables.seed=N runs them again.
//
// What this package does not do: speed, and damage, which each kind of tables has in its own way.
package tablestest
