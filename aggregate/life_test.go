package aggregate_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

func TestIdleInstancesLeaveAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, evolved := evolving()
		r := repositoryOf(t, newStore(t), d, nil)
		idle, busy := r.Get("idle"), r.Get("busy")
		for _, h := range []*aggregate.Handle[account, command, event]{idle, busy} {
			if _, err := h.Execute(t.Context(), many{5}); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.Active(); n != 2 {
			t.Errorf("%d instances", n)
		}
		for range 7 {
			time.Sleep(time.Minute)
			cents(t, busy, 5)
		}
		if n := r.Active(); n != 1 {
			t.Errorf("%d instances, and not only the one that is in use", n)
		}
		evolved.Store(0)
		if got, err := idle.Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != 6 || evolved.Load() != 6 {
			t.Errorf("the handle held since before: %+v, %v, after %d events", got, err, evolved.Load())
		}
		evolved.Store(0)
		if _, err := busy.Execute(t.Context(), deposit{1}); err != nil || evolved.Load() != 1 {
			t.Errorf("the busy one was loaded again: %d events, %v", evolved.Load(), err)
		}
		time.Sleep(7 * time.Minute)
		if n := r.Active(); n != 0 {
			t.Errorf("%d instances", n)
		}
	})
}

func TestWhatIsAtWorkDoesNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, &aggregate.Options{IdleAfter: time.Second, MaxInstances: 1})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			time.Sleep(time.Hour)
			return write()
		})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if _, err := r.Get(strconv.Itoa(i)).Execute(t.Context(), deposit{1}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Minute)
		if n := r.Active(); n != 3 {
			t.Errorf("%d instances, of 3 that are at work", n)
		}
		wg.Wait()
		time.Sleep(time.Minute)
		if n := r.Active(); n != 0 {
			t.Errorf("%d instances", n)
		}
	})
}

func TestIdleInstancesMayStayForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRepository(t, newStore(t), &aggregate.Options{IdleAfter: -1})
		cents(t, r.Get("a"), 0)
		time.Sleep(1000 * time.Hour)
		if n := r.Active(); n != 1 {
			t.Errorf("%d instances", n)
		}
		r.Evict("a")
		r.Evict("b") // which is not there
		if n := r.Active(); n != 0 {
			t.Errorf("%d instances", n)
		}
	})
}

// Nothing runs while nothing is asked, and nothing is left of a repository that is forgotten.
func TestAnIdleRepositoryHasNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		r := aggregate.New(newStore(t), accounts, nil)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for range 5 {
					if _, err := r.Get(strconv.Itoa(i%50)).Execute(t.Context(), deposit{1}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines, and %d before", n, before)
		}
		time.Sleep(time.Hour) // its timer has ended by then; the bubble would not end beside it
	})
}

func TestNoMoreInstancesThanWanted(t *testing.T) {
	d, evolved := evolving()
	r := repositoryOf(t, newStore(t), d, &aggregate.Options{MaxInstances: 1000})
	for i := range 20_000 {
		if _, err := r.Get(strconv.Itoa(i)).Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 { // one that is asked for all the time
			if _, err := r.Get("hot").Execute(t.Context(), nothing{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.Active(); n > 1001 {
			t.Fatalf("%d instances", n)
		}
	}
	if n := r.Active(); n < 900 {
		t.Errorf("only %d instances are kept", n)
	}
	evolved.Store(0)
	cents(t, r.Get("0"), 1)
	if evolved.Load() != 1 {
		t.Error("the first instance was never let go")
	}
}

// What a million instances cost that were touched once is what the live ones cost.
func TestManyInstancesThatWereTouchedOnceCostLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 200,000 instances")
	}
	store := nacre.NewStore(forgetfulDriver{}, nil)
	closeAtEnd(t, store)
	r := newRepository(t, store, &aggregate.Options{MaxInstances: 1 << 30})
	const n = 100_000
	before := heap()
	for i := range n {
		if _, err := r.Get("instance-"+strconv.Itoa(i)).Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heap() - before) / n; each > 4096 || r.Active() != n {
		t.Errorf("%d idle instances cost %d bytes each", r.Active(), each)
	} else {
		t.Logf("an idle instance costs %d bytes", each)
	}
	for i := range n - 1000 {
		r.Evict("instance-" + strconv.Itoa(i))
	}
	small := newRepository(t, store, &aggregate.Options{MaxInstances: 1000})
	for i := range n {
		if _, err := small.Get("instance-"+strconv.Itoa(i)).Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heap() - before) / 2000; each > 4096 {
		t.Errorf("of all that, %d instances stay, and cost %d bytes each", r.Active()+small.Active(), each)
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// forgetfulDriver takes everything and keeps nothing.
type forgetfulDriver struct{ nacre.Driver }

func (forgetfulDriver) Append(_ context.Context, batch []nacre.Append, _ *nacre.Condition) ([]nacre.Appended, error) {
	events := batch[0].Events
	for i := range events {
		events[i].ID, events[i].StreamID, events[i].GlobalPosition = nacre.NewID(), batch[0].Stream, 1
	}
	return []nacre.Appended{{Events: events}}, nil
}

func (forgetfulDriver) Read(context.Context, nacre.Filter, *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(func(nacre.Event, error) bool) {}
}
func (forgetfulDriver) Close() error { return nil }

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := aggregate.New(store, accounts, nil)
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		expectCode(t, "a Close that cannot wait", r.Close(hurried), nacre.CodeDeadline)
		_, err := r.Get("a").Execute(t.Context(), deposit{1})
		expectCode(t, "a command after Close began", err, nacre.CodeClosed)
		close(held)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if v, err := store.Version(t.Context(), "account-a"); err != nil || v != 9 {
			t.Errorf("the stream is at %d, %v", v, err)
		}
	})
}

