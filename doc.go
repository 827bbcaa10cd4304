// Package nacre is the vocabulary of an event store: facts, in order, for ever.
//
// Open a [Store] with a driver (storage/filestore.Open keeps one in a directory), then [Store.Append],
// [Store.Read], [Store.Subscribe]. [Store.Commit] writes to several streams at once, under a
// [Condition] where one is wanted.
//
// Guarantees:
//
//  1. An append that returned without an error is durable, and so is everything before it, unless the
//     store was opened with a weaker durability by name.
//  2. Global positions are gapless from 1, in commit order; stream positions are gapless from 0.
//  3. A batch is there whole or not at all, its events side by side.
//  4. Appending ids that the stream holds already, with the same content, gives the first outcome and
//     writes nothing, for ever.
//  5. The first event of a category decides, for ever, whether its streams are ordered, chains of versions, or
//     merge streams, in which each event names its parents, and a parent stands before its children.
//  6. A returned [Event] is the caller's to keep; nobody changes it (unless it was asked for borrowed).
//
// A Store may be used from many goroutines. What is given to an append must not be changed afterwards:
// the events that it returns may share its bytes. Times are UTC, to the microsecond; sizes are bytes;
// the zero value of every options struct, and nil, mean the defaults.
//
// Every error has a [Code], found with [CodeOf]: a program acts on the code, people read the message.
// [ConflictError], [ConditionError], [EventIDConflictError], [StreamKindError], [ParentError] and [DamageError]
// tell more.
//
// The lines in which events are kept, sent and exported are specified in spec/log-format.md, merge streams in
// spec/merge.md.
//
// What this package does not do: it keeps nothing itself (drivers do), and folds nothing into state, that of merge
// streams included.
package nacre
