package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

var errBusy = errors.New("the other side is busy")

func TestStreamsGoBesideEachOtherAndKeepTheirOrder(t *testing.T) {
	for _, batch := range []int{1, 4} {
		t.Run(fmt.Sprint("batch ", batch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := begin(t, &delivery.Policy{Batch: batch})
				for i := range 6 {
					r.add(t, nacre.StreamID(fmt.Sprint("s-", i)), 10)
				}
				var seen notes
				var now, most atomic.Int32
				c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.Sleep(time.Second)
					seen.add(d)
					now.Add(-1)
					return nil
				}, consumer.Options{Concurrency: 4})
				began := time.Now()
				r.through(t, 60)
				// Who comes first may get all that was read by then, and others wait for a partner at the end.
				if n := most.Load(); n < 2 || n > 4 {
					t.Errorf("%d were handled at once, want 4 at most", n)
				}
				if took := time.Since(began); took < 15*time.Second || took > 45*time.Second {
					t.Errorf("it took %v", took)
				}
				for i := range 6 {
					want := []string{}
					for p := range 10 {
						want = append(want, fmt.Sprintf("s-%d/%d#1", i, p))
					}
					equal(t, "a stream", seen.all(fmt.Sprint("s-", i)), want)
				}
				c.end(t)
				r.close(t)
			})
		})
	}
}

func TestAGlobalGroupIsHandledOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{Order: delivery.Global, Batch: 5})
		for i := range 10 {
			r.add(t, nacre.StreamID(fmt.Sprint("s-", i%3)), 1)
		}
		var seen notes
		failed := false
		c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			time.Sleep(time.Second)
			if d.Event.GlobalPosition == 2 && !failed {
				failed = true
				return errBusy
			}
			return nil
		}, consumer.Options{Global: true})
		r.through(t, 10)
		equal(t, "seen", seen.all(""), []string{
			"s-0/0#1", "s-1/0#1", "s-1/0#2", "s-2/0#1", "s-0/1#1", "s-1/1#1", "s-2/1#1", "s-0/2#1", "s-1/2#1", "s-2/2#1", "s-0/3#1",
		})
		c.end(t)
		r.close(t)
	})
}

func TestWhatAHandlerReturnsDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{Batch: 3})
		for _, s := range []nacre.StreamID{"again-1", "later-1", "park-1", "skip-1", "panic-1", "exit-1"} {
			r.add(t, s, 3)
		}
		var seen notes
		var mu sync.Mutex
		at := map[string]time.Time{}
		c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			e := &d.Event
			mu.Lock()
			at[fmt.Sprintf("%s/%d#%d", e.StreamID, e.StreamPosition, d.Attempt)] = time.Now()
			mu.Unlock()
			if e.StreamPosition != 0 || d.Attempt > 1 {
				return nil
			}
			switch e.StreamID.Category() {
			case "again":
				return errBusy
			case "later":
				return fmt.Errorf("wrapped: %w", consumer.RetryAfter(time.Minute, errBusy))
			case "park":
				return consumer.Parked(errBusy)
			case "skip":
				return consumer.Skipped(nil)
			case "panic":
				panic("no such thing")
			default:
				runtime.Goexit()
				return nil
			}
		}, consumer.Options{})
		r.through(t, 18)
		for _, s := range []string{"again-1", "later-1", "panic-1", "exit-1"} {
			equal(t, s, seen.all(s), []string{s + "/0#1", s + "/0#2", s + "/1#1", s + "/2#1"})
		}
		for _, s := range []string{"park-1", "skip-1"} {
			equal(t, s, seen.all(s), []string{s + "/0#1", s + "/1#1", s + "/2#1"})
		}
		if pause := at["later-1/0#2"].Sub(at["later-1/0#1"]); pause < time.Minute || pause > 61*time.Second {
			t.Errorf("it came again after %v", pause)
		}
		if pause := at["again-1/0#2"].Sub(at["again-1/0#1"]); pause > time.Second {
			t.Errorf("it came again after %v", pause)
		}
		list, _, err := r.hub.DeadLetters(t.Context(), "g", 0, 0)
		if err != nil || len(list) != 1 || list[0].Position != 7 || !strings.Contains(list[0].Message, errBusy.Error()) {
			t.Errorf("dead letters %+v, %v", list, err)
		}
		c.end(t)
		r.close(t)
		said := r.said.String()
		for _, want := range []string{"no such thing", "run_test.go", "ended its goroutine"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is not in the log:\n%s", want, said)
			}
		}
		if strings.Contains(said, "not this consumer's any more") {
			t.Errorf("what was taken back is told as late:\n%s", said)
		}
	})
}