func TestACommandsTimeIsTheClocks(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_999, time.FixedZone("", 3600))
	var got decider.Context
	d := accounts
	d.Decide = func(a account, c command, ctx decider.Context) ([]event, error) {
		got = ctx
		return c.decide(a, ctx)
	}
	r := repositoryOf(t, newStore(t), d, &aggregate.Options{Clock: func() time.Time { return at }})
	if _, err := r.Get("ann-2").Execute(t.Context(), deposit{1}); err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 3, 4, 4, 6, 7, 8_000, time.UTC); got.Time != want || got.ID != "ann-2" {
		t.Errorf("%+v", got)
	}
	said := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := r.Get("ann-2").Execute(decider.With(t.Context(), decider.Context{ID: "bob", Time: said, Actor: "eve"}), deposit{1}); err != nil {
		t.Fatal(err)
	}
	if got.Time != said || got.ID != "ann-2" || got.Actor != "eve" {
		t.Errorf("%+v", got)
	}
}

// Reading and writing one instance from everywhere, while it is evicted all the time.
func TestEvictionIsInvisible(t *testing.T) {
	r := newRepository(t, newStore(t), &aggregate.Options{SnapshotEvery: 50, Logger: slog.New(slog.DiscardHandler)})
	h := r.Get("a")
	const writers, each = 8, 200
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				r.Evict("a")
				runtime.Gosched()
			}
		}
	})
	wg.Go(func() {
		last := int64(0)
		for last < writers*each {
			s, err := h.State(t.Context())
			if err != nil || s.Cents < last || s.Cents != s.Movements {
				t.Errorf("%+v, %v after %d", s, err, last)
				return
			}
			last = s.Cents
		}
	})
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				got, err := h.Execute(t.Context(), deposit{1})
				if err != nil || got.State.Cents != got.Version+1 {
					t.Error(fmt.Sprintf("%+v", got), err)
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	wg.Wait()
	cents(t, h, writers*each)
}

// An Evolve that appends writes behind the end of the slice that it was given. States are folded one after the
// other, so that nobody sees that.
func TestAnEvolveThatAppendsIsSafe(t *testing.T) {
	type list struct{ Words []string }
	d := decider.Decider[list, string, string]{
		Category: "list",
		Decide:   func(_ list, c string, _ decider.Context) ([]string, error) { return []string{c, c}, nil },
		Evolve: func(l list, e string) list {
			l.Words = append(l.Words, e)
			return l
		},
		Events: map[string]string{"list.grew": ""},
	}
	store := newStore(t)
	o := &aggregate.Options{SnapshotEvery: 7, Retries: 1000}
	var processes []*aggregate.Repository[list, string, string]
	for range 2 {
		processes = append(processes, repositoryOf(t, store, d, o))
	}
	const writers, each = 4, 50
	check := func(l list) {
		for i := 0; i+1 < len(l.Words); i += 2 {
			if l.Words[i] != l.Words[i+1] {
				t.Errorf("at %d stand %s and %s", i, l.Words[i], l.Words[i+1])
			}
		}
	}
	var wg sync.WaitGroup
	for p, r := range processes {
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					got, err := r.Get("a").Execute(t.Context(), fmt.Sprint(p, w, i))
					if err != nil || len(got.State.Words) != int(got.Version)+1 || got.State.Words[got.Version] != got.Events[1].Data {
						t.Errorf("%+v, %v", got, err)
						return
					}
					check(got.State)
				}
			})
		}
		wg.Go(func() {
			for n := 0; n < 2*2*writers*each && !t.Failed(); {
				l, err := r.Get("a").State(t.Context())
				if err != nil || len(l.Words) < n {
					t.Errorf("%d words after %d, %v", len(l.Words), n, err)
					return
				}
				check(l)
				n = len(l.Words)
			}
		})
	}
	wg.Wait()
	l, err := processes[0].Get("a").State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range processes[0].Get("a").History(t.Context()) {
		if err != nil || e.Data != l.Words[i] {
			t.Fatalf("%d: %s in the log, and %s in the state, %v", i, e.Data, l.Words[i], err)
		}
		i++
	}
	check(l)
}
