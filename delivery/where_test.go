package delivery_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/query"
)

// put appends an event with data, and gives its position.
func put(t testing.TB, store *nacre.Store, stream nacre.StreamID, name string, data any) nacre.Position {
	t.Helper()
	done, err := store.Append(t.Context(), stream, nacre.Any, nacre.NewEvent(name, data))
	if err != nil {
		t.Fatal(err)
	}
	return done.Position()
}

type order struct {
	Total any `json:"total,omitempty"`
}

func TestAWhereSelectsBesideTheFilter(t *testing.T) {
	for _, kind := range []string{"desk", delivery.KindGroup} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, d := newStore(t), newDesk()
				put(t, store, "order-1", "order.placed", order{120})
				put(t, store, "order-1", "order.placed", order{20})
				put(t, store, "user-1", "user.made", order{120})
				h := begin(t, store, d)
				st := create(t, h, delivery.Spec{
					Name: "g", Kind: kind, Filter: nacre.Filter{{Types: []string{"order.*"}}}, Where: "data.total > 100", Start: delivery.Start{Earliest: true},
				})
				if st.Where != "data.total > 100" {
					t.Errorf("made as %+v", st)
				}
				put(t, store, "order-2", "order.paid", order{"120"})
				put(t, store, "order-2", "order.paid", order{100.5})
				put(t, store, "order-2", "order.paid", nil)
				want := []nacre.Position{1, 5}
				got := []nacre.Position{}
				if kind == delivery.KindGroup {
					for len(got) < len(want) {
						list := poll(t, h, "ann", 10)
						got = append(got, positions(list)...)
						for i := range list {
							answer(t, h, consumer.Answer{Consumer: "ann", Ack: []string{list[i].ID}})
						}
					}
				}
				through(t, h, "g", 6)
				if kind == "desk" {
					got = sorted(d.received())
				}
				equal(t, "received", sorted(got), want)
				if st := get(t, h, "g"); st.Lag != 0 || st.Open != 0 || st.State != delivery.Active {
					t.Errorf("status %+v", st)
				}
				end(t, h)
			})
		})
	}
}

func TestAWhereOutlivesItsHubAndChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk", Where: "data.total > 100", Policy: quick(1000)})
		put(t, store, "o-1", "x", order{1})
		put(t, store, "o-1", "x", order{101})
		through(t, h, "s", 2)
		end(t, h)
		put(t, store, "o-1", "x", order{2})
		put(t, store, "o-1", "x", order{102})
		h = begin(t, store, d)
		through(t, h, "s", 4)
		equal(t, "received", sorted(d.received()), []nacre.Position{2, 4})
		if st := get(t, h, "s"); st.Where != "data.total > 100" {
			t.Errorf("status %+v", st)
		}

		// What is open under the old one is delivered all the same, and what it passed over is not.
		d.set(func(*delivery.Batch) error { return errDown })
		put(t, store, "o-1", "x", order{3})
		put(t, store, "o-1", "x", order{103})
		synctest.Wait()
		where := "data.total < 50"
		if st, err := h.Update(t.Context(), "s", &delivery.Change{Where: &where}); err != nil || st.Where != where {
			t.Fatal(st, err)
		}
		put(t, store, "o-2", "x", order{4})
		put(t, store, "o-2", "x", order{104})
		end(t, h)
		d.set(nil)
		h = begin(t, store, d)
		through(t, h, "s", 8)
		equal(t, "received", sorted(d.received()), []nacre.Position{2, 4, 6, 7})

		// Another filter keeps the condition, and another policy both.
		f := nacre.Filter{{Types: []string{"y"}}}
		if st, err := h.Update(t.Context(), "s", &delivery.Change{Filter: &f}); err != nil || st.Where != where || len(st.Filter) != 1 {
			t.Fatal(st, err)
		}
		if st, err := h.Update(t.Context(), "s", &delivery.Change{Policy: quick(5)}); err != nil || st.Where != where || len(st.Filter) != 1 {
			t.Fatal(st, err)
		}
		put(t, store, "o-3", "x", order{5})
		put(t, store, "o-3", "y", order{105})
		through(t, h, "s", put(t, store, "o-3", "y", order{6}))
		none := ""
		if st, err := h.Update(t.Context(), "s", &delivery.Change{Where: &none}); err != nil || st.Where != "" {
			t.Fatal(st, err)
		}
		through(t, h, "s", put(t, store, "o-3", "y", order{106}))
		equal(t, "received", sorted(d.received()), []nacre.Position{2, 4, 6, 7, 11, 12})

		bad := "data.total >"
		_, err := h.Update(t.Context(), "s", &delivery.Change{Where: &bad})
		expectCode(t, "half a condition", err, nacre.CodeInvalid, "where")
		if st := get(t, h, "s"); st.Where != "" || st.State != delivery.Active {
			t.Errorf("status %+v", st)
		}
		if err := h.Replay(t.Context(), "s", 0); err != nil {
			t.Fatal(err)
		}
		through(t, h, "s", 12)
		equal(t, "received", sorted(d.received()), []nacre.Position{2, 4, 6, 7, 10, 11, 11, 12, 12})
		end(t, h)
	})
}

