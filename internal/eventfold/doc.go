// Package eventfold reads what eventfold-es and eventfold-db have written, so that it can be imported.
//
// [Open] reads a source from end to end: a directory of eventfold-es 0.2 (streams, their archives, the
// registry), or a file of eventfold-db, version 3. Its [Report] says what is there and what was found
// damaged; [Source.Events] then gives the events as a store takes them.
//
// Guarantees:
//
//  1. Nothing is left out and nothing is given twice without a [Finding] that says so, with its file and
//     its line or byte.
//  2. The events of a stream keep their order. Those of a directory are in order of time over all
//     streams: by the greatest time so far in their stream, then by the stream's place in the registry.
//     Those of a file have the file's order, which is that of their positions.
//  3. Two streams of a source are never given as one.
//  4. The same source gives the same events with the same ids. An event that is appended to it later, or
//     a damaged one that is repaired, changes no other event's id, unless the two have the same.
//  5. No input makes anything here panic or loop for ever.
//
// # What becomes of an event
//
// A stream of the type T and the id I becomes the stream "T-I". A "-" in T becomes "_", since the category
// of a stream ends at the first "-"; Options.Categories gives another name. A stream of eventfold-db is a
// UUID; it gets such a name where its events' metadata names the type and the id that the UUID was made
// of, as eventfold-es 0.6 does, and is "stream-" and its UUID otherwise.
//
// Type, data and id stay as they are. The time (ts, recorded_at) becomes CreatedAt, and occurredAt of the
// metadata. In the metadata stand, besides, actor, and the members of meta: correlation_id as
// correlationId, source_device as sourceDevice, the others under their names. What cannot keep its name or
// place stands in the metadata's member "eventfold": id, where the event got another one; ts, where it is
// no time that a store takes; meta, what of meta is not an object, or has a name that is taken; members,
// what a line has that eventfold does not know. A payload that is not JSON is given as Binary, an empty
// one as null. The events of one batch of eventfold-db share a TransactionID, the id of the first.
//
// An event without an id, with one that a store does not take, or with one that stands in its stream
// already with other content, gets the first 26 characters, in lower-case base32, of the SHA-256 of
// "eventfold", T/I, how many times the same line stands before it in its stream, and the line, each but
// the last followed by a line feed. (Of eventfold-db only a second event with the same id gets one.)
//
// # What is found
//
// A line that is torn, also where the next one was appended to it: eventfold never repairs one. A line
// that is no event. A frame of an archive that is torn or cannot be decompressed; reading goes on at the
// next one. A rotation that was interrupted, so that the same lines stand at the end of the archive and
// again in what follows: they are imported once. A stream that the registry names and that is not there. A
// batch of eventfold-db whose checksums do not match: it is left out whole, and reading goes on behind it,
// or at the next whole batch whose positions are not behind those that were read. Positions and versions
// that are missing or stand twice. See [Kind] for what is called damage.
//
// # Concurrency, memory, errors
//
// A Source belongs to one goroutine at a time, and has to be closed. Memory is Options.MemoryBytes, beyond
// which the events of a directory wait in a scratch file; 60 bytes or so for each event of the largest
// stream of a directory, or of all of a file, by which doubles are found; and a megabyte or two beside.
// Lines are up to 4 MiB, records up to 4 MiB. Errors are what keeps a source from being read at all: I/O
// errors, and what is no such source (nacre.CodeInvalid, nacre.CodeNotFound).
//
// What this package does not do: it writes to no store, repairs nothing, and takes no lock, so that the
// program that writes to the source should have been stopped. Views, projections and the checkpoints of
// process managers are derived, and not read; dead letters are counted.
package eventfold
