package delivery_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

func TestAPinnedStreamStaysWithItsConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := begin(t, store, newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &delivery.Policy{Pinned: true, AckDeadlineMS: 60_000}})
		names := []string{"ann", "bob", "cid"}
		whose := map[nacre.StreamID]string{}
		for _, n := range names {
			poll(t, h, n, 1)
		}
		moved := 0
		round := func() {
			for i := range 30 {
				add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
			}
			for open := 30; open > 0; {
				before := open
				for _, n := range names {
					for _, d := range poll(t, h, n, 100) {
						if w, seen := whose[d.Event.StreamID]; seen && w != n {
							moved++
						}
						whose[d.Event.StreamID] = n
						answer(t, h, consumer.Answer{Consumer: n, Ack: []string{d.ID}})
						open--
					}
				}
				if open == before {
					t.Fatalf("%d events are given to nobody", open)
				}
			}
		}
		round()
		round()
		if moved != 0 {
			t.Errorf("%d streams have gone to somebody else", moved)
		}
		shares := map[string]int{}
		for _, w := range whose {
			shares[w]++
		}
		if len(shares) != 3 {
			t.Errorf("shares %v", shares)
		}
		if err := h.Leave(t.Context(), "g", "cid"); err != nil {
			t.Fatal(err)
		}
		names = names[:2]
		round()
		if moved != shares["cid"] {
			t.Errorf("%d streams moved when one left that had %d", moved, shares["cid"])
		}
		end(t, h)
	})
}

// ask is poll without waiting.
func ask(t testing.TB, h *delivery.Hub, who string, most int) []consumer.Delivery {
	t.Helper()
	list, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: who, Max: most})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Somebody else is asking, or comes to ask in the millisecond before the group looks whether a consumer is silent.
func TestAStreamOfASilentConsumerGoesToWhoWaits(t *testing.T) {
	for _, comes := range []bool{false, true} {
		inherited := 0
		for i := range 16 {
			synctest.Test(t, func(t *testing.T) {
				store := newStore(t)
				h := begin(t, store, newDesk())
				create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &delivery.Policy{Pinned: true, AckDeadlineMS: 1000}})
				// Something else is due much later.
				add(t, store, "later-1", "x")
				later := poll(t, h, "dan", 1)
				answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: later[0].ID, After: time.Hour}}})
				if err := h.Leave(t.Context(), "g", "dan"); err != nil {
					t.Fatal(err)
				}
				ask(t, h, "carl", 1) // and is never heard of again
				began := time.Now()
				wait := func(who string) (n int, late time.Duration) {
					list, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: who, Wait: time.Minute})
					if err != nil {
						t.Error(err)
					}
					for _, d := range list {
						answer(t, h, consumer.Answer{Consumer: who, Ack: []string{d.ID}})
					}
					return len(list), time.Since(began)
				}
				anns := make(chan int, 1)
				if comes {
					go func() {
						time.Sleep(time.Second + 500*time.Microsecond)
						n, _ := wait("ann")
						anns <- n
					}()
				} else {
					anns <- 0
				}
				go func() {
					time.Sleep(100 * time.Millisecond)
					add(t, store, nacre.StreamID(fmt.Sprint("s-", i)), "x")
				}()
				n, late := wait("bob")
				if n == 1 && late > 2*time.Second || n+<-anns != 1 {
					t.Errorf("stream %d, somebody comes %v: bob got %d after %s", i, comes, n, late)
				}
				if n == 1 && late > time.Second {
					inherited++
				}
				end(t, h)
			})
		}
		if inherited == 0 {
			t.Errorf("somebody comes %v: no stream was the silent consumer's", comes)
		}
	}
}