func TestTheSameWhereIsTheSameSubscription(t *testing.T) {
	store, d := newStore(t), newDesk()
	h := begin(t, store, d)
	defer end(t, h)
	first := create(t, h, delivery.Spec{Kind: "desk", Where: "data.total > 100 AND type = 'x'"})
	for where, same := range map[string]bool{
		"data.total > 100 AND type = 'x'": true, "where data.total>100\n and (type = 'x')": true, "data.total > 101 AND type = 'x'": false, "": false,
	} {
		st, existed, err := h.Create(t.Context(), &delivery.Spec{Kind: "desk", Where: where})
		if err != nil || existed != same || (st.Name == first.Name) != same || same && st.Where != first.Where {
			t.Errorf("%q: %+v existed %v: %v", where, st, existed, err)
		}
		_, existed, err = h.Create(t.Context(), &delivery.Spec{Name: first.Name, Kind: "desk", Where: where})
		if same && (err != nil || !existed) || !same && nacre.CodeOf(err) != delivery.CodeExists {
			t.Errorf("%q by its name: existed %v: %v", where, existed, err)
		}
	}
}

func TestABadWhereSaysWhere(t *testing.T) {
	store, d := newStore(t), newDesk()
	h := begin(t, store, d)
	defer end(t, h)
	for where, column := range map[string]int{
		" ": 2, "type = 'a' ORDER BY type": 12, "SELECT type": 1, "type = ?": 8, "typ = 'a'": 1, "type = 'a' LIMIT 1": 12,
		strings.Repeat("x", 70_000): 1,
	} {
		_, _, err := h.Create(t.Context(), &delivery.Spec{Kind: "desk", Where: where})
		expectCode(t, where, err, nacre.CodeInvalid, "where")
		if e, ok := errors.AsType[*query.Error](err); !ok || e.Line != 1 || e.Column != column || e.Expected == "" {
			t.Errorf("%.40q: %v", where, err)
		}
	}
	if list, err := h.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("something was made: %+v, %v", list, err)
	}
}

// A condition of another version stops its subscription, and nothing else, until it has one that reads.
func TestAWhereThatDoesNotReadSuspends(t *testing.T) {
	for _, kind := range []string{"desk", delivery.KindGroup} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, d := newStore(t), newDesk()
				h := begin(t, store, d)
				create(t, h, delivery.Spec{Name: "good", Kind: "desk"})
				create(t, h, delivery.Spec{Name: "g", Kind: kind, Where: "type = 'x'"})
				through(t, h, "g", add(t, store, "a-1", "y"))
				end(t, h)
				_, err := store.System().Append(t.Context(), "subscription-g", nacre.StreamExists, nacre.NewEvent("subscription.changed", map[string]any{
					"kind": kind, "filter": map[string]any{"items": []any{}}, "where": "type RESEMBLES 'x'", "config": map[string]any{"to": ""},
				}))
				if err != nil {
					t.Fatal(err)
				}
				h = begin(t, store, d)
				add(t, store, "a-1", "x", "y")
				through(t, h, "good", 3)
				for range 2 {
					st := get(t, h, "g")
					if st.State != delivery.Suspended || st.Position != 1 || st.Lag != 2 || st.Where != "type RESEMBLES 'x'" ||
						!strings.Contains(st.Reason, "line 1, column 6") || !strings.Contains(st.Reason, "RESEMBLES") {
						t.Fatalf("status %+v", st)
					}
					if err := h.Resume(t.Context(), "g"); err != nil {
						t.Fatal(err)
					}
					if kind == delivery.KindGroup {
						_, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: "ann"})
						expectCode(t, "a poll", err, delivery.CodeHalted, "")
					}
					end(t, h) // nothing is lost where it is opened once more
					h = begin(t, store, d)
				}
				if _, err := h.Update(t.Context(), "g", &delivery.Change{Policy: &delivery.Policy{Window: 10}}); err != nil {
					t.Fatal(err)
				}
				if st := get(t, h, "g"); st.State != delivery.Suspended || st.Where != "type RESEMBLES 'x'" {
					t.Errorf("status %+v", st)
				}
				d.mu.Lock()
				d.got = nil
				d.mu.Unlock()
				where := "type LIKE 'x'"
				if st, err := h.Update(t.Context(), "g", &delivery.Change{Where: &where}); err != nil || st.State != delivery.Active || st.Reason != "" {
					t.Fatal(st, err)
				}
				if kind == delivery.KindGroup {
					equal(t, "given", positions(poll(t, h, "ann", 10)), []nacre.Position{2})
				} else {
					through(t, h, "g", 3)
					equal(t, "received", sorted(d.received()), []nacre.Position{2})
				}
				end(t, h)
			})
		})
	}
}

