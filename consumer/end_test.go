package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

func TestADrainLetsHandlersEndAndGivesTheRestBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		for _, s := range []nacre.StreamID{"a-1", "a-2", "a-3", "a-4"} {
			r.add(t, s, 1)
		}
		var seen notes
		c := r.run(t, r.group, func(ctx context.Context, d consumer.Delivery) error {
			time.Sleep(10 * time.Second)
			seen.add(d)
			return ctx.Err()
		}, consumer.Options{Concurrency: 2, Prefetch: 4})
		time.Sleep(time.Second)
		began := time.Now()
		c.end(t)
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("the end took %v", took)
		}
		// Nothing was begun any more, what ran is done, and the others are there at once, as if nobody had had them.
		if n := len(seen.all("")); n != 2 {
			t.Errorf("%d were handled: %v", n, seen.all(""))
		}
		list, err := r.group.Poll(t.Context(), consumer.Request{Consumer: "other", Max: 10})
		if err != nil || len(list) != 2 || list[0].Attempt != 1 || list[1].Attempt != 1 {
			t.Errorf("given back: %+v, %v", list, err)
		}
		if st := r.status(t); len(st.Consumers) != 1 || st.Delivered != 2 {
			t.Errorf("status %+v", st)
		}
		r.close(t)
	})
}

func TestADrainThatTakesTooLongEndsTheHandlers(t *testing.T) {
	for name, drain := range map[string]time.Duration{"5 s": 5 * time.Second, "none": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := begin(t, nil)
				r.add(t, "a-1", 1)
				r.add(t, "a-2", 1)
				c := r.run(t, r.group, func(ctx context.Context, d consumer.Delivery) error {
					<-ctx.Done()
					time.Sleep(time.Hour) // it does not care
					if d.Event.StreamID == "a-2" {
						return nil
					}
					return ctx.Err()
				}, consumer.Options{Drain: drain})
				synctest.Wait()
				began := time.Now()
				c.end(t)
				if took := time.Since(began); took != time.Hour+max(drain, 0) {
					t.Errorf("the end took %v", took)
				}
				r.close(t)
			})
		})
	}
}

// What was cut off by the end of a drain does not count as tried.
func TestWhatADrainCutsOffDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.add(t, "a-1", 1)
		c := r.run(t, r.group, func(ctx context.Context, _ consumer.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}, consumer.Options{Drain: time.Second})
		synctest.Wait()
		c.end(t)
		list, err := r.group.Poll(t.Context(), consumer.Request{Consumer: "other"})
		if err != nil || len(list) != 1 || list[0].Attempt != 1 {
			t.Errorf("given back: %+v, %v", list, err)
		}
		if st := r.status(t); st.Failed != 0 {
			t.Errorf("status %+v", st)
		}
		r.close(t)
	})
}

func TestAPausedGroupIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		if err := r.hub.Pause(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		r.add(t, "a-1", 2)
		var seen notes
		c := r.run(t, r.group, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			return nil
		}, consumer.Options{})
		time.Sleep(time.Hour)
		if err := r.hub.Resume(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r.through(t, 2)
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it went on after %v", took)
		}
		equal(t, "seen", seen.all(""), []string{"a-1/0#1", "a-1/1#1"})
		// Also where the pause comes between.
		if err := r.hub.Pause(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		r.add(t, "a-1", 1)
		time.Sleep(time.Minute)
		if err := r.hub.Resume(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		r.through(t, 3)
		c.end(t)
		r.close(t)
		if n := strings.Count(r.said.String(), "gives nothing at present"); n != 2 {
			t.Errorf("it is told %d times:\n%s", n, &r.said)
		}
	})
}

