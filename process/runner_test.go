package process_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
)

var ordersID = runner.ID{Kind: runner.Process, Name: "orders"}

// statusIn is what others see of the runner.
func statusIn(t *testing.T, store *nacre.Store) runner.Status {
	t.Helper()
	s, err := runner.Get(t.Context(), store, ordersID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPauseHoldsEverythingAndOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		r := run(t, store, orders(), d, nil)
		waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
		if err := r.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := r.Status(); s.State != process.Paused || statusIn(t, store).State != runner.Paused {
			t.Errorf("status %+v", s)
		}
		appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(2 * time.Hour) // the timer, too
		if len(d.done()) != 1 {
			t.Errorf("commands %q", d.done())
		}
		stop(t, r)
		if s := statusIn(t, store); s.State != runner.Paused {
			t.Errorf("status %+v", s)
		}
		if _, err := process.CatchUp(t.Context(), store, orders(), d, nil); nacre.CodeOf(err) != process.CodePaused {
			t.Errorf("catching up: %v", err)
		}
		r = run(t, store, orders(), d, nil)
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.Paused || len(d.done()) != 1 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, r, 2)
		time.Sleep(time.Second)
		did := d.done()
		slices.Sort(did)
		equal(t, "commands", did, []string{
			"1:process_test.cancel{unpaid}", "2:process_test.cancel{unpaid}", "wallet:process_test.pay{0}", "wallet:process_test.pay{0}",
		})
		if s := r.Status(); s.State != process.Running || statusIn(t, store).State != runner.Running {
			t.Errorf("status %+v", s)
		}
		stop(t, r)
	})
}

func TestOrdersComeFromAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		r := run(t, store, orders(), newDesk(), nil)
		for _, o := range []runner.Order{{Do: runner.Pause}, {Do: runner.Resume}, {Do: runner.Retry}, {Do: runner.Discard}} {
			given, err := runner.Give(t.Context(), store, ordersID, o)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if last := statusIn(t, store).LastOrder; last == nil || last.Order != given.Place || last.Failure != nil {
				t.Errorf("%s: %+v", o.Do, last)
			}
		}
		// One that a later program may know.
		odd := nacre.NewEvent("runner.ordered", runner.Order{Do: "dance"})
		if _, err := store.System().Append(t.Context(), "order-process.orders", nacre.Any, odd); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if last := statusIn(t, store).LastOrder; last == nil || last.Failure == nil || !strings.Contains(last.Failure.Message, "dance") {
			t.Errorf("dance: %+v", last)
		}
		stop(t, r)
	})
}

func TestTheStatusIsWrittenNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		d.fail = func(s sent) error {
			if s.to == "wallet" {
				return nacre.Errorf(nacre.CodeInvalid, "no use")
			}
			return nil
		}
		r := run(t, store, orders(), d, silent())
		for i := range 10 {
			appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{}))
		}
		appendTo(t, store, "other-1", nacre.NewEvent("other", 1))
		time.Sleep(6 * time.Second)
		s := statusIn(t, store)
		if s.State != runner.Running || s.Position != 11 || s.Head != 11 || s.Lag != 0 || s.DeadLetters != 10 || !s.Held {
			t.Errorf("status %+v", s)
		}
		stop(t, r)
		if s := statusIn(t, store); s.State != runner.Stopped || s.Position != 11 || s.DeadLetters != 10 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestASecondStartIsRefused(t *testing.T) {
	store := open(t)
	r := run(t, store, orders(), newDesk(), nil)
	if _, err := process.Start(t.Context(), store, orders(), newDesk(), nil); nacre.CodeOf(err) != process.CodeAlreadyRunning {
		t.Errorf("got %v", err)
	}
	if _, err := process.CatchUp(t.Context(), store, orders(), newDesk(), nil); nacre.CodeOf(err) != process.CodeAlreadyRunning {
		t.Errorf("catching up: %v", err)
	}
	other := orders()
	other.Name = "others"
	stop(t, run(t, store, other, newDesk(), nil))
	stop(t, r)
	stop(t, run(t, store, orders(), newDesk(), nil))
}

