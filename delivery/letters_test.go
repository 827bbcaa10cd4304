package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

// refused is what a receiver says that will never take an event.
var refused = &delivery.Failure{Permanent: true, Err: errDown}

// dead are the positions of a subscription's dead letters.
func dead(t testing.TB, h *delivery.Hub, name string) []nacre.Position {
	t.Helper()
	letters, n, err := h.DeadLetters(t.Context(), name, 0, 1000)
	if err != nil || n != len(letters) {
		t.Fatalf("%d dead letters, %d in all: %v", len(letters), n, err)
	}
	out := []nacre.Position{}
	for i := range letters {
		out = append(out, letters[i].Position)
	}
	return out
}

func retry(t testing.TB, h *delivery.Hub, name string, want int) {
	t.Helper()
	if n, err := h.Retry(t.Context(), name); n != want || err != nil {
		t.Fatalf("%d dead letters are tried again, want %d: %v", n, want, err)
	}
}

func appendText(t testing.TB, store *nacre.Store, stream nacre.StreamID, bytes int) {
	t.Helper()
	if _, err := store.Append(t.Context(), stream, nacre.Any, nacre.NewEvent("x", strings.Repeat("x", bytes))); err != nil {
		t.Fatal(err)
	}
}

// parkOne appends an event, and has the only consumer of the group refuse it for ever.
func parkOne(t testing.TB, store *nacre.Store, h *delivery.Hub) {
	t.Helper()
	p := add(t, store, "parked-1", "x")
	list := poll(t, h, "ann", 1)
	if equal(t, "given", positions(list), []nacre.Position{p}); t.Failed() {
		t.FailNow()
	}
	answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID, Action: consumer.Park}}})
	soon(t, "it is parked", func() bool { return len(dead(t, h, "g")) == 1 && get(t, h, "g").Open == 0 })
}

func TestAStreamWaitsWhileItsEventIsPutWithTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newStore(t)
		h := begin(t, slowLetters(raw), newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &delivery.Policy{Batch: 3}})
		add(t, raw, "a-1", "x", "x", "x")
		soon(t, "it is read", func() bool { return get(t, h, "g").Open == 3 })
		list := poll(t, h, "ann", 10)
		equal(t, "given", positions(list), upTo(3))
		// The one before it is refused in the same reply, which takes back what flies behind that, but for what nobody has.
		answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[1].ID, Action: consumer.Park}, {ID: list[0].ID}}})
		equal(t, "given meanwhile", positions(poll(t, h, "ann", 10)), []nacre.Position{})
		soon(t, "it is parked", func() bool { return len(dead(t, h, "g")) == 1 })
		for _, p := range []nacre.Position{1, 3} {
			list = poll(t, h, "ann", 10)
			equal(t, "given then", positions(list), []nacre.Position{p})
			answer(t, h, consumer.Answer{Ack: []string{list[0].ID}})
		}
		time.Sleep(2 * time.Minute) // what was given before is not awaited any more
		if st := get(t, h, "g"); st.Position != 3 || st.Open != 0 {
			t.Errorf("status %+v", st)
		}
		equal(t, "dead", dead(t, h, "g"), []nacre.Position{2})
		end(t, h)
	})
}

func TestADiscardedLetterStaysAway(t *testing.T) {
	for name, tries := range map[string]int{"it waits": 2, "it is being sent": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, d := newStore(t), newDesk()
				d.set(func(*delivery.Batch) error { return refused })
				h := begin(t, store, d)
				create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(3)})
				through(t, h, "s", add(t, store, "a-1", "x"))
				d.set(func(*delivery.Batch) error {
					if name == "it is being sent" {
						time.Sleep(10 * time.Second)
						return refused
					}
					return errDown
				})
				retry(t, h, "s", 1)
				time.Sleep(500 * time.Millisecond)
				if n, err := h.Discard(t.Context(), "s"); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				time.Sleep(time.Minute)
				equal(t, "dead", dead(t, h, "s"), []nacre.Position{})
				if d.tried() != tries {
					t.Errorf("it was tried %d times, want %d", d.tried(), tries)
				}
				d.set(nil)
				through(t, h, "s", add(t, store, "a-1", "x"))
				equal(t, "received", d.received(), []nacre.Position{2})
				end(t, h)
			})
		})
	}
}

