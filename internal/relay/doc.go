// Package relay has what the relays to other systems share: configurations that are read strictly and shown without
// their secrets, and names that are made of an event.
//
// [Decode] reads a configuration, [Invalid] tells what is wrong with one, [HideURL] and [RestoreURL] hide secrets and put
// them back, a [Template] makes a subject or a key of an event, and [MessageID] names it for whoever drops repeats.
//
//  1. A member that nobody knows, one that stands twice and one that is null are refused, with the field's name.
//  2. What a template makes of two events differs where the values that stand in it differ: escapes are reversible.
//
// Everything may be called from many goroutines and keeps nothing of what it was given. Errors have nacre.CodeInvalid
// and name the field.
//
// It connects to nothing: that is for the relays, each its own technology.
package relay
