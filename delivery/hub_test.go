package delivery_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

func TestHistoryAndWhatComesAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		add(t, store, "user-1", "user.made", "user.named")
		add(t, store, "order-1", "order.placed")
		h := begin(t, store, d)
		st := create(t, h, delivery.Spec{
			Name: "users", Kind: "desk", Filter: nacre.Filter{{Types: []string{"user.*"}}}, Start: delivery.Start{Earliest: true},
		})
		if st.State != delivery.Active || st.After != 0 {
			t.Errorf("made as %+v", st)
		}
		through(t, h, "users", 3)
		p := add(t, store, "user-2", "user.made")
		add(t, store, "order-1", "order.paid")
		through(t, h, "users", 5)
		equal(t, "received", d.received(), []nacre.Position{1, 2, p})
		if st := get(t, h, "users"); st.Lag != 0 || st.Head != 5 || st.Delivered != 3 || st.Open != 0 {
			t.Errorf("status %+v", st)
		}
		end(t, h)
		if d.open != 0 {
			t.Errorf("%d senders are open", d.open)
		}
	})
}

func TestASubscriptionOutlivesItsHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk"})
		create(t, h, delivery.Spec{Name: "sleeping", Kind: "desk", Config: json.RawMessage(`{"to":"bed"}`)})
		if err := h.Pause(t.Context(), "sleeping"); err != nil {
			t.Fatal(err)
		}
		through(t, h, "all", add(t, store, "a-1", "x", "x"))
		end(t, h)
		add(t, store, "a-1", "x")
		h = begin(t, store, d)
		through(t, h, "all", 3)
		equal(t, "received", d.received(), upTo(3))
		if st := get(t, h, "sleeping"); st.State != delivery.Paused || st.Position != 0 || st.Lag != 3 {
			t.Errorf("status %+v", st)
		}
		if err := h.Resume(t.Context(), "sleeping"); err != nil {
			t.Fatal(err)
		}
		through(t, h, "sleeping", 3)
		equal(t, "received", d.received(), []nacre.Position{1, 2, 3, 1, 2, 3})
		end(t, h)
	})
}

func TestAFailingStreamHoldsItselfOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].StreamID == "bad-1" {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: quick(100)})
		add(t, store, "bad-1", "x", "x")
		add(t, store, "good-1", "x", "x")
		add(t, store, "bad-1", "x")
		add(t, store, "good-2", "x")
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		equal(t, "received", sorted(d.received()), []nacre.Position{3, 4, 6})
		st := get(t, h, "all")
		if st.State != delivery.Retrying || st.Position != 0 || st.Open != 3 || st.LastError == nil || st.LastError.Position != 1 || st.Waiting != 1 {
			t.Errorf("status %+v", st)
		}
		d.set(nil)
		through(t, h, "all", 6)
		equal(t, "received", d.received()[3:], []nacre.Position{1, 2, 5})
		if st := get(t, h, "all"); st.State != delivery.Active {
			t.Errorf("status %+v", st)
		}
		end(t, h)
	})
}

func TestGlobalOrderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].GlobalPosition == 2 && b.Attempt < 4 {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		p := quick(100)
		p.Order = delivery.Global
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: p})
		for i := range 10 {
			add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
		}
		through(t, h, "all", 10)
		equal(t, "received", d.received(), upTo(10))
		end(t, h)
	})
}

func TestAnEventThatIsTriedOftenEnoughIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].GlobalPosition == 2 {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: quick(3)})
		add(t, store, "s-1", "x", "x", "x")
		through(t, h, "all", 3)
		equal(t, "received", d.received(), []nacre.Position{1, 3})
		letters, total, err := h.DeadLetters(t.Context(), "all", 0, 0)
		if err != nil || total != 1 || letters[0].Position != 2 || letters[0].Attempts != 3 || letters[0].Message != errDown.Error() || letters[0].Stream != "s-1" {
			t.Fatalf("dead letters %+v, %d, %v", letters, total, err)
		}
		if n, err := h.Retry(t.Context(), "all", letters[0].ID); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Minute)
		if letters, _, _ := h.DeadLetters(t.Context(), "all", 0, 0); len(letters) != 1 || letters[0].Attempts != 3 {
			t.Errorf("it is to stay one: %+v", letters)
		}
		d.set(nil)
		if n, err := h.Retry(t.Context(), "all"); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Second)
		equal(t, "received", d.received(), []nacre.Position{1, 3, 2})
		if letters, total, _ := h.DeadLetters(t.Context(), "all", 0, 0); total != 0 {
			t.Errorf("left are %+v", letters)
		}
		_, err = h.Retry(t.Context(), "all", "event-2")
		expectCode(t, "once more", err, nacre.CodeNotFound, "")
		end(t, h)
	})
}

