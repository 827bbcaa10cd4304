package nacre

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func numbered(from, to int) []Event {
	var out []Event
	for n := from; n <= to; n++ {
		out = append(out, Event{StreamID: "s-1", Type: fmt.Sprintf("t%d", n%10), Data: []byte("1")})
	}
	return out
}

// told is what a subscription gave and told, in order.
type told struct {
	steps []string
	err   error
}

// follow subscribes and notes; at, where set, runs after each step. A step that gives false leaves the
// loop.
func (w *told) follow(ctx context.Context, s *Store, f Filter, o SubscribeOptions, at func(step string) bool) {
	step := func(text string) bool {
		w.steps = append(w.steps, text)
		return at == nil || at(text)
	}
	o.Progress = func(seen Position, caughtUp bool) {
		if caughtUp {
			step(fmt.Sprintf("end %d", seen))
		} else {
			step(fmt.Sprintf("at %d", seen))
		}
	}
	for e, err := range s.Subscribe(ctx, f, &o) {
		if w.err != nil {
			step("after its error")
		}
		if w.err = err; err == nil && !step(fmt.Sprint(e.GlobalPosition)) {
			return
		}
	}
}

func (w *told) expect(t *testing.T, code Code, want ...string) {
	t.Helper()
	if !slices.Equal(w.steps, want) || CodeOf(w.err) != code {
		t.Errorf("the subscription gave %q and %v, want %q and the code %q", w.steps, w.err, want, code)
	}
}

// script runs at the steps that it names.
func script(steps map[string]func()) func(string) bool {
	return func(step string) bool {
		if do := steps[step]; do != nil {
			do()
		}
		return true
	}
}

func TestSubscribe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := newFake(numbered(1, 3)...)
	var w told
	w.follow(ctx, NewStore(d, nil), nil, SubscribeOptions{}, script(map[string]func(){
		"2":     func() { d.add(numbered(4, 4)...) }, // within the history
		"4":     func() { d.add(numbered(5, 6)...) },
		"end 6": func() { d.add(numbered(7, 7)...) },
		"end 7": cancel,
	}))
	w.expect(t, CodeCanceled, "1", "2", "3", "at 3", "4", "at 4", "5", "6", "end 6", "7", "end 7")
}

func TestSubscribeAfter(t *testing.T) {
	for after := range Position(4) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newFake(numbered(1, 3)...)
		var w told
		w.follow(ctx, NewStore(d, nil), nil, SubscribeOptions{After: after, Epoch: "epoch-1"}, script(map[string]func(){"end 3": cancel}))
		w.expect(t, CodeCanceled, append([]string{"1", "2", "3"}[after:], "end 3")...)
	}
}

// TestSubscribeProgress passes over many events that the filter does not select.
func TestSubscribeProgress(t *testing.T) {
	events := numbered(1, 25_000)
	events[10_500-1].Type, events[25_000-1].Type = "rare", "rare"
	ctx, cancel := context.WithCancel(t.Context())
	d := newFake(events...)
	var w told
	w.follow(ctx, NewStore(d, nil), Filter{{Types: []string{"rare"}}}, SubscribeOptions{After: 100}, script(map[string]func(){
		"end 25000": func() { d.add(numbered(1, 12_000)...) },
		"end 37000": cancel,
	}))
	w.expect(t, CodeCanceled, "at 10100", "10500", "at 20100", "25000", "end 25000", "at 35000", "end 37000")
}

func TestSubscribeRewound(t *testing.T) {
	for _, o := range []SubscribeOptions{{Epoch: "epoch-0"}, {After: 2, Epoch: "epoch-0"}, {After: 4}, {After: 4, Epoch: "epoch-1"}} {
		var w told
		w.follow(t.Context(), NewStore(newFake(numbered(1, 3)...), nil), nil, o, nil)
		w.expect(t, CodeLogRewound)
	}
	for what, rewind := range map[string]func(d *fakeDriver){
		"cut":                 func(d *fakeDriver) { d.rewind(1, "epoch-2") },
		"cut and grown since": func(d *fakeDriver) { d.rewind(1, "epoch-2"); d.add(numbered(2, 9)...) },
		"of another epoch":    func(d *fakeDriver) { d.rewind(3, "epoch-2") },
	} {
		d := newFake(numbered(1, 3)...)
		var w told
		w.follow(t.Context(), NewStore(d, nil), nil, SubscribeOptions{}, script(map[string]func(){"end 3": func() { rewind(d) }}))
		t.Log(what)
		w.expect(t, CodeLogRewound, "1", "2", "3", "end 3")
	}
}

