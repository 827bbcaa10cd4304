// Package runner keeps, in a store's companion log, who runs which projection or process manager, how it is,
// what it was ordered to do, and its dead letters: spec/companion-log.md is the format.
//
// A runner's process calls [Acquire], reports by [Lease.Report] and [Lease.Change], follows [Lease.Orders], and
// buries what fails for good with [Bury]. Whoever looks on, in any process, calls [List], [Get], [Give] and
// [Letters].
//
// Guarantees:
//
//  1. Of two processes that run the same runner one has the lease; the other waits for it.
//  2. An order is handed out until it was obeyed, also across restarts, and in the order of the log.
//  3. A status says what was true at its time; a runner whose heartbeats stopped is told as stale.
//
// A Lease may be used from many goroutines; its own ones end with Release. Nothing here is on the path of an
// event. Errors have codes: [CodeAlreadyRunning], [CodeLeaseLost], and those of the store.
//
// What this package does not do: it runs nothing, and it does not fence: what a runner commits has to be
// guarded by versions, ids or checkpoints, since a process may sleep between its look at the lease and its commit.
package runner
