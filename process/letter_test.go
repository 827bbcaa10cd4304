package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/process"
)

// silent makes retries quick, and tells nobody.
func silent() *process.Options {
	o := quick()
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

func TestFailuresAreTriedAgainWithGrowingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		var times []time.Time
		ids := map[string]bool{}
		d.before = func(_ context.Context, s sent) error {
			times = append(times, time.Now())
			ids[s.about.CommandID] = true
			return errWeather
		}
		r := run(t, store, orders(), d, &process.Options{Attempts: 8, MaxDelay: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
		waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
		if len(times) != 8 || len(ids) != 1 {
			t.Errorf("%d attempts under %d ids", len(times), len(ids))
		}
		limit := 100 * time.Millisecond
		drawn := map[time.Duration]bool{}
		for i := 1; i < len(times); i++ {
			wait := times[i].Sub(times[i-1])
			drawn[wait] = true
			if wait > limit {
				t.Errorf("attempt %d came after %v, more than %v", i+1, wait, limit)
			}
			limit = min(2*limit, 2*time.Second)
		}
		if len(drawn) < 5 {
			t.Errorf("waits are not drawn: %v", drawn)
		}
		list := letters(t, r)
		if len(list) != 1 {
			t.Fatalf("dead letters %+v", list)
		}
		l := list[0]
		if l.What != "command" || l.Instance != "1" || l.Command != "wallet.pay" || l.To != "wallet" || string(l.Payload) != `{"Cents":0}` ||
			!ids[l.CommandID] || l.Attempts != 8 || l.Code != nacre.CodeInternal || l.Message != errWeather.Error() || l.Position != 1 {
			t.Errorf("dead letter %+v", l)
		}
		if s := r.Status(); s.DeadLetters != 1 || s.Pending != 0 {
			t.Errorf("status %+v", s)
		}
		stop(t, r)
	})
}

func TestWhatNoRetryMendsIsNotTriedAgain(t *testing.T) {
	for _, code := range []nacre.Code{nacre.CodeInvalid, nacre.CodeTooLarge, "UNKNOWN_COMMAND", "FORBIDDEN", "AGGREGATE_PANICKED"} {
		t.Run(string(code), func(t *testing.T) {
			store := open(t)
			d := newDesk()
			d.fail = func(sent) error { return fmt.Errorf("wrapped: %w", nacre.Errorf(code, "no use")) }
			appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
			if s := catchUp(t, store, orders(), d, silent()); s != (process.Summary{Reacted: 1, DeadLettered: 1}) || d.calls != 1 {
				t.Errorf("summary %+v after %d dispatches", s, d.calls)
			}
		})
	}
}

func TestAPassingFailureDoesNotHoldOthersUp(t *testing.T) {
	store := open(t)
	d := newDesk()
	held := make(chan struct{})
	d.fail = func(s sent) error {
		select {
		case <-held:
			return nil
		default:
		}
		if s.command == any(pay{Cents: 1}) {
			return errWeather
		}
		return nil
	}
	o := &process.Options{MinDelay: time.Millisecond, MaxDelay: time.Millisecond, Attempts: 1 << 30}
	r := run(t, store, orders(), d, o)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 1}))
	for i := range 50 {
		appendTo(t, store, fmt.Sprint("order-x", i), nacre.NewEvent("order.placed", placed{Cents: 2}))
	}
	soon(t, "all others are done, and it waits", func() bool {
		s := r.Status()
		return len(d.done()) == 50 && s.Position == 0 && s.Pending == 1
	})
	close(held)
	waitFor(t, r, 51)
	if len(d.done()) != 51 {
		t.Errorf("commands %q", d.done())
	}
}

func TestADeadCommandIsTriedAgainOnRequest(t *testing.T) {
	for _, what := range []string{"success", "refusal", "failure"} {
		t.Run(what, func(t *testing.T) {
			store := open(t)
			d := newDesk()
			answer := error(errWeather)
			d.fail = func(s sent) error {
				if s.to == "wallet" {
					return answer
				}
				return nil
			}
			r := run(t, store, orders(), d, silent())
			waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 7})))
			list := letters(t, r)
			calls := d.called()
			if len(list) != 1 {
				t.Fatalf("dead letters %+v", list)
			}
			waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))) // the instance went on
			switch what {
			case "success":
				answer = nil
			case "refusal":
				answer = errRefused
			}
			if err := r.Retry(t.Context(), list[0].ID); err != nil {
				t.Fatal(err)
			}
			switch what {
			case "success":
				settledSoon(t, r)
				about := d.last().about
				if about.CommandID != list[0].CommandID || about.CorrelationID == "" {
					t.Errorf("it was dispatched as %+v", about)
				}
			case "refusal":
				settledSoon(t, r)
				soon(t, "the refusal is reacted to", func() bool { return len(d.done()) == 2 })
				equal(t, "commands", d.done(), []string{"depot:process_test.ship{1}", "1:process_test.cancel{refused}"})
			case "failure":
				soon(t, "it is dead again", func() bool { return d.called() == calls+1+10 && r.Status().DeadLetters == 1 })
				if left := letters(t, r); len(left) != 1 || left[0].ID != list[0].ID {
					t.Errorf("it is to be dead again: %+v", left)
				}
			}
			stop(t, r)
			if s := r.Status(); s.DeadLetters != len(mustLetters(t, store)) {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// settledSoon waits until no dead letter is open: that a command was dispatched is written a little later.
func settledSoon(t *testing.T, r *process.Runner) {
	t.Helper()
	soon(t, "no dead letter is open", func() bool { return len(letters(t, r)) == 0 })
}

// soon waits for what nobody tells of.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 10_000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("it never came to this: %s", what)
}

