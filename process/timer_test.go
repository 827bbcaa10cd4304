package process_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
)

func TestATimerFiresByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		r := run(t, store, orders(), d, nil)
		waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
		time.Sleep(time.Hour - time.Second)
		equal(t, "a second before", d.done(), []string{"wallet:process_test.pay{0}"})
		time.Sleep(2 * time.Second)
		equal(t, "a second behind", d.done(), []string{"wallet:process_test.pay{0}", "1:process_test.cancel{unpaid}"})
		time.Sleep(10 * time.Hour)
		if len(d.done()) != 2 {
			t.Errorf("it fired again: %q", d.done())
		}
		stop(t, r)
	})
}

func TestACancelledTimerDoesNotFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		r := run(t, store, orders(), d, nil)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Minute)
		appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))
		time.Sleep(10 * time.Hour)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "depot:process_test.ship{1}"})
		stop(t, r)
	})
}

func TestTimersSurviveARestart(t *testing.T) {
	for _, blob := range []bool{true, false} {
		t.Run(fmt.Sprint("blob ", blob), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := open(t)
				d := newDesk()
				r := run(t, store, orders(), d, nil)
				waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
				stop(t, r)
				if !blob {
					forget(t, store)
				}
				time.Sleep(30 * time.Minute)
				r = run(t, store, orders(), d, nil)
				time.Sleep(29 * time.Minute)
				if len(d.done()) != 1 {
					t.Errorf("too early: %q", d.done())
				}
				time.Sleep(2 * time.Minute)
				equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "1:process_test.cancel{unpaid}"})
				stop(t, r)
			})
		})
	}
}

// forget deletes what a start need not read from the log.
func forget(t testing.TB, store *nacre.Store) {
	t.Helper()
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.DeleteBlob(t.Context(), "processes/orders.json"); err != nil {
		t.Fatal(err)
	}
}

// clocked is a store whose events are created when the test says.
func clocked(t *testing.T, now *time.Time) *nacre.Store {
	store := memstore.Open(&memstore.Options{Now: func() time.Time { return *now }})
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// at is a manager that notes what it reacts to, in order.
func at(log *[]string, after time.Duration) process.Manager[order] {
	m := orders()
	m.React = func(_ *order, e codec.Event[any], do *process.Effects) {
		*log = append(*log, do.Instance()+" "+e.Type)
		if e.Type == "order.placed" {
			do.After(after, "a")
			do.After(after, "b")
		}
		if e.Type == "order.shipped" {
			do.Cancel("a")
		}
	}
	m.Timeout = func(_ *order, timer string, do *process.Effects) {
		*log = append(*log, do.Instance()+" "+timer)
	}
	return m
}

func TestATimerFiresBeforeAnEventThatWasCreatedAfterIt(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := begun
	store := clocked(t, &now)
	add := func(after time.Duration, stream, typ string) {
		now = begun.Add(after)
		appendTo(t, store, stream, nacre.NewEvent(typ, map[string]int{}))
	}
	add(0, "order-1", "order.placed")
	add(time.Minute, "order-2", "order.placed")
	add(time.Hour, "order-1", "order.paid")                     // at the very time: before the timers
	add(time.Hour+time.Microsecond, "order-1", "order.shipped") // after them
	var log []string
	o := &process.Options{Clock: func() time.Time { return begun.Add(time.Hour + 2*time.Minute) }}
	catchUp(t, store, at(&log, time.Hour), newDesk(), o)
	equal(t, "order", log, []string{
		"1 order.placed", "2 order.placed", "1 order.paid", "1 a", "1 b", "1 order.shipped", "2 a", "2 b",
	})
}

func TestADowntimeChangesNothingAboutTheOrder(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	story := func(store *nacre.Store, now *time.Time, step func()) {
		for _, e := range []struct {
			after time.Duration
			typ   string
		}{
			{0, "order.placed"},
			{59 * time.Minute, "order.paid"},
			{61 * time.Minute, "order.shipped"},
		} {
			*now = begun.Add(e.after)
			step()
			appendTo(t, store, "order-1", nacre.NewEvent(e.typ, map[string]int{}))
			step()
		}
	}
	var live, late []string
	now := begun
	o := &process.Options{Clock: func() time.Time { return now }}
	store := clocked(t, &now)
	story(store, &now, func() { catchUp(t, store, at(&live, time.Hour), newDesk(), o) })
	store = clocked(t, &now)
	story(store, &now, func() {})
	now = begun.Add(100 * time.Hour)
	catchUp(t, store, at(&late, time.Hour), newDesk(), o)
	equal(t, "live", live, []string{"1 order.placed", "1 order.paid", "1 a", "1 b", "1 order.shipped"})
	equal(t, "after a downtime", late, live)
}

func TestATimerThatIsSetAgainIsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		m := orders()
		var fired []time.Duration
		begun := time.Now()
		m.React = func(_ *order, e codec.Event[any], do *process.Effects) { do.After(time.Hour, "wait") }
		m.Timeout = func(o *order, timer string, do *process.Effects) {
			fired = append(fired, do.Now().Sub(begun.UTC().Truncate(time.Microsecond)))
			if o.Cents++; o.Cents < 3 {
				do.After(time.Minute, "wait") // behind when it was due, not when that was noticed
				do.At(do.Now().Add(-time.Hour), "past")
				do.Cancel("past")
				do.Cancel("unknown")
			}
		}
		r := run(t, store, m, newDesk(), nil)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(30 * time.Minute)
		appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{})) // in place of the first
		time.Sleep(10 * time.Hour)
		stop(t, r)
		if want := []time.Duration{90 * time.Minute, 91 * time.Minute, 92 * time.Minute}; !slices.Equal(fired, want) {
			t.Errorf("fired at %v, not %v", fired, want)
		}
	})
}

func TestATimeThatHasPassedIsDueAtOnce(t *testing.T) {
	store := open(t)
	m := orders()
	m.React = func(_ *order, e codec.Event[any], do *process.Effects) { do.At(time.Unix(0, 0), "past") }
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	if s := catchUp(t, store, m, newDesk(), nil); s != (process.Summary{Reacted: 2, Dispatched: 1}) {
		t.Errorf("summary %+v", s)
	}
}

func TestDoneTakesTimersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		m := orders()
		react := m.React
		m.React = func(o *order, e codec.Event[any], do *process.Effects) {
			react(o, e, do)
			do.Done()
		}
		m.Timeout = func(*order, string, *process.Effects) { t.Error("a timer of an instance that has ended fired") }
		r := run(t, store, m, newDesk(), nil)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(10 * time.Hour)
		stop(t, r)
	})
}

func TestATimerWaitsForEventsThatAreYetToBeRead(t *testing.T) {
	// The payment came in time, but the manager comes to see it only after the timer was due: the reaction before it is
	// tried again for longer than that.
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		m := orders()
		react := m.React
		fails := 10
		m.React = func(o *order, e codec.Event[any], do *process.Effects) {
			if e.Type == "order.placed" && fails > 0 {
				fails--
				panic("not yet")
			}
			react(o, e, do)
		}
		o := &process.Options{MinDelay: time.Hour, MaxDelay: time.Hour, Attempts: 100, Logger: slog.New(slog.DiscardHandler)}
		r := run(t, store, m, d, o)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Second)
		appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))
		time.Sleep(12 * time.Hour)
		stop(t, r)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "depot:process_test.ship{1}"})
	})
}
