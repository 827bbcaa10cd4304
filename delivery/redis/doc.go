// Package redis appends the events of a subscription to Redis streams.
//
// [New] makes the kind "redis", which a hub is given. Its configuration is
//
//	{"url":"redis://user:password@host:6379/0","key":"nacre:{store}:{category}","maxLength":1000000,
//	 "deduplicateSeconds":0,"timeoutMs":5000}
//
// of which url is needed; "rediss://" is TLS. An event is an entry with the fields "event", its whole line, "eventId",
// "type", "streamId" and "position".
//
//  1. When Send returns, the server has appended each event of the batch. How durable that is, is for its configuration:
//     with "appendfsync everysec", its default where it keeps a log at all, a crash of its machine loses a second.
//  2. A batch is one transaction: all of it is appended, in order and without others in between, or nothing, unless one
//     of its keys is no stream.
//  3. Entries have the ids that the server gives. Those made of positions would refuse whatever comes behind a later
//     event, and streams are sent beside each other: an event that waits for another attempt would be lost.
//  4. With deduplicateSeconds, the server keeps a key for each event for so long, and drops what is sent again meanwhile:
//     "nacre-sent:{key of the stream}:store/subscription/position/event id/time in microseconds". Without it, events that
//     are sent again are there again; their position and id tell.
//  5. A key is capped at about maxLength entries, of which the server drops the oldest, read or not. -1 is without a cap.
//  6. Values that stand in keys are escaped, so that an event cannot choose another key: what is not a letter, a digit or
//     one of "-_.@~+=,;!$&/" is "%" and two hexadecimal digits.
//
// Batches may be sent from many goroutines, each on a connection of its own, up to 16. Connections are made when something
// is sent.
//
// It speaks to one server, or to what stands in front of several and looks like one; not to the nodes of a cluster.
package redis