// What failed as often as the group lets it goes to the dead letters, and what came behind it is handled all the same.
func TestTheLastAttemptHoldsNothingUp(t *testing.T) {
	for _, attempts := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := begin(t, &delivery.Policy{Batch: 3, Retry: delivery.Retry{MaxAttempts: attempts}})
			r.add(t, "a-1", 3)
			var seen notes
			c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
				seen.add(d)
				if d.Event.StreamPosition == 0 {
					return errBusy
				}
				return nil
			}, consumer.Options{})
			began := time.Now()
			r.through(t, 3)
			equal(t, "dead letters", r.letters(t), []nacre.Position{1})
			equal(t, "the rest", seen.all("a-1")[attempts:], []string{"a-1/1#1", "a-1/2#1"})
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v: somebody waited for a deadline", took)
			}
			c.end(t)
			r.close(t)
		})
	}
}

// A dead letter that is tried again has its stream for itself: what came with it is not lost sight of when it fails.
func TestALetterThatFailsAgainTakesNothingAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{Batch: 3})
		r.add(t, "a-1", 1)
		c := r.run(t, r.group, func(context.Context, consumer.Delivery) error { return consumer.Parked(errBusy) }, consumer.Options{})
		r.through(t, 1)
		c.end(t)
		if n, err := r.hub.Retry(t.Context(), "g"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		r.add(t, "a-1", 2)
		synctest.Wait() // the letter and both events are there to be taken
		began := time.Now()
		failed := false
		c = r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			if d.Event.StreamPosition == 0 && !failed {
				failed = true
				return errBusy
			}
			return nil
		}, consumer.Options{})
		r.through(t, 3)
		soon(t, "the letter is settled", func() bool { return len(r.letters(t)) == 0 })
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v: somebody waited for a deadline", took)
		}
		c.end(t)
		r.close(t)
	})
}

// A handler that is slower than the group's deadline is not begun again while it runs, and counts when it is through.
func TestSlowHandlersPastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{AckDeadlineMS: 10_000, Batch: 3})
		r.add(t, "a-1", 3)
		var seen notes
		c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			if d.Event.StreamPosition == 0 {
				time.Sleep(35 * time.Second)
			}
			return nil
		}, consumer.Options{Wait: time.Second})
		r.through(t, 3)
		if got := seen.all("a-1"); got[0] != "a-1/0#1" || strings.Contains(strings.Join(got[1:], " "), "a-1/0") {
			t.Errorf("seen %v", got)
		}
		c.end(t)
		r.close(t)
	})
}

// What waits behind a slow handler until its own deadline is over is given again, and handled once.
func TestWhatWaitsPastTheDeadlineIsHandledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{AckDeadlineMS: 10_000, Batch: 2})
		r.add(t, "a-1", 1)
		r.add(t, "b-1", 2)
		var seen notes
		c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			if d.Event.StreamID == "a-1" {
				time.Sleep(35 * time.Second)
			}
			return nil
		}, consumer.Options{Concurrency: 1, Prefetch: 10, Wait: time.Second})
		r.through(t, 3)
		equal(t, "seen", seen.all(""), []string{"a-1/0#1", "b-1/0#4", "b-1/1#1"})
		c.end(t)
		r.close(t)
	})
}

// With two consumers, the other one gets what the first one is too slow for, and the first one's answer counts for nothing.
func TestTheOtherOneGetsWhatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{AckDeadlineMS: 10_000})
		r.add(t, "a-1", 2)
		slow := r.run(t, r.group, func(context.Context, consumer.Delivery) error {
			time.Sleep(time.Minute)
			return nil
		}, consumer.Options{Consumer: "slow", Prefetch: 1})
		synctest.Wait()
		var seen notes
		quick := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			return nil
		}, consumer.Options{Consumer: "quick"})
		r.through(t, 2)
		equal(t, "quick", seen.all(""), []string{"a-1/0#2", "a-1/1#1"})
		quick.end(t)
		slow.end(t)
		if !strings.Contains(r.said.String(), "not this consumer's any more") {
			t.Errorf("the late answer is not told:\n%s", &r.said)
		}
		r.close(t)
	})
}

func TestHandlersHaveATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.add(t, "a-1", 1)
		type key struct{}
		began := time.Now()
		ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "there"))
		done := make(chan error)
		go func() {
			done <- consumer.Run(ctx, r.group, func(ctx context.Context, d consumer.Delivery) error {
				if ctx.Value(key{}) != "there" {
					t.Error("the context has lost its values")
				}
				if d.Attempt > 1 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}, &consumer.Options{HandlerTimeout: 7 * time.Second})
		}()
		r.through(t, 1)
		if took := time.Since(began); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("it took %v", took)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if st := r.status(t); st.Failed != 1 {
			t.Errorf("status %+v", st)
		}
		r.close(t)
	})
}

func TestOptionsThatAreWrong(t *testing.T) {
	for field, o := range map[string]consumer.Options{
		"Consumer": {Consumer: "a b"}, "Concurrency": {Concurrency: -1}, "Prefetch": {Prefetch: 1001}, "Wait": {Wait: 2 * time.Minute},
		"HandlerTimeout": {HandlerTimeout: -1}, "AckEvery": {AckEvery: 10_001},
	} {
		err := consumer.Run(t.Context(), nil, nil, &o)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field != "Options."+field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
