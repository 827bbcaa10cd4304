package projection_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
)

func TestItCatchesUpAndFollows(t *testing.T) {
	store := newStore(t)
	move(t, store, 50)
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, summing("totals"), m, quiet())
	wait(t, r, move(t, store, 10))
	expect(t, held(m), truth(t, store))
	wait(t, r, move(t, store, 2500))
	expect(t, held(m), truth(t, store))
	if order := held(m).Order; !slices.IsSorted(order) {
		t.Error("events of different streams are not applied in the log's order")
	}
	s, err := r.Status(t.Context())
	if err != nil || s.State != projection.Running || s.Lag != 0 || s.Name != "totals" {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestWhatIsPassedOverCountsAsSeen(t *testing.T) {
	store := newStore(t)
	r := start(t, store, summing("totals"), projection.NewMemory[totals](store, nil), quiet())
	done, err := store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.looked_at", 1))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, r, done.Position())
}

func TestCatchUpRunsOnce(t *testing.T) {
	store := newStore(t)
	for range 3 {
		head := move(t, store, 30)
		m := projection.NewMemory[totals](store, nil)
		at, err := projection.CatchUp(t.Context(), store, summing("totals"), m, quiet())
		if err != nil || at < head {
			t.Errorf("at %d of %d, %v", at, head, err)
		}
		expect(t, held(m), truth(t, store))
	}
	if at, err := projection.CatchUp(t.Context(), newStore(t), summing("totals"), projection.NewMemory[totals](newStore(t), nil), nil); err != nil || at != 0 {
		t.Errorf("of an empty log: %d, %v", at, err)
	}
}

func TestARestartGoesOnFromTheSnapshot(t *testing.T) {
	store := newStore(t)
	move(t, store, 40)
	r, err := projection.Start(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), quiet())
	if err != nil {
		t.Fatal(err)
	}
	head, _ := store.Head(t.Context())
	wait(t, r, head.Position)
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.WaitFor(t.Context(), head.Position+1); nacre.CodeOf(err) != projection.CodeStopped {
		t.Errorf("waiting for a stopped one: %v", err)
	}
	last := move(t, store, 7)
	applied := 0
	p := summing("totals")
	apply := p.Apply
	p.Apply = func(ctx context.Context, to *totals, e codec.Event[any]) error { applied++; return apply(ctx, to, e) }
	m := projection.NewMemory[totals](store, nil)
	r2 := start(t, store, p, m, quiet())
	wait(t, r2, last)
	expect(t, held(m), truth(t, store))
	if applied != 7 {
		t.Errorf("%d events were applied after the restart, not 7", applied)
	}
}

// A read model that a crash left at an older checkpoint, or whose snapshot is damaged, fills again and is the
// same.
func TestADamagedSnapshotIsPassedOver(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"gone":    nil,
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { i := slices.Index(b, 'C'); b[i+8] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
	} {
		store := newStore(t)
		move(t, store, 20)
		if _, err := projection.CatchUp(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), nil); err != nil {
			t.Fatal(err)
		}
		blobs, _ := store.Blobs()
		data, err := blobs.GetBlob(t.Context(), "projections/totals.json")
		if err != nil {
			t.Fatal(err)
		}
		if damage == nil {
			err = blobs.DeleteBlob(t.Context(), "projections/totals.json")
		} else {
			err = blobs.PutBlob(t.Context(), "projections/totals.json", damage(data))
		}
		if err != nil {
			t.Fatal(err)
		}
		m := projection.NewMemory[totals](store, nil)
		if _, err := projection.CatchUp(t.Context(), store, summing("totals"), m, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		expect(t, held(m), truth(t, store))
	}
}

func TestAnotherVersionIsMadeAgain(t *testing.T) {
	store := newStore(t)
	move(t, store, 20)
	if _, err := projection.CatchUp(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), quiet()); err != nil {
		t.Fatal(err)
	}
	p := summing("totals")
	p.Version = 2
	p.Apply = func(_ context.Context, to *totals, e codec.Event[any]) error { add(to, e); to.Count++; return nil }
	m := projection.NewMemory[totals](store, nil)
	if _, err := projection.CatchUp(t.Context(), store, p, m, quiet()); err != nil {
		t.Fatal(err)
	}
	if got := held(m).Count; got != 40 {
		t.Errorf("a count of %d, not 40", got)
	}
}

