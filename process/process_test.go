package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/process"
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
	if s := r.Status(); s.State != process.Running || s.Position != 3 || s.Lag() != 0 || s.Pending != 0 {
		t.Errorf("status %+v", s)
	}
	stop(t, r)
	if s := r.Status(); s.State != process.Stopped {
		t.Errorf("status %+v", s)
	}
}

func TestEventsWithoutAnInstanceArePassedOver(t *testing.T) {
	store := open(t)
	d := newDesk()
	appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))   // begins nothing
	appendTo(t, store, "order", nacre.NewEvent("order.placed", placed{})) // is nobody's
	appendTo(t, store, "other-1", nacre.NewEvent("other", 1))
	if s := catchUp(t, store, orders(), d, nil); s != (process.Summary{}) {
		t.Errorf("summary %+v", s)
	}
	for e, err := range store.System().Read(t.Context(), nacre.Filter{{Categories: []string{"instance"}}}, nil) {
		t.Errorf("a record of nobody: %v, %v", e, err)
	}
}

func TestAnEndedInstancePassesEventsOverUntilItIsBegunAnew(t *testing.T) {
	store := open(t)
	d := newDesk()
	m := orders()
	m.Timeout = nil
	var seen []string
	m.React = func(o *order, e codec.Event[any], do *process.Effects) {
		o.Steps = append(o.Steps, e.Type)
		seen = append(seen, strings.Join(o.Steps, " "))
		if _, ended := e.Data.(shipped); ended {
			do.Done()
		}
	}
	for _, typ := range []string{"order.placed", "order.shipped", "order.paid", "order.placed", "order.paid"} {
		appendTo(t, store, "order-1", nacre.NewEvent(typ, map[string]int{}))
	}
	catchUp(t, store, m, d, nil)
	equal(t, "reactions", seen, []string{"order.placed", "order.placed order.shipped", "order.placed", "order.placed order.paid"})
}

func TestADomainErrorIsAnAnswer(t *testing.T) {
	store := open(t)
	d := newDesk()
	refusal := &broke{Short: 3}
	d.fail = func(s sent) error {
		if _, ok := s.command.(pay); ok {
			return refusal
		}
		return nil
	}
	m := orders()
	react := m.Rejected
	var why []error
	var what []any
	m.Rejected = func(o *order, command any, err error, do *process.Effects) {
		why, what = append(why, err), append(what, command)
		react(o, command, err, do)
	}
	r := run(t, store, m, d, quick())
	waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 7})))
	if len(why) != 1 || why[0] != error(refusal) || what[0] != any(pay{Cents: 7}) {
		t.Errorf("Rejected got %v of %v", why, what)
	}
	equal(t, "commands", d.done(), []string{"1:process_test.cancel{3 cents short}"})
	if d.calls != 2 {
		t.Errorf("%d dispatches: a refused command was tried again", d.calls)
	}
	if list := letters(t, r); len(list) != 0 {
		t.Errorf("dead letters %v", list)
	}
	var last nacre.Event
	for e, err := range store.System().ReadStream(t.Context(), "instance-orders/1", nil) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if !strings.Contains(string(last.Data), `"rejected":{"command":"`) || !strings.Contains(string(last.Data), `"message":"3 cents short","details":{"short":3}`) {
		t.Errorf("the record of the refusal is %s", last.Data)
	}
}

func TestARefusalWithoutRejectedEndsTheCommand(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return errRefused }
	m := orders()
	m.Rejected = nil
	o := quick()
	o.Logger = slog.New(slog.DiscardHandler)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
	if s := catchUp(t, store, m, d, o); s != (process.Summary{Reacted: 2, Rejected: 2}) {
		t.Errorf("summary %+v", s)
	}
}

