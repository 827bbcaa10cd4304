package process_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/process"
)

func TestAnOrderUnderWayOutlivesWhatIsReadAnew(t *testing.T) {
	// Whoever carries the order out is cut off while it reads dead letters, since the log cannot be read for a moment.
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		d.fail = badly(broken)
		var armed, bad atomic.Bool
		hanging := make(chan struct{})
		h := &hooked{kept: store.System().Driver().(kept)}
		h.reading = func(streams []nacre.StreamID) error {
			if slices.Contains(streams, "letter-process.orders") && armed.CompareAndSwap(true, false) {
				bad.Store(true)
				appendTo(t, store, "order-9", nacre.NewEvent("order.shipped", shipped{})) // has the log read
				<-hanging
				return nacre.Errorf(nacre.CodeInternal, "as told")
			}
			return nil
		}
		over := nacre.NewStore(&moody{kept: store.Driver().(kept), bad: &bad, system: h}, nil)
		r := run(t, over, orders(), d, slowly())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(10 * time.Minute)
		letter := buried(t, store).ID
		broken.Store(false)
		time.AfterFunc(10*time.Second, func() { close(hanging) })
		armed.Store(true)
		given, err := runner.Give(t.Context(), store, ordersID, runner.Order{Do: runner.Retry, Letter: letter})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if armed.Load() {
			t.Fatal("nobody read the dead letters")
		}
		bad.Store(false)
		time.Sleep(10 * time.Minute)
		if last := statusIn(t, store).LastOrder; last == nil || last.Order != given.Place || last.Failure != nil {
			t.Errorf("the order at %d was not obeyed: %+v", given.Place, last)
		}
		if left := mustLetters(t, store); len(left) != 0 || len(d.done()) != 1 {
			t.Errorf("left are %+v, commands %q", left, d.done())
		}
		stop(t, r)
	})
}

func TestADiscardWhoseAnswerWasLostIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		d.fail = func(sent) error { return errWeather }
		var armed atomic.Bool
		h := &hooked{appended: func(batch []nacre.Append) error {
			if batch[len(batch)-1].Stream == "process-orders" && armed.CompareAndSwap(true, false) {
				return &nacre.ConflictError{Stream: "process-orders"} // it stands, and seems another one's
			}
			return nil
		}}
		r := run(t, h.beside(store), orders(), d, silent())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Minute)
		letter := buried(t, store).ID
		armed.Store(true)
		if err := r.Discard(t.Context(), letter); err != nil {
			t.Error(err)
		}
		if last := statusIn(t, store).LastOrder; armed.Load() || last == nil || last.Failure != nil || len(mustLetters(t, store)) != 0 {
			t.Errorf("the order came to %+v", last)
		}
		stop(t, r)
	})
}

func TestAPauseOutlivesAStartThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		r := run(t, store, orders(), d, silent())
		if err := r.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop(t, r)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		h := &hooked{reading: func(streams []nacre.StreamID) error {
			if slices.Contains(streams, "letter-process.orders") {
				return nacre.Errorf(nacre.CodeInternal, "as told")
			}
			return nil
		}}
		r = run(t, h.beside(store), orders(), d, slowly())
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.Failed {
			t.Fatalf("status %+v", s)
		}
		if err := r.Stop(t.Context()); err == nil {
			t.Error("it ended without an error")
		}
		r = run(t, store, orders(), d, silent())
		time.Sleep(time.Minute)
		if s := r.Status(); s.State != process.Paused || len(d.done()) != 0 {
			t.Errorf("status %+v, commands %q: the pause is gone", s, d.done())
		}
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop(t, r)
		r = run(t, store, orders(), d, silent())
		waitFor(t, r, 1)
		stop(t, r)
	})
}

// traced is silent, and gives what it traces.
func traced() (*process.Options, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	o := silent()
	o.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	return o, spans
}

// touchy is an event whose JSON does not decode, with an error that panics.
type touchy struct{}

func (*touchy) UnmarshalJSON([]byte) error {
	var none *broke
	return none
}

func TestAnErrorThatPanicsIsAFailure(t *testing.T) {
	for name, fail := range map[string]func() error{
		"a domain error": func() error {
			var none *broke
			return none
		},
		"an error with a code": func() error {
			var none *nacre.Error
			return none
		},
		"a wrapped one": func() error {
			var none *broke
			return errors.Join(errRefused, none)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			d := newDesk()
			d.fail = func(sent) error { return fail() }
			appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
			o, _ := traced()
			if s := catchUp(t, store, orders(), d, o); s != (process.Summary{Reacted: 1, DeadLettered: 1}) {
				t.Errorf("summary %+v", s)
			}
			if l := buried(t, store); l.What != "command" || l.Error.Code != process.CodePanicked || l.Attempts != 10 {
				t.Errorf("dead letter %+v", l)
			}
		})
	}
	t.Run("of an event that does not decode", func(t *testing.T) {
		store := open(t)
		m := orders()
		m.Events = map[string]any{"order.placed": placed{}, "order.touchy": touchy{}}
		appendTo(t, store, "order-1", nacre.NewEvent("order.touchy", placed{}))
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		if s := catchUp(t, store, m, newDesk(), silent()); s != (process.Summary{Reacted: 1, Dispatched: 1, DeadLettered: 1}) {
			t.Errorf("summary %+v", s)
		}
		if l := buried(t, store); l.What != "event" {
			t.Errorf("dead letter %+v", l)
		}
	})
}