// What Run cannot mend ends it.
func TestRunEndsWhereAskingAgainDoesNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.add(t, "a-1", 1)
		handled := make(chan struct{})
		c := r.run(t, r.group, func(context.Context, consumer.Delivery) error {
			handled <- struct{}{}
			time.Sleep(time.Second)
			return nil
		}, consumer.Options{})
		<-handled
		if err := r.hub.Delete(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		if err := <-c.done; nacre.CodeOf(err) != delivery.CodeNotFound {
			t.Errorf("after the deletion: %v", err)
		}
		c = r.run(t, r.hub.Group("none"), nil, consumer.Options{})
		if err := <-c.done; nacre.CodeOf(err) != delivery.CodeNotFound {
			t.Errorf("without a group: %v", err)
		}
		r.close(t)
		c = r.run(t, r.group, nil, consumer.Options{})
		if err := <-c.done; nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("with a closed hub: %v", err)
		}
	})
	for _, code := range []nacre.Code{delivery.CodeWrongKind, "UNAUTHORIZED", "FORBIDDEN", "EVENT_STORE_NOT_FOUND", nacre.CodeInvalid} {
		wrong := nacre.Errorf(code, "no")
		f := &fake{poll: func(context.Context, consumer.Request) ([]consumer.Delivery, error) { return nil, wrong }}
		if err := consumer.Run(t.Context(), f, nil, nil); err != wrong {
			t.Errorf("%s: %v", code, err)
		}
		given := false
		f = &fake{
			poll: func(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
				if given {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				given = true
				return []consumer.Delivery{{ID: "1", Attempt: 1}}, nil
			},
			ack: func(context.Context, consumer.Answer) (consumer.Outcome, error) { return consumer.Outcome{}, wrong },
		}
		ok := func(context.Context, consumer.Delivery) error { return nil }
		if err := consumer.Run(t.Context(), f, ok, nil); err != wrong {
			t.Errorf("%s of an answer: %v", code, err)
		}
	}
}

// fake is a group of the test's own.
type fake struct {
	poll  func(context.Context, consumer.Request) ([]consumer.Delivery, error)
	ack   func(context.Context, consumer.Answer) (consumer.Outcome, error)
	leave func(context.Context, string) error
}

func (f *fake) Poll(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
	return f.poll(ctx, r)
}

func (f *fake) Ack(ctx context.Context, a consumer.Answer) (consumer.Outcome, error) {
	return f.ack(ctx, a)
}

func (f *fake) Leave(ctx context.Context, who string) error {
	if f.leave == nil {
		return nil
	}
	return f.leave(ctx, who)
}

// An answer is sent until somebody has taken it, however long that takes, and what it told before is no mistake.
func TestAnAnswerThatIsLostIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.add(t, "a-1", 1)
		var losses, polls atomic.Int32
		between := &fake{
			poll: func(ctx context.Context, q consumer.Request) ([]consumer.Delivery, error) {
				if polls.Add(1) == 1 {
					return nil, errors.New("the connection broke off")
				}
				return r.group.Poll(ctx, q)
			},
			ack: func(ctx context.Context, a consumer.Answer) (consumer.Outcome, error) {
				out, err := r.group.Ack(ctx, a)
				if losses.Add(1) <= 3 {
					return consumer.Outcome{}, nacre.Errorf(nacre.CodeInternal, "the connection broke off")
				}
				return out, err
			},
			leave: func(context.Context, string) error { return errors.New("the connection broke off") },
		}
		var seen notes
		c := r.run(t, between, func(_ context.Context, d consumer.Delivery) error {
			seen.add(d)
			return nil
		}, consumer.Options{})
		soon(t, "the answer is through", func() bool { return losses.Load() == 4 })
		r.add(t, "a-1", 1)
		r.through(t, 2)
		c.end(t)
		equal(t, "seen", seen.all(""), []string{"a-1/0#1", "a-1/1#1"})
		said := r.said.String()
		if strings.Contains(said, "not this consumer's any more") || strings.Count(said, "are sent again") != 3 ||
			!strings.Contains(said, "could not be told that a consumer leaves") {
			t.Errorf("the log:\n%s", said)
		}
		r.close(t)
	})
}

