package process_test

import (
	"fmt"
	"testing"

	"github.com/nacredb/nacre"
)

func TestAnEventLeadsToCommandsAndThoseToMore(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.then = func(s sent) {
		switch c := s.command.(type) {
		case pay:
			appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid(c)))
		case ship:
			appendTo(t, store, "order-"+c.Order, nacre.NewEvent("order.shipped", shipped{}))
		}
	}
	r := run(t, store, orders(), d, nil)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 7}))
	waitFor(t, r, 3)
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{7}", "depot:process_test.ship{1}"})
	if s := r.Status(); s.State != "RUNNING" || s.Position != 3 || s.Lag() != 0 || s.Pending != 0 {
		t.Errorf("status %+v", s)
	}
	stop(t, r)
	for e, err := range store.System().Read(t.Context(), nil, nil) {
		fmt.Println(e.GlobalPosition, e.StreamID, e.Type, string(e.Data), err)
	}
}
