// Package delivery has durable subscriptions: what makes events reach whoever needs them, in order, at least once,
// with nothing lost and nothing hidden.
//
// A [Hub] looks after the subscriptions of one store: [Open] it, [Hub.Create] subscriptions, and their events are sent by
// the [Kind]s that the hub was given (a webhook, a broker, a file), or are asked for by the consumers of a group. What a
// subscription is stands in the store's companion log; spec/delivery.md is the format.
//
//  1. An event that a subscription's filter and condition select is delivered at least once, or stands with the dead
//     letters, as long as the subscription is there; also where the process ends at any point.
//  2. With the order [ByStream], an event of a stream is first delivered when the one before it is done: acknowledged,
//     skipped or dead. A stream that fails does not hold the others, until the window is full of it. With [Global], so
//     for all events of the subscription.
//  3. A batch of one event bears the same [Batch.ID] whenever it is sent, and an event the same id always. A batch of
//     several that fails is sent again as single ones.
//  4. A subscription's position is before everything that is not done. It is kept beside the log at least once a second
//     where events were done, so that an end without warning repeats about as much.
//  5. A subscription that has nothing to do costs no goroutine and no wake-up.
//
// All methods may be called from many goroutines. One hub at a time looks after a store; that is its opener's to see
// to. Errors have codes: [CodeNotFound], [CodeExists], [CodeWrongKind] and those of the root package; what comes in is
// checked, and INVALID_ARGUMENT names the field.
//
// It does not deliver exactly once: receivers tell repeats by the event's id.
package delivery
