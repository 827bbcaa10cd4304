package process_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/process"
)

// What went wrong with process managers in eventfold-es, each as a test that passes here.

func TestEventfoldOneManagersReadErrorDropsAnothersCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		bad := &atomic.Bool{}
		bad.Store(true)
		over := nacre.NewStore(&moody{kept: store.Driver().(kept), bad: bad, system: store.System().Driver()}, nil)
		broken, whole := newDesk(), newDesk()
		one, other := orders(), orders()
		one.Name, other.Name = "broken", "whole"
		o := silent()
		o.MinDelay, o.MaxDelay = 0, 0
		r := run(t, store, other, whole, o)
		b := run(t, over, one, broken, o) // reads nothing
		for i := range 10 {
			appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{Cents: int64(i)}))
		}
		waitFor(t, r, 10)
		if len(whole.done()) != 10 || len(broken.done()) != 0 {
			t.Errorf("commands %q and %q", whole.done(), broken.done())
		}
		bad.Store(false) // and what the broken one missed, it does
		waitFor(t, b, 10)
		if len(whole.done()) != 10 || len(broken.done()) != 10 {
			t.Errorf("commands %q and %q", whole.done(), broken.done())
		}
		stop(t, r)
		stop(t, b)
	})
}

func TestEventfoldACheckpointSavedMidDispatchLosesCommands(t *testing.T) {
	store := open(t)
	d := newDesk()
	reached := make(chan struct{}, 10)
	d.before = func(ctx context.Context, _ sent) error {
		reached <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	for i := range 10 {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{Cents: int64(i)}))
	}
	r := run(t, store, orders(), d, nil)
	for range 10 { // all are on their way, the checkpoint stands behind them, and none has arrived
		<-reached
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = r.Stop(short) // is cut off
	<-r.Done()
	if len(d.done()) != 0 {
		t.Fatalf("commands %q", d.done())
	}
	d.before = nil
	catchUp(t, store, orders(), d, nil)
	if len(d.done()) != 10 {
		t.Errorf("commands %q", d.done())
	}
}

func TestEventfoldRandomIDsMakeRedeliveryDoubleCommands(t *testing.T) {
	// The manager forgets everything that it ever wrote, and reacts to the same events again: the ids are the same.
	log := open(t)
	var first map[string]bool
	for range 2 {
		memory := open(t)
		d := newDesk()
		if first == nil {
			for i := range 10 {
				appendTo(t, log, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{Cents: int64(i)}))
			}
		}
		over := nacre.NewStore(&grafted{kept: log.Driver().(kept), blobs: memory.Driver().(nacre.BlobKeeper), system: memory.System().Driver()}, nil)
		catchUp(t, over, orders(), d, nil)
		ids := map[string]bool{}
		for _, s := range d.did {
			ids[s.about.CommandID] = true
		}
		if first == nil {
			first = ids
		}
		if len(ids) != 10 || fmt.Sprint(keys(ids)) != fmt.Sprint(keys(first)) {
			t.Errorf("ids %q, and %q the first time", keys(ids), keys(first))
		}
	}
}

func TestEventfoldDeadLettersCannotBeTriedAgain(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return errWeather }
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	catchUp(t, store, orders(), d, silent())
	d.fail = nil
	r := run(t, store, orders(), d, nil) // another process
	if err := r.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	settledSoon(t, r)
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}"})
}

func TestEventfoldAFailedCommandIsLostWithoutARetry(t *testing.T) {
	store := open(t)
	d := newDesk()
	n := 0
	d.fail = func(sent) error {
		if n++; n < 5 {
			return errWeather
		}
		return nil
	}
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	if s := catchUp(t, store, orders(), d, silent()); s != (process.Summary{Reacted: 1, Dispatched: 1}) || n != 5 {
		t.Errorf("summary %+v after %d attempts", s, n)
	}
}

func TestEventfoldAnUndecodableEventIsSilentlySkipped(t *testing.T) {
	store := open(t)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", []int{1}))
	catchUp(t, store, orders(), newDesk(), silent())
	if list := mustLetters(t, store); len(list) != 1 || list[0].Error.Code != codec.CodeUndecodable || list[0].Position != 1 {
		t.Errorf("dead letters %+v", list)
	}
}

func TestEventfoldManagersSeeStreamsOutOfOrder(t *testing.T) {
	// z a z b a was seen as a a b z z.
	store := open(t)
	var seen []string
	m := orders()
	m.React = func(_ *order, _ codec.Event[any], do *process.Effects) { seen = append(seen, do.Instance()) }
	for _, stream := range []string{"z", "a", "z", "b", "a"} {
		appendTo(t, store, "order-"+stream, nacre.NewEvent("order.placed", placed{}))
	}
	catchUp(t, store, m, newDesk(), nil)
	equal(t, "order", seen, []string{"z", "a", "z", "b", "a"})
}

func TestEventfoldContextIsLostOnTheWay(t *testing.T) {
	store := open(t)
	d := newDesk()
	e := nacre.NewEvent("order.placed", placed{}).WithMetadata(map[string]string{"actor": "ann", "correlationId": "c", "sourceDevice": "phone"})
	appendTo(t, store, "order-1", e)
	catchUp(t, store, orders(), d, nil)
	if about := d.did[0].about; about.Actor != "ann" || about.CorrelationID != "c" || about.SourceDevice != "phone" {
		t.Errorf("the command came with %+v", about)
	}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