// elsewhere is another machine's process that runs the manager: its lease, and its heartbeats until ctx ends.
func elsewhere(ctx context.Context, t *testing.T, store *nacre.Store, term int) {
	t.Helper()
	e := nacre.NewEvent("runner.started", map[string]any{
		"term": term, "token": fmt.Sprint("elsewhere", term), "host": "another.example", "pid": os.Getpid(), "lease": 15, "startedAt": time.Now(),
	})
	if _, err := store.System().Append(ctx, "runner-process.orders", nacre.Any, e); err != nil {
		t.Fatal(err)
	}
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for beat := 0; ctx.Err() == nil; beat++ {
			text := fmt.Sprintf(`{"term":%d,"beat":%d,"position":%d}`, term, beat, beat)
			if err := blobs.PutBlob(ctx, "runners/process/orders.json", []byte(text)); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Second)
		}
	}()
}

func TestAStandByTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		ctx, die := context.WithCancel(t.Context())
		elsewhere(ctx, t, store, 1)
		if _, err := process.Start(t.Context(), store, orders(), d, &process.Options{NoWait: true}); nacre.CodeOf(err) != process.CodeHeld {
			t.Errorf("without waiting: %v", err)
		}
		r := run(t, store, orders(), d, nil)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.StandingBy || len(d.done()) != 0 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		waitFor(t, r, 12) // the other one is there, as its status says
		if len(d.done()) != 0 {
			t.Errorf("commands %q", d.done())
		}
		die()
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.Running || len(d.done()) != 1 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		stop(t, r)
		time.Sleep(10 * time.Second)
	})
}

func TestAStandByCanBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		ctx, die := context.WithCancel(t.Context())
		elsewhere(ctx, t, store, 1)
		r := run(t, store, orders(), newDesk(), nil)
		time.Sleep(time.Second)
		stop(t, r)
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		die()
		time.Sleep(10 * time.Second)
	})
}

func TestALostLeaseIsGivenWayTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		r := run(t, store, orders(), d, silent())
		waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
		ctx, die := context.WithCancel(t.Context())
		elsewhere(ctx, t, store, 2)
		time.Sleep(10 * time.Second) // a heartbeat finds it
		appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(10 * time.Second)
		if s := r.Status(); s.State != process.StandingBy || len(d.done()) != 1 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		die()
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.Running || len(d.done()) != 2 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		stop(t, r)
	})
}

// moody is a driver whose reads fail as long as it says.
type moody struct {
	kept
	bad    *atomic.Bool
	system nacre.Driver
}

func (d *moody) System() nacre.Driver { return d.system }
func (d *moody) Close() error         { return nil }

func (d *moody) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		if d.bad.Load() {
			yield(nacre.Event{}, nacre.Errorf(nacre.CodeDamaged, "as told"))
			return
		}
		d.kept.Read(ctx, f, o)(yield)
	}
}

func TestAStoreThatFailsIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		bad := &atomic.Bool{}
		over := nacre.NewStore(&moody{kept: store.Driver().(kept), bad: bad, system: store.System().Driver()}, nil)
		o := silent()
		o.MinDelay, o.MaxDelay = 0, 0
		r := run(t, over, orders(), d, o)
		waitFor(t, r, appendTo(t, over, "order-1", nacre.NewEvent("order.placed", placed{})))
		bad.Store(true)
		appendTo(t, over, "order-2", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Second)
		if s := r.Status(); s.State != process.Failed || nacre.CodeOf(s.Err) != nacre.CodeDamaged {
			t.Errorf("status %+v", s)
		}
		if s := statusIn(t, store); s.State != runner.Failed || s.Failure == nil || s.Failure.Code != nacre.CodeDamaged {
			t.Errorf("status %+v", s)
		}
		time.Sleep(time.Hour)
		if version, err := store.System().Version(t.Context(), "runner-process.orders"); err != nil || version > 10 {
			t.Errorf("an hour of failures wrote %d events (%v)", version+1, err)
		}
		bad.Store(false)
		waitFor(t, r, 2)
		synctest.Wait()
		if s := r.Status(); s.State != process.Running || s.Err != nil || len(d.done()) < 2 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		stop(t, r)
	})
}

func TestAStoreThatIsClosedEndsTheRunner(t *testing.T) {
	store := open(t)
	r := run(t, store, orders(), newDesk(), silent())
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	if nacre.CodeOf(r.Err()) != nacre.CodeClosed || r.Status().State != process.Failed {
		t.Errorf("ended with %v, %+v", r.Err(), r.Status())
	}
	if err := r.WaitFor(t.Context(), 1); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("waiting: %v", err)
	}
}

