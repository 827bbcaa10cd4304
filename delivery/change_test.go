package delivery_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// An append may be in the log though its caller was told that it failed.
func TestAChangeWithoutAnAnswerIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw, d := newStore(t), newDesk()
		var lost atomic.Bool
		h := begin(t, hook(raw, &hooks{after: func([]nacre.Append) error {
			if lost.Swap(false) {
				return errDown
			}
			return nil
		}}), d)
		for _, name := range []string{"s", "other"} {
			spec := delivery.Spec{Name: name, Kind: "desk"}
			lost.Store(true)
			if _, _, err := h.Create(t.Context(), &spec); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			if st, existed, err := h.Create(t.Context(), &spec); !existed || err != nil {
				t.Errorf("%+v existed %v: %v", st, existed, err)
			}
		}
		through(t, h, "s", add(t, raw, "a-1", "x", "x"))
		policy := delivery.Policy{Window: 7}
		for i, change := range []func() error{
			func() error { return h.Pause(t.Context(), "s") },
			func() error { return h.Replay(t.Context(), "s", 1) },
			func() error {
				_, err := h.Update(t.Context(), "s", &delivery.Change{Policy: &policy})
				return err
			},
			func() error { return h.Delete(t.Context(), "other") },
		} {
			lost.Store(true)
			if err := change(); !errors.Is(err, errDown) {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if st := get(t, h, "s"); st.State != delivery.Paused || st.Position != 1 || st.After != 1 || st.Policy.Window != 7 {
			t.Errorf("status %+v", st)
		}
		_, err := h.Get(t.Context(), "other")
		expectCode(t, "deleted", err, delivery.CodeNotFound, "")
		before := len(d.received())
		if err := h.Resume(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		through(t, h, "s", 2)
		equal(t, "received again", d.received()[before:], []nacre.Position{2})
		create(t, h, delivery.Spec{Name: "other", Kind: "desk"})
		end(t, h)
	})
}

func TestWhoLeavesDuringAChangeHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		var leaving atomic.Bool
		h := begin(t, hook(newStore(t), &hooks{before: func([]nacre.Append) error {
			if leaving.Load() {
				leave()
			}
			return nil
		}}), newDesk())
		create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
		leaving.Store(true)
		if err := h.Pause(ctx, "s"); err != nil || ctx.Err() == nil {
			t.Errorf("who leaves meanwhile: %v", err)
		}
		if st := get(t, h, "s"); st.State != delivery.Paused {
			t.Errorf("status %+v", st)
		}
		expectCode(t, "who has left before", h.Resume(ctx, "s"), nacre.CodeOf(context.Canceled), "")
		if st := get(t, h, "s"); st.State != delivery.Paused {
			t.Errorf("status %+v", st)
		}
		if err := h.Resume(t.Context(), "s"); err != nil {
			t.Error(err)
		}
		end(t, h)
	})
}

// What was open under the old filter is delivered still, and of the past nothing else, also where the process ends behind
// the change, or in the middle of it.
func TestAnotherFilterIsForWhatComes(t *testing.T) {
	for filter, types := range map[string][]string{"wider": {"a", "b"}, "another": {"b"}} {
		for _, then := range []string{"it goes on", "the process ends", "the change fails"} {
			t.Run(filter+", "+then, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					raw, d := newStore(t), newDesk()
					var full atomic.Bool
					store := hook(raw, &hooks{before: func([]nacre.Append) error {
						if full.Load() {
							return errDown
						}
						return nil
					}})
					d.set(func(*delivery.Batch) error { return errDown })
					h := begin(t, store, d)
					create(t, h, delivery.Spec{Name: "s", Kind: "desk", Filter: nacre.Filter{{Types: []string{"a"}}}, Policy: quick(1000)})
					add(t, raw, "x-1", "a")
					add(t, raw, "x-2", "b", "b")
					synctest.Wait() // nothing has been kept yet of how far it is
					f := nacre.Filter{{Types: types}}
					full.Store(then == "the change fails")
					if _, err := h.Update(t.Context(), "s", &delivery.Change{Filter: &f}); (err != nil) != full.Load() {
						t.Fatal(err)
					}
					other := h
					if then == "the process ends" {
						d = newDesk() // what the hub sends that is as good as ended is not looked at
						other = begin(t, raw, d)
					}
					d.set(nil)
					want := []nacre.Position{1, 4}
					if then == "the change fails" {
						want = want[:1]
					}
					time.Sleep(10 * time.Second)
					add(t, raw, "x-3", "b")
					through(t, other, "s", 4)
					equal(t, "received", sorted(d.received()), want)
					end(t, h)
					if other != h {
						end(t, other)
					}
				})
			})
		}
	}
}

