package process_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
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

// hooked is a driver whose reads and appends fail where the hooks say so.
type hooked struct {
	kept
	reading   func(streams []nacre.StreamID) error
	appending func(batch []nacre.Append) error
	appended  func(batch []nacre.Append) error
}

func (d *hooked) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		for _, c := range f {
			if d.reading == nil {
				break
			}
			if err := d.reading(c.Streams); err != nil {
				yield(nacre.Event{}, err)
				return
			}
		}
		d.kept.Read(ctx, f, o)(yield)
	}
}

func (d *hooked) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if d.appending != nil {
		if err := d.appending(batch); err != nil {
			return nil, err
		}
	}
	out, err := d.kept.Append(ctx, batch, c)
	if err == nil && d.appended != nil {
		err = d.appended(batch)
	}
	return out, err
}

// beside gives a store with hooks in its companion log.
func (d *hooked) beside(store *nacre.Store) *nacre.Store {
	d.kept = store.System().Driver().(kept)
	return nacre.NewStore(&halved{kept: store.Driver().(kept), system: d}, nil)
}

// slowly is three attempts, a minute apart at most.
func slowly() *process.Options {
	o := silent()
	o.Attempts, o.MinDelay, o.MaxDelay = 3, time.Minute, time.Minute
	return o
}

// badly fails every command, as long as broken says so.
func badly(broken *atomic.Bool) func(sent) error {
	return func(sent) error {
		if broken.Load() {
			return errWeather
		}
		return nil
	}
}

// buried is the only dead letter.
func buried(t *testing.T, store *nacre.Store) runner.Letter {
	t.Helper()
	list := mustLetters(t, store)
	if len(list) != 1 {
		t.Fatalf("dead letters %+v", list)
	}
	return list[0]
}

func retry(t *testing.T, r *process.Runner, letter string) {
	t.Helper()
	if err := r.Retry(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
}

func TestALetterThatIsTriedAgainWaitsBehindWhatFailsInItsInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		m := orders()
		bad := toggle(true)
		var seen []string
		m.React = func(_ *order, e codec.Event[any], _ *process.Effects) {
			if _, begins := e.Data.(placed); bad.Load() && !begins {
				panic("cannot be")
			}
			seen = append(seen, e.Type)
		}
		r := run(t, store, m, newDesk(), slowly())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
		time.Sleep(10 * time.Minute)
		letter := buried(t, store).ID
		appendTo(t, store, "order-1", nacre.NewEvent("order.shipped", shipped{})) // fails, and is tried again
		synctest.Wait()
		retry(t, r, letter) // fails as well
		bad.Store(false)
		waitFor(t, r, 3)
		synctest.Wait()
		if s := r.Status(); s.Pending != 0 || s.DeadLetters != 0 || s.Position != 3 {
			t.Errorf("status %+v", s)
		}
		stop(t, r)
		equal(t, "reactions", seen, []string{"order.placed", "order.shipped", "order.paid"})
	})
}

func TestALetterThatIsTriedAgainWaitsWithItsBusyInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		hold := make(chan struct{})
		d.before = func(context.Context, sent) error { <-hold; return nil }
		m := orders()
		many, bad := toggle(false), toggle(true)
		m.React = func(_ *order, e codec.Event[any], do *process.Effects) {
			switch e.Data.(type) {
			case placed:
				n := 1
				if many.Load() {
					n = 100
				}
				for i := range n {
					do.Send("wallet", pay{Cents: int64(i)})
				}
			case paid:
				if bad.Load() {
					panic("cannot be")
				}
				do.Send("depot", ship{})
			}
		}
		o := silent()
		o.Attempts, o.Timeout = 1, -1
		r := run(t, store, m, d, o)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
		synctest.Wait()
		letter := buried(t, store).ID
		many.Store(true)
		bad.Store(false)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.shipped", shipped{})) // the second one waits for room
		synctest.Wait()
		retry(t, r, letter) // and so does this
		close(hold)
		waitFor(t, r, 4)
		time.Sleep(time.Minute)
		if s := r.Status(); s.Pending != 0 || s.DeadLetters != 0 || len(d.done()) != 102 {
			t.Errorf("status %+v after %d commands", s, len(d.done()))
		}
		stop(t, r)
	})
}