func TestALogThatWasCutIsGoneOnWith(t *testing.T) {
	// The companion log knows six events; of the log, as it is after a restore, only some are left, and others came.
	for name, c := range map[string]struct {
		kept, fresh int
		reacted     int64
		calls       int
	}{
		"all are there, of another epoch": {6, 0, 0, 0},
		"the last ones are gone":          {3, 0, 0, 0},
		"others stand in their place":     {3, 5, 5, 5},
		"nothing is left":                 {0, 0, 0, 0},
		"nothing of it is left":           {0, 8, 8, 8},
	} {
		t.Run(name, func(t *testing.T) {
			before := open(t)
			var events []nacre.Event
			o := silent()
			d := newDesk()
			for i := range 6 {
				events = append(events, nacre.NewEvent("order.placed", placed{Cents: int64(i)}).WithID(fmt.Sprint("old", i)))
				appendTo(t, before, fmt.Sprint("order-", i), events[i])
				catchUp(t, before, orders(), d, o) // a commit each
			}
			after := open(t)
			for i := range c.kept {
				appendTo(t, after, fmt.Sprint("order-", i), events[i])
			}
			for i := range c.fresh {
				appendTo(t, after, fmt.Sprint("order-new", i), nacre.NewEvent("order.placed", placed{Cents: 100}))
			}
			cut := nacre.NewStore(&grafted{kept: after.Driver().(kept), blobs: before.Driver().(nacre.BlobKeeper), system: before.System().Driver()}, nil)
			fresh := newDesk()
			s := catchUp(t, cut, orders(), fresh, o)
			if s.Reacted != c.reacted || fresh.calls != c.calls || s.DeadLettered != 0 {
				t.Errorf("summary %+v, commands %q", s, fresh.done())
			}
			if s := catchUp(t, cut, orders(), fresh, o); s != (process.Summary{}) {
				t.Errorf("once more: %+v", s)
			}
		})
	}
}

func TestEventsThatAreKnownAreNotReactedToTwiceAfterACut(t *testing.T) {
	// One commit took six events; the log was cut behind the fourth. No commit ends there, so that all are read again.
	before := open(t)
	d := newDesk()
	var events []nacre.Event
	for i := range 6 {
		events = append(events, nacre.NewEvent("order.placed", placed{Cents: int64(i)}).WithID(fmt.Sprint("old", i)))
		appendTo(t, before, fmt.Sprint("order-", i/2), events[i])
	}
	catchUp(t, before, orders(), d, nil)
	after := open(t)
	for i := range 4 {
		appendTo(t, after, fmt.Sprint("order-", i/2), events[i])
	}
	appendTo(t, after, "order-7", nacre.NewEvent("order.placed", placed{Cents: 7}))
	cut := nacre.NewStore(&grafted{kept: after.Driver().(kept), blobs: before.Driver().(nacre.BlobKeeper), system: before.System().Driver()}, nil)
	fresh := newDesk()
	catchUp(t, cut, orders(), fresh, silent())
	equal(t, "commands", fresh.done(), []string{"wallet:process_test.pay{7}"})
}

func TestNewEventsAreReactedToAfterACut(t *testing.T) {
	cut := func(before, after *nacre.Store) *nacre.Store {
		return nacre.NewStore(&grafted{kept: after.Driver().(kept), blobs: before.Driver().(nacre.BlobKeeper), system: before.System().Driver()}, nil)
	}
	t.Run("where the event stood that began the instance", func(t *testing.T) {
		before, after := open(t), open(t)
		appendTo(t, before, "order-1", nacre.NewEvent("order.placed", placed{}))
		catchUp(t, before, orders(), newDesk(), silent())
		appendTo(t, after, "order-1", nacre.NewEvent("order.paid", paid{}))
		d := newDesk()
		catchUp(t, cut(before, after), orders(), d, silent())
		equal(t, "commands", d.done(), []string{"depot:process_test.ship{1}"})
	})
	t.Run("all that an event decodes to", func(t *testing.T) {
		m := orders()
		m.Codec = &codec.Options{Upcast: map[string]codec.Upcaster{"order.bought": func(nacre.Event) ([]nacre.Event, error) {
			return []nacre.Event{nacre.NewEvent("order.placed", placed{Cents: 5}), nacre.NewEvent("order.paid", paid{})}, nil
		}}}
		before, after := open(t), open(t)
		for i := range 3 {
			appendTo(t, before, fmt.Sprint("order-old", i), nacre.NewEvent("order.placed", placed{}))
		}
		catchUp(t, before, m, newDesk(), silent())
		appendTo(t, after, "order-1", nacre.NewEvent("order.bought", placed{}))
		d := newDesk()
		catchUp(t, cut(before, after), m, d, silent())
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{5}", "depot:process_test.ship{1}"})
	})
}

