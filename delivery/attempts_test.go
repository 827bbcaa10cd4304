package delivery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

func TestAHubThatIsClosedOrPausedCountsNoAttemptOfItsConsumers(t *testing.T) {
	for name, closes := range map[string]bool{"closed": true, "updated": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newStore(t)
				h := begin(t, store, newDesk())
				p := delivery.Policy{Retry: delivery.Retry{MaxAttempts: 2}}
				create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &p})
				add(t, store, "a-1", "x")
				for range 3 {
					list := poll(t, h, "ann", 1)
					if len(list) != 1 || list[0].Attempt != 1 {
						t.Fatalf("given %+v", list)
					}
					if closes {
						end(t, h)
						h = begin(t, store, newDesk())
					} else if _, err := h.Update(t.Context(), "g", &delivery.Change{Policy: &p}); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					equal(t, "dead", dead(t, h, "g"), []nacre.Position{})
					list := poll(t, h, "ann", 1)
					answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID}}})
				}
				synctest.Wait()
				equal(t, "dead", dead(t, h, "g"), []nacre.Position{1})
				end(t, h)
			})
		})
	}
}

// The process ends before it is kept how far the resumed subscription is.
func TestAttemptsAreCountedAnewAfterAResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return errDown })
		store, process := newMortal(raw.Driver(), -1)
		first := begin(t, store, d)
		p := quick(3)
		p.OnExhausted = delivery.Suspend
		create(t, first, delivery.Spec{Name: "s", Kind: "desk", Policy: p})
		add(t, raw, "a-1", "x")
		time.Sleep(time.Minute)
		if err := first.Resume(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		process.mu.Lock()
		close(process.dead)
		process.mu.Unlock()
		over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_ = first.Close(over)
		cancel()
		d = newDesk()
		d.set(func(*delivery.Batch) error { return errDown })
		h := begin(t, raw, d)
		time.Sleep(time.Minute)
		if st := get(t, h, "s"); st.State != delivery.Suspended || d.tried() != 3 {
			t.Errorf("after %d tries: %+v", d.tried(), st)
		}
		end(t, h)
	})
}

// What is sent again bears the id that it bore, also for another hub; a batch of several that fails is sent one by one.
func TestIDsOfBatchesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		add(t, store, "a-1", "x", "x", "x", "x")
		var sent []string
		down := true
		ids := map[string]bool{}
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].GlobalPosition == 1 {
				time.Sleep(time.Second) // the others are read meanwhile
				return nil
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			text := ""
			for i := range b.Events {
				text += fmt.Sprint(b.Events[i].GlobalPosition, " ")
			}
			sent = append(sent, text)
			ids[text+b.ID] = true
			if down {
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		p := quick(1000)
		p.Batch = 3
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p, Start: delivery.Start{Earliest: true}})
		time.Sleep(5 * time.Second)
		end(t, h)
		h = begin(t, store, d)
		time.Sleep(3 * time.Second)
		d.mu.Lock()
		equal(t, "sent", sent[:4], []string{"2 3 4 ", "2 ", "2 ", "2 "})
		if len(sent) < 7 || len(ids) != 2 {
			t.Errorf("%d batches bore %v", len(sent), ids)
		}
		sent, down = nil, false
		d.mu.Unlock()
		through(t, h, "s", 4)
		equal(t, "sent when the receiver is up", sent, []string{"2 ", "3 ", "4 "})
		end(t, h)
	})
}

func TestWhatHasNoNameIsFoundByWhatItIs(t *testing.T) {
	h := begin(t, newStore(t), newDesk())
	defer end(t, h)
	a, b := nacre.Filter{{Types: []string{"a"}}}, nacre.Filter{{Types: []string{"b"}}}
	first := create(t, h, delivery.Spec{Kind: "desk", Filter: a})
	if _, err := h.Update(t.Context(), first.Name, &delivery.Change{Filter: &b}); err != nil {
		t.Fatal(err)
	}
	second := create(t, h, delivery.Spec{Kind: "desk", Filter: a}) // whose name is taken
	if second.Name == first.Name {
		t.Errorf("both are called %s", first.Name)
	}
	for name, f := range map[string]nacre.Filter{first.Name: b, second.Name: a} {
		if st, existed, err := h.Create(t.Context(), &delivery.Spec{Kind: "desk", Filter: f}); err != nil || !existed || st.Name != name {
			t.Errorf("%+v existed %v, want %s: %v", st, existed, name, err)
		}
	}
}

// TestChangesRaceWithWhatIsGivenUp is for the race detector.
func TestChangesRaceWithWhatIsGivenUp(t *testing.T) {
	store, d := newStore(t), newDesk()
	d.set(func(*delivery.Batch) error { return refused })
	h := begin(t, store, d)
	defer end(t, h)
	create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(3)})
	create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup})
	n := 300
	if testing.Short() {
		n = 100
	}
	var changed, asked sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	asked.Go(func() {
		for ctx.Err() == nil {
			if _, err := h.Ack(ctx, "g", consumer.Answer{}); err != nil {
				t.Error(err)
			}
		}
	})
	for _, name := range []string{"s", "g"} {
		changed.Go(func() {
			for i := range n / 2 {
				if _, err := h.Update(t.Context(), name, &delivery.Change{Policy: &delivery.Policy{Window: 10 + i}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		add(t, store, nacre.StreamID(fmt.Sprint("a-", i%7)), "x")
		list, _ := h.Poll(t.Context(), "g", consumer.Request{Consumer: "ann", Max: 10}) // it may be changing
		for _, given := range list {
			_, _ = h.Ack(t.Context(), "g", consumer.Answer{Nack: []consumer.Nack{{ID: given.ID, Action: consumer.Park}}})
		}
	}
	changed.Wait()
	stop()
	asked.Wait()
	through(t, h, "s", nacre.Position(n))
	equal(t, "dead", sorted(dead(t, h, "s")), upTo(n))
}