func TestARefusalOfAnEarlierLifeIsNotLost(t *testing.T) {
	store := open(t)
	d := newDesk()
	again := make(chan struct{})
	d.before = func(_ context.Context, s sent) error {
		if s.to == "first" {
			<-again
			return errRefused
		}
		return nil
	}
	m := orders()
	m.React = func(o *order, e codec.Event[any], do *process.Effects) {
		if e.StreamPosition == 0 {
			do.Send("first", pay{})
			do.Done()
		}
	}
	m.Rejected = func(*order, any, error, *process.Effects) { t.Error("Rejected was told what another life had sent") }
	o := quick()
	o.Logger = slog.New(slog.DiscardHandler)
	r := run(t, store, m, d, o)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.placed", placed{}))
	for r.Status().Head < 2 { // both were taken
		time.Sleep(time.Millisecond)
	}
	for {
		version, err := store.System().Version(t.Context(), "instance-orders/1")
		if err != nil {
			t.Fatal(err)
		}
		if version == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(again)
	waitFor(t, r, 2)
	if list := letters(t, r); len(list) != 1 || list[0].What != "command" || list[0].To != "first" || !strings.Contains(list[0].Message, "begun anew") {
		t.Errorf("dead letters %+v", list)
	}
}

func TestCommandsOfAnInstanceGoOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		var mu sync.Mutex
		flying, most := map[string]int{}, 0
		d.before = func(_ context.Context, s sent) error {
			mu.Lock()
			flying[s.to]++
			if flying[s.to] > 1 {
				t.Errorf("two commands of %s at once", s.to)
			}
			most = max(most, len(flying))
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			delete(flying, s.to)
			return nil
		}
		m := orders()
		m.React = func(_ *order, _ codec.Event[any], do *process.Effects) {
			for cents := range int64(3) {
				do.Send(do.Instance(), pay{cents})
			}
		}
		for i := range 10 {
			appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{}))
		}
		r := run(t, store, m, d, &process.Options{Parallel: 4})
		waitFor(t, r, 10)
		if most != 4 {
			t.Errorf("%d instances were served at once, not 4", most)
		}
		next := map[string]int64{}
		for _, s := range d.did {
			if c := s.command.(pay); c.Cents != next[s.to] {
				t.Errorf("%s got %d, not %d", s.to, c.Cents, next[s.to])
			}
			next[s.to]++
		}
		stop(t, r)
	})
}

func TestTheCommandContextIsCarriedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		d.fail = func(s sent) error {
			if c, ok := s.command.(cancel); ok && c.Why == "unpaid" {
				return errRefused
			}
			return nil
		}
		m := orders()
		var told decider.Context
		react := m.React
		m.React = func(o *order, e codec.Event[any], do *process.Effects) {
			told = do.Context()
			react(o, e, do)
		}
		r := run(t, store, m, d, nil)
		e := nacre.NewEvent("order.placed", placed{}).WithID("the-event").WithMetadata(map[string]string{
			"actor": "ann", "correlationId": "chain-1", "causationId": "before", "sourceDevice": "phone", "more": "x",
		})
		waitFor(t, r, appendTo(t, store, "order-1", e))
		time.Sleep(2 * time.Hour) // the timer, whose command is refused, which leads to another
		stop(t, r)
		want := decider.Context{Actor: "ann", CorrelationID: "chain-1", CausationID: "the-event", SourceDevice: "phone"}
		if told.Actor != want.Actor || told.CausationID != want.CausationID || told.CommandID != "" {
			t.Errorf("Effects.Context: %+v", told)
		}
		if len(d.done()) != 2 {
			t.Fatalf("commands %q", d.done())
		}
		ids := map[string]bool{}
		for _, s := range d.did {
			ids[s.about.CommandID] = true
			if id := s.about.CommandID; !strings.HasPrefix(id, "process:orders:") || len(id) > 256 {
				t.Errorf("command id %q", id)
			}
			s.about.CommandID = ""
			if got, _ := json.Marshal(s.about); string(got) != asJSON(t, want) {
				t.Errorf("%v came with %s", s.command, got)
			}
		}
		if len(ids) != len(d.done()) {
			t.Errorf("command ids %v", ids)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnEventWithoutCorrelationBeginsOne(t *testing.T) {
	store := open(t)
	d := newDesk()
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}).WithID("the-event").WithMetadata(map[string]int{"actor": 7}))
	catchUp(t, store, orders(), d, nil)
	if about := d.did[0].about; about.CorrelationID != "the-event" || about.CausationID != "the-event" || about.Actor != "" {
		t.Errorf("the command came with %+v", about)
	}
}