// grafted is a log with another one's companion.
type grafted struct {
	kept
	blobs  nacre.BlobKeeper
	system nacre.Driver
}

func (d *grafted) System() nacre.Driver { return d.system }
func (d *grafted) Close() error         { return nil }
func (d *grafted) PutBlob(ctx context.Context, key string, data []byte) error {
	return d.blobs.PutBlob(ctx, key, data)
}

func (d *grafted) GetBlob(ctx context.Context, key string) ([]byte, error) {
	return d.blobs.GetBlob(ctx, key)
}

func TestWhatIsTooLargeIsGivenUpAlone(t *testing.T) {
	store := open(t)
	d := newDesk()
	m := orders()
	react := m.React
	m.React = func(o *order, e codec.Event[any], do *process.Effects) {
		react(o, e, do)
		if do.Instance() == "13" {
			o.Steps = append(o.Steps, strings.Repeat("x", 2<<20))
		}
	}
	for i := range 20 {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{}))
	}
	if s := catchUp(t, store, m, d, silent()); s.Reacted != 19 || s.Dispatched != 19 || s.DeadLettered != 1 {
		t.Errorf("summary %+v", s)
	}
	list := mustLetters(t, store)
	if len(list) != 1 || list[0].Stream != "order-13" || list[0].Error.Code != nacre.CodeTooLarge {
		t.Errorf("dead letters %+v", list)
	}
}

func TestSmallLimitsOfTheStoreAreKeptWithin(t *testing.T) {
	store := memstore.Open(&memstore.Options{Limits: &nacre.Limits{BatchEvents: 5, BatchBytes: 4000}})
	t.Cleanup(func() { _ = store.Close() })
	d := newDesk()
	for i := range 40 {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{}))
	}
	if s := catchUp(t, store, orders(), d, silent()); s != (process.Summary{Reacted: 40, Dispatched: 40}) {
		t.Errorf("summary %+v", s)
	}
	if s := catchUp(t, store, orders(), d, silent()); s != (process.Summary{}) {
		t.Errorf("once more: %+v", s)
	}
}

func TestABusyInstanceWaitsForItsCommands(t *testing.T) {
	store := open(t)
	d := newDesk()
	gate := make(chan struct{})
	d.before = func(ctx context.Context, s sent) error {
		if s.to == "slow" {
			<-gate
		}
		return nil
	}
	m := orders()
	m.React = func(_ *order, e codec.Event[any], do *process.Effects) {
		to := "quick"
		if do.Instance() == "1" {
			to = "slow"
		}
		do.Send(to, pay{Cents: e.StreamPosition})
	}
	r := run(t, store, m, d, nil)
	const n = 400
	for i := range n {
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		if i%100 == 0 {
			appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
		}
	}
	for len(d.done()) < 4 {
		time.Sleep(time.Millisecond)
	}
	version, err := store.System().Version(t.Context(), "instance-orders/1")
	if err != nil || version > 100 {
		t.Errorf("the instance has %d records, and none of its commands is dispatched (%v)", version+1, err)
	}
	close(gate)
	waitFor(t, r, n+4)
	next := int64(0)
	for _, s := range d.did {
		if s.to == "slow" {
			if c := s.command.(pay); c.Cents != next {
				t.Fatalf("command %d came as number %d", c.Cents, next)
			}
			next++
		}
	}
	if next != n {
		t.Errorf("%d commands", next)
	}
}

func TestManagersDoNotTouchEachOther(t *testing.T) {
	// Two managers share nothing but the store: many at once are no different from one.
	store := open(t)
	var wg sync.WaitGroup
	desks := make([]*desk, 8)
	for i := range desks {
		desks[i] = newDesk()
		m := orders()
		m.Name = fmt.Sprint("orders", i)
		r := run(t, store, m, desks[i], nil)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := r.WaitFor(ctx, 100); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 100 {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{Cents: int64(i)}))
	}
	wg.Wait()
	for i, d := range desks {
		if len(d.done()) != 100 {
			t.Errorf("manager %d sent %d commands", i, len(d.done()))
		}
		for _, s := range d.did {
			if !strings.HasPrefix(s.about.CommandID, fmt.Sprintf("process:orders%d:", i)) {
				t.Errorf("manager %d sent %q", i, s.about.CommandID)
			}
		}
	}
}