func failingAt(name string, fails func(nacre.Position) bool) projection.Projection[any, *totals] {
	p := summing(name)
	p.Apply = func(_ context.Context, to *totals, e codec.Event[any]) error {
		add(to, e) // half of the work is done
		if fails(e.GlobalPosition) {
			return errBroken
		}
		return nil
	}
	return p
}

func TestAFailingEventStopsItsProjectionOnly(t *testing.T) {
	store := newStore(t)
	move(t, store, 30)
	var broken atomic.Bool
	broken.Store(true)
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, failingAt("totals", func(p nacre.Position) bool { return p == 19 && broken.Load() }), m, quiet())
	other := projection.NewMemory[totals](store, nil)
	others := start(t, store, summing("others"), other, quiet())
	head := move(t, store, 30)
	err := r.WaitFor(t.Context(), head)
	failed, ok := errors.AsType[*projection.ApplyError](err)
	if !ok || failed.Event.GlobalPosition != 19 || !errors.Is(err, errBroken) || nacre.CodeOf(err) != projection.CodeFailed {
		t.Fatalf("got %v", err)
	}
	s, err := r.Status(t.Context())
	if err != nil || s.State != projection.Failed || s.Position != 18 || s.Failure == nil {
		t.Errorf("status %+v, %v", s, err)
	}
	if got := held(m); slices.Max(got.Order) != 18 {
		t.Errorf("it holds events up to %d", slices.Max(got.Order))
	}
	wait(t, others, head)
	expect(t, held(other), truth(t, store))
	broken.Store(false)
	if err := r.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, r, head)
	expect(t, held(m), truth(t, store))
}

func TestAFailingEventIsParkedByChoice(t *testing.T) {
	store := newStore(t)
	var broken atomic.Bool
	broken.Store(true)
	o := quiet()
	o.OnFailure = projection.Park
	m := projection.NewMemory[totals](store, nil)
	bad := move(t, store, 1) // with one beside it that is passed over
	bad--
	r := start(t, store, failingAt("totals", func(p nacre.Position) bool { return p == bad && broken.Load() }), m, o)
	head := move(t, store, 40)
	wait(t, r, head)
	expect(t, held(m), truth(t, store, bad))
	if err := r.RetryDeadLetters(t.Context(), ""); err == nil {
		t.Error("a retry of what is still broken succeeds")
	}
	expect(t, held(m), truth(t, store, bad))
	broken.Store(false)
	if err := r.RetryDeadLetters(t.Context(), ""); err != nil {
		t.Error(err)
	}
	expect(t, held(m), truth(t, store))
	if err := r.RetryDeadLetters(t.Context(), "event-1"); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("a settled letter: %v", err)
	}
}

