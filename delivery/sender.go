package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
)

// Kind is a way of sending events somewhere: webhooks, a broker, a file. Its methods may be called from many
// goroutines.
type Kind interface {
	// Name is what definitions call it: 1 to 32 characters of "a-z 0-9 -".
	Name() string
	// Check takes a configuration and gives it as it is to be stored: with what was left out, so that
	// it means the same for ever, and with what has to be made up once, a secret. before is the one that it
	// takes the place of, nil for a new subscription. What is wrong has CodeInvalid and names the field, from
	// "config" on, as in "config.url".
	Check(config, before json.RawMessage) (json.RawMessage, error)
	// Same tells whether two checked configurations send to the same place in the same way, so that a second
	// subscription would only send everything twice.
	Same(a, b json.RawMessage) bool
	// Public is a checked configuration without its secrets.
	Public(config json.RawMessage) json.RawMessage
	// Open makes a sender of a checked configuration. It must not wait for the other side.
	Open(config json.RawMessage) (Sender, error)
}

// Sender sends the events of one subscription.
type Sender interface {
	// Send sends a batch, its events in order, and returns when the other side has all of them; as often as
	// Batch.Attempt says it may have had them before. It returns soon after ctx ends, and owns the time-out of
	// an attempt. It may be called from as many goroutines as the subscription's policy says.
	//
	// An error is tried again as the policy says; a [*Failure] can say more. What the receipt tells is kept in
	// the list of deliveries, also beside an error.
	Send(ctx context.Context, b *Batch) (Receipt, error)
	// Close frees what the sender holds. No Send runs then.
	Close() error
}

// Batch is what is sent at once.
type Batch struct {
	// ID names the batch; it is the same at each attempt, also after the process has ended in between, for as long
	// as a batch is one event. Batches of several may be cut otherwise then: their events' ids tell.
	ID string
	// Store and Subscription are their names.
	Store, Subscription string
	// Attempt counts from 1.
	Attempt int
	// Events are in the log's order, at least one. They belong to nobody and are not to be changed.
	Events []nacre.Event
}

// Receipt is what the other side answered.
type Receipt struct {
	// Status is a number that says how it went, HTTP's where it was HTTP; 0 where there is none.
	Status int
	// Response is the start of the answer, for people.
	Response string
}

// Failure is why a batch was not taken, where there is more to say than that.
type Failure struct {
	// RetryAfter is for how long the batch should not be tried again, a day at most; 0 leaves it to the policy.
	RetryAfter time.Duration
	// Busy is a receiver that wants nothing at all for so long: nothing of the subscription is sent then. A pause and a
	// resume end that.
	Busy bool
	// Permanent is a batch that will never be taken: it is not tried again.
	Permanent bool
	// Gone is a receiver that wants nothing any more: the subscription is suspended, the batch not done.
	Gone bool
	Err  error
}

func (f *Failure) Error() string { return fmt.Sprint(f.Err) }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }
