package delivery

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/storage/memstore"
)

// alone opens a hub with one group, which the test closes.
func alone(t *testing.T, p *Policy) (*nacre.Store, *Hub, *subscription) {
	t.Helper()
	store := memstore.Open(nil)
	h, err := Open(t.Context(), store, &Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Create(t.Context(), &Spec{Name: "g", Kind: KindGroup, Policy: p}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store, h, h.all["g"]
}

func put(t *testing.T, store *nacre.Store, stream nacre.StreamID) {
	t.Helper()
	if _, err := store.Append(t.Context(), stream, nacre.Any, nacre.NewEvent("x", 1)); err != nil {
		t.Fatal(err)
	}
}

func given(t *testing.T, h *Hub, r consumer.Request) []consumer.Delivery {
	t.Helper()
	list, err := h.Poll(t.Context(), "g", r)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func answered(t *testing.T, h *Hub, a consumer.Answer) {
	t.Helper()
	if out, err := h.Ack(t.Context(), "g", a); err != nil || len(out.Unknown) > 0 {
		t.Fatal(out, err)
	}
}

// A delivery that is kept for long is not to keep in memory all that came and went meanwhile.
func TestWhatHasLandedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h, s := alone(t, &Policy{Window: 10, AckDeadlineMS: 86_400_000})
		put(t, store, "kept-1")
		if list := given(t, h, consumer.Request{Consumer: "ann", Wait: time.Minute}); len(list) != 1 {
			t.Fatal(list)
		}
		for range 1000 {
			put(t, store, "a-1")
			list := given(t, h, consumer.Request{Consumer: "ann", Wait: time.Minute})
			if len(list) != 1 {
				t.Fatal(list)
			}
			answered(t, h, consumer.Answer{Ack: []string{list[0].ID}})
		}
		s.mu.Lock()
		if n, open := len(s.group.landing), len(s.q.order); n > 70 || open > 70 {
			t.Errorf("one delivery flies, and %d are awaited, of %d that are in order", n, open)
		}
		s.mu.Unlock()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What becomes due may be found by a poll before the alarm goes off, as where that waits for the lock: here it never does.
func TestWhoWaitsIsToldWhatAnotherPollFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h, s := alone(t, nil)
		var nacks []consumer.Nack
		for i := range 4 {
			put(t, store, nacre.StreamID(fmt.Sprint("a-", i)))
			for _, d := range given(t, h, consumer.Request{Consumer: "cid", Max: 10, Wait: time.Minute}) {
				nacks = append(nacks, consumer.Nack{ID: d.ID, After: time.Second})
			}
		}
		answered(t, h, consumer.Answer{Nack: nacks})
		began := time.Now()
		bobs := make(chan []consumer.Delivery)
		go func() { bobs <- given(t, h, consumer.Request{Consumer: "bob", Max: 10, Wait: time.Minute}) }()
		synctest.Wait()
		s.mu.Lock()
		if !s.wake.Stop() {
			t.Error("there is no alarm")
		}
		s.mu.Unlock()
		time.Sleep(1500 * time.Millisecond)
		if list := given(t, h, consumer.Request{Consumer: "ann", Max: 1}); len(list) != 1 {
			t.Errorf("ann got %v", list)
		}
		if list, late := <-bobs, time.Since(began); len(list) != 3 || late != 1500*time.Millisecond {
			t.Errorf("bob got %d after %s", len(list), late)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