func TestUpcastEventsAreReactedToEach(t *testing.T) {
	store := open(t)
	d := newDesk()
	m := orders()
	m.Codec = &codec.Options{Upcast: map[string]codec.Upcaster{"basket.bought": func(e nacre.Event) ([]nacre.Event, error) {
		return []nacre.Event{nacre.NewEvent("order.placed", placed{Cents: 1}), nacre.NewEvent("order.paid", paid{Cents: 1})}, nil
	}}}
	appendTo(t, store, "order-1", nacre.NewEvent("basket.bought", 1))
	if s := catchUp(t, store, m, d, nil); s.Reacted != 2 || s.Dispatched != 2 {
		t.Errorf("summary %+v", s)
	}
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{1}", "depot:process_test.ship{1}"})
}

func TestAManagerBeginsWhereItIsToldTo(t *testing.T) {
	store := open(t)
	d := newDesk()
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	second := appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
	appendTo(t, store, "order-3", nacre.NewEvent("order.placed", placed{}))
	catchUp(t, store, orders(), d, &process.Options{After: second})
	if len(d.done()) != 1 {
		t.Errorf("commands %q", d.done())
	}
	catchUp(t, store, orders(), d, nil) // it ran: it goes on where it was
	if len(d.done()) != 1 {
		t.Errorf("commands %q", d.done())
	}
}

func TestEffectsThatCannotBeHadFailTheReaction(t *testing.T) {
	type stranger struct{}
	for name, c := range map[string]struct {
		ask  func(do *process.Effects)
		told string
	}{
		"a command without a name":     {func(do *process.Effects) { do.Send("x", stranger{}) }, "is not in the table"},
		"a timer without a name":       {func(do *process.Effects) { do.After(1, "") }, "a timer's name has 1 to 256 bytes"},
		"a timer with too long a name": {func(do *process.Effects) { do.After(1, strings.Repeat("x", 257)) }, "a timer's name has 1 to 256 bytes"},
		"a timer after all years":      {func(do *process.Effects) { do.At(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "x") }, "in the year 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			d := newDesk()
			m := orders()
			m.React = func(_ *order, _ codec.Event[any], do *process.Effects) {
				do.Send("kept", pay{})
				c.ask(do)
			}
			o := quick()
			o.Logger = slog.New(slog.DiscardHandler)
			appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
			if s := catchUp(t, store, m, d, o); s != (process.Summary{DeadLettered: 1}) {
				t.Errorf("summary %+v", s)
			}
			list := letters(t, run(t, store, m, d, o))
			if len(list) != 1 || !strings.Contains(list[0].Message, c.told) || list[0].Attempts != 10 {
				t.Errorf("dead letters %+v", list)
			}
			if len(d.done()) != 0 {
				t.Errorf("something of it was kept: %q", d.done())
			}
		})
	}
}

