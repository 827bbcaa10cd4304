// Package deliverytest is the conformance suite of delivery's kinds: what every way of sending events owes to the hub.
//
// Call [Run] from a kind's test with a function that makes a [Fixture]: the kind, a configuration, and the other side,
// which can be taken away and brought back. [Events], [Batches] and [Deliver] are for a kind's own tests.
//
//  1. Configurations: what Check gives is taken again unchanged, and means the same with and without the one before;
//     unknown members are refused by name; nothing that was given is changed.
//  2. Secrets do not show in what is public.
//  3. Same is an equivalence, and tells places from each other.
//  4. Events arrive as their whole lines, in order within a batch and across batches; concurrent sends lose nothing.
//  5. Open does not wait for the other side; nothing is lost while it is away, as often as it comes and goes, as long as
//     each batch is tried again.
//  6. Send ends with its context, and nothing is left running behind Close.
//
// The suite runs its tests one after the other, since it counts goroutines. It asserts no times: what hangs ends with
// the test binary's own deadline.
//
// It does not test what only one kind has: rotation, signatures, deduplication.
package deliverytest
