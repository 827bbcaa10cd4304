// Package reactor finds what a change of a row means for standing queries: which of them it concerns, and how their results
// change.
//
// An [Index] finds, among very many standing queries, those whose result a change may concern. A [Window] is the result of one
// of them: it takes changes of rows, and tells what has become of what it told before.
//
// Guarantees:
//
//  1. A query that an index does not give has the same rows before and after the change.
//  2. A window that took all changes since it was filled has what the query gives, in its order, up to its limit; or it says
//     that it has to be filled again.
//  3. The changes that a window tells, made one after the other, turn the result that was told before into the present one.
//     However many changes came between, they are no more than that takes.
//  4. The cost of a change is that of the queries that it may concern: O(log n) in the number of ranges, and in the rows of a
//     window; conditions that no index knows (NOT, !=, LIKE '%x') are looked at for every change.
//
// Nothing here is safe for concurrent use, nothing has a goroutine, and nothing reads from anywhere: package entity feeds it.
// The rows that are given must not change. Plans are those of package query for one collection, without references, aggregates
// and OFFSET; others cannot be kept current row by row.
package reactor
