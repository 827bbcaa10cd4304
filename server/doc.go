// Package server puts event stores on the network: the routes of spec/openapi.yaml, over HTTP/1.1 and HTTP/2.
//
// [New] makes a server of a [Backend], which is where its named stores come from. [Server.Serve] answers on a
// listener until its context ends; [Server.Handler] is for whoever has an http.Server of his own, and then
// [Server.Close] ends it.
//
// Guarantees:
//
//  1. An append that was answered with 200 or 201 is durable, as the store promises. One whose body has been
//     read runs to its end, also where its client leaves or the server stops.
//  2. Lines are copied from the store to the client: their checksums have been verified, and nothing is decoded
//     and encoded again.
//  3. What breaks off never looks whole: an ndjson stream ends with the trailer Nacre-End or Nacre-Error, a
//     backup that fails is cut off, a follower is told why it ends.
//  4. Each route asks for its permission before it looks at anything. A grant that is confined to streams
//     reads, writes and makes conditions within them only.
//  5. A client that does not read is cut off once nothing has gone out for [Options.WriteTimeout]. Memory for
//     a request is bounded by [Options.MaxBodyBytes] and by the size of a page; to list dead letters takes some
//     200 bytes more for each that is open.
//  6. Nothing that a client sends ends the process: a panic is logged and answered with INTERNAL.
//  7. Subscriptions go on when the server starts, in every store that has some, without a request. A stop lets what is
//     being sent arrive within its time; what was not answered by then is sent again later, as the same.
//  8. Deleting a store and stopping wait for nobody for ever: what is under way ends with an error that says
//     why.
//
// Projections and process managers run elsewhere; what the routes tell of them, and the orders that they take,
// stand in the companion log, which is read when somebody asks.
//
// Collections of entities are those of [Options.Entities], opened when somebody first asks for a store's. Edits of one entity come one
// after the other; a request with an Idempotency-Key gives its events a tag, and its commit depends on there being no event
// of that tag, so that it takes place once, also after a restart and where it is sent many times at once.
//
// A store is opened when it is first asked for, by one goroutine while others wait for it, and stays open. At its
// start the server looks at all of them, one after the other; those without subscriptions are closed again. Those with some
// have a delivery.Hub each, which sends by the kinds of [Options.Kinds] and gives events to the consumers of groups.
// What a server remembers of a store besides its events (its description and settings) are events of the
// stream "store" in its companion log.
//
// Followers read the history out of the log, 16 KiB at once, and its end out of a ring of the newest lines, 1 MiB
// for each log that is followed, which is filled once for all of them. The only queue that a follower has is its
// socket's: a client that reads slowly is behind, in no memory but the system's, and one that reads nothing for
// [Options.WriteTimeout] is ended, which is logged and counted. While it idles a follower keeps no buffers:
// some 11 KiB over SSE and 15 KiB over WebSocket, stacks included. "Caught up" is told when the end is reached
// for the first time, and again only after the follower had fallen behind the ring.
//
// A Server may be used from many goroutines. The stores that its Backend gives are the server's: nobody else
// closes them. Sizes are bytes.
//
// Errors are answered as wire.FromError says. Those that the server itself makes have the codes of package
// wire; the table of codes and statuses is in spec/openapi.yaml.
//
// What this package does not do: it keeps no events and opens no files but the temporary ones of a backup,
// sends nothing itself, which is the kinds' affair, and decides nothing about who may do what, which is package access's.
package server
