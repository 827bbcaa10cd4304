// Package consumer works off the events of a consumer group: [Group] is what a hub in this process and a client of a
// server have in common, and [Run] asks for events, gives them to a handler, and tells what became of them.
//
// Several consumers of a group share its events: each event is given to one of them, and to another one where the first
// did not answer in time. What Run sees to:
//
//  1. An event is acknowledged when its handler has returned nil, and not before. Where it returned an error, the event
//     comes again, or is parked or skipped as [RetryAfter], [Parked] and [Skipped] say.
//  2. Events of different streams are handled beside each other, [Options].Concurrency at most. Those of a stream are
//     handled one after the other, in the order in which they were given. Behind one that is to be given again, those of
//     its stream that came with it are not handled: they come again after it. With Options.Global that is so for all events.
//  3. An event may be handled more than once: after a crash, after a lost answer, or where its handler took longer than
//     the group's deadline. What a handler does should bear that, or look at the event's id. An event that is given
//     again while its handler runs is not handled a second time: what the handler returns is said of it.
//  4. What fails in a way that may pass (a connection, a server that restarts) is tried again, until it succeeds or the
//     context ends; answers are sent again until somebody has taken them. A group that is paused is waited for.
//  5. Run returns when its handlers have returned, and leaves no goroutine behind. What it holds at its end and did not
//     begin with is given back at once, where the group is a [Leaver], and does not count as tried; nor does what it began
//     with, where the handler returns context.Canceled since Run's context has ended.
//
// Run may be called many times, also in one process, each with a Consumer of its own. Handlers are called from several
// goroutines. A handler that panics ends nothing else: the event comes again.
//
// Errors have the codes of whoever keeps the group. INVALID_ARGUMENT is for options that are wrong, and names the field.
//
// It does not handle events exactly once, and it keeps nothing on disk.
package consumer
