package projection_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/projection"
)

var totalsID = runner.ID{Kind: runner.Projection, Name: "totals"}

// gated is a projection whose Apply waits at a gate, where that is closed, until it opens or its context ends.
type gated struct {
	p       projection.Projection[any, *totals]
	closed  atomic.Bool
	opens   chan struct{} // closed when the gate opens
	entered chan struct{} // where it is made, is told of whoever comes to the closed gate
	applied atomic.Int64
}

func newGated() *gated {
	g := &gated{p: summing("totals"), opens: make(chan struct{})}
	apply := g.p.Apply
	g.p.Apply = func(ctx context.Context, to *totals, e codec.Event[any]) error {
		if g.closed.Load() {
			select {
			case g.entered <- struct{}{}:
			default:
			}
			select {
			case <-g.opens:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		g.applied.Add(1)
		return apply(ctx, to, e)
	}
	return g
}

// rebuildable is a model that is not one process's own, and that can be made again.
type rebuildable struct {
	projection.ReadModel[*totals]
	projection.Resetter
	projection.Rebuilder[*totals]
	projection.Flusher
}

func give(t *testing.T, store *nacre.Store, do string) nacre.Position {
	t.Helper()
	o, err := runner.Give(t.Context(), store, totalsID, runner.Order{Do: do})
	if err != nil {
		t.Fatal(err)
	}
	return o.Place
}

func kept(t *testing.T, store *nacre.Store) runner.Status {
	t.Helper()
	s, err := runner.Get(t.Context(), store, totalsID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expectState(t *testing.T, r *projection.Runner, want runner.State) {
	t.Helper()
	s, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.State != want {
		t.Errorf("it is %s, not %s", s.State, want)
	}
}

func TestARebuildUnderWayIsBegunAgainByTheNextProcess(t *testing.T) {
	for name, c := range map[string]struct {
		begin   func(*testing.T, *nacre.Store, *projection.Runner)
		ordered bool // in the companion log, where it waits until it was obeyed
		paused  bool
	}{
		"asked for here": {begin: func(t *testing.T, _ *nacre.Store, r *projection.Runner) {
			go func() { _ = r.Rebuild(t.Context()) }() // which is stopped
		}},
		"ordered": {ordered: true, begin: func(t *testing.T, store *nacre.Store, _ *projection.Runner) {
			give(t, store, runner.Remake)
		}},
		"another order was obeyed meanwhile": {begin: func(t *testing.T, store *nacre.Store, _ *projection.Runner) {
			give(t, store, runner.Remake)
			synctest.Wait()
			later := give(t, store, runner.Discard)
			synctest.Wait()
			if o := kept(t, store).LastOrder; o == nil || o.Order != later {
				t.Fatalf("the order that came last was not obeyed, but %+v", o)
			}
		}},
		"it was paused meanwhile": {paused: true, begin: func(t *testing.T, store *nacre.Store, _ *projection.Runner) {
			give(t, store, runner.Remake)
			synctest.Wait()
			give(t, store, runner.Pause)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, g := newStore(t), newGated()
				head := move(t, store, 10)
				r := start(t, store, g.p, projection.NewMemory[totals](store, nil), quiet())
				wait(t, r, head)
				g.closed.Store(true)
				c.begin(t, store, r)
				synctest.Wait()
				stop(t, r)
				g.closed.Store(false)
				g.applied.Store(0)

				m := projection.NewMemory[totals](store, nil)
				r = start(t, store, g.p, m, quiet())
				wait(t, r, head)
				synctest.Wait()
				if n := g.applied.Load(); n < 10 {
					t.Errorf("the next process applied %d events of 10 again", n)
				}
				expect(t, held(m), truth(t, store))
				want := projection.Running
				if c.paused {
					want = projection.Paused
				}
				expectState(t, r, want)
				if o := kept(t, store).LastOrder; c.ordered && (o == nil || o.Do != runner.Remake || o.Failure != nil) {
					t.Errorf("the order was not obeyed: %+v", o)
				}
				stop(t, r)
				g.applied.Store(0)

				r = start(t, store, g.p, projection.NewMemory[totals](store, nil), quiet())
				wait(t, r, head)
				synctest.Wait()
				if n := g.applied.Load(); n > 0 {
					t.Errorf("a rebuild that is over was begun again: %d events", n)
				}
			})
		})
	}
}

func TestARebuildIsBegunAgainWhereALostLeaseComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newStore(t), newGated()
		head := move(t, store, 10)
		memory := projection.NewMemory[totals](store, nil)
		r := start(t, store, g.p, rebuildable{memory, memory, memory, memory}, quiet())
		wait(t, r, head)
		g.closed.Store(true)
		place := give(t, store, runner.Remake)
		synctest.Wait()
		somebodyElse(t, store, "totals", 2, 30)
		time.Sleep(10 * time.Second) // a heartbeat finds it out
		if s := kept(t, store); s.Host != "another.example" {
			t.Fatalf("the lease is with %q", s.Host)
		}
		g.closed.Store(false)
		g.applied.Store(0)
		time.Sleep(time.Minute) // in which the other one shows no sign of life
		s := kept(t, store)
		if s.Host == "another.example" || s.LastOrder == nil || s.LastOrder.Order != place || s.LastOrder.Failure != nil {
			t.Errorf("status %+v with the last order %+v", s, s.LastOrder)
		}
		if n := g.applied.Load(); n < 10 {
			t.Errorf("%d events of 10 were applied again", n)
		}
		wait(t, r, move(t, store, 3))
		expect(t, held(memory), truth(t, store))
	})
}

