package delivery_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

// What came of a poll in the background.
type polled struct {
	list []consumer.Delivery
	err  error
}

func pollLater(ctx context.Context, h *delivery.Hub, who string) chan polled {
	out := make(chan polled, 1)
	go func() {
		list, err := h.Poll(ctx, "g", consumer.Request{Consumer: who, Max: 10, Wait: time.Minute})
		out <- polled{list, err}
	}()
	synctest.Wait()
	return out
}

func TestParkingIsNoReasonToSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, &delivery.Policy{OnExhausted: delivery.Suspend})
		list := poll(t, h, "ann", 1)
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID, Action: consumer.Park, Reason: "odd"}}})
		synctest.Wait()
		if st := get(t, h, "g"); st.State != delivery.Active {
			t.Errorf("it is %s: %s", st.State, st.Reason)
		}
		equal(t, "dead", dead(t, h, "g"), []nacre.Position{1})
		end(t, h)
	})
}

func TestWhoHasLeftIsGivenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := groupOf(t, nil)
		poll(t, h, "cid", 10)
		ann := pollLater(t.Context(), h, "ann")
		began := time.Now()
		if err := h.Leave(t.Context(), "g", "ann"); err != nil {
			t.Fatal(err)
		}
		if got := <-ann; got.err != nil || len(got.list) != 0 || time.Since(began) != 0 {
			t.Errorf("ann's poll ended with %v, %v after %s", got.list, got.err, time.Since(began))
		}
		bob := pollLater(t.Context(), h, "bob")
		add(t, store, "a-3", "x")
		equal(t, "bob's", positions((<-bob).list), []nacre.Position{5})
		equal(t, "consumers", get(t, h, "g").Consumers, []string{"bob", "cid"})
		end(t, h)
	})
}

func TestWhoIsGoneTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, nil)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if got := <-pollLater(gone, h, "ann"); got.err == nil || len(got.list) != 0 {
			t.Errorf("who was gone before was given %v, %v", got.list, got.err)
		}
		list := poll(t, h, "bob", 10)
		if equal(t, "bob's", positions(list), []nacre.Position{1, 3}); len(list) > 0 && list[0].Attempt != 1 {
			t.Errorf("attempt %d", list[0].Attempt)
		}
		equal(t, "consumers", get(t, h, "g").Consumers, []string{"bob"})
		end(t, h)
	})
}

func TestAConsumerThatIsSilentIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, &delivery.Policy{AckDeadlineMS: 10_000})
		list := poll(t, h, "ann", 10)
		answer(t, h, consumer.Answer{Consumer: "ann", Ack: []string{list[0].ID, list[1].ID}})
		equal(t, "consumers", get(t, h, "g").Consumers, []string{"ann"})
		time.Sleep(time.Hour)
		equal(t, "consumers", get(t, h, "g").Consumers, nil)
		end(t, h)
	})
}

// A change that lets the group go on is no error for who waits.
func TestWhoWaitsWaitsOnThroughAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newStore(t)
		store := hook(raw, &hooks{before: func(b []nacre.Append) error {
			if b[0].Stream == "subscription-g" { // the change takes its time
				time.Sleep(time.Second)
			}
			return nil
		}})
		h := begin(t, store, newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup})
		add(t, store, "a-1", "x", "x")
		add(t, store, "a-2", "x", "x")
		soon(t, "they are read", func() bool { return get(t, h, "g").Open == 4 })
		poll(t, h, "cid", 10)
		bob := pollLater(t.Context(), h, "bob")
		if _, err := h.Update(t.Context(), "g", &delivery.Change{Filter: &nacre.Filter{{Types: []string{"y"}}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := <-bob
		if got.err != nil {
			t.Fatal(got.err)
		}
		all := map[nacre.Position]bool{}
		for list := got.list; len(list) > 0; list = poll(t, h, "bob", 10) {
			for _, d := range list {
				all[d.Event.GlobalPosition] = true
				answer(t, h, consumer.Answer{Ack: []string{d.ID}})
			}
		}
		if len(all) != 4 {
			t.Errorf("of what was open, %v are given again", all)
		}
		bob = pollLater(t.Context(), h, "bob")
		add(t, store, "a-9", "x", "y")
		equal(t, "of the new filter", positions((<-bob).list), []nacre.Position{6})

		bob = pollLater(t.Context(), h, "bob")
		if err := h.Delete(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		expectCode(t, "who waits for what is deleted", (<-bob).err, delivery.CodeNotFound, "")
		end(t, h)
	})
}

func TestAllDeadLettersAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return refused })
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1)})
		const many = 1_203
		for range many / 3 {
			add(t, store, "a-1", "x", "x", "x")
		}
		through(t, h, "s", many)
		d.set(nil)
		if n, err := h.Retry(t.Context(), "s", "event-1", "event-2", "event-1"); n != 2 || err != nil {
			t.Errorf("two ids, one of them twice: %d, %v", n, err)
		}
		synctest.Wait()
		retry(t, h, "s", many-2)
		soon(t, "all are delivered", func() bool { return len(d.received()) == many })
		if _, n, err := h.DeadLetters(t.Context(), "s", 0, 1); n != 0 || err != nil {
			t.Errorf("%d dead letters stay, %v", n, err)
		}
		end(t, h)
	})
}

func TestWhatIsReturnedIsGivenToOthersUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, &delivery.Policy{Batch: 10, Retry: delivery.Retry{MaxAttempts: 1}})
		ann := poll(t, h, "ann", 10)
		equal(t, "ann's", positions(ann), upTo(4))
		var ids []string
		for _, d := range ann {
			ids = append(ids, d.ID)
		}
		answer(t, h, consumer.Answer{Ack: ids[:1]})
		held, err := h.Awaited("g", append([]string{"none"}, ids...))
		if equal(t, "awaited", held, ids[1:]); err != nil {
			t.Error(err)
		}
		if err := h.Forget("g", "ann"); err != nil {
			t.Error(err)
		}
		equal(t, "one that has something stays", get(t, h, "g").Consumers, []string{"ann"})
		bob := pollLater(t.Context(), h, "bob")
		if err := h.Return("g", append([]string{"none"}, ids...)); err != nil {
			t.Error(err)
		}
		got := <-bob
		equal(t, "bob's", positions(got.list), []nacre.Position{2, 3, 4})
		for _, d := range got.list {
			if d.Attempt != 1 {
				t.Errorf("position %d is tried for the %d. time", d.Event.GlobalPosition, d.Attempt)
			}
		}
		if st := get(t, h, "g"); st.Failed != 0 || st.LastError != nil {
			t.Errorf("status %+v", st)
		}
		if err := h.Forget("g", "ann"); err != nil {
			t.Error(err)
		}
		equal(t, "consumers", get(t, h, "g").Consumers, []string{"bob"})
		expectCode(t, "returned to no group", h.Return("none", ids), delivery.CodeNotFound, "")
		end(t, h)
	})
}

// A hub that ends begins nothing more; what is under way comes to its end, and is answered for.
func TestAHubThatStopsServingLetsWhatFliesLand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := groupOf(t, nil)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Start: delivery.Start{Earliest: true}, Policy: &delivery.Policy{Order: delivery.Global}})
		create(t, h, delivery.Spec{Name: "late", Kind: "desk", Start: delivery.Start{Earliest: true}, Policy: quick(3)})
		through(t, h, "s", 4)
		through(t, h, "late", 4)
		d := newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Subscription == "late" {
				return errDown
			}
			time.Sleep(time.Second)
			return nil
		})
		end(t, h)

		h = begin(t, store, d)
		for _, name := range []string{"s", "late"} {
			if err := h.Replay(t.Context(), name, 0); err != nil {
				t.Fatal(err)
			}
		}
		soon(t, "one waits for another attempt", func() bool { return get(t, h, "late").Waiting > 0 })
		soon(t, "the group is read", func() bool { return get(t, h, "g").Open == 4 })
		ann := poll(t, h, "ann", 10)
		equal(t, "ann's", positions(ann), []nacre.Position{1, 3})
		bob := pollLater(t.Context(), h, "bob")
		h.StopServing()
		expectCode(t, "who waits", (<-bob).err, nacre.CodeClosed, "")
		if out := answer(t, h, consumer.Answer{Ack: []string{ann[0].ID, ann[1].ID}}); out.Done != 2 {
			t.Errorf("outcome %+v", out)
		}
		_, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: "bob"})
		expectCode(t, "who comes", err, nacre.CodeClosed, "")
		time.Sleep(time.Minute) // also where something becomes due meanwhile, the clock goes on
		equal(t, "sent", d.received(), []nacre.Position{1})
		end(t, h)

		h = begin(t, store, newDesk())
		soon(t, "the group is read again", func() bool { return get(t, h, "g").Open == 2 })
		equal(t, "given then", positions(poll(t, h, "ann", 10)), []nacre.Position{2, 4})
		end(t, h)
	})
}

// A deletion that broke off behind its first step is not to leave its dead letters to another subscription of the name.
func TestAnotherOfTheNameHasNoDeadLettersOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		store := hook(newStore(t), &hooks{before: func(b []nacre.Append) error {
			if full.Load() && ofLetters(b) {
				return errDown
			}
			return nil
		}})
		d := newDesk()
		d.set(func(*delivery.Batch) error { return refused })
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1)})
		through(t, h, "s", add(t, store, "a-1", "x", "x"))
		equal(t, "dead", dead(t, h, "s"), upTo(2))
		full.Store(true)
		if err := h.Delete(t.Context(), "s"); err == nil {
			t.Error("nothing is said of dead letters that could not be discarded")
		}
		_, _, err := h.Create(t.Context(), &delivery.Spec{Name: "s", Kind: "desk"})
		if err == nil {
			t.Error("it is made while the first one's dead letters are there")
		}
		expectCode(t, "it was not made", h.Delete(t.Context(), "s"), delivery.CodeNotFound, "")
		full.Store(false)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
		equal(t, "dead", dead(t, h, "s"), []nacre.Position{})
		end(t, h)
	})
}
