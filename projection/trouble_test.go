package projection_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
)

// away is a model that cannot be reached for a while.
type away struct {
	projection.ReadModel[*totals]
	left atomic.Int64
}

func (a *away) Update(ctx context.Context, name string, from, to projection.Checkpoint, write func(*totals) error) error {
	if a.left.Add(-1) >= 0 {
		return nacre.Errorf(nacre.CodeInternal, "nobody answers")
	}
	return a.ReadModel.Update(ctx, name, from, to, write)
}

func TestTroubleThatPassesNeedsNobody(t *testing.T) {
	store := newStore(t)
	head := move(t, store, 30)
	memory := projection.NewMemory[totals](store, nil)
	m := &away{ReadModel: memory}
	m.left.Store(8)
	o := quiet()
	o.Retries = 2
	r := start(t, store, summing("totals"), m, o)
	wait(t, r, head)
	expect(t, held(memory), truth(t, store))
	if err := r.Err(); err != nil {
		t.Errorf("it still says %v", err)
	}
}

// somebodyElse takes the lease of a projection, as a process of another machine does.
func somebodyElse(t *testing.T, store *nacre.Store, name string, term int, lease float64) {
	t.Helper()
	e := nacre.NewEvent("runner.started", map[string]any{"term": term, "token": "elsewhere", "host": "another.example", "pid": 1, "lease": lease})
	if _, err := store.System().Append(t.Context(), nacre.StreamID("runner-projection."+name), nacre.Any, e); err != nil {
		t.Fatal(err)
	}
}

// shared is a model that is not one process's own.
func shared(m *projection.Memory[totals]) projection.ReadModel[*totals] {
	return struct{ projection.ReadModel[*totals] }{m}
}

func TestOneProcessAtATimeRunsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		head := move(t, store, 10)
		somebodyElse(t, store, "totals", 1, 0.2)
		m := projection.NewMemory[totals](store, nil)
		o := quiet()
		o.Lease = 200 * time.Millisecond
		r := start(t, store, summing("totals"), shared(m), o)
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := r.WaitFor(short, head); nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("it runs beside another process: %v", err)
		}
		wait(t, r, head) // the other one shows no sign of life
		somebodyElse(t, store, "totals", 3, 0.2)
		deadline := time.Now().Add(20 * time.Second)
		for { // until it has seen that; then it waits again, and takes over again
			move(t, store, 1)
			events := 0
			for e, err := range store.System().ReadStream(t.Context(), "runner-projection.totals", nil) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Type == "runner.started" {
					events++
				}
			}
			if events == 4 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the projection does not come back: %d leases", events)
			}
			time.Sleep(10 * time.Millisecond)
		}
		wait(t, r, move(t, store, 5))
		expect(t, held(m), truth(t, store))
	})
}

func TestAModelInMemoryNeedsNoLease(t *testing.T) {
	store := newStore(t)
	head := move(t, store, 10)
	somebodyElse(t, store, "totals", 1, 0.2)
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, summing("totals"), m, quiet())
	wait(t, r, head)
	expect(t, held(m), truth(t, store))
}

func TestWaitForSeesWhatAnotherProcessWrites(t *testing.T) {
	store := newStore(t)
	at := move(t, store, 10)
	somebodyElse(t, store, "totals", 1, 60)
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, summing("totals"), shared(m), quiet())
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		time.Sleep(20 * time.Millisecond)
		if _, err := m.Checkpoint(t.Context(), "totals"); err != nil {
			written <- err
			return
		}
		written <- m.Update(t.Context(), "totals", projection.Checkpoint{}, projection.Checkpoint{Position: at, Epoch: head.Epoch}, func(*totals) error { return nil })
	}()
	wait(t, r, at)
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestTwoEventsOfABatchMayFail(t *testing.T) {
	store := newStore(t)
	move(t, store, 30)
	late, early := true, true // are still to fail, one after the other
	p := failingAt("totals", func(at nacre.Position) bool {
		switch {
		case at == 21 && late:
			late = false
			return true
		case at == 9 && !late && early:
			early = false
			return true
		}
		return false
	})
	m := projection.NewMemory[totals](store, nil)
	if _, err := projection.CatchUp(t.Context(), store, p, m, quiet()); err != nil {
		t.Fatal(err)
	}
	if late || early {
		t.Error("not both failed: the test tests nothing")
	}
	expect(t, held(m), truth(t, store))
}