func TestWhatCannotBeDecodedIsNeverPassedOver(t *testing.T) {
	store := newStore(t)
	move(t, store, 3)
	done, err := store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.moved", "much"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = projection.CatchUp(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), quiet())
	if failed, ok := errors.AsType[*projection.ApplyError](err); !ok || failed.Event.GlobalPosition != done.Position() {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[*codec.DecodeError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	store := newStore(t)
	move(t, store, 3)
	p := summing("totals")
	p.Apply = func(context.Context, *totals, codec.Event[any]) error { panic("boom") }
	_, err := projection.CatchUp(t.Context(), store, p, projection.NewMemory[totals](store, nil), quiet())
	if nacre.CodeOf(err) != projection.CodeFailed {
		t.Errorf("got %v", err)
	}
}

func TestATransientFailureIsTriedAgain(t *testing.T) {
	store := newStore(t)
	move(t, store, 30)
	left := 2
	p := failingAt("totals", func(at nacre.Position) bool { left--; return at == 5 && left >= -20 })
	m := projection.NewMemory[totals](store, nil)
	o := quiet()
	o.Retries = 30
	if _, err := projection.CatchUp(t.Context(), store, p, m, o); err != nil {
		t.Fatal(err)
	}
	expect(t, held(m), truth(t, store))
}

func TestPauseOutlivesARestart(t *testing.T) {
	store := newStore(t)
	r, err := projection.Start(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), quiet())
	if err != nil {
		t.Fatal(err)
	}
	wait(t, r, move(t, store, 5))
	if err := r.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := r.Position()
	head := move(t, store, 5)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.WaitFor(short, head); nacre.CodeOf(err) != nacre.CodeDeadline || r.Position() != at {
		t.Errorf("a paused one goes on: %v, at %d", err, r.Position())
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := projection.NewMemory[totals](store, nil)
	r2 := start(t, store, summing("totals"), m, quiet())
	for { // until it has looked
		s, err := r2.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.State == projection.Paused {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := r2.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, r2, head)
	expect(t, held(m), truth(t, store))
}

func TestASecondStartIsRefused(t *testing.T) {
	store := newStore(t)
	start(t, store, summing("totals"), projection.NewMemory[totals](store, nil), quiet())
	if _, err := projection.Start(t.Context(), store, summing("totals"), projection.NewMemory[totals](store, nil), quiet()); nacre.CodeOf(err) != "RUNNER_ALREADY_RUNNING" {
		t.Errorf("got %v", err)
	}
}

func TestARebuildTakesThePlaceOfTheOldOne(t *testing.T) {
	store := newStore(t)
	move(t, store, 300)
	m := projection.NewMemory[totals](store, nil)
	o := quiet()
	o.Batch = 10
	r := start(t, store, summing("totals"), m, o)
	stop := make(chan struct{})
	done := make(chan nacre.Position)
	go func() { // the log goes on meanwhile
		var last nacre.Position
		for {
			select {
			case <-stop:
				done <- last
				return
			default:
				last = move(t, store, 1)
				time.Sleep(100 * time.Microsecond)
			}
		}
	}()
	for range 3 {
		if err := r.Rebuild(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wait(t, r, <-done)
	expect(t, held(m), truth(t, store))
	if err := r.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	head, _ := store.Head(t.Context())
	wait(t, r, head.Position)
	expect(t, held(m), truth(t, store))
}

func TestARebuildMendsAFailure(t *testing.T) {
	store := newStore(t)
	move(t, store, 20)
	var broken atomic.Bool
	broken.Store(true)
	m := projection.NewMemory[totals](store, nil)
	r := start(t, store, failingAt("totals", func(p nacre.Position) bool { return p == 9 && broken.Load() }), m, quiet())
	if err := r.WaitFor(t.Context(), 20); nacre.CodeOf(err) != projection.CodeFailed {
		t.Fatalf("got %v", err)
	}
	if err := r.Rebuild(t.Context()); nacre.CodeOf(err) != projection.CodeFailed {
		t.Errorf("a rebuild of what is broken: %v", err)
	}
	broken.Store(false)
	if err := r.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, r, 20)
	expect(t, held(m), truth(t, store))
}

func TestInParallelAStreamStaysInOrder(t *testing.T) {
	store := newStore(t)
	move(t, store, 800)
	type lane struct{}
	var wrong, count atomic.Int64
	var lanes [9]atomic.Int64
	p := projection.Projection[any, *lane]{
		Name: "parallel", Events: movements, Parallel: 4,
		Apply: func(_ context.Context, _ *lane, e codec.Event[any]) error {
			n := e.StreamID.Rest()[0] - '0'
			if lanes[n].Swap(int64(e.GlobalPosition)) > int64(e.GlobalPosition) {
				wrong.Add(1)
			}
			count.Add(1)
			return nil
		},
	}
	m, err := projection.Own(store, &lane{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := projection.CatchUp(t.Context(), store, p, m, quiet()); err != nil {
		t.Fatal(err)
	}
	if wrong.Load() > 0 || count.Load() != 800 {
		t.Errorf("%d events out of order of %d", wrong.Load(), count.Load())
	}
}

func TestDeclarationsAreChecked(t *testing.T) {
	store := newStore(t)
	for field, change := range map[string]func(*projection.Projection[any, *totals]){
		"name":    func(p *projection.Projection[any, *totals]) { p.Name = "a/b" },
		"Apply":   func(p *projection.Projection[any, *totals]) { p.Apply = nil },
		"Events":  func(p *projection.Projection[any, *totals]) { p.Events = nil },
		"Version": func(p *projection.Projection[any, *totals]) { p.Version = -1 },
	} {
		p := summing("totals")
		change(&p)
		_, err := projection.Start(t.Context(), store, p, projection.NewMemory[totals](store, nil), nil)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
