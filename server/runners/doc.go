// Package runners shows and steers the projections and process managers of a store, from any process: they tell
// of themselves, and are told what to do, by the store's companion log.
//
// [List] and [Get] tell how they are, [Give] orders something, [Letters] and [Letter] show what failed for good.
// What they give are the replies of the server's routes, so that a program, the command line and a server
// say the same.
//
// Guarantees:
//
//  1. Reading changes nothing, and works on a store that is open for reading only.
//  2. An order that was given is durable; it is obeyed once, in the order of the log, by the program that runs
//     the projection or process manager, be it at its next start.
//
// All functions may be called concurrently. Kinds are [wire.KindProjection] and [wire.KindProcess]; sizes are in
// bytes.
//
// Errors: NOT_FOUND for what never ran or is no open dead letter, INVALID_ARGUMENT for names and orders that are
// none, UNSUPPORTED for a store without a companion log, and those of the store.
//
// The format is spec/companion-log.md. What this package does not do: it runs nothing, and does not wait until an
// order was obeyed; [wire.RunnerReply] tells by LastOrder.
package runners
