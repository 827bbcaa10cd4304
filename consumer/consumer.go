package consumer

import (
	"context"
	"time"

	"github.com/nacredb/nacre"
)

// Group is a consumer group: a subscription whose events are shared by whoever asks for them. A hub in this process
// and a client of a server have it.
type Group interface {
	// Poll gives events to work at. It waits until there are some, for Request.Wait at most, and gives none then.
	Poll(ctx context.Context, r Request) ([]Delivery, error)
	// Ack tells what became of deliveries. Those that are not the caller's any more, since their time was over or the
	// hub was opened anew, are told: their events come again.
	Ack(ctx context.Context, r Answer) (Outcome, error)
}

// Leaver is a group that can be told that a consumer goes, so that others get what it held at once.
type Leaver interface {
	Leave(ctx context.Context, consumer string) error
}

// Request asks for events.
type Request struct {
	// Consumer is who asks: 1 to 64 characters of "a-z A-Z 0-9 . _ -", one name for each.
	Consumer string
	// Max is the most events to give, 1 to 1,000; 0 is 1.
	Max int
	// Wait is how long to wait where there are none, a minute at most.
	Wait time.Duration
}

// Delivery is an event to work at.
type Delivery struct {
	// ID is what Ack names. It is another one at each attempt.
	ID string `json:"deliveryId"`
	// Attempt counts from 1.
	Attempt int         `json:"attempt"`
	Event   nacre.Event `json:"event"`
}

// Action is what to do with an event that was not worked off.
type Action string

// The actions.
const (
	Retry Action = "retry" // give it again, after a while
	Park  Action = "park"  // put it with the dead letters
	Skip  Action = "skip"  // it counts as done
)

// Nack says that an event was not worked off.
type Nack struct {
	ID     string
	Action Action // "" is Retry
	// After is how long not to give it again, an hour at most.
	After time.Duration
	// Reason is for people: it stands with the dead letter.
	Reason string
}

// Answer is what became of deliveries.
type Answer struct {
	Consumer string
	Ack      []string // the ids of those that are done
	Nack     []Nack
}

// Outcome is what an answer came to.
type Outcome struct {
	Done    int      // how many were taken
	Unknown []string // ids that are nobody's any more
}