func TestAPausedManagerReactsToNoLetterThatIsTriedAgain(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := open(t)
				d := newDesk()
				broken := toggle(true)
				m := fragile(broken)
				m.Timeout = func(_ *order, timer string, do *process.Effects) {
					do.Send(do.Instance(), cancel{Why: timer})
					if broken.Load() {
						panic("cannot be")
					}
				}
				appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
				r := run(t, store, m, d, silent())
				time.Sleep(2 * time.Hour)
				if list := mustLetters(t, store); len(list) != 2 || list[0].What != "event" || list[1].What != "timer" {
					t.Fatalf("dead letters %+v", list)
				}
				if err := r.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				broken.Store(false)
				retry(t, r, "") // is obeyed while paused
				if restart {
					stop(t, r)
					r = run(t, store, m, d, silent())
				}
				time.Sleep(time.Hour)
				if list := mustLetters(t, store); len(d.done()) != 1 || len(list) != 2 {
					t.Errorf("paused, it sent %q, and left are %+v", d.done(), list)
				}
				if err := r.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				did := d.done()
				slices.Sort(did)
				equal(t, "commands", did, []string{"1:process_test.cancel{unpaid}", "depot:process_test.ship{1}", "wallet:process_test.pay{0}"})
				if s := r.Status(); s.DeadLetters != 0 || len(mustLetters(t, store)) != 0 {
					t.Errorf("status %+v", s)
				}
				stop(t, r)
			})
		})
	}
}

func TestALetterThatIsTriedAgainTwiceIsReactedToOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		r := run(t, store, fragile(broken), d, slowly())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
		time.Sleep(10 * time.Minute)
		letter := buried(t, store).ID
		retry(t, r, letter) // fails, and waits for its next attempt
		broken.Store(false)
		retry(t, r, letter)
		time.Sleep(10 * time.Minute)
		if s := r.Status(); s.DeadLetters != 0 || s.State != process.Running || len(mustLetters(t, store)) != 0 {
			t.Errorf("status %+v", s)
		}
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "depot:process_test.ship{1}"})
		if version, err := store.System().Version(t.Context(), "instance-orders/1"); err != nil || version != 1 {
			t.Errorf("the instance has %d records, %v", version+1, err)
		}
		stop(t, r)
	})
}

func TestALetterThatIsDispatchedAndDiscardedAtOnceIsSettledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		d.fail = badly(broken)
		var slow atomic.Bool
		h := &hooked{appending: func(batch []nacre.Append) error {
			if batch[len(batch)-1].Stream == "process-orders" && slow.Load() {
				time.Sleep(time.Minute)
			}
			return nil
		}}
		r := run(t, h.beside(store), orders(), d, silent())
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
		time.Sleep(time.Minute)
		letter := buried(t, store).ID
		broken.Store(false)
		retry(t, r, letter)
		slow.Store(true)
		time.Sleep(2 * time.Second) // that it was dispatched is being written
		if err := r.Discard(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if s := r.Status(); s.DeadLetters != 0 || len(d.done()) != 1 {
			t.Errorf("status %+v, commands %q", s, d.done())
		}
		stop(t, r)
	})
}