func TestARefusalIsAnAnswerWhateverItSays(t *testing.T) {
	for name, text := range map[string]string{
		"long, cut within a character": "x" + strings.Repeat("ü", 1500),
		"no UTF-8":                     "the device said \xff\xfe",
	} {
		for _, code := range []nacre.Code{"", nacre.CodeInvalid} {
			t.Run(fmt.Sprintf("%s, code %q", name, code), func(t *testing.T) {
				store := open(t)
				d := newDesk()
				d.fail = func(s sent) error {
					switch {
					case s.to != "wallet":
						return nil
					case code == "":
						return errors.New(text)
					}
					return nacre.Errorf(code, "%s", text)
				}
				m := orders()
				m.Rejected = func(_ *order, _ any, why error, do *process.Effects) { do.Send("x", cancel{Why: "refused"}) }
				appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
				s := catchUp(t, store, m, d, silent())
				if code == "" {
					if s != (process.Summary{Reacted: 1, Dispatched: 1, Rejected: 1}) {
						t.Errorf("summary %+v, dead letters %+v", s, mustLetters(t, store))
					}
					return
				}
				if l := buried(t, store); l.Error.Code != code || !utf8.ValidString(l.Error.Message) || len(l.Error.Message) > 2010 {
					t.Errorf("dead letter %+v", l)
				}
			})
		}
	}
}

func TestADispatchThatEndsItsGoroutineIsTriedAgain(t *testing.T) {
	store := open(t)
	d := newDesk()
	var once atomic.Bool
	d.before = func(context.Context, sent) error {
		if once.CompareAndSwap(false, true) {
			runtime.Goexit()
		}
		return nil
	}
	o, spans := traced()
	r := run(t, store, orders(), d, o)
	waitFor(t, r, appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{})))
	equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}"})
	stop(t, r)
	if n := len(spans.GetSpans()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

func TestAReactionThatEndsItsGoroutineEndsTheRunner(t *testing.T) {
	store := open(t)
	d := newDesk()
	m := orders()
	m.React = func(*order, codec.Event[any], *process.Effects) { runtime.Goexit() }
	r := run(t, store, m, d, silent())
	p := appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	<-r.Done()
	if s := r.Status(); nacre.CodeOf(r.Err()) != process.CodePanicked || s.State != process.Failed || s.Err == nil {
		t.Errorf("ended with %v, %+v", r.Err(), s)
	}
	if s := statusIn(t, store); s.Held || s.State != runner.Failed || s.Failure == nil || s.Failure.Code != process.CodePanicked {
		t.Errorf("status %+v", s)
	}
	r = run(t, store, orders(), d, silent()) // the lease is free
	waitFor(t, r, p)
	stop(t, r)
}

func TestADispatcherThatHangsKeepsNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		hang := make(chan struct{})
		d.before = func(context.Context, sent) error { <-hang; return nil }
		r := run(t, store, orders(), d, silent())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("got %v", err)
		}
		<-r.Done()
		if s := statusIn(t, store); s.Held {
			t.Errorf("status %+v", s)
		}
		fresh := newDesk()
		if s := catchUp(t, store, orders(), fresh, silent()); s.Dispatched != 1 {
			t.Errorf("summary %+v", s)
		}
		close(hang)
		synctest.Wait()
	})
}

func TestAStopAfterAnotherHasWrittenIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		r := run(t, store, orders(), newDesk(), silent())
		time.Sleep(time.Minute)
		version, err := store.System().Version(t.Context(), "process-orders")
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, store, "other-1", nacre.NewEvent("other", 1)) // was passed over, and no commit says so yet
		synctest.Wait()
		other := nacre.Event{Type: "process.committed", Data: []byte(`{"position":0,"epoch":"` + epoch(t, store) + `"}`), Tags: []string{"process:orders"}}
		if _, err := store.System().Append(t.Context(), "process-orders", nacre.Exactly(version), other); err != nil {
			t.Fatal(err)
		}
		stop(t, r)
		if s := r.Status(); s.State != process.Stopped || s.Err != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestWhatMayBeKnownEndsWithTheLog(t *testing.T) {
	// A record's id is told to be taken: events up to the log's end are looked for, and none behind it.
	store := open(t)
	var armed atomic.Bool
	armed.Store(true)
	h := &hooked{appending: func(batch []nacre.Append) error {
		if batch[0].Stream == "instance-orders/1" && armed.CompareAndSwap(true, false) {
			return nacre.Errorf(nacre.CodeEventIDConflict, "as told")
		}
		return nil
	}}
	d := newDesk()
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	over := h.beside(store)
	catchUp(t, over, orders(), d, silent())
	appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{}))
	catchUp(t, over, orders(), d, silent())
	if armed.Load() || len(d.done()) != 2 {
		t.Fatalf("commands %q", d.done())
	}
	last := nacre.Event{}
	for e, err := range store.System().ReadStream(t.Context(), "process-orders", nil) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if strings.Contains(string(last.Data), `"known"`) {
		t.Errorf("the last commit is %s", last.Data)
	}
}

func TestATimerThatIsSetBehindTheEndIsAMistake(t *testing.T) {
	store := open(t)
	m := orders()
	m.React = func(_ *order, _ codec.Event[any], do *process.Effects) {
		do.Done()
		do.After(0, "late")
	}
	m.Timeout = func(*order, string, *process.Effects) { t.Error("an ended instance's timer fired") }
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	if s := catchUp(t, store, m, newDesk(), silent()); s != (process.Summary{DeadLettered: 1}) {
		t.Errorf("summary %+v", s)
	}
	if l := buried(t, store); l.Error.Code != nacre.CodeInvalid || !strings.Contains(l.Error.Message, `"late"`) {
		t.Errorf("dead letter %+v", l)
	}
}
