// Package wire is what HTTP and WebSocket carry between a client and a server: requests, replies, error
// codes, parameters, cursors and frames, as pure functions over bytes and values.
//
// A server decodes appends with [DecodeAppend] and [DecodeCommit], reads with [ParseStreamRead],
// [ParseEventsRead], [ParseFollow], [DecodeRead] and [DecodeQuery], orders to projections and process managers
// with [DecodeOrder], answers with [AppendStreamReply],
// [AppendCommitReply], [AppendEvent] and the frames, and turns every error into a body with [FromError].
// A client has the other half of each: [EncodeAppend], [EncodeCommit], [ParseStreamReply],
// [ParseCommitReply], [ReadParams.Values], [EncodeRead], [SSEReader], [ParseFrame], [ParseError].
//
// Guarantees:
//
//  1. What an encoder here wrote, its decoder takes, and gives the same values back; times to the
//     microsecond.
//  2. Requests are decoded strictly: one JSON value and nothing behind it, every member known and given
//     once, of the right kind. What is refused is told with its path, as in "events[3].type: is a number,
//     and must be text". Replies are decoded leniently: members that are not known are passed over.
//  3. No input makes anything here panic, and memory stays in proportion to the input and the limits.
//  4. An error that a server's store gave comes out of [ParseError] as the same type with the same
//     values. Paths of the server's machine are not in what [FromError] writes.
//
// Functions are safe for concurrent use; an [SSEReader] belongs to one goroutine. Data and
// Metadata of decoded events are parts of the body that they were decoded from, which must stay unchanged
// as long as they are used; strings never share the body's memory, and may share memory with each other. Functions named Append or Encode append to
// their first argument and return it.
//
// The values of an event's data and metadata are found, not checked: a store checks them strictly when
// they are appended. Names are in the units and limits of the root package. A position on the wire is a
// number, a cursor is "position@epoch", a time is as in an event's line.
//
// Errors are of the root package's types. Codes that only a server has are constants here; [Status] is the
// table of all codes. The contract for other languages is spec/openapi.yaml.
//
// What this package does not do: it opens no connection, knows no store and no user, and sets no HTTP
// header; it only gives what belongs in them.
package wire
