package delivery_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// A spinning alarm would hold the test's clock for ever.
func TestWhatIsDueWaitsForAPlaceInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		hang := make(chan struct{})
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].StreamID == "slow-1" {
				<-hang
			} else if b.Attempt == 1 {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		p := quick(5)
		p.Parallel = 1
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: p})
		add(t, store, "quick-1", "x")
		synctest.Wait()
		add(t, store, "slow-1", "x")
		time.Sleep(time.Hour) // the first is due again after a second, and the only place is taken
		close(hang)
		through(t, h, "all", 2)
		equal(t, "received", d.received(), []nacre.Position{2, 1})
		end(t, h)
	})
}

func TestFewerAtOnceCountsFromTheNextOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		flying, most := 0, 0
		d.set(func(*delivery.Batch) error {
			d.mu.Lock()
			flying++
			most = max(most, flying)
			d.mu.Unlock()
			time.Sleep(time.Second)
			d.mu.Lock()
			flying--
			d.mu.Unlock()
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: quick(5)})
		for i := range 100 {
			add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
		}
		synctest.Wait()
		p := quick(5)
		p.Parallel = 2
		if _, err := h.Update(t.Context(), "all", &delivery.Change{Policy: p}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond) // what was under way has landed
		d.mu.Lock()
		most = 0
		d.mu.Unlock()
		time.Sleep(time.Minute)
		through(t, h, "all", 100)
		if most != 2 {
			t.Errorf("%d were sent at once, want 2", most)
		}
		end(t, h)
	})
}

// A receiver that wants nothing for a while gets nothing, of whatever stream; where one event wants it, the others go on.
func TestABusyReceiverIsLeftAlone(t *testing.T) {
	for _, busy := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store, d := newStore(t), newDesk()
			d.set(func(b *delivery.Batch) error {
				if b.Events[0].StreamID == "s-0" && b.Attempt == 1 {
					return &delivery.Failure{RetryAfter: 10 * time.Minute, Busy: busy, Err: errDown}
				}
				return nil
			})
			h := begin(t, store, d)
			create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: quick(5)})
			add(t, store, "s-0", "x")
			synctest.Wait()
			for i := range 30 {
				add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
			}
			time.Sleep(9 * time.Minute)
			want := 30 // the others, and not what waits behind the first
			if busy {
				want = 1
			}
			if got := d.tried(); got != want {
				t.Errorf("busy is %v: %d attempts after nine minutes, want %d", busy, got, want)
			}
			if st := get(t, h, "all"); st.State != delivery.Retrying || time.Until(st.NextAttempt) != time.Minute {
				t.Errorf("busy is %v: status %+v", busy, st)
			}
			if err := h.Pause(t.Context(), "all"); err != nil {
				t.Fatal(err)
			}
			if err := h.Resume(t.Context(), "all"); err != nil {
				t.Fatal(err)
			}
			d.set(nil)
			time.Sleep(time.Second)
			if st := get(t, h, "all"); st.Position != 31 {
				t.Errorf("busy is %v: resumed, the position is %d", busy, st.Position)
			}
			end(t, h)
		})
	}
}

// The receiver asks for quiet again and again, each time for longer; all that is there comes in the end, in order.
func TestQuietEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Attempt <= 3 {
				return &delivery.Failure{RetryAfter: time.Duration(b.Attempt) * time.Minute, Busy: true, Err: errDown}
			}
			return nil
		})
		h := begin(t, store, d)
		p := quick(5)
		p.Parallel, p.Window = 2, 10
		create(t, h, delivery.Spec{Name: "all", Kind: "desk", Policy: p})
		for i := range 60 {
			add(t, store, nacre.StreamID(fmt.Sprint("s-", i%5)), "x")
		}
		time.Sleep(24 * time.Hour)
		if st := get(t, h, "all"); st.Position != 60 || st.State != delivery.Active || !st.NextAttempt.IsZero() {
			t.Errorf("status %+v", st)
		}
		equal(t, "received", sorted(d.received()), upTo(60))
		end(t, h)
	})
}

// While others hold all memory, a subscription holds one event; when they let go, it does not wait for that one to go on.
func TestMemoryThatIsFreeAgainIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Subscription == "hog" || b.Events[0].StreamID == "bad-1" {
				return errDown
			}
			return nil
		})
		for i := range 15 {
			appendText(t, store, nacre.StreamID(fmt.Sprint("big-", i)), 100_000)
		}
		h := beginWith(t, store, d, 1<<20)
		p := quick(1000)
		p.Retry.InitialDelayMS = time.Hour.Milliseconds()
		create(t, h, delivery.Spec{Name: "hog", Kind: "desk", Policy: p, Start: delivery.Start{Earliest: true}})
		synctest.Wait()
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p})
		add(t, store, "bad-1", "x")
		for i := range 30 {
			add(t, store, nacre.StreamID(fmt.Sprint("good-", i)), "x")
		}
		time.Sleep(time.Minute)
		if st := get(t, h, "s"); st.Open != 1 || len(d.received()) != 0 {
			t.Fatalf("memory is full, and %d are open: %v came", st.Open, d.received())
		}
		if err := h.Pause(t.Context(), "hog"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := len(d.received()); got != 30 {
			t.Errorf("memory is free, and %d of 30 events have come", got)
		}
		end(t, h)
	})
}