func mustLetters(t *testing.T, store *nacre.Store) []runner.Letter {
	t.Helper()
	list, err := runner.Letters(t.Context(), store, runner.Process, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestADeadLetterIsDiscardedOnRequest(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return errWeather }
	r := run(t, store, orders(), d, silent())
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	waitFor(t, r, appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{})))
	list := letters(t, r)
	if len(list) != 2 {
		t.Fatalf("dead letters %+v", list)
	}
	if err := r.Discard(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if left := letters(t, r); len(left) != 1 || left[0].ID != list[1].ID {
		t.Errorf("left are %+v", left)
	}
	if err := r.Discard(t.Context(), list[0].ID); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("once more: %v", err)
	}
	if err := r.Discard(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if left := letters(t, r); len(left) != 0 || r.Status().DeadLetters != 0 {
		t.Errorf("left are %+v", left)
	}
	calls := d.calls
	stop(t, r)
	catchUp(t, store, orders(), d, silent())
	if d.calls != calls {
		t.Error("what was discarded was dispatched again")
	}
}

func TestAllDeadLettersAreTriedAgain(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return errWeather }
	r := run(t, store, orders(), d, silent())
	const n = 150
	for i := range n {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.placed", placed{Cents: int64(i)}))
	}
	waitFor(t, r, n)
	if list := letters(t, r); len(list) != n {
		t.Fatalf("%d dead letters", len(list))
	}
	d.mu.Lock()
	d.fail = nil
	d.mu.Unlock()
	if err := r.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	waitFor(t, r, n)
	settledSoon(t, r)
	if len(d.done()) != n {
		t.Errorf("%d commands took effect", len(d.done()))
	}
}

func TestARetryOutlivesACrash(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return errWeather }
	r := run(t, store, orders(), d, silent())
	waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
	reached := make(chan struct{}, 1)
	d.before = func(ctx context.Context, _ sent) error {
		reached <- struct{}{}
		<-ctx.Done() // until the runner is cut off
		return ctx.Err()
	}
	if err := r.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	<-reached
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.Stop(short); nacre.CodeOf(err) != nacre.CodeDeadline {
		t.Fatal(err)
	}
	<-r.Done()
	d.before, d.fail = nil, nil
	if s := catchUp(t, store, orders(), d, nil); s.Dispatched != 1 {
		t.Errorf("summary %+v", s)
	}
	if left := mustLetters(t, store); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
}

// toggle is what a test tells functions that other goroutines call.
func toggle(on bool) *atomic.Bool {
	f := &atomic.Bool{}
	f.Store(on)
	return f
}

// fragile is a manager whose React panics at what is paid, as long as broken says so.
func fragile(broken *atomic.Bool) process.Manager[order] {
	m := orders()
	react := m.React
	m.React = func(o *order, e codec.Event[any], do *process.Effects) {
		react(o, e, do)
		if _, ok := e.Data.(paid); ok && broken.Load() {
			panic("cannot be")
		}
	}
	return m
}

func TestAReactionThatPanicsIsADeadLetterAndOthersGoOn(t *testing.T) {
	store := open(t)
	d := newDesk()
	broken := toggle(true)
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}), nacre.NewEvent("order.shipped", shipped{}))
	appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
	m := fragile(broken)
	if s := catchUp(t, store, m, d, silent()); s != (process.Summary{Reacted: 3, Dispatched: 2, DeadLettered: 1}) {
		t.Errorf("summary %+v", s)
	}
	list := mustLetters(t, store)
	if len(list) != 1 || list[0].What != "event" || list[0].Position != 2 || list[0].Instance != "1" || list[0].Stream != "order-1" ||
		list[0].Type != "order.paid" || list[0].Attempts != 10 || list[0].Error.Code != process.CodePanicked {
		t.Fatalf("dead letters %+v", list)
	}
	broken.Store(false)
	r := run(t, store, m, d, nil)
	if err := r.Retry(t.Context(), list[0].ID); nacre.CodeOf(err) != "" {
		t.Fatal(err)
	}
	settledSoon(t, r)
	stop(t, r)
	// It had ended when the event was tried again, and that begins nothing.
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "wallet:process_test.pay{0}"})
}