func TestAWhereOnHostileData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := newStore(t), newDesk()
		got := map[string][]nacre.Position{}
		d.set(func(b *delivery.Batch) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			got[b.Subscription] = append(got[b.Subscription], b.Events[0].GlobalPosition)
			return nil
		})
		h := begin(t, store, d)
		create(t, h, delivery.Spec{Name: "some", Kind: "desk", Where: "data.total > 100"})
		create(t, h, delivery.Spec{Name: "none", Kind: "desk", Where: "data.total IS NULL"})
		for _, e := range []nacre.Event{
			{Type: "x", Data: []byte(`null`)},
			{Type: "x", Data: []byte(`"data.total > 100"`)},
			{Type: "x", Data: []byte(`{"total":{"total":101}}`)}, // neither
			{Type: "x", Data: []byte(`{"total":1e400}`)},         // some
			{Type: "x", Data: []byte(`[{"total":101}]`)},
			{Type: "x", Binary: []byte(`{"total":101}`)},
			{Type: "x", Data: []byte(strings.Repeat("[", 100) + strings.Repeat("]", 100))},
			{Type: "x", Data: []byte(`{"to\u0074al":101.5}`)}, // some
		} {
			if _, err := store.Append(t.Context(), "h-1", nacre.Any, e); err != nil {
				t.Fatal(err)
			}
		}
		through(t, h, "some", 8)
		through(t, h, "none", 8)
		equal(t, "greater", got["some"], []nacre.Position{4, 8})
		equal(t, "null", got["none"], []nacre.Position{1, 2, 5, 6, 7})
		if st := get(t, h, "some"); st.State != delivery.Active || st.Failed != 0 {
			t.Errorf("status %+v", st)
		}
		end(t, h)
	})
}

// A subscription that wants next to nothing of a long log comes through it, also where that takes several turns.
func TestAWhereOnALongHistory(t *testing.T) {
	store, d := newStore(t), newDesk()
	const n = 101_000
	for from := 0; from < n; from += 1000 {
		events := make([]nacre.Event, 1000)
		for i := range events {
			events[i] = nacre.NewEvent("x", order{from + i + 1})
		}
		if _, err := store.Append(t.Context(), "o-1", nacre.Any, events...); err != nil {
			t.Fatal(err)
		}
	}
	h := begin(t, store, d)
	defer end(t, h)
	create(t, h, delivery.Spec{
		Name: "s", Kind: "desk", Where: "data.total IN (3, 50000, 50001, 100999, 101000)", Start: delivery.Start{Earliest: true}, Policy: &delivery.Policy{Window: 1},
	})
	through(t, h, "s", n)
	equal(t, "received", sorted(d.received()), []nacre.Position{3, 50_000, 50_001, 100_999, 101_000})
}

// Subscriptions come and change while the log grows and their conditions are evaluated: each gets what is its own.
func TestWheresWhileEverythingMoves(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	store, d := newStore(t), newDesk()
	got := map[string]map[nacre.Position]int{}
	d.set(func(b *delivery.Batch) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if got[b.Subscription] == nil {
			got[b.Subscription] = map[nacre.Position]int{}
		}
		for i := range b.Events {
			got[b.Subscription][b.Events[i].GlobalPosition]++
		}
		return nil
	})
	h := begin(t, store, d)
	var all sync.WaitGroup
	for w := range 2 {
		all.Go(func() {
			for i := range 1_000 {
				if _, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprint("o-", w)), nacre.Any, nacre.NewEvent("x", order{i % 10})); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	type made struct {
		after nacre.Position
		digit int
	}
	subs := map[string]made{}
	for i := range 40 {
		digit := rng.IntN(10)
		st := create(t, h, delivery.Spec{Name: fmt.Sprint("s", i), Kind: "desk", Where: fmt.Sprintf("type LIKE 'x%%' AND data.total = %d", digit)})
		subs[st.Name] = made{st.After, digit}
		if i%4 == 3 { // a change of what does not matter
			where := fmt.Sprintf("data.total = %d", digit)
			if _, err := h.Update(t.Context(), st.Name, &delivery.Change{Where: &where}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(rng.IntN(2)) * time.Millisecond)
	}
	all.Wait()
	for name := range subs {
		through(t, h, name, 2_000)
	}
	end(t, h)
	for e, err := range store.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range subs {
			// Total is left out of the data where it is nil, and 0 is not nil.
			wanted := e.GlobalPosition > s.after && string(e.Data) == fmt.Sprintf(`{"total":%d}`, s.digit)
			if n := got[name][e.GlobalPosition]; wanted != (n > 0) {
				t.Errorf("seed %d: %s, behind %d, got position %d %d times: %s", seed, name, s.after, e.GlobalPosition, n, e.Data)
			}
		}
	}
}