func TestALetterThatIsDiscardedWhileItIsTriedAgainIsGone(t *testing.T) {
	for name, from := range map[string]func(codec.Event[any]) (string, bool){
		"of an instance": orders().Correlate,
		"of nobody":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := open(t)
				d := newDesk()
				broken, lost := toggle(true), toggle(from == nil)
				var gone atomic.Bool // the process is, as soon as the letter is discarded
				h := &hooked{
					appending: func([]nacre.Append) error {
						if gone.Load() {
							return nacre.Errorf(nacre.CodeInternal, "as told")
						}
						return nil
					},
					appended: func(batch []nacre.Append) error {
						for _, a := range batch {
							if slices.ContainsFunc(a.Events, func(e nacre.Event) bool {
								return strings.Contains(string(e.Data), `"how":"discarded"}`) && e.Type == "letter.settled"
							}) {
								gone.Store(true)
							}
						}
						return nil
					},
				}
				m := fragile(broken)
				m.Correlate = func(e codec.Event[any]) (string, bool) {
					if _, ok := e.Data.(paid); ok && lost.Load() {
						panic("cannot be")
					}
					return orders().Correlate(e)
				}
				r := run(t, h.beside(store), m, d, slowly())
				appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}))
				time.Sleep(10 * time.Minute)
				letter := buried(t, store)
				lost.Store(false) // whose it is is known now
				retry(t, r, letter.ID)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_ = r.Discard(ctx, letter.ID)
				if !gone.Load() || len(mustLetters(t, store)) != 0 {
					t.Fatal("it was not discarded")
				}
				_ = r.Stop(ctx)
				<-r.Done()
				broken.Store(false)
				r = run(t, store, m, d, slowly())
				time.Sleep(10 * time.Minute)
				equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}"})
				if s := r.Status(); s.Position != 2 || s.Pending != 0 || s.DeadLetters != 0 {
					t.Errorf("status %+v", s)
				}
				stop(t, r)
			})
		})
	}
}

func TestARetryThatDoesNotFitIsToldSo(t *testing.T) {
	store := open(t)
	d := newDesk()
	d.fail = func(sent) error { return nacre.Errorf(nacre.CodeInvalid, "no use") }
	m := orders()
	m.Timeout = nil
	big := strings.Repeat("x", 600<<10) // fits once, and not twice
	m.React = func(o *order, e codec.Event[any], do *process.Effects) {
		switch e.Data.(type) {
		case placed:
			do.Send("a", cancel{Why: big})
		case paid:
			o.Steps = []string{big}
		}
	}
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
	catchUp(t, store, m, d, silent())
	appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))
	catchUp(t, store, m, d, silent())
	calls := d.called()
	r := run(t, store, m, d, silent())
	if err := r.Retry(t.Context(), buried(t, store).ID); nacre.CodeOf(err) != nacre.CodeTooLarge {
		t.Errorf("got %v", err)
	}
	if last := statusIn(t, store).LastOrder; last == nil || last.Failure == nil || last.Failure.Code != nacre.CodeTooLarge {
		t.Errorf("the order came to %+v", last)
	}
	stop(t, r)
	if d.called() != calls || len(mustLetters(t, store)) != 1 || r.Status().DeadLetters != 1 {
		t.Errorf("status %+v after %d dispatches more", r.Status(), d.called()-calls)
	}
}

func TestALetterOfADamagedInstanceHoldsNobodyUp(t *testing.T) {
	for _, what := range []string{"command", "event", "timer"} {
		for _, damage := range []string{"does not read", "is no record"} {
			t.Run(what+" "+damage, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := open(t)
					d := newDesk()
					d.fail = func(s sent) error {
						if s.command == any(pay{Cents: 7}) {
							return nacre.Errorf(nacre.CodeInvalid, "no use")
						}
						return nil
					}
					m := orders()
					m.React = func(_ *order, e codec.Event[any], do *process.Effects) {
						switch c, begins := e.Data.(placed); {
						case begins && (c.Cents != 7 || what == "command"):
							do.Send("wallet", pay(c))
						case begins && what == "timer":
							do.After(time.Second, "soon")
						case e.Data == any(paid{}):
							panic("cannot be")
						}
					}
					m.Timeout = func(*order, string, *process.Effects) { panic("cannot be") }
					r := run(t, store, m, d, silent())
					appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 7}))
					if what == "event" {
						appendTo(t, store, "order-1", nacre.NewEvent("order.paid", paid{}))
					}
					time.Sleep(time.Minute)
					stop(t, r)
					letter := buried(t, store)
					if letter.What != what {
						t.Fatalf("dead letter %+v", letter)
					}
					if damage == "is no record" {
						odd := nacre.Event{Type: "process.reacted", Data: []byte(`{"life":"none"}`)}
						if _, err := store.System().Append(t.Context(), "instance-orders/1", nacre.Any, odd); err != nil {
							t.Fatal(err)
						}
					}
					h := &hooked{reading: func(streams []nacre.StreamID) error {
						if damage == "does not read" && slices.Contains(streams, "instance-orders/1") {
							return nacre.Errorf(nacre.CodeDamaged, "as told")
						}
						return nil
					}}
					r = run(t, h.beside(store), m, d, slowly())
					err := r.Retry(t.Context(), letter.ID)
					if what == "command" && nacre.CodeOf(err) != nacre.CodeDamaged || what != "command" && err != nil {
						t.Errorf("got %v", err)
					}
					p := appendTo(t, store, "order-2", nacre.NewEvent("order.placed", placed{Cents: 8}))
					waitFor(t, r, p)
					stop(t, r)
					r = run(t, h.beside(store), m, d, silent()) // what was held of it keeps nobody from starting
					waitFor(t, r, p)
					time.Sleep(time.Minute)
					equal(t, "commands", d.done(), []string{"wallet:process_test.pay{8}"})
					if again := buried(t, store); again.ID != letter.ID || what != "command" && again.Error.Code != nacre.CodeDamaged {
						t.Errorf("dead letter %+v", again)
					}
					stop(t, r)
				})
			})
		}
	}
}