func TestAPanicOfAnUpcasterIsAFailureOfItsEvent(t *testing.T) {
	store := newStore(t)
	move(t, store, 3)
	p := summing("totals")
	p.Codec = &codec.Options{
		Versions: map[string]int{"account.moved": 2},
		Upcast:   map[string]codec.Upcaster{"account.moved@1": func(nacre.Event) ([]nacre.Event, error) { panic("boom") }},
	}
	_, err := projection.CatchUp(t.Context(), store, p, projection.NewMemory[totals](store, nil), quiet())
	if failed, ok := errors.AsType[*projection.ApplyError](err); !ok || failed.Event.GlobalPosition != 1 || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
}

func TestAnApplyThatIsStoppedHasNotFailed(t *testing.T) {
	store, g := newStore(t), newGated()
	g.entered = make(chan struct{}, 1)
	r := start(t, store, g.p, projection.NewMemory[totals](store, nil), quiet())
	wait(t, r, move(t, store, 10))
	done, err := store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.looked_at", 1))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, r, done.Position()) // which is seen, and in no checkpoint
	g.closed.Store(true)
	move(t, store, 1)
	<-g.entered
	stop(t, r)
	if err := r.Err(); err != nil {
		t.Errorf("it was stopped, and says %v", err)
	}
	if s := kept(t, store); s.State != projection.Stopped || s.Failure != nil {
		t.Errorf("status %+v", s)
	}
}

// A model in memory goes back to its snapshot where a write fails, and may fail again on its way.
func TestWaitForIsNotTrueOfWhatTheModelHasLost(t *testing.T) {
	store := newStore(t)
	head := move(t, store, 40)
	failed := false
	p := failingAt("totals", func(at nacre.Position) bool {
		failed = failed || at == 30
		return at == 30 || at == 3 && failed
	})
	m := projection.NewMemory[totals](store, nil)
	o := quiet()
	o.Batch, o.Retries = 5, -1
	r := start(t, store, p, m, o)
	if err := r.WaitFor(t.Context(), head); nacre.CodeOf(err) != projection.CodeFailed {
		t.Fatalf("got %v", err)
	}
	if err := r.WaitFor(t.Context(), 15); nacre.CodeOf(err) != projection.CodeFailed {
		t.Errorf("at position %d, with %d events, WaitFor(15) says %v", r.Position(), held(m).Count, err)
	}
}

// full is a store whose blobs cannot be written.
type full struct {
	nacre.Driver
	nacre.BlobKeeper
}

func (f *full) System() nacre.Driver { return f.Driver.(nacre.Companion).System() }

func (*full) PutBlob(context.Context, string, []byte) error { return errBroken }

func TestASnapshotThatCannotBeKeptHoldsNobodyUp(t *testing.T) {
	inner := newStore(t).Driver()
	store := nacre.NewStore(&full{Driver: inner, BlobKeeper: inner.(nacre.BlobKeeper)}, nil)
	often := &projection.MemoryOptions{SnapshotEvery: 3}
	direct := projection.NewMemory[totals](store, often)
	on := projection.Checkpoint{Position: 9}
	if err := direct.Update(t.Context(), "totals", projection.Checkpoint{}, on, func(*totals) error { return nil }); err != nil {
		t.Errorf("a commit in memory: %v", err)
	}
	m := projection.NewMemory[totals](store, often)
	o := quiet()
	o.Retries = -1
	r := start(t, store, summing("totals"), m, o)
	for range 3 {
		wait(t, r, move(t, store, 5))
	}
	expect(t, held(m), truth(t, store))
	expectState(t, r, projection.Running)
}