func TestADeadEventIsReactedToOnRequest(t *testing.T) {
	for _, still := range []bool{false, true} {
		t.Run(fmt.Sprint("still broken ", still), func(t *testing.T) {
			store := open(t)
			d := newDesk()
			broken := toggle(true)
			m := fragile(broken)
			r := run(t, store, m, d, silent())
			waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{})))
			broken.Store(still)
			if err := r.Retry(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			if still {
				for len(letters(t, r)) != 1 || r.Status().Pending > 0 {
					time.Sleep(time.Millisecond)
				}
				stop(t, r)
				if list := mustLetters(t, store); len(list) != 1 || list[0].Attempts != 10 {
					t.Errorf("dead letters %+v", list)
				}
				return
			}
			soon(t, "both commands are sent", func() bool { return len(d.done()) == 2 })
			equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "depot:process_test.ship{1}"})
			settledSoon(t, r)
			if err := r.Retry(t.Context(), ""); err != nil { // nothing is left to be tried
				t.Fatal(err)
			}
			if len(d.done()) != 2 {
				t.Errorf("commands %q", d.done())
			}
		})
	}
}

func TestAnEventThatIsTriedAgainWaitsWithItsInstanceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		o := silent()
		o.MinDelay, o.MaxDelay = time.Hour, time.Hour
		r := run(t, store, fragile(broken), d, o)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}), nacre.NewEvent("order.shipped", shipped{}))
		appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
		synctest.Wait()
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "wallet:process_test.pay{0}"})
		if s := r.Status(); s.Position != 1 || s.Pending != 2 || s.DeadLetters != 0 {
			t.Errorf("status %+v", s)
		}
		// What waits is remembered.
		stop(t, r)
		broken.Store(false)
		r = run(t, store, fragile(broken), d, o)
		waitFor(t, r, 4)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "wallet:process_test.pay{0}", "depot:process_test.ship{1}"})
		stop(t, r)
	})
}

func TestATimeoutThatPanicsIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		m := orders()
		timeout := m.Timeout
		m.Timeout = func(o *order, timer string, do *process.Effects) {
			timeout(o, timer, do)
			if broken.Load() {
				panic("cannot be")
			}
		}
		r := run(t, store, m, d, silent())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(2 * time.Hour)
		list := letters(t, r)
		if len(list) != 1 || list[0].What != "timer" || list[0].Timer != "unpaid" || list[0].Instance != "1" {
			t.Fatalf("dead letters %+v", list)
		}
		stop(t, r)
		r = run(t, store, m, d, silent())
		time.Sleep(time.Hour)
		if len(letters(t, r)) != 1 || len(d.done()) != 1 {
			t.Errorf("a dead timer fired by itself: %q", d.done())
		}
		broken.Store(false)
		if err := r.Retry(t.Context(), list[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "1:process_test.cancel{unpaid}"})
		if left := letters(t, r); len(left) != 0 {
			t.Errorf("left are %+v", left)
		}
		stop(t, r)
	})
}

func TestARejectedThatPanicsIsADeadLetter(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(s sent) error {
		if s.to == "wallet" {
			return errRefused
		}
		return nil
	}
	broken := toggle(true)
	m := orders()
	rejected := m.Rejected
	m.Rejected = func(o *order, command any, why error, do *process.Effects) {
		rejected(o, command, why, do)
		if broken.Load() {
			panic("cannot be")
		}
	}
	r := run(t, store, m, d, silent())
	waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
	list := letters(t, r)
	if len(list) != 1 || list[0].What != "command" || list[0].Code != process.CodePanicked {
		t.Fatalf("dead letters %+v", list)
	}
	broken.Store(false)
	if err := r.Retry(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	soon(t, "the refusal is reacted to", func() bool { return len(d.done()) == 1 })
	equal(t, "commands", d.done(), []string{"1:process_test.cancel{refused}"})
	settledSoon(t, r)
}

func TestAnEventThatCannotBeDecodedIsADeadLetter(t *testing.T) {
	store := open(t)
	d := newDesk()
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", "not an object"))
	appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{Cents: 2}))
	if s := catchUp(t, store, orders(), d, silent()); s != (process.Summary{Reacted: 1, Dispatched: 1, DeadLettered: 1}) {
		t.Errorf("summary %+v", s)
	}
	list := mustLetters(t, store)
	if len(list) != 1 || list[0].What != "event" || list[0].Error.Code != codec.CodeUndecodable || list[0].Position != 1 {
		t.Fatalf("dead letters %+v", list)
	}
	// A program that knows better reacts to it.
	m := orders()
	m.Codec = &codec.Options{Upcast: map[string]codec.Upcaster{"order.placed@1": func(e nacre.Event) ([]nacre.Event, error) {
		if e.Data[0] == '{' {
			e, err := codec.WithSchemaVersion(e, 2)
			return []nacre.Event{e}, err
		}
		e.Data = json.RawMessage(`{"Cents":1}`)
		e, err := codec.WithSchemaVersion(e, 2)
		return []nacre.Event{e}, err
	}}, Versions: map[string]int{"order.placed": 2}}
	r := run(t, store, m, d, nil)
	if err := r.Retry(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	soon(t, "both commands are sent", func() bool { return len(d.done()) == 2 })
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{2}", "wallet:process_test.pay{1}"})
	settledSoon(t, r)
}