func TestALetterThatIsDiscardedWhileAConsumerHasItDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		var written atomic.Int64
		h := begin(t, hook(store, &hooks{before: func([]nacre.Append) error {
			written.Add(1)
			return nil
		}}), newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup})
		for _, how := range []consumer.Action{"acknowledged", consumer.Retry, consumer.Park, consumer.Skip} {
			parkOne(t, store, h)
			retry(t, h, "g", 1)
			list := poll(t, h, "ann", 1)
			if n, err := h.Discard(t.Context(), "g"); n != 1 || err != nil || len(list) != 1 {
				t.Fatal(list, n, err)
			}
			before := written.Load()
			if how == "acknowledged" {
				answer(t, h, consumer.Answer{Ack: []string{list[0].ID}})
			} else {
				answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID, Action: how}}})
			}
			equal(t, "given again after "+string(how), positions(poll(t, h, "ann", 1)), []nacre.Position{})
			equal(t, "dead after "+string(how), dead(t, h, "g"), []nacre.Position{})
			if n := written.Load() - before; n != 0 {
				t.Errorf("after %s, %d appends tell of a letter that is not there", how, n)
			}
		}
		end(t, h)
	})
}

func TestALetterThatAConsumerHadIsTriedAgainAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := begin(t, store, newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup})
		parkOne(t, store, h)
		retry(t, h, "g", 1)
		equal(t, "given", positions(poll(t, h, "ann", 1)), []nacre.Position{1})
		if err := errors.Join(h.Pause(t.Context(), "g"), h.Resume(t.Context(), "g")); err != nil {
			t.Fatal(err)
		}
		retry(t, h, "g", 1)
		equal(t, "given again", positions(poll(t, h, "ann", 1)), []nacre.Position{1})
		end(t, h)
	})
}

// One order is slow to look for the letter, or to read its event, while another one comes.
func TestTwoOrdersSendALetterOnce(t *testing.T) {
	for name, system := range map[string]bool{"slow to look": true, "slow to read": false, "slow to look while it is sent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw, d := newStore(t), newDesk()
				var slow atomic.Bool
				store := hook(raw, &hooks{read: func(of bool, _ *nacre.ReadOptions) {
					if of == system && slow.Swap(false) {
						time.Sleep(10 * time.Second)
					}
				}})
				d.set(func(*delivery.Batch) error { return refused })
				h := begin(t, store, d)
				create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
				through(t, h, "s", add(t, raw, "a-1", "x"))
				synctest.Wait()
				d.set(nil)
				if name == "slow to look while it is sent" {
					d.set(func(*delivery.Batch) error {
						time.Sleep(5 * time.Second)
						return nil
					})
					retry(t, h, "s", 1)
				}
				slow.Store(true)
				over := make(chan struct{})
				go func() {
					defer close(over)
					_, _ = h.Retry(t.Context(), "s") // it finds it, or finds that it was sent meanwhile
				}()
				synctest.Wait()
				if _, err := h.Retry(t.Context(), "s"); err != nil {
					t.Fatal(err)
				}
				<-over
				time.Sleep(time.Minute)
				equal(t, "received", d.received(), []nacre.Position{1})
				equal(t, "dead", dead(t, h, "s"), []nacre.Position{})
				end(t, h)
			})
		})
	}
}

func TestALetterThatWasWorkedOffComesAgainWhereThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newStore(t)
		var full atomic.Bool
		store := hook(raw, &hooks{before: func(b []nacre.Append) error {
			if ofLetters(b) && full.Swap(false) {
				return errors.New("no space")
			}
			return nil
		}})
		h := begin(t, store, newDesk())
		// Only what failed wakes who waits: no deadline is near.
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &delivery.Policy{AckDeadlineMS: 86_400_000}})
		parkOne(t, raw, h)
		retry(t, h, "g", 1)
		list := poll(t, h, "ann", 1)
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			full.Store(true)
			answer(t, h, consumer.Answer{Ack: []string{list[0].ID}})
		}()
		again, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: "bob", Wait: time.Minute})
		if late := time.Since(began); err != nil || len(again) != 1 || late != 2*time.Second {
			t.Fatalf("who waits got %v after %s: %v", positions(again), late, err)
		}
		answer(t, h, consumer.Answer{Ack: []string{again[0].ID}})
		synctest.Wait()
		equal(t, "dead", dead(t, h, "g"), []nacre.Position{})
		end(t, h)
	})
}

func TestDeadLettersGoWithTheirSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error { return refused })
		h := begin(t, slowLetters(raw), d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
		add(t, raw, "a-1", "x")
		time.Sleep(time.Second) // it is being put with the dead
		if err := h.Delete(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		create(t, h, delivery.Spec{Name: "s", Kind: delivery.KindGroup})
		equal(t, "dead of another one of the name", dead(t, h, "s"), []nacre.Position{})
		end(t, h)
	})
}

func TestWhatIsPutWithTheDeadDuringAPauseIsNotSent(t *testing.T) {
	for name, kind := range map[string]string{"sent": "desk", "asked for": delivery.KindGroup} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw, d := newStore(t), newDesk()
				d.set(func(*delivery.Batch) error { return refused })
				h := begin(t, slowLetters(raw), d)
				create(t, h, delivery.Spec{Name: "g", Kind: kind})
				add(t, raw, "a-1", "x")
				if kind == delivery.KindGroup {
					list := poll(t, h, "ann", 1)
					answer(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID, Action: consumer.Park}}})
				}
				time.Sleep(time.Second)
				for _, change := range []func() error{
					func() error { return h.Pause(t.Context(), "g") },
					func() error { return h.Resume(t.Context(), "g") }, // before it is written
				} {
					if err := change(); err != nil {
						t.Fatal(err)
					}
				}
				d.set(nil)
				time.Sleep(time.Minute)
				if kind == delivery.KindGroup {
					equal(t, "given", positions(poll(t, h, "ann", 1)), []nacre.Position{})
				}
				through(t, h, "g", 1)
				equal(t, "received", d.received(), []nacre.Position{})
				equal(t, "dead", dead(t, h, "g"), []nacre.Position{1})
				end(t, h)
			})
		})
	}
}

func TestLettersThatAreTriedAgainHoldNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		fails := error(refused)
		d.set(func(b *delivery.Batch) error {
			if b.Events[0].StreamID == "bad-1" {
				d.mu.Lock()
				defer d.mu.Unlock()
				return fails
			}
			return nil
		})
		h := beginWith(t, store, d, 1<<20)
		p := quick(1000)
		p.Window = 5
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p})
		const letters = 30
		for range letters {
			appendText(t, store, "bad-1", 100_000)
		}
		through(t, h, "s", letters)
		d.mu.Lock()
		fails = errDown
		d.mu.Unlock()
		retry(t, h, "s", letters)
		for i := range 20 {
			add(t, store, nacre.StreamID(fmt.Sprint("good-", i)), "x")
		}
		time.Sleep(10 * time.Minute)
		equal(t, "received", sorted(d.received()), upTo(letters + 20)[letters:])
		// Those that wait for a place have theirs when others are done.
		d.set(nil)
		soon(t, "all are settled", func() bool { return len(dead(t, h, "s")) == 0 })
		equal(t, "received", sorted(d.received()), upTo(letters+20))
		end(t, h)
	})
}

func TestLettersAreReadAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := begin(t, store, newDesk())
		create(t, h, delivery.Spec{Name: "g", Kind: delivery.KindGroup, Policy: &delivery.Policy{Retry: delivery.Retry{MaxAttempts: 1}}})
		const n = 20
		for i := range n {
			add(t, store, nacre.StreamID(fmt.Sprint("a-", i)), "x")
		}
		soon(t, "all are read", func() bool { return get(t, h, "g").Open == n })
		var nacks []consumer.Nack
		for _, d := range poll(t, h, "ann", n) {
			nacks = append(nacks, consumer.Nack{ID: d.ID})
		}
		answer(t, h, consumer.Answer{Nack: nacks})
		synctest.Wait()
		retry(t, h, "g", n)
		synctest.Wait()
		var ids []string
		for _, d := range poll(t, h, "ann", n) {
			ids = append(ids, d.ID)
		}
		if len(ids) != 16 {
			t.Errorf("%d of %d letters are in memory", len(ids), n)
		}
		answer(t, h, consumer.Answer{Ack: ids})
		synctest.Wait()
		if rest := poll(t, h, "ann", n); len(rest) != n-16 {
			t.Errorf("then there are %d", len(rest))
		}
		end(t, h)
	})
}

func TestPagesOfDeadLettersAreChecked(t *testing.T) {
	h := begin(t, newStore(t), newDesk())
	defer end(t, h)
	create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
	_, _, err := h.DeadLetters(t.Context(), "s", 0, -3)
	expectCode(t, "a limit", err, nacre.CodeInvalid, "limit")
	_, _, err = h.DeadLetters(t.Context(), "s", -1, 0)
	expectCode(t, "an offset", err, nacre.CodeInvalid, "offset")
}
