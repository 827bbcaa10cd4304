// Package merge is the arithmetic of merge streams: what events of an entity mean, when they may be seen, and the
// state that a set of them comes to.
//
// [Decode] reads an event. A [Gate] says which events become visible, whole transactions at a time. An [Entity] is
// the state of one stream, which takes visible events one by one; [Load] brings it back from its bytes. A [Graph]
// holds the events of one stream for everything that looks back: the state at any event, undo, who wrote what. A
// [Draft] turns what a user wants into an event's data. [NewIDs] makes ids, [VoidData] what a home
// denies with. A [Schema] gives properties their names and
// types. [Kinds] are the ways in which a property merges.
//
// Guarantees:
//
//  1. Two entities that took the same set of visible events have the same bytes, whatever the order and the repeats.
//  2. Taking events one by one is the same as folding them all anew in the order of their ids.
//  3. The bytes of an entity are all that is needed to go on: taking an event costs by its own size and by what it
//     replaces, not by the number of events before it. Only a void asks for folding anew.
//  4. Whatever the input, nothing panics. What cannot be read is damage of one operation or of one event, told by
//     [Entity.Damaged], and spoils nothing beside it.
//  5. Sums are exact, numbers in values keep all their digits, and an undo or an edit never replaces a write that
//     nobody saw.
//
// Nothing here is safe for concurrent use, apart from functions and from events once they are decoded, which nobody changes. States that are
// given out as JSON are the caller's. Limits are those of spec/merge.md, which this package follows to the
// byte. Errors have the code nacre.CodeInvalid; [ErrVoid] tells that an entity must be folded anew.
//
// What this package does not do: it keeps nothing, has no clock, no randomness and no goroutine, reads no log, and
// decides nothing about who may write.
package merge
