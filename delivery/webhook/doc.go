// Package webhook sends a subscription's events to an address by HTTP, signed as Standard Webhooks says.
//
// [New] makes the kind that a [delivery.Hub] is given. [Kind.Rotate] puts a new secret before the old ones, [Secret] is
// the one to show to who made a subscription. Receivers in Go check what comes with [NewVerifier].
//
// A configuration is a JSON object:
//
//		url              http or https, with a host, without a user and a fragment; at most 2,048 bytes
//		headers          object of names and values, at most 64 and 16 KiB; those of the protocol, of the content, webhook-*
//		                 and ce-* are the sender's
//		timeoutMs        how long an attempt may take until the answer's status is there; 100 to 120,000, default 15,000
//		format           "event" (default), "cloudevents-structured" or "cloudevents-binary"
//		secrets          list of "whsec_…", or of {"key":"whsec_…","until":"2026-11-20T18:55:20Z"}; at most 8, the first without an
//		                 end. One is made where none is given
//		eventStoreName   what bodies and sources call the store; default its name
//		followRedirects  default false
//		rotateSeconds    in a change of a subscription: makes a new secret, beside which those of before sign for so long, 0 to
//		                 7,776,000. It is not kept
//
//	 1. A batch is taken when the receiver answers with a status of 200 to 299, whatever becomes of the answer's body.
//	    Anything else is an error, that says what to do. 410 is [delivery.Failure.Gone]; Retry-After is obeyed, up to 24
//	    hours, with 429 and 503 for all that the subscription sends ([delivery.Failure.Busy]). Nothing that a receiver
//	    answers is permanent: the policy says when to give up.
//	 2. Every request is signed with every secret that has not ended, over the bytes of the body, with the time of the
//	    attempt. Its webhook-id is [delivery.Batch.ID], the same at each attempt.
//	 3. No connection is made to an address that is not public, whatever a name resolves to and when, unless
//	    [Options.AllowPrivate] or [Options.Allow] says so. With [Options.Proxy] that is the proxy's to see to.
//	 4. Redirects are an error. Where the configuration has them followed, at most 5 are, each checked as an address
//	    of its own, only those that keep the request as it is (307, 308), and never from https to http. Headers of the
//	    configuration do not go to another host.
//	 5. Of an answer, at most 64 KiB of headers and of body are read, the body for at most 2 s. The first 512 bytes are kept,
//	    with what is not printable escaped.
//	 6. What [Kind.Public] gives, and errors, have no secret and no value of a header. Public's "[hidden]" and
//	    "hint" may be given to Check again: they stand for what was there before. A header's value goes with that to no
//	    other scheme, host or port than before.
//
// The body of one event is {"event":…,"eventStoreName":…,"eventStoreId":…,"subscriptionId":…}, the event being its whole
// line; of several it has "events", a list. A CloudEvent's source is /event-stores/STORE/streams/STREAM, its id the
// event's, its subject the stream; extensions are globalposition and streamposition (strings: CloudEvents' integers
// have 32 bits), correlationid, causationid, transactionid, and datahash where the payload has been erased. Several in
// structured format are a batch (application/cloudevents-batch+json); in binary format they go one after the other, each
// with the webhook-id of the batch, "+" and its position.
//
// All methods may be called from many goroutines. A kind has one pool of connections, for all its senders; it is closed
// with the last one of them.
//
// Errors of Check are INVALID_ARGUMENT and name the field. Errors of [Verifier.Verify] are [ErrHeaders], [ErrTime] and
// [ErrSignature].
//
// The signature does not cover headers: the attributes of a CloudEvent in binary format are as safe as the
// connection. Asymmetric signatures and CloudEvents' handshake by OPTIONS are not there.
//
// Specifications: Standard Webhooks 1.0.0; CloudEvents 1.0.2, its HTTP binding and its JSON format.
package webhook