func TestSubscribeEnds(t *testing.T) {
	for at, want := range map[string][]string{"2": {"1", "2"}, "end 3": {"1", "2", "3", "end 3"}} {
		ctx, cancel := context.WithCancel(t.Context())
		var w told
		w.follow(ctx, NewStore(newFake(numbered(1, 3)...), nil), nil, SubscribeOptions{}, script(map[string]func(){at: cancel}))
		w.expect(t, CodeCanceled, want...)
	}
	ended, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	var w told
	w.follow(ended, NewStore(newFake(), nil), nil, SubscribeOptions{}, nil)
	w.expect(t, CodeDeadline)

	d := newFake(numbered(1, 3)...)
	w = told{}
	w.follow(t.Context(), NewStore(d, nil), nil, SubscribeOptions{}, func(step string) bool { return step != "2" })
	w.expect(t, "", "1", "2")
	if d.count("Wait") > 0 {
		t.Error("a loop that was left went on to wait")
	}

	d = newFake(numbered(1, 3)...)
	s := NewStore(d, nil)
	w = told{}
	w.follow(t.Context(), s, nil, SubscribeOptions{}, script(map[string]func(){"end 3": func() { _ = s.Close() }}))
	w.expect(t, CodeClosed, "1", "2", "3", "end 3")
}

func TestSubscribeTellsTheDriversErrors(t *testing.T) {
	for at, want := range map[string][]string{"1": {"1", "at 1"}, "end 2": {"1", "2", "end 2"}} {
		d := newFake(numbered(1, 1)...)
		if at == "end 2" {
			d.add(numbered(2, 2)...)
		}
		var w told
		w.follow(t.Context(), NewStore(d, nil), nil, SubscribeOptions{}, func(step string) bool {
			if step == at {
				d.add(numbered(9, 9)...)
			}
			if step == want[len(want)-1] {
				d.err = errDisk
			}
			return true
		})
		w.expect(t, CodeInternal, want...)
	}
	d := newFake()
	d.err = errDisk
	var w told
	w.follow(t.Context(), NewStore(d, nil), nil, SubscribeOptions{}, nil)
	w.expect(t, CodeInternal)
}

// TestSubscribeAgain loops over one subscription twice: each loop begins where the options say.
func TestSubscribeAgain(t *testing.T) {
	seq := NewStore(newFake(numbered(1, 3)...), nil).Subscribe(t.Context(), nil, &SubscribeOptions{After: 1})
	for range 2 {
		for e, err := range seq {
			if err != nil || e.GlobalPosition != 2 {
				t.Errorf("the first event is at %d, %v, want 2", e.GlobalPosition, err)
			}
			break
		}
	}
	for e, err := range NewStore(newFake(numbered(1, 1)...), nil).Subscribe(t.Context(), nil, nil) {
		if err != nil || e.GlobalPosition != 1 {
			t.Errorf("without options, the first event is at %d, %v", e.GlobalPosition, err)
		}
		break
	}
}

// TestSubscribeDoesNotPoll: nothing is asked while nothing happens, and an event comes as soon as it is there.
func TestSubscribeDoesNotPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d := newFake(numbered(1, 3)...)
		var w told
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.follow(ctx, NewStore(d, nil), nil, SubscribeOptions{}, nil)
		}()
		synctest.Wait()
		idle := d.count("Head") + d.count("Read") + d.count("Wait")
		time.Sleep(24 * time.Hour)
		if asked := d.count("Head") + d.count("Read") + d.count("Wait"); asked != idle {
			t.Errorf("the driver was asked %d times while nothing happened", asked-idle)
		}
		before := time.Now()
		d.add(numbered(4, 4)...)
		synctest.Wait()
		w.expect(t, "", "1", "2", "3", "end 3", "4", "end 4")
		if late := time.Since(before); late > 0 {
			t.Errorf("the event came after %v", late)
		}
		cancel()
		<-ended
		w.expect(t, CodeCanceled, "1", "2", "3", "end 3", "4", "end 4")
	})
}
