// Package nats publishes the events of a subscription to NATS JetStream.
//
// [New] makes the kind "nats", which a hub is given. Its configuration is
//
//	{"url":"nats://broker:4222","subject":"nacre.{store}.{category}.{type}","stream":"NACRE","create":true,
//	 "token":"…","credentials":"…","inFlight":1,"timeoutMs":5000}
//
// of which url is needed. A message is an event's whole line. Its headers are [HeaderEventID] and those beside it, and
// "Nats-Msg-Id", by which the server drops what it has had within its stream's duplicate window.
//
//  1. When Send returns, each event of the batch has its stream's acknowledgement.
//  2. With inFlight 1, an event is published when the one before it is acknowledged, so that messages stand in the order
//     of events whatever happens. With more, so many are under way at once: then a server that takes an event and not the
//     one before it, as where the leader of a stream changes, has them the other way around.
//  3. An event that a subscription sends again has the same message id, also in another batch, after a restart, and when
//     it is replayed: "store/subscription/position/event id/time in microseconds".
//  4. A sender has one connection, made by the first Send that needs it. One that is lost is not mended under messages
//     that are under way; the next Send makes a new one.
//  5. Values that stand in subjects are escaped, so that an event cannot choose another subject: what is not a letter, a
//     digit, "-" or "_" is "%" and two hexadecimal digits. The dots of a type are kept, as the ends of tokens.
//
// Batches may be sent from many goroutines. A message that no server of this configuration would take is a permanent
// [delivery.Failure]; all else is worth another attempt.
//
// What JetStream keeps, for how long and how synced, is for the stream's configuration. A stream that is there is not
// changed, and none is made unless create says so.
package nats
