package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

func poll(t testing.TB, h *delivery.Hub, who string, most int) []consumer.Delivery {
	t.Helper()
	list, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: who, Max: most, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func positions(list []consumer.Delivery) []nacre.Position {
	out := []nacre.Position{}
	for _, d := range list {
		out = append(out, d.Event.GlobalPosition)
	}
	return out
}

func answer(t testing.TB, h *delivery.Hub, a consumer.Answer) consumer.Outcome {
	t.Helper()
	out, err := h.Ack(t.Context(), "g", a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// groupOf makes a group on a log with two events in each of two streams: 1 and 2 in a-1, 3 and 4 in a-2.
func groupOf(t testing.TB, p *delivery.Policy) (*nacre.Store, *delivery.Hub) {
	t.Helper()
	store := newStore(t)
	add(t, store, "a-1", "x", "x")
	add(t, store, "a-2", "x", "x")
	h := begin(t, store, newDesk())
	create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Start: delivery.Start{Earliest: true}, Policy: p})
	soon(t, "the history is read", func() bool { return get(t, h, "g").Open == 4 })
	return store, h
}

func TestConsumersShareAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := groupOf(t, nil)
		ann, bob := poll(t, h, "ann", 10), poll(t, h, "bob", 10)
		equal(t, "ann's", positions(ann), []nacre.Position{1, 3})
		equal(t, "bob's", positions(bob), []nacre.Position{}) // each stream's next one waits for the one before
		if out := answer(t, h, consumer.Answer{Consumer: "ann", Ack: []string{ann[0].ID, "never"}}); out.Done != 1 || len(out.Unknown) != 1 {
			t.Errorf("outcome %+v", out)
		}
		bob = poll(t, h, "bob", 10)
		equal(t, "bob's", positions(bob), []nacre.Position{2})
		if st := get(t, h, "g"); st.Position != 1 || st.Open != 3 || len(st.Consumers) != 2 {
			t.Errorf("status %+v", st)
		}
		answer(t, h, consumer.Answer{Ack: []string{bob[0].ID, ann[1].ID}})
		last := poll(t, h, "bob", 10)
		equal(t, "the rest", positions(last), []nacre.Position{4})
		answer(t, h, consumer.Answer{Ack: []string{last[0].ID}})
		if st := get(t, h, "g"); st.Position != 4 || st.Lag != 0 || st.Delivered != 4 {
			t.Errorf("status %+v", st)
		}
		got := make(chan []consumer.Delivery)
		go func() { got <- poll(t, h, "ann", 10) }()
		synctest.Wait()
		add(t, store, "a-3", "x")
		equal(t, "what was waited for", positions(<-got), []nacre.Position{5})
		end(t, h)
	})
}

func TestWhatIsNotAnsweredComesAgainAndThenIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &delivery.Policy{AckDeadlineMS: 10_000, Retry: delivery.Retry{MaxAttempts: 3}}
		_, h := groupOf(t, p)
		for attempt := 1; attempt <= 3; attempt++ {
			list := poll(t, h, "ann", 1)
			if len(list) != 1 || list[0].Attempt != attempt || list[0].Event.GlobalPosition != []nacre.Position{1, 3, 1}[attempt-1] && attempt == 1 {
				t.Fatalf("attempt %d: %+v", attempt, list)
			}
			// The other stream is put away, so that it does not come first.
			if attempt == 1 {
				other := poll(t, h, "bob", 2)
				answer(t, h, consumer.Answer{Ack: []string{other[0].ID}})
				last := poll(t, h, "bob", 2)
				answer(t, h, consumer.Answer{Ack: []string{last[0].ID}})
			}
			time.Sleep(10*time.Second + time.Millisecond)
			if out := answer(t, h, consumer.Answer{Ack: []string{list[0].ID}}); len(out.Unknown) != 1 {
				t.Errorf("an answer that is too late: %+v", out)
			}
		}
		synctest.Wait()
		letters, n, err := h.DeadLetters(t.Context(), "g", 0, 0)
		if err != nil || n != 1 || letters[0].Position != 1 || letters[0].Attempts != 3 {
			t.Fatalf("dead letters %+v, %v", letters, err)
		}
		next := poll(t, h, "ann", 5)
		equal(t, "the stream goes on", positions(next), []nacre.Position{2})
		answer(t, h, consumer.Answer{Ack: []string{next[0].ID}})
		if st := get(t, h, "g"); st.Position != 4 {
			t.Errorf("status %+v", st)
		}
		if n, err := h.Retry(t.Context(), "g"); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		late := poll(t, h, "bob", 5)
		equal(t, "the dead one", positions(late), []nacre.Position{1})
		answer(t, h, consumer.Answer{Ack: []string{late[0].ID}})
		synctest.Wait()
		if _, n, _ := h.DeadLetters(t.Context(), "g", 0, 0); n != 0 {
			t.Error("the letter stays open")
		}
		end(t, h)
	})
}

func TestNacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, nil)
		list := poll(t, h, "ann", 2)
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{
			{ID: list[0].ID, After: time.Minute, Reason: "busy"}, {ID: list[1].ID, Action: consumer.Skip},
		}})
		began := time.Now()
		next := poll(t, h, "ann", 5)
		equal(t, "next", positions(next), []nacre.Position{4})
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: next[0].ID, Action: consumer.Park, Reason: "odd"}}})
		list = nil
		for len(list) == 0 {
			list = poll(t, h, "ann", 5)
		}
		if equal(t, "again", positions(list), []nacre.Position{1}); list[0].Attempt != 2 || time.Since(began) < time.Minute {
			t.Errorf("attempt %d after %v", list[0].Attempt, time.Since(began))
		}
		letters, _, err := h.DeadLetters(t.Context(), "g", 0, 0)
		if err != nil || len(letters) != 1 || letters[0].Position != 4 {
			t.Errorf("dead letters %+v, %v", letters, err)
		}
		if n, err := h.Discard(t.Context(), "g", letters[0].ID); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		_, err = h.Ack(t.Context(), "g", consumer.Answer{Nack: []consumer.Nack{{ID: "x", Action: "burn"}}})
		expectCode(t, "an unknown action", err, nacre.CodeInvalid, "nack[0].action")
		_, err = h.Poll(t.Context(), "g", consumer.Request{Max: 1})
		expectCode(t, "nobody", err, nacre.CodeInvalid, "consumer")
		end(t, h)
	})
}

func TestSeveralOfAStreamAtOnceStayWithOneConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, &delivery.Policy{Batch: 10})
		ann := poll(t, h, "ann", 2)
		equal(t, "ann's", positions(ann), []nacre.Position{1, 2})
		bob := poll(t, h, "bob", 10)
		equal(t, "bob's", positions(bob), []nacre.Position{3, 4})
		// The second one is worked off, the first one is not: it alone comes again.
		answer(t, h, consumer.Answer{Ack: []string{ann[1].ID}, Nack: []consumer.Nack{{ID: ann[0].ID}}})
		again := poll(t, h, "bob", 10)
		equal(t, "again", positions(again), []nacre.Position{1})
		// What stands behind one that is refused is taken back with it.
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: bob[0].ID}}})
		if out := answer(t, h, consumer.Answer{Ack: []string{bob[1].ID}}); len(out.Unknown) != 1 {
			t.Errorf("outcome %+v", out)
		}
		equal(t, "alone first", positions(poll(t, h, "ann", 10)), []nacre.Position{3})
		end(t, h)
	})
}

// What becomes due while nobody asks wakes nothing until somebody does: the bubble's clock stands still while anything is
// busy.
func TestWhatIsDueWaitsQuietlyForWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, nil)
		ann := poll(t, h, "ann", 1)
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: ann[0].ID, After: time.Second}}})
		time.Sleep(time.Minute)
		equal(t, "ann's", sorted(positions(poll(t, h, "ann", 10))), []nacre.Position{1, 3})
		end(t, h)
	})
}

// A consumer cannot know that a refusal was the last one that the policy takes: it drops what came behind the event.
func TestWhatIsGivenUpTakesBackWhatFliesBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, &delivery.Policy{Batch: 10, Retry: delivery.Retry{MaxAttempts: 1}})
		ann := poll(t, h, "ann", 2)
		equal(t, "ann's", positions(ann), []nacre.Position{1, 2})
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: ann[0].ID}}})
		if out := answer(t, h, consumer.Answer{Ack: []string{ann[1].ID}}); len(out.Unknown) != 1 {
			t.Errorf("outcome %+v", out)
		}
		synctest.Wait()
		next := poll(t, h, "ann", 1)
		equal(t, "others", positions(next), []nacre.Position{3})
		next = poll(t, h, "bob", 1)
		if equal(t, "the one behind it", positions(next), []nacre.Position{2}); next[0].Attempt != 1 {
			t.Errorf("attempt %d", next[0].Attempt)
		}
		if _, n, err := h.DeadLetters(t.Context(), "g", 0, 0); n != 1 || err != nil {
			t.Errorf("%d dead letters, %v", n, err)
		}
		end(t, h)
	})
}

func TestAConsumerThatLeavesGivesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, nil)
		equal(t, "ann's", positions(poll(t, h, "ann", 10)), []nacre.Position{1, 3})
		if err := h.Leave(t.Context(), "g", "ann"); err != nil {
			t.Fatal(err)
		}
		list := poll(t, h, "bob", 10)
		if equal(t, "bob's", sorted(positions(list)), []nacre.Position{1, 3}); list[0].Attempt != 1 {
			t.Errorf("attempt %d", list[0].Attempt)
		}
		end(t, h)
	})
}

func TestAPausedGroupTellsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := groupOf(t, nil)
		waiting := make(chan error)
		poll(t, h, "ann", 10)
		go func() {
			_, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: "bob", Wait: time.Minute})
			waiting <- err
		}()
		synctest.Wait()
		if err := h.Pause(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		expectCode(t, "who waits", <-waiting, delivery.CodeHalted, "")
		if err := h.Resume(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		soon(t, "the log is read again", func() bool { return get(t, h, "g").Open == 4 })
		list := poll(t, h, "bob", 10)
		equal(t, "all come again", positions(list), []nacre.Position{1, 3})
		create(t, h, delivery.Spec{Name: "sent", Kind: "desk"})
		_, err := h.Poll(t.Context(), "sent", consumer.Request{Consumer: "bob"})
		expectCode(t, "a kind that sends", err, delivery.CodeWrongKind, "")
		_, err = h.Poll(t.Context(), "no", consumer.Request{Consumer: "bob"})
		expectCode(t, "none", err, delivery.CodeNotFound, "")
		end(t, h)
		_, err = h.Poll(t.Context(), "g", consumer.Request{Consumer: "bob"})
		expectCode(t, "closed", err, nacre.CodeClosed, "")
	})
}
