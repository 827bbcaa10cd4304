// Package process runs process managers: events in, commands and timers out.
//
// A [Manager] says which instance an event belongs to, and reacts by changing the instance's state and asking
// [Effects] for commands, timers and its end. [Start] follows the log and dispatches, wherever the store is; [CatchUp] does so once.
// Commands go to a [Dispatcher], such as an aggregate.Bus.
//
// Guarantees:
//
//  1. What a reaction asks for happens once it is recorded in the store's companion log, together with the state, the timers and
//     how far the manager has come. A crash at any point loses nothing of it.
//  2. What an event causes has ids that are made from the event. A command that is dispatched again, after a crash, has the id that it
//     had: a dispatcher that gives a known id its first result, as an aggregate.Bus does, has it take effect once.
//  3. Commands of one instance are dispatched one after the other, in the order in which they were asked for; those of different
//     instances side by side.
//  4. A domain error is an answer: Rejected reacts to it. What fails otherwise is tried again, with growing waits drawn at
//     random, and becomes a dead letter in the end: an event, a timer, a command. It holds up its instance meanwhile, and no other.
//  5. Nothing of a reaction that fails is kept: no state, no command, no timer.
//  6. A timer fires before an event is reacted to that was created after it was due, also when a manager catches up; otherwise by the
//     clock, once all was read that stood in the log when it was due. Timers outlive restarts.
//  7. Of several processes that run the same manager one works, under a lease; the others stand by. One that lost the lease without
//     knowing can commit nothing.
//  8. Managers share nothing: what one fails at, or cannot read, does not touch another.
//
// A manager's functions are called from one goroutine, a dispatcher from many. A [Runner] may be used from many, and owns its
// goroutines: they have ended when Done is closed, but for a Dispatch that goes on for 5 seconds after its context was cut off.
// With another process's clock or store's clock ahead or behind, timers are early or late by that much.
//
// In memory are the instances with commands or timers, and [Options].Instances of the others. A state and the commands that wait with
// it fit into one event of the companion log, 1 MiB by default: a reaction that makes more of it fails. An instance with 100 commands
// that are yet to be dispatched reacts to no event until there are fewer.
//
// Errors have codes: those of the store and of codec, [CodePanicked], [CodePaused], [CodeAlreadyRunning],
// [CodeHeld].
//
// What it keeps is specified in spec/processes.md, its lease, orders and dead letters in spec/companion-log.md.
//
// What this package does not do: it executes no command itself, and does not know what a command did; commands are not taken back. A
// command that a dispatcher with no memory for ids executes twice has happened twice.
package process
