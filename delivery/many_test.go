package delivery_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

func TestThousandsOfSubscriptionsCostNoGoroutines(t *testing.T) {
	store, d := newStore(t), newDesk()
	h := begin(t, store, d)
	before := runtime.NumGoroutine()
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	for i := range n {
		s := delivery.Spec{Name: fmt.Sprint("s", i), Kind: "desk", Filter: nacre.Filter{{Types: []string{fmt.Sprintf("type%d.*", i)}}}}
		if i%2 == 0 {
			s.Kind = delivery.KindGroup
		}
		create(t, h, s)
	}
	add(t, store, "a-1", "type1.x", "type3.x", "type5.x", "typeless")
	for _, name := range []string{"s1", "s3", "s5", "s7"} {
		through(t, h, name, 4)
	}
	soon(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+4 }) // the reader, a filler …
	if got := len(d.received()); got != 3 {
		t.Errorf("%d events were received", got)
	}
	for i := range n {
		if err := h.Delete(t.Context(), fmt.Sprint("s", i)); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, "nothing is left", func() bool { return runtime.NumGoroutine() <= before })
	end(t, h)
	if d.open != 0 {
		t.Errorf("%d senders are open", d.open)
	}
}

// A subscription that wants next to nothing moves on all the same, and what it has passed is not read again.
func TestAPositionMovesOverWhatIsNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "rare", Kind: "desk", Filter: nacre.Filter{{Types: []string{"rare"}}}})
		for range 100 {
			add(t, store, "a-1", "x", "x", "x", "x", "x", "x", "x", "x", "x", "x")
		}
		through(t, h, "rare", 1000)
		time.Sleep(time.Minute)
		// Another hub finds what was kept by then, as if this one had ended without a word.
		other := begin(t, store, newDesk())
		if st := get(t, other, "rare"); st.Position != 1000 || st.Lag != 0 {
			t.Errorf("status %+v", st)
		}
		end(t, other)
		end(t, h)
	})
}

func TestASmallWindowHoldsWhatIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return errDown })
		h := begin(t, store, d)
		p := quick(1000)
		p.Window = 7
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p})
		for i := range 100 {
			add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
		}
		time.Sleep(10 * time.Second)
		if st := get(t, h, "s"); st.Open != 7 || st.Position != 0 || st.Lag != 100 {
			t.Errorf("status %+v", st)
		}
		d.set(nil)
		through(t, h, "s", 100)
		equal(t, "received", sorted(d.received()), upTo(100))
		end(t, h)
	})
}