func TestALetterIsForTheLifeThatItFailedIn(t *testing.T) {
	t.Run("an event of an earlier life", func(t *testing.T) {
		store := open(t)
		d := newDesk()
		broken := toggle(true)
		m := fragile(broken)
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}), nacre.NewEvent("order.paid", paid{}), nacre.NewEvent("order.shipped", shipped{}),
			nacre.NewEvent("order.placed", placed{Cents: 2}))
		catchUp(t, store, m, d, silent())
		broken.Store(false)
		r := run(t, store, m, d, silent())
		retry(t, r, "")
		soon(t, "it is dead again", func() bool {
			list := mustLetters(t, store)
			return len(list) == 1 && list[0].Error.Code == nacre.CodeInvalid && list[0].Attempts == 1
		})
		stop(t, r)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "wallet:process_test.pay{2}"})
	})
	t.Run("an event that would have begun this one", func(t *testing.T) {
		store := open(t)
		d := newDesk()
		m := orders()
		broken := toggle(true)
		react := m.React
		m.React = func(o *order, e codec.Event[any], do *process.Effects) {
			react(o, e, do)
			if broken.Load() && e.GlobalPosition == 1 {
				panic("cannot be")
			}
		}
		appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 1}), nacre.NewEvent("order.placed", placed{Cents: 2}))
		catchUp(t, store, m, d, silent())
		broken.Store(false)
		r := run(t, store, m, d, silent())
		retry(t, r, "")
		settledSoon(t, r)
		soon(t, "both are sent", func() bool { return len(d.done()) == 2 })
		stop(t, r)
		equal(t, "commands", d.done(), []string{"wallet:process_test.pay{2}", "wallet:process_test.pay{1}"})
	})
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("a timer, begun anew ", again), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := open(t)
				d := newDesk()
				m := orders()
				broken := toggle(true)
				timeout := m.Timeout
				m.Timeout = func(o *order, timer string, do *process.Effects) {
					if broken.Load() {
						panic("cannot be")
					}
					timeout(o, timer, do)
				}
				r := run(t, store, m, d, slowly())
				appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}))
				time.Sleep(2 * time.Hour)
				letter := buried(t, store)
				appendTo(t, store, "order-1", nacre.NewEvent("order.shipped", shipped{}))
				if again {
					appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{Cents: 2}))
				}
				time.Sleep(time.Minute)
				broken.Store(false)
				retry(t, r, letter.ID)
				time.Sleep(time.Minute)
				if !again { // the end took its timers back
					equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}"})
					if left := mustLetters(t, store); len(left) != 0 {
						t.Errorf("left are %+v", left)
					}
				} else {
					equal(t, "commands", d.done(), []string{"wallet:process_test.pay{0}", "wallet:process_test.pay{2}"})
					if left := buried(t, store); left.Error.Code != nacre.CodeInvalid {
						t.Errorf("dead letter %+v", left)
					}
				}
				stop(t, r)
			})
		})
	}
}
