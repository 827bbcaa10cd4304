package projection_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
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