func TestWhatIsDeclaredWronglyIsTold(t *testing.T) {
	store := open(t)
	for name, c := range map[string]struct {
		spoil func(m *process.Manager[order])
		to    process.Dispatcher
		o     *process.Options
		told  string
	}{
		"name":           {func(m *process.Manager[order]) { m.Name = "a/b" }, newDesk(), nil, "a process's name is 1 to 64"},
		"no events":      {func(m *process.Manager[order]) { m.Events = nil }, newDesk(), nil, `Events: of "orders" is empty`},
		"a wrong table":  {func(m *process.Manager[order]) { m.Events = map[string]any{"x": nil} }, newDesk(), nil, "types.x"},
		"no Correlate":   {func(m *process.Manager[order]) { m.Correlate = nil }, newDesk(), nil, "Correlate: "},
		"no React":       {func(m *process.Manager[order]) { m.React = nil }, newDesk(), nil, "React: "},
		"no dispatcher":  {func(*process.Manager[order]) {}, nil, nil, "to: "},
		"no commands":    {func(m *process.Manager[order]) { m.Commands = nil }, newDesk(), nil, "Commands: "},
		"wrong commands": {func(m *process.Manager[order]) { m.Commands = map[string]any{"": 1} }, newDesk(), nil, "Commands: "},
		"options":        {func(*process.Manager[order]) {}, newDesk(), &process.Options{Attempts: -1}, "Attempts: "},
		"delays":         {func(*process.Manager[order]) {}, newDesk(), &process.Options{MinDelay: 2, MaxDelay: 1}, "MaxDelay: "},
	} {
		t.Run(name, func(t *testing.T) {
			m := orders()
			c.spoil(&m)
			_, err := process.Start(t.Context(), store, m, c.to, c.o)
			if err == nil || !strings.Contains(err.Error(), c.told) || nacre.CodeOf(err) != nacre.CodeInvalid {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := process.Start(t.Context(), store.System(), orders(), newDesk(), nil); nacre.CodeOf(err) != nacre.CodeUnsupported {
		t.Errorf("a store without a companion log: %v", err)
	}
}

func TestCatchUpTellsWhatItDid(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(s sent) error {
		if s.to == "wallet" && s.command.(pay).Cents == 2 {
			return errRefused
		}
		return nil
	}
	d.then = func(s sent) {
		if c, ok := s.command.(pay); ok {
			appendTo(t, store, fmt.Sprint("order-", c.Cents), nacre.NewEvent("order.paid", paid{}))
		}
	}
	for cents := range int64(4) {
		appendTo(t, store, fmt.Sprint("order-", cents), nacre.NewEvent("order.placed", placed{Cents: cents}))
	}
	s := catchUp(t, store, orders(), d, nil)
	if s != (process.Summary{Reacted: 7, Dispatched: 7, Rejected: 1}) {
		t.Errorf("summary %+v", s)
	}
	if again := catchUp(t, store, orders(), d, nil); again != (process.Summary{}) {
		t.Errorf("once more: %+v", again)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := process.CatchUp(ctx, store, orders(), d, nil); nacre.CodeOf(err) != nacre.CodeCanceled {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestWaitForTellsWhyItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		r := run(t, store, orders(), newDesk(), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.WaitFor(ctx, 1); nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("nothing comes: %v", err)
		}
		ended := make(chan error)
		go func() { ended <- r.WaitFor(t.Context(), 1) }()
		synctest.Wait()
		stop(t, r)
		if err := <-ended; nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("it was stopped: %v", err)
		}
	})
}

func TestStopWaitsForWhatIsBeingDispatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		d.before = func(context.Context, sent) error {
			time.Sleep(10 * time.Second)
			return nil
		}
		r := run(t, store, orders(), d, nil)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		synctest.Wait()
		begun := time.Now()
		stop(t, r)
		if took := time.Since(begun); took < 9*time.Second || len(d.done()) != 1 {
			t.Errorf("it took %v, and did %q", took, d.done())
		}
		if s := catchUp(t, store, orders(), d, nil); s.Dispatched != 0 || d.calls != 1 {
			t.Errorf("it was dispatched again: %+v, %d calls", s, d.calls)
		}
	})
}

func TestAContextThatEndsStopsTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		cut := make(chan error, 1)
		d.before = func(ctx context.Context, _ sent) error {
			<-ctx.Done()
			cut <- ctx.Err()
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		r, err := process.Start(ctx, store, orders(), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		synctest.Wait()
		cancel()
		<-r.Done()
		if !errors.Is(<-cut, context.Canceled) || r.Err() != nil {
			t.Errorf("ended with %v", r.Err())
		}
		d.before = nil
		if s := catchUp(t, store, orders(), d, nil); s.Dispatched != 1 {
			t.Errorf("what was cut off was not dispatched again: %+v", s)
		}
	})
}

func TestManyOrdersAreAllServed(t *testing.T) {
	store := open(t)
	d := newDesk()
	r := run(t, store, orders(), d, nil)
	const n = 3000
	var batch []nacre.Append
	for i := range n {
		batch = append(batch, nacre.Append{Stream: nacre.StreamID(fmt.Sprint("order-", i)), Events: []nacre.Event{nacre.NewEvent("order.placed", placed{Cents: int64(i)})}})
	}
	for part := range slices.Chunk(batch, 500) {
		if _, err := store.Commit(t.Context(), nil, part...); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, r, n)
	if len(d.done()) != n || d.calls != n {
		t.Errorf("%d commands took effect in %d calls, of %d", len(d.done()), d.calls, n)
	}
}