// A model in memory goes on without a lease; the order is then the other process's to obey.
func TestALeaseThatIsLostDuringAnOrderEndsTheOrderOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newStore(t), newGated()
		head := move(t, store, 10)
		m := projection.NewMemory[totals](store, nil)
		r := start(t, store, g.p, m, quiet())
		wait(t, r, head)
		g.closed.Store(true)
		give(t, store, runner.Remake)
		synctest.Wait()
		somebodyElse(t, store, "totals", 2, 30)
		time.Sleep(10 * time.Second)
		g.closed.Store(false)
		wait(t, r, move(t, store, 3))
		expect(t, held(m), truth(t, store))
		if o := kept(t, store).LastOrder; o != nil {
			t.Errorf("an order is told as obeyed: %+v", o)
		}
	})
}

// swapped counts how often a rebuilt model was put in the old one's place.
type swapped struct {
	projection.Rebuilder[*totals]
	times atomic.Int64
}

func (s *swapped) Swap(ctx context.Context, name string, fresh projection.ReadModel[*totals]) error {
	s.times.Add(1)
	return s.Rebuilder.Swap(ctx, name, fresh)
}

// Another process has taken the lease over, and no heartbeat has found it out yet.
func TestWhatCannotBeUndoneLooksAtTheLeaseFirst(t *testing.T) {
	t.Run("a rebuilt model's taking the old one's place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, g := newStore(t), newGated()
			head := move(t, store, 10)
			memory := projection.NewMemory[totals](store, nil)
			s := &swapped{Rebuilder: memory}
			r := start(t, store, g.p, rebuildable{memory, memory, s, memory}, quiet())
			wait(t, r, head)
			g.closed.Store(true)
			rebuilt := make(chan error, 1)
			go func() { rebuilt <- r.Rebuild(t.Context()) }()
			synctest.Wait()
			somebodyElse(t, store, "totals", 2, 60)
			close(g.opens)
			if err := <-rebuilt; nacre.CodeOf(err) != runner.CodeLeaseLost {
				t.Errorf("a rebuild: %v", err)
			}
			if n := s.times.Load(); n != 0 {
				t.Errorf("the model was replaced %d times by a process that had lost its lease", n)
			}
		})
	})
	t.Run("an event applied late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := newParking(t)
			memory := projection.NewMemory[totals](k.store, nil)
			r := start(t, k.store, k.p, shared(memory), k.o)
			waitForHead(t, k.store, r)
			synctest.Wait()
			somebodyElse(t, k.store, "totals", 2, 60)
			k.broken.Store(false)
			if err := r.RetryDeadLetters(t.Context(), ""); nacre.CodeOf(err) != runner.CodeLeaseLost {
				t.Errorf("a retry: %v", err)
			}
			expect(t, held(memory), truth(t, k.store, k.bad))
			expectLetters(t, k.store, k.bad)
		})
	})
}

