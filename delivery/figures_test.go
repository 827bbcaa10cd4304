package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre/delivery"
)

func TestFiguresAndHowOftenSomethingWasTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(b *delivery.Batch) error {
			if b.Subscription == "bad" {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		none := 0.0
		policy := &delivery.Policy{Retry: delivery.Retry{MaxAttempts: 3, Strategy: delivery.Fixed, InitialDelayMS: 60_000, JitterPercent: &none}}
		create(t, h, delivery.Spec{Name: "bad", Kind: "desk", Policy: policy})
		create(t, h, delivery.Spec{Name: "good", Kind: "desk"})
		add(t, store, "a-1", "x", "x")
		soon(t, "it is sent", func() bool { return get(t, h, "good").Position == 2 })
		synctest.Wait()
		began := time.Now()
		want := func(list ...delivery.Figures) {
			t.Helper()
			got, err := h.Figures(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "figures", got, list)
		}
		want(delivery.Figures{Name: "bad", State: delivery.Retrying, Lag: 2, Open: 2, Failed: 1},
			delivery.Figures{Name: "good", State: delivery.Active, Delivered: 2})
		if st := get(t, h, "bad"); st.Tried != 1 || st.NextAttempt.After(began.Add(time.Minute)) {
			t.Errorf("tried %d times, next at %s", st.Tried, st.NextAttempt)
		}
		time.Sleep(90 * time.Second)
		if st := get(t, h, "bad"); st.Tried != 2 {
			t.Errorf("tried %d times", st.Tried)
		}
		// A stream that fails later is tried again later: what is told is of the first.
		add(t, store, "a-2", "x")
		synctest.Wait()
		if st := get(t, h, "bad"); st.Tried != 2 || st.Waiting != 2 {
			t.Errorf("tried %d times, %d wait", st.Tried, st.Waiting)
		}
		time.Sleep(time.Hour)
		want(delivery.Figures{Name: "bad", State: delivery.Active, Failed: 9, DeadLetters: 3},
			delivery.Figures{Name: "good", State: delivery.Active, Delivered: 3})
		if st := get(t, h, "bad"); st.Tried != 0 || !st.NextAttempt.IsZero() {
			t.Errorf("tried %d times, next at %s, and nothing waits", st.Tried, st.NextAttempt)
		}
		if n, err := h.Discard(t.Context(), "bad", "event-2"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := h.Pause(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
		want(delivery.Figures{Name: "bad", State: delivery.Active, Failed: 9, DeadLetters: 2},
			delivery.Figures{Name: "good", State: delivery.Paused, Delivered: 3})
		end(t, h)
		if _, err := h.Figures(t.Context()); err == nil {
			t.Error("there are figures of a hub that is closed")
		}
	})
}
