package delivery_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

// badFails has what is of the stream bad-1 fail.
func badFails(b *delivery.Batch) error {
	if b.Events[0].StreamID == "bad-1" {
		return errDown
	}
	return nil
}

func TestAWindowCountsWhatIsOpenOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(badFails)
		h := begin(t, store, d)
		add(t, store, "pre-1", "x", "x", "x", "x")
		add(t, store, "bad-1", "x")
		for i := range 30 {
			add(t, store, nacre.StreamID(fmt.Sprint("good-", i)), "x")
		}
		p := quick(1000)
		p.Window = 5
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p, Start: delivery.Start{Earliest: true}})
		time.Sleep(10 * time.Minute)
		if got := len(d.received()); got != 34 {
			t.Errorf("one event is open, and %d of 34 others have come", got)
		}
		for i := range 30 { // while it is live
			add(t, store, nacre.StreamID(fmt.Sprint("good-", i)), "x")
		}
		time.Sleep(time.Minute)
		if got, st := len(d.received()), get(t, h, "s"); got != 64 || st.Open != 1 || st.Position != 4 {
			t.Errorf("one event is open, and %d of 64 others have come: %+v", got, st)
		}
		end(t, h)
		d.set(nil)
		h = begin(t, store, d)
		through(t, h, "s", 65)
		equal(t, "received later", d.received()[64:], []nacre.Position{5})
		end(t, h)
	})
}

func TestWhatIsReadBackStaysWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return errDown })
		const n = 50
		for i := range n {
			appendText(t, store, nacre.StreamID(fmt.Sprint("a-", i)), 100_000)
		}
		h := beginWith(t, store, d, 1<<20)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1000), Start: delivery.Start{Earliest: true}})
		create(t, h, delivery.Spec{Name: "behind", Kind: "desk", Policy: quick(1000), Start: delivery.Start{Earliest: true}})
		time.Sleep(10 * time.Second)
		a, b := get(t, h, "s").Open, get(t, h, "behind").Open
		if a < 1 || b < 1 || a+b > 15 {
			t.Errorf("%d and %d events of 100 kB are held, where 1 MiB in all is, until each holds one", a, b)
		}
		d.set(nil)
		through(t, h, "s", n)
		through(t, h, "behind", n)
		if got := len(d.received()); got != 2*n {
			t.Errorf("%d events were received", got)
		}
		end(t, h)
	})
}

// All that is live fits, and what does not fit is read back later.
func TestALiveSubscriptionStaysWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return errDown })
		h := beginWith(t, store, d, 1<<20)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1000)})
		const n = 50
		for i := range n {
			appendText(t, store, nacre.StreamID(fmt.Sprint("a-", i)), 100_000)
			synctest.Wait()
		}
		if st := get(t, h, "s"); st.Open < 1 || st.Open > 12 {
			t.Errorf("%d events of 100 kB are held, where 1 MiB is", st.Open)
		}
		d.set(nil)
		through(t, h, "s", n)
		equal(t, "received", sorted(d.received()), upTo(n))
		end(t, h)
	})
}

func TestAFewBigEventsThatFailHoldOnlyTheirStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(badFails)
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1000)})
		for range 5 {
			appendText(t, store, "bad-1", 900_000)
		}
		for i := range 20 {
			add(t, store, nacre.StreamID(fmt.Sprint("good-", i)), "x")
		}
		time.Sleep(10 * time.Minute)
		equal(t, "received", sorted(d.received()), upTo(25)[5:])
		end(t, h)
	})
}

func TestAGroupReadsOnWhenALetterIsWorkedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := beginWith(t, store, newDesk(), 1) // one event at a time
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup})
		parkOne(t, store, h)
		retry(t, h, "g", 1)
		list := poll(t, h, "ann", 1)
		equal(t, "the letter", positions(list), []nacre.Position{1})
		add(t, store, "b-1", "x")
		time.Sleep(time.Second)
		answer(t, h, consumer.Answer{Ack: []string{list[0].ID}})
		soon(t, "it is settled", func() bool { return len(dead(t, h, "g")) == 0 })
		equal(t, "the next one", positions(poll(t, h, "ann", 10)), []nacre.Position{2})
		end(t, h)
	})
}

// A batch waits for a place among all that the hub sends while its subscription is deleted.
func TestWhatWasDeletedOpensNoSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		places := make(chan struct{})
		d.set(func(b *delivery.Batch) error {
			if b.Subscription != "victim" {
				<-places
			}
			return nil
		})
		h := begin(t, store, d)
		p := quick(3)
		p.Window, p.Parallel = 1000, 1000
		for _, name := range []string{"one", "two"} { // which take all 1,024 places
			create(t, h, delivery.Spec{
				Name: name, Kind: "desk", Filter: nacre.Filter{{Types: []string{"x"}}}, Policy: p, Config: json.RawMessage(`{"to":"` + name + `"}`),
			})
		}
		create(t, h, delivery.Spec{Name: "victim", Kind: "desk", Filter: nacre.Filter{{Types: []string{"y"}}}})
		for i := range 600 {
			add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
		}
		synctest.Wait()
		victims := add(t, store, "v-1", "y")
		synctest.Wait()
		if d.tried() != 1024 {
			t.Fatalf("%d batches are being sent", d.tried())
		}
		if err := h.Delete(t.Context(), "victim"); err != nil {
			t.Fatal(err)
		}
		close(places)
		through(t, h, "one", victims)
		through(t, h, "two", victims)
		end(t, h)
		if len(d.received()) != 1200 || d.open != 0 {
			t.Errorf("%d were received, want 1200, and %d senders are open", len(d.received()), d.open)
		}
	})
}
