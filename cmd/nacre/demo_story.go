package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// The crowd: so many writers place so many orders.
const (
	writers = 64
	orders  = 5000
)

// show is the life of an order, an idea a line.
func (d *demo) show(ctx context.Context) error {
	const order, payment nacre.StreamID = "order-1001", "payment-77"
	s := d.store

	// An event in a stream that must not be there yet.
	placed := nacre.NewEvent("order.placed", json.RawMessage(`{"customer":"ann","total":99.99}`)).WithTags("customer:ann")
	first, err := s.Append(ctx, order, nacre.NoStream, placed)
	if err != nil {
		return err
	}
	d.page.events(first.Events)

	// Two streams, both or neither.
	both, err := s.Commit(ctx, nil,
		nacre.Append{Stream: payment, Expected: nacre.NoStream, Events: []nacre.Event{
			nacre.NewEvent("payment.taken", json.RawMessage(`{"order":"order-1001","amount":99.99}`)),
		}},
		nacre.Append{Stream: order, Expected: nacre.Exactly(0), Events: []nacre.Event{
			nacre.NewEvent("order.paid", json.RawMessage(`{"payment":"payment-77"}`)),
		}})
	if err != nil {
		return err
	}
	d.page.batch(both[0].Events[0], both[1].Events[0])

	shipped := nacre.NewEvent("order.shipped", json.RawMessage(`{"tracking":"TRK123"}`)).WithID("shipment-TRK123")
	third, err := s.Append(ctx, order, nacre.Exactly(1), shipped)
	if err != nil {
		return err
	}
	d.page.events(third.Events)

	if err := d.showRefusals(ctx, order, shipped); err != nil {
		return err
	}
	if err := d.showFolds(ctx, order); err != nil {
		return err
	}
	return d.showCrowd(ctx)
}

// showRefusals shows what is refused, and what is only answered. Nothing of it may be written.
func (d *demo) showRefusals(ctx context.Context, order nacre.StreamID, shipped nacre.Event) error {
	s := d.store
	before, err := s.Head(ctx)
	if err != nil {
		return err
	}

	// Whoever decided on old news is told.
	_, err = s.Append(ctx, order, nacre.Exactly(1), nacre.NewEvent("order.cancelled", struct{}{}))
	stale, ok := errors.AsType[*nacre.ConflictError](err)
	if !ok {
		return unexpected("a stale writer was not refused", err)
	}
	d.page.refused(wire.Status(stale.ErrorCode()), string(order),
		fmt.Sprintf("a stale writer expected version %s, it is %d: refused, nothing written", stale.Expected, stale.Current))

	// A rule that no single stream can keep.
	_, err = s.Commit(ctx,
		&nacre.Condition{FailIfEventsMatch: nacre.Filter{{Types: []string{"order.placed"}, Tags: []string{"customer:ann"}}}},
		nacre.Append{Stream: "order-1002", Events: []nacre.Event{nacre.NewEvent("order.placed", struct{}{})}})
	rule, ok := errors.AsType[*nacre.ConditionError](err)
	if !ok || len(rule.Positions) != 1 {
		return unexpected("an append condition did not hold", err)
	}
	d.page.refused(wire.Status(rule.ErrorCode()), "order-1002",
		fmt.Sprintf("only if customer:ann has no order yet, and position %d is one: refused", rule.Positions[0]))

	// Whoever did not hear the answer asks again.
	again, err := s.Append(ctx, order, nacre.Exactly(1), shipped)
	if err != nil || !again.Duplicate {
		return unexpected("an event id that is there was not recognised", err)
	}
	after, err := s.Head(ctx)
	if err != nil {
		return err
	}
	if after != before {
		return unexpected("something was written", fmt.Errorf("the log went from position %d to %d", before.Position, after.Position))
	}
	d.page.row("same", string(order), "the same eventId again: first answer, nothing written")
	return nil
}

// orderState is what the events of an order come to.
type orderState struct {
	Status string  `json:"status"`
	Total  float64 `json:"total"`
}

// evolve is the whole fold.
func (o *orderState) evolve(e *nacre.Event) error {
	switch e.Type {
	case "order.placed":
		o.Status = "placed"
		return json.Unmarshal(e.Data, o)
	case "order.paid":
		o.Status = "paid"
	case "order.shipped":
		o.Status = "shipped"
	}
	return nil
}

// fold gives the state of an order before a position; 0 is now.
func (d *demo) fold(ctx context.Context, order nacre.StreamID, before nacre.Position) (string, error) {
	var state orderState
	for e, err := range d.store.ReadStream(ctx, order, &nacre.ReadOptions{Before: before}) {
		if err == nil {
			err = state.evolve(&e)
		}
		if err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(state)
	return string(text), err
}

// showFolds shows that state is a fold, of any moment.
func (d *demo) showFolds(ctx context.Context, order nacre.StreamID) error {
	now, err := d.fold(ctx, order, 0)
	if err != nil {
		return err
	}
	d.page.row("fold", string(order), now)
	const moment = 2
	then, err := d.fold(ctx, order, moment+1)
	if err != nil {
		return err
	}
	d.page.row("as of", fmt.Sprintf("position %d", moment), then)
	return nil
}

// showCrowd has many write at once, and measures it.
func (d *demo) showCrowd(ctx context.Context) error {
	before, err := d.store.Stats(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := d.crowd(ctx); err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := d.store.Stats(ctx)
	if err != nil {
		return err
	}
	if wrote := after.Events - before.Events; wrote != crowdEvents {
		return unexpected("events are missing", fmt.Errorf("%d of %d are there", wrote, crowdEvents))
	}
	d.page.crowd(after.Events, took, after.Syncs-before.Syncs)
	return nil
}

// crowdEvents is what the crowd appends: every order is placed and paid, and eleven of 25 are shipped.
const crowdEvents = orders*3 + orders/25*11

// crowd is the writers, each with one append under way.
func (d *demo) crowd(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := next.Add(1); n <= orders; n = next.Add(1) {
				if err := d.oneOrder(ctx, n); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// oneOrder is the life of one order of the crowd.
func (d *demo) oneOrder(ctx context.Context, n int64) error {
	order := nacre.StreamID(fmt.Sprintf("order-%d", 2000+n))
	payment := nacre.StreamID(fmt.Sprintf("payment-%d", 2000+n))
	amount := fmt.Sprintf("%d.%02d", 5+n*7%200, n*13%100)
	event := func(eventType, format string, args ...any) []nacre.Event {
		return []nacre.Event{nacre.NewEvent(eventType, json.RawMessage(fmt.Sprintf(format, args...)))}
	}
	_, err := d.store.Append(ctx, order, nacre.NoStream, event("order.placed", `{"customer":"c%d","total":%s}`, n%500, amount)...)
	if err != nil {
		return err
	}
	_, err = d.store.Commit(ctx, nil,
		nacre.Append{Stream: payment, Expected: nacre.NoStream, Events: event("payment.taken", `{"order":%q,"amount":%s}`, order, amount)},
		nacre.Append{Stream: order, Expected: nacre.Exactly(0), Events: event("order.paid", `{"payment":%q}`, payment)})
	if err != nil || n%25 >= 11 {
		return err
	}
	_, err = d.store.Append(ctx, order, nacre.Exactly(1), event("order.shipped", `{"tracking":"TRK%d"}`, n)...)
	return err
}
