// Package client is a store over the wire: [Open] gives the same *nacre.Store as an embedded log, kept by a
// server. [Group] is one of its consumer groups, for consumer.Run.
//
// Guarantees:
//
//  1. It does what storage/storagetest asks of every driver: the same calls, the same typed errors.
//  2. What was sent twice is written once. Every event is sent with an id, made here where the caller gave
//     none, so that an append whose answer was lost can be sent again.
//  3. An append that fails says whether it took place: every error but [UnknownError] and STORE_FAILED means
//     that nothing was written. UnknownError has the batch with its ids; appending that again tells.
//  4. Reads are as of their call, also where the connection breaks off and the rest is read over another
//     one. A stream of events that does not say that it is whole is never taken for one, the checksum of
//     every line is verified once more where it arrives, and an event is absent only where the server says so
//     of its very stream and id.
//  5. A backup is there whole and durable, or not at all.
//
// Appended.Duplicate needs care where an append was sent more than once. Without ids of the caller's it is
// never set. With ids, it is as the server says where no earlier attempt can have been taken, or where the
// events stand at or before a position that this store was told before the call began; else the events are
// taken for this call's own.
//
// What fails in a way that may pass is tried again, [Options].Retries times with random waits: a connection
// that is refused or breaks off, RATE_LIMITED, SHUTTING_DOWN, TOO_MANY_CONNECTIONS, STORE_LOCKED,
// STORE_CLOSED, STORE_FAILED, a time-out, and 502, 503 and 504 of what stands between. Conflicts and
// refusals are the caller's at once. Contexts end everything, the waits included.
//
// A Store may be used from many goroutines. It keeps a pool of connections, and one request for all who
// wait for the log's end, which ends at most half a minute behind the last of them. Close lets appends that were sent be answered, ends
// reads and waits with STORE_CLOSED, and ends every goroutine of its own; Options.Timeout bounds it. Data
// and Metadata of the events that an append returns may share the bytes that were given to it.
//
// Units and limits: times are time.Duration; an append has the limits of Options.Limits here and the
// server's own there; a line of a read has at most 256 MiB.
//
// Errors have the codes of the root package and of package wire. What the connection came to is INTERNAL,
// or DEADLINE_EXCEEDED where no answer came in time, and says what to do. Neither keys nor tokens are in any
// text.
//
// What this package does not do: it makes and deletes no stores, reads no environment, caches nothing, and
// follows no redirects. The contract with servers is spec/openapi.yaml.
package client
