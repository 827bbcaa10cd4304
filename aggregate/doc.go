// Package aggregate runs deciders on a store: [New], then [Repository.Get], then [Handle.Execute].
//
// Guarantees:
//
//  1. Commands to one instance are decided one after the other, each on the state that the one before left;
//     commands to different instances share the store's group commit.
//  2. State that anybody sees never runs ahead of the log: a result is given when its events are durable. What
//     waits for one instance is decided together and appended as one batch.
//  3. Where others wrote to the stream meanwhile, commands are decided again on what is there; a refusal, too,
//     was decided on the stream's last word.
//  4. A command with an id takes place once, for ever: given again, it has its first result. One that led to no
//     events leaves nothing to be found, and is decided again.
//  5. An error of Decide comes back as the same value; every other error has a nacre.Code. A panic in Decide,
//     in Evolve or in the decoding of an event fails what asked for it, and nothing else; where a state panics
//     that is encoded or decoded, its snapshot is done without.
//  6. State from a snapshot and the rest is the state from all events: a snapshot that is damaged, of another
//     schema version, or not of this log is passed over, and none is kept of a state that does not come back
//     whole from its JSON. Where a type encodes itself, its Equal says what is whole.
//
// An instance is in memory while it is in use and for [Options.IdleAfter] afterwards; it has a goroutine only
// while commands wait. A [Handle] holds nothing and outlives all of that. Repositories, handles and a [Bus] may be used
// from many goroutines; a decider's functions are called from many, for different instances. Close a repository
// to wait for what it began; whoever does not leaves timers behind that end by themselves.
//
// States and events that are given out are shared with the instance: nobody changes what they hold. Events are
// folded into an instance's state one after the other, so an Evolve may append to a slice of the state that it was
// given; what can be seen through that state it leaves as it is.
//
// Commands carry their context in ctx, by [decider.With]; it lands in the metadata of their events. Formats, and
// how the ids of a command's events are made, are in spec/aggregates.md. Errors: [CodePanicked], [CodeUnknownCommand],
// [CodeForbidden], codec.CodeUndecodable, and those of the store.
//
// What this package does not do: it keeps no read models (package projection does), and it does not carry what
// happened in one aggregate to another (package process does).
package aggregate