// Where nobody takes the answers, the end comes all the same, and is told.
func TestTheEndDoesNotWaitForEverForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.add(t, "a-1", 1)
		handled := make(chan struct{})
		c := r.run(t, &fake{
			poll: r.group.Poll,
			ack: func(context.Context, consumer.Answer) (consumer.Outcome, error) {
				return consumer.Outcome{}, errors.New("nobody is there")
			},
		}, func(context.Context, consumer.Delivery) error {
			close(handled)
			return nil
		}, consumer.Options{})
		<-handled
		time.Sleep(time.Minute)
		began := time.Now()
		c.end(t)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end took %v", took)
		}
		if !strings.Contains(r.said.String(), "could not be sent") {
			t.Errorf("the log:\n%s", &r.said)
		}
		r.close(t)
	})
}

// Answers wait for each other a little while something is handled, and not at all where nothing is.
func TestAnswersAreSentTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list []consumer.Delivery
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			list = append(list, consumer.Delivery{ID: id, Attempt: 1, Event: nacre.Event{StreamID: nacre.StreamID("s-" + id), ID: id}})
		}
		began := time.Now()
		var mu sync.Mutex
		var sizes []int
		var at []time.Duration
		f := &fake{
			poll: func(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
				if list == nil {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				out := list
				list = nil
				return out, nil
			},
			ack: func(_ context.Context, a consumer.Answer) (consumer.Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				sizes = append(sizes, len(a.Ack))
				at = append(at, time.Since(began))
				return consumer.Outcome{Done: len(a.Ack)}, nil
			},
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- consumer.Run(ctx, f, func(_ context.Context, d consumer.Delivery) error {
				switch d.ID {
				case "4": // alone
					time.Sleep(10 * time.Millisecond)
				case "5": // the last one
					time.Sleep(11 * time.Millisecond)
				}
				return nil
			}, &consumer.Options{AckDelay: 3 * time.Millisecond})
		}()
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		equal(t, "sizes", sizes, []int{3, 2})
		equal(t, "times", at, []time.Duration{3 * time.Millisecond, 11 * time.Millisecond})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A handler that sees that the consumer is to end may give back what it has begun with, which does not count as tried; and
// nothing of its stream is handled before it.
func TestAHandlerMayGiveBackWhatItBeganWithAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, &delivery.Policy{Batch: 10, Retry: delivery.Retry{MaxAttempts: 1}})
		r.add(t, "a-1", 5)
		soon(t, "they are read", func() bool { return r.status(t).Open == 5 })
		ctx, stop := context.WithCancel(t.Context())
		var seen notes
		err := consumer.Run(ctx, r.group, func(_ context.Context, d consumer.Delivery) error {
			if seen.add(d); d.Event.StreamPosition == 1 {
				stop()
			}
			if ctx.Err() != nil {
				return fmt.Errorf("enough: %w", ctx.Err())
			}
			return nil
		}, &consumer.Options{Concurrency: 1, Prefetch: 10, Logger: slog.New(slog.DiscardHandler)})
		if n := len(seen.all("")); err != nil || n != 2 {
			t.Errorf("%d were begun with: %v", n, err)
		}
		if st := r.status(t); st.Failed != 0 || st.LastError != nil || st.Delivered != 1 || len(r.letters(t)) != 0 {
			t.Errorf("status %+v, dead %v", st, r.letters(t))
		}
		list, err := r.group.Poll(t.Context(), consumer.Request{Consumer: "other", Max: 100})
		if err != nil || len(list) != 4 {
			t.Errorf("%d are given back: %v", len(list), err)
		}
		for i, d := range list {
			if d.Attempt != 1 || d.Event.StreamPosition != int64(i+1) {
				t.Errorf("attempt %d of %d", d.Attempt, d.Event.StreamPosition)
			}
		}
		// While the consumer goes on, it is an error like any other.
		if err := r.group.(consumer.Leaver).Leave(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
		c := r.run(t, r.group, func(context.Context, consumer.Delivery) error { return context.Canceled }, consumer.Options{})
		soon(t, "all are dead", func() bool { return len(r.letters(t)) == 4 })
		c.end(t)
		r.close(t)
	})
}