func TestACorrelateThatPanicsOrGivesABadIDIsADeadLetter(t *testing.T) {
	for name, correlate := range map[string]func(codec.Event[any]) (string, bool){
		"panics":        func(codec.Event[any]) (string, bool) { panic("cannot be") },
		"too long":      func(codec.Event[any]) (string, bool) { return strings.Repeat("x", 241), true },
		"a quote":       func(codec.Event[any]) (string, bool) { return `a"b`, true },
		"no UTF-8":      func(codec.Event[any]) (string, bool) { return "a\xff", true },
		"a line's end":  func(codec.Event[any]) (string, bool) { return "a\u2028", true },
		"a control":     func(codec.Event[any]) (string, bool) { return "a\n", true },
		"a C1 control":  func(codec.Event[any]) (string, bool) { return "a\u0085", true },
		"a zero length": nil,
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			d := newDesk()
			m := orders()
			good := m.Correlate
			m.Correlate = func(e codec.Event[any]) (string, bool) {
				if e.GlobalPosition == 1 && correlate != nil {
					return correlate(e)
				}
				return good(e)
			}
			appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
			appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
			want := process.Summary{Reacted: 1, Dispatched: 1, DeadLettered: 1}
			if correlate == nil {
				want = process.Summary{Reacted: 2, Dispatched: 2}
			}
			if s := catchUp(t, store, m, d, silent()); s != want {
				t.Errorf("summary %+v", s)
			}
		})
	}
}

func TestEveryInstanceIDThatFitsIsTaken(t *testing.T) {
	for _, id := range []string{strings.Repeat("x", 240), "a/b-c d", "$äöü", "-", "/", strings.Repeat("ü", 120)} {
		store := open(t)
		d := newDesk()
		m := orders()
		m.Correlate = func(codec.Event[any]) (string, bool) { return id, true }
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
		if s := catchUp(t, store, m, d, nil); s.Reacted != 2 {
			t.Errorf("%q: %+v", id, s)
		}
		if s := catchUp(t, store, m, d, nil); s != (process.Summary{}) {
			t.Errorf("%q, again: %+v", id, s)
		}
	}
}

func TestADispatcherThatPanicsOrHangsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		n := 0
		d.before = func(ctx context.Context, _ sent) error {
			switch n++; n {
			case 1:
				panic("cannot be")
			case 2:
				<-ctx.Done()
				return errors.Join(errors.New("too slow"), ctx.Err())
			}
			return nil
		}
		r := run(t, store, orders(), d, silent())
		begun := time.Now()
		if err := r.WaitFor(t.Context(), appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); n != 3 || took < time.Minute || took > 2*time.Minute {
			t.Errorf("%d dispatches in %v", n, took)
		}
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}"})
		stop(t, r)
	})
}

func TestALetterOfAnEventThatIsGoneIsToldAndCanBeDiscarded(t *testing.T) {
	store := open(t)
	d := newDesk()
	r := run(t, store, orders(), d, silent())
	id := runner.ID{Kind: runner.Process, Name: "orders"}
	a := runner.Bury(id, runner.Letter{ID: "gone", What: runner.LetterEvent, Position: 99, EventID: "e"}, runner.Letter{ID: "odd", What: "odd"})
	if _, err := store.System().Commit(t.Context(), nil, a); err != nil {
		t.Fatal(err)
	}
	if err := r.Retry(t.Context(), "gone"); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("got %v", err)
	}
	if err := r.Retry(t.Context(), "odd"); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("got %v", err)
	}
	if s, err := runner.Get(t.Context(), store, id); err != nil || s.LastOrder == nil || s.LastOrder.Failure == nil {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := r.Discard(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if left := letters(t, r); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
}