func TestSuspension(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		tries int
	}{
		"exhausted": {errDown, 3},
		"gone":      {&delivery.Failure{Gone: true, Err: errDown}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, d := newStore(t), newDesk()
				d.set(func(*delivery.Batch) error { return c.err })
				h := begin(t, store, d)
				p := quick(3)
				p.OnExhausted = delivery.Suspend
				create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: p})
				add(t, store, "s-1", "x", "x")
				time.Sleep(time.Hour)
				st := get(t, h, "all")
				if st.State != delivery.Suspended || st.Reason == "" || st.Position != 0 || d.tried() != c.tries {
					t.Errorf("after %d tries: %+v", d.tried(), st)
				}
				end(t, h)
				h = begin(t, store, d)
				time.Sleep(time.Hour)
				if st := get(t, h, "all"); st.State != delivery.Suspended || d.tried() != c.tries {
					t.Errorf("another hub goes on: %+v", st)
				}
				d.set(nil)
				if err := h.Resume(t.Context(), "all"); err != nil {
					t.Fatal(err)
				}
				through(t, h, "all", 2)
				equal(t, "received", d.received(), upTo(2))
				end(t, h)
			})
		})
	}
}

func TestRetryAfterAndPermanentFailuresAreObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			switch {
			case b.Events[0].GlobalPosition == 2:
				return &delivery.Failure{Permanent: true, Err: errDown}
			case b.Attempt == 1:
				return &delivery.Failure{RetryAfter: 10 * time.Minute, Err: errDown}
			}
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: quick(5)})
		add(t, store, "s-1", "x", "x")
		time.Sleep(time.Hour)
		tries, err := h.Deliveries(t.Context(), "all")
		if err != nil || len(tries) != 3 {
			t.Fatalf("%+v, %v", tries, err)
		}
		if tries[0].Position != 2 || tries[0].Error != errDown.Error() || tries[0].Status != 500 || tries[1].Error != "" || tries[1].Status != 200 ||
			tries[1].Attempt != 2 || tries[1].At.Sub(tries[2].At) != 10*time.Minute {
			t.Errorf("deliveries, the newest first: %+v", tries)
		}
		end(t, h)
		h = begin(t, store, d)
		if again, err := h.Deliveries(t.Context(), "all"); err != nil || !slices.Equal(again, tries) {
			t.Errorf("another hub remembers %+v, %v", again, err)
		}
		if _, n, _ := h.DeadLetters(t.Context(), "all", 0, 0); n != 1 {
			t.Errorf("%d dead letters", n)
		}
		end(t, h)
	})
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk"})
		through(t, h, "all", add(t, store, "s-1", "x", "x", "x"))
		if err := h.Replay(t.Context(), "all", 1); err != nil {
			t.Fatal(err)
		}
		through(t, h, "all", 3)
		soon(t, "they came again", func() bool { return len(d.received()) == 5 })
		equal(t, "received", d.received(), []nacre.Position{1, 2, 3, 2, 3})
		if len(d.ids) != 3 {
			t.Errorf("what came again has another id: %v", d.ids)
		}
		expectCode(t, "beyond the end", h.Replay(t.Context(), "all", 4), nacre.CodeInvalid, "from")
		end(t, h)
		h = begin(t, store, d)
		time.Sleep(time.Second)
		if got := d.received(); len(got) != 5 {
			t.Errorf("received %v", got)
		}
		end(t, h)
	})
}

func TestStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		for range 5 {
			add(t, store, "s-1", "x")
			time.Sleep(time.Hour)
		}
		third := time.Now().Add(-3 * time.Hour) // when the third was appended
		two := nacre.Position(2)
		h := begin(t, store, d)
		for name, c := range map[string]struct {
			start delivery.Start
			after nacre.Position
		}{
			"latest": {delivery.Start{}, 5}, "earliest": {delivery.Start{Earliest: true}, 0}, "after": {delivery.Start{After: &two}, 2},
			"at": {delivery.Start{At: third}, 2}, "before": {delivery.Start{At: third.Add(-99 * time.Hour)}, 0},
			"behind": {delivery.Start{At: third.Add(99 * time.Hour)}, 5},
		} {
			if st := create(t, h, delivery.Spec{Name: name, Kind: "group", Start: c.start}); st.After != c.after {
				t.Errorf("%s begins behind %d, not %d", name, st.After, c.after)
			}
		}
		six := nacre.Position(6)
		_, _, err := h.Create(t.Context(), &delivery.Spec{Name: "x", Kind: "group", Start: delivery.Start{After: &six}})
		expectCode(t, "beyond the end", err, nacre.CodeInvalid, "start")
		_, _, err = h.Create(t.Context(), &delivery.Spec{Name: "x", Kind: "group", Start: delivery.Start{After: &two, Earliest: true}})
		expectCode(t, "two ways", err, nacre.CodeInvalid, "start")
		end(t, h)
	})
}

func TestCreatingTheSameAgainFindsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		h := begin(t, store, d)
		spec := delivery.Spec{Kind: "desk", Filter: nacre.Filter{{Types: []string{"user.*"}}}, Config: json.RawMessage(`{"to":"me"}`)}
		st := create(t, h, spec)
		again, existed, err := h.Create(t.Context(), &spec)
		if err != nil || !existed || again.Name != st.Name {
			t.Errorf("%+v existed %v: %v", again, existed, err)
		}
		spec.Filter = nil
		create(t, h, spec)
		spec.Name = st.Name
		_, _, err = h.Create(t.Context(), &spec)
		expectCode(t, "another one of the name", err, delivery.CodeExists, "")
		if err := h.Delete(t.Context(), st.Name); err != nil {
			t.Fatal(err)
		}
		_, err = h.Get(t.Context(), st.Name)
		expectCode(t, "deleted", err, delivery.CodeNotFound, "")
		create(t, h, spec)
		if list, err := h.List(t.Context()); err != nil || len(list) != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		end(t, h)
	})
}

func TestBadSpecsNameTheField(t *testing.T) {
	store, d := newStore(t), newDesk()
	h := begin(t, store, d)
	defer end(t, h)
	jitter := 101.0
	for field, s := range map[string]delivery.Spec{
		"kind": {Kind: "pigeon"}, "name": {Kind: "group"}, "config": {Kind: "desk", Config: json.RawMessage(`[]`)},
		"config.to": {Kind: "desk", Config: json.RawMessage(`{"to":"nowhere"}`)}, "filter[0]": {Kind: "desk", Filter: nacre.Filter{{Types: []string{""}}}},
		"where":                      {Kind: "desk", Where: "type = 'a' LIMIT 3"},
		"policy.window":              {Kind: "desk", Policy: &delivery.Policy{Window: -1}},
		"policy.batch":               {Kind: "desk", Policy: &delivery.Policy{Window: 5, Batch: 6}},
		"policy.parallel":            {Name: "g", Kind: "group", Policy: &delivery.Policy{Parallel: 5}},
		"policy.order":               {Kind: "desk", Policy: &delivery.Policy{Order: "none"}},
		"policy.onExhausted":         {Kind: "desk", Policy: &delivery.Policy{OnExhausted: "cry"}},
		"policy.ackDeadlineMs":       {Name: "g", Kind: "group", Policy: &delivery.Policy{AckDeadlineMS: 1}},
		"policy.pinned":              {Kind: "desk", Policy: &delivery.Policy{Pinned: true}},
		"policy.retry.strategy":      {Kind: "desk", Policy: &delivery.Policy{Retry: delivery.Retry{Strategy: "never"}}},
		"policy.retry.multiplier":    {Kind: "desk", Policy: &delivery.Policy{Retry: delivery.Retry{Multiplier: 0.5}}},
		"policy.retry.maxAttempts":   {Kind: "desk", Policy: &delivery.Policy{Retry: delivery.Retry{MaxAttempts: -1}}},
		"policy.retry.maxDelayMs":    {Kind: "desk", Policy: &delivery.Policy{Retry: delivery.Retry{MaxDelayMS: -1}}},
		"policy.retry.jitterPercent": {Kind: "desk", Policy: &delivery.Policy{Retry: delivery.Retry{JitterPercent: &jitter}}},
	} {
		_, _, err := h.Create(t.Context(), &s)
		expectCode(t, field, err, nacre.CodeInvalid, field)
	}
	for _, name := range []string{"", "..", "a b", "ä", string(make([]byte, 65))} {
		_, _, err := h.Create(t.Context(), &delivery.Spec{Name: name, Kind: "group"})
		expectCode(t, fmt.Sprintf("the name %q", name), err, nacre.CodeInvalid, "name")
	}
	if list, err := h.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("something was made: %+v, %v", list, err)
	}
}