// A log becomes a shorter one while a hub follows it, or while none does.
func TestEventsOfARestoredLogAreNew(t *testing.T) {
	for name, closed := range map[string]bool{"followed": false, "found": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				long, short, d := newStore(t), newStore(t), newDesk()
				d.set(func(b *delivery.Batch) error {
					if b.Events[0].GlobalPosition == 1 {
						return errDown
					}
					return nil
				})
				driver := newSwap(long)
				store := nacre.NewStore(driver, nil)
				h := begin(t, store, d)
				create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(1000)})
				// Behind one that is open, others are done, in whose places the restored log gets its own.
				add(t, long, "bad-1", "x")
				add(t, long, "b-1", "x", "x", "x")
				time.Sleep(5 * time.Second)
				equal(t, "received", d.received(), []nacre.Position{2, 3, 4})
				add(t, short, "bad-1", "x")
				if closed {
					end(t, h)
					add(t, short, "c-1", "y", "y", "y")
				}
				driver.to(short)
				if closed {
					h = begin(t, store, d)
				}
				time.Sleep(5 * time.Second)
				if !closed {
					add(t, short, "c-1", "y", "y", "y")
				}
				time.Sleep(10 * time.Second)
				d.set(nil)
				through(t, h, "s", 4)
				equal(t, "received of the restored log", sorted(d.received()[3:]), upTo(4))
				end(t, h)
			})
		})
	}
}

// The first batch takes long, and the subscription is changed meanwhile: what it had comes to its end in the next life.
func TestWhatIsSentOverAChangeIsNotSentBesideIt(t *testing.T) {
	type hub = *delivery.Hub
	for name, c := range map[string]struct {
		change func(ctx context.Context, h hub) error
		want   []nacre.Position
	}{
		"pause": {func(ctx context.Context, h hub) error {
			return errors.Join(h.Pause(ctx, "s"), h.Resume(ctx, "s"))
		}, []nacre.Position{1, 2}},
		"long pause": {func(ctx context.Context, h hub) error {
			err := h.Pause(ctx, "s")
			time.Sleep(time.Minute)
			return errors.Join(err, h.Resume(ctx, "s"))
		}, []nacre.Position{1, 2}},
		"policy": {func(ctx context.Context, h hub) error {
			p := quick(7)
			p.Order = delivery.Global
			_, err := h.Update(ctx, "s", &delivery.Change{Policy: p})
			return err
		}, []nacre.Position{1, 2}},
		"filter": {func(ctx context.Context, h hub) error {
			_, err := h.Update(ctx, "s", &delivery.Change{Filter: &nacre.Filter{{Types: []string{"x"}}}})
			return err
		}, []nacre.Position{1, 2}},
		"replay": {func(ctx context.Context, h hub) error { // it is to come again
			err := errors.Join(h.Pause(ctx, "s"), h.Replay(ctx, "s", 0))
			time.Sleep(time.Minute)
			return errors.Join(err, h.Resume(ctx, "s"))
		}, []nacre.Position{1, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, d := newStore(t), newDesk()
				flying, most := 0, 0
				d.set(func(*delivery.Batch) error {
					d.mu.Lock()
					flying++
					most = max(most, flying)
					long := d.tries == 1
					d.mu.Unlock()
					if long {
						time.Sleep(20 * time.Second)
					}
					d.mu.Lock()
					defer d.mu.Unlock()
					flying--
					return nil
				})
				h := begin(t, store, d)
				p := quick(5)
				p.Order = delivery.Global
				create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: p})
				add(t, store, "a-1", "x", "x")
				time.Sleep(time.Second)
				if err := c.change(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				through(t, h, "s", 2)
				time.Sleep(time.Minute)
				equal(t, "received", d.received(), c.want)
				if most > 1 {
					t.Errorf("%d were sent at once", most)
				}
				if st := get(t, h, "s"); st.Open != 0 {
					t.Errorf("status %+v", st)
				}
				end(t, h)
			})
		})
	}
}

// Of two batches that are under way since before a pause, the one from before a replay says nothing of what was replayed.
func TestWhatWasSentBeforeAReplayIsSentAgainAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		d.set(func(*delivery.Batch) error {
			d.mu.Lock()
			tries := d.tries
			d.mu.Unlock()
			switch tries {
			case 1:
				time.Sleep(20 * time.Second)
			case 2:
				time.Sleep(30 * time.Second)
				return errDown
			}
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Policy: quick(5)})
		add(t, store, "a-1", "x")
		time.Sleep(time.Second)
		if err := h.Replay(t.Context(), "s", 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := errors.Join(h.Pause(t.Context(), "s"), h.Resume(t.Context(), "s")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		equal(t, "received", d.received(), []nacre.Position{1, 1})
		if d.tried() != 3 {
			t.Errorf("it was tried %d times", d.tried())
		}
		through(t, h, "s", 1)
		end(t, h)
	})
}
