// Package query is the language that says which rows: of queries of entities, live queries, policies, subscriptions
// and the command line. spec/query.md specifies it.
//
// [Parse] reads a text, [Bind] gives parameters their values, [Check] makes a [Plan] by a [Schema]. A plan is evaluated in
// memory by [Plan.Match], [Plan.Rows] and [Plan.Table], or by a database with [Plan.SQL], in a [Dialect]. [Plan.Index],
// [Plan.Reads] and [Plan.Follows] say what an index of standing queries needs to know, [Plan.AppendSortKey] makes keys
// for pages and windows. [Object] and [Event] are rows. [Where] is the short way to a condition over a log's events.
//
// Guarantees:
//
//  1. The engines agree: the same rows in the same order, the same values, on any input. Sums are exact and do not
//     depend on the order of rows.
//  2. Every text gives a result or an [Error] with its place. Nothing panics, also not for rows that are not JSON.
//  3. A value never becomes a part of a text: SQL has parameters.
//  4. The canonical text of a query, its String, parses to the same tree.
//
// Trees may be read by many goroutines, and are not changed by this package. A Plan and a Condition may be used by many
// goroutines. What a match is given is only looked at; the values of a [Table] are the caller's, and so is what an Append
// function returns.
//
// The limits stand in the specification. A run in memory keeps the rows of its offset and limit, or its groups. Times
// are UTC, to the microsecond. Errors are *[Error], with the code INVALID_ARGUMENT.
//
// What this package does not do: it opens no database, plans no joins, and knows no policies: these are conditions
// that whoever asks puts in with [Query.And].
package query