func TestAPauseDuringTroubleHoldsWhenTheTroubleHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		head := move(t, store, 30)
		memory := projection.NewMemory[totals](store, nil)
		m := &away{ReadModel: memory}
		m.left.Store(1)
		o := quiet()
		o.Retries, o.RetryAfter = -1, time.Second
		r := start(t, store, summing("totals"), m, o)
		synctest.Wait()
		expectState(t, r, projection.Failed)
		if err := r.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if at := r.Position(); at != 0 || held(memory).Count != 0 {
			t.Errorf("a paused projection went on by itself, to %d", at)
		}
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, r, head)
		expect(t, held(memory), truth(t, store))
	})
}

func TestAPauseBesideAFailureOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		head := move(t, store, 30)
		var broken atomic.Bool
		broken.Store(true)
		p := failingAt("totals", func(at nacre.Position) bool { return at == 9 && broken.Load() })
		r := start(t, store, p, projection.NewMemory[totals](store, nil), quiet())
		if err := r.WaitFor(t.Context(), head); nacre.CodeOf(err) != projection.CodeFailed {
			t.Fatalf("got %v", err)
		}
		if err := r.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectState(t, r, projection.Failed) // the failure is what has to be seen
		stop(t, r)
		broken.Store(false)
		m := projection.NewMemory[totals](store, nil)
		r = start(t, store, p, m, quiet())
		time.Sleep(time.Hour)
		expectState(t, r, projection.Paused)
		if at := r.Position(); at >= head {
			t.Errorf("the pause was forgotten: it is at %d", at)
		}
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, r, head)
		expect(t, held(m), truth(t, store))
	})
}

func TestAnOrderGoesToWhoeverGetsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		somebodyElse(t, store, "totals", 1, 60)
		m := projection.NewMemory[totals](store, nil)
		r := start(t, store, summing("totals"), shared(m), quiet())
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Pause(short); err != nil {
			t.Fatalf("a pause while another process has the lease: %v", err)
		}
		time.Sleep(5 * time.Minute) // in which the other one shows no sign of life
		expectState(t, r, projection.Paused)
		if o := kept(t, store).LastOrder; o == nil || o.Do != runner.Pause || o.Failure != nil {
			t.Errorf("the order was not obeyed: %+v", o)
		}
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, r, move(t, store, 3))
		expect(t, held(m), truth(t, store))
	})
}

// silent is a store whose blobs are on a network that may give no answer.
type silent struct {
	nacre.Driver
	nacre.BlobKeeper
	hangs atomic.Bool
	hung  chan struct{}
}

func (s *silent) System() nacre.Driver { return s.Driver.(nacre.Companion).System() }

func (s *silent) PutBlob(ctx context.Context, key string, data []byte) error {
	if !s.hangs.Load() {
		return s.BlobKeeper.PutBlob(ctx, key, data)
	}
	select {
	case s.hung <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestAHeartbeatThatHangsHoldsNobodyUp(t *testing.T) {
	inner := newStore(t).Driver()
	s := &silent{Driver: inner, BlobKeeper: inner.(nacre.BlobKeeper), hung: make(chan struct{})}
	store := nacre.NewStore(s, nil)
	o := quiet()
	o.Lease = 60 * time.Millisecond
	m := projection.NewMemory[totals](store, &projection.MemoryOptions{SnapshotEvery: -1})
	r := start(t, store, summing("totals"), shared(m), o)
	wait(t, r, move(t, store, 10))
	s.hangs.Store(true)
	for range 3 { // while a heartbeat hangs, the sign of life before it grows old
		<-s.hung
		wait(t, r, move(t, store, 1))
	}
	expect(t, held(m), truth(t, store))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}
