package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// What a runner can be ordered to do.
const (
	Pause   = "pause"
	Resume  = "resume"
	Reset   = "reset"   // forget what was derived, and begin from the start
	Remake  = "rebuild" // the same beside the running one, which goes on until the new one is there
	Retry   = "retry"   // a dead letter, or all
	Discard = "discard" // a dead letter, or all
)

var orders = map[string][]string{
	Projection: {Pause, Resume, Reset, Remake, Retry, Discard},
	Process:    {Pause, Resume, Retry, Discard},
}

// Order is what somebody wants of a runner.
type Order struct {
	Do     string         `json:"do"`
	Letter string         `json:"letter,omitempty"` // of retry and discard; "" is all
	By     string         `json:"by,omitempty"`
	At     time.Time      `json:"at,omitzero"`
	Place  nacre.Position `json:"-"` // in the companion log
}

// Give appends an order. A runner that never ran is CodeNotFound; an order that its kind does not take, or a
// letter that is not open, is CodeInvalid or CodeNotFound.
func Give(ctx context.Context, store *nacre.Store, id ID, o Order) (Order, error) {
	if _, err := Get(ctx, store, id); err != nil {
		return Order{}, err
	}
	if !slices.Contains(orders[id.Kind], o.Do) {
		return Order{}, invalid("do", fmt.Sprintf("a %s takes %v, not %q", id.Kind, orders[id.Kind], o.Do))
	}
	if o.Letter != "" {
		if o.Do != Retry && o.Do != Discard {
			return Order{}, invalid("letter", fmt.Sprintf("names a dead letter, which %s has nothing to do with", o.Do))
		}
		if _, err := GetLetter(ctx, store, id, o.Letter); err != nil {
			return Order{}, err
		}
	}
	if o.At.IsZero() {
		o.At = time.Now()
	}
	o.At = o.At.UTC().Truncate(time.Microsecond)
	done, err := store.System().Append(ctx, id.orderStream(), nacre.Any, nacre.NewEvent(typeOrdered, o))
	if err != nil {
		return Order{}, err
	}
	o.Place = done.Position()
	return o, nil
}

// follow hands out the orders behind a position, until ctx ends or to takes no more.
func followOrders(ctx context.Context, system *nacre.Store, id ID, after nacre.Position, to chan<- Order) error {
	f := nacre.Filter{{Streams: []nacre.StreamID{id.orderStream()}}}
	for e, err := range system.Subscribe(ctx, f, &nacre.SubscribeOptions{After: after}) {
		if err != nil {
			return err
		}
		var o Order
		if err := json.Unmarshal(e.Data, &o); err != nil {
			o = Order{Do: "unreadable"} // the runner does not know it, and says so
		}
		o.Place = e.GlobalPosition
		select {
		case to <- o:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
