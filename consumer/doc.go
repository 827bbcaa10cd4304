// Package consumer works off the events of a consumer group: [Group] is what a hub in this process and a client of a
// server have in common, and [Run] asks for events, gives them to a handler, and tells what became of them.
//
// Several consumers of a group share its events: each event is given to one of them, and to another one where the first
// did not answer in time. A stream's events come in order, the next one when the one before is done. An event may come
// more than once: what a handler does should bear that, or look at the event's id.
package consumer
