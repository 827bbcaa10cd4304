package projection_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/projection"
)

// parking is a projection that parks one movement, which fails while it is broken.
type parking struct {
	store  *nacre.Store
	bad    nacre.Position
	broken atomic.Bool
	p      projection.Projection[any, *totals]
	o      *projection.Options
}

func newParking(t *testing.T) *parking {
	t.Helper()
	k := &parking{store: newStore(t), o: quiet()}
	k.o.OnFailure, k.o.Retries = projection.Park, -1
	move(t, k.store, 1)
	done, err := k.store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.moved", moved{3}))
	if err != nil {
		t.Fatal(err)
	}
	k.bad = done.Position()
	k.broken.Store(true)
	k.p = failingAt("totals", func(at nacre.Position) bool { return at == k.bad && k.broken.Load() })
	return k
}

// begin starts it, in a new process as far as the model knows, and waits until it shows the log's end.
func (k *parking) begin(t *testing.T) (*projection.Runner, *projection.Memory[totals]) {
	t.Helper()
	m := projection.NewMemory[totals](k.store, nil)
	r := start(t, k.store, k.p, m, k.o)
	waitForHead(t, k.store, r)
	return r, m
}

func waitForHead(t *testing.T, store *nacre.Store, r *projection.Runner) {
	t.Helper()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait(t, r, head.Position)
}

func stop(t *testing.T, r *projection.Runner) {
	t.Helper()
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func retry(t *testing.T, r *projection.Runner) {
	t.Helper()
	if err := r.RetryDeadLetters(t.Context(), ""); err != nil {
		t.Errorf("a retry: %v", err)
	}
}

func expectLetters(t *testing.T, store *nacre.Store, want ...nacre.Position) {
	t.Helper()
	list, err := runner.Letters(t.Context(), store, runner.Projection, "totals")
	if err != nil {
		t.Fatal(err)
	}
	var got []nacre.Position
	for _, l := range list {
		got = append(got, l.Position)
	}
	if !slices.Equal(got, want) {
		t.Errorf("there are dead letters of the positions %v, not %v", got, want)
	}
}

// A model that begins from the start applies the parked event in its turn: its letter must not bring it again.
func TestAModelThatBeganAgainHasNoLettersLeft(t *testing.T) {
	type process struct {
		r *projection.Runner
		m *projection.Memory[totals]
	}
	for name, again := range map[string]func(*testing.T, *parking, *process){
		"another version": func(t *testing.T, k *parking, now *process) {
			stop(t, now.r)
			k.p.Version++
			now.r, now.m = k.begin(t)
		},
		"a reset": func(t *testing.T, _ *parking, now *process) {
			if err := now.r.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"a rebuild": func(t *testing.T, _ *parking, now *process) {
			if err := now.r.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newParking(t)
			move(t, k.store, 10)
			var now process
			now.r, now.m = k.begin(t)
			expect(t, held(now.m), truth(t, k.store, k.bad))
			expectLetters(t, k.store, k.bad)
			k.broken.Store(false)
			again(t, k, &now)
			waitForHead(t, k.store, now.r)
			expect(t, held(now.m), truth(t, k.store))
			expectLetters(t, k.store)
			retry(t, now.r)
			expect(t, held(now.m), truth(t, k.store))
		})
	}
}

// Whatever makes the model go over its events again, the parked one is left out until its letter is settled.
func TestAParkedEventHasNoTurnWhileItsLetterIsOpen(t *testing.T) {
	k := newParking(t)
	move(t, k.store, 10)
	r, _ := k.begin(t)
	stop(t, r)
	blobs, err := k.store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.DeleteBlob(t.Context(), "projections/totals.json"); err != nil {
		t.Fatal(err)
	}
	k.broken.Store(false)
	r, m := k.begin(t) // from the start
	expect(t, held(m), truth(t, k.store, k.bad))
	expectLetters(t, k.store, k.bad)
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
	expectLetters(t, k.store)
}

func TestALetterIsNotTriedBeforeItsTurn(t *testing.T) {
	k := newParking(t)
	r, _ := k.begin(t)
	if err := r.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, r)
	blobs, err := k.store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.DeleteBlob(t.Context(), "projections/totals.json"); err != nil {
		t.Fatal(err)
	}
	k.broken.Store(false)
	m := projection.NewMemory[totals](k.store, nil)
	r = start(t, k.store, k.p, m, k.o) // paused, at the start
	if err := r.RetryDeadLetters(t.Context(), ""); nacre.CodeOf(err) != projection.CodeFailed || !strings.Contains(err.Error(), "try later") {
		t.Errorf("a retry before the event's turn: %v", err)
	}
	if err := r.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitForHead(t, k.store, r)
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
}

func TestARetriedEventOutlivesItsProcess(t *testing.T) {
	k := newParking(t)
	move(t, k.store, 10)
	r, _ := k.begin(t)
	stop(t, r) // a snapshot without it stays
	k.broken.Store(false)
	r, m := k.begin(t)
	expect(t, held(m), truth(t, k.store, k.bad))
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
	stop(t, r)
	_, m = k.begin(t)
	expect(t, held(m), truth(t, k.store))
}

func TestARetriedEventOutlivesALaterFailure(t *testing.T) {
	k := newParking(t)
	k.o.Retries = 3
	head := move(t, k.store, 10)
	var failures atomic.Int64
	apply := k.p.Apply
	k.p.Apply = func(ctx context.Context, to *totals, e codec.Event[any]) error {
		if err := apply(ctx, to, e); err != nil {
			return err
		}
		if e.GlobalPosition > head && failures.Add(1) == 1 {
			return errBroken // which passes, and takes the model back to its snapshot
		}
		return nil
	}
	r, _ := k.begin(t)
	stop(t, r)
	k.broken.Store(false)
	r, m := k.begin(t)
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
	wait(t, r, move(t, k.store, 5))
	expect(t, held(m), truth(t, k.store))
	if failures.Load() < 2 {
		t.Error("nothing failed: the test tests nothing")
	}
}

// unsettled is a model whose event is there, and whose letter stays open: it fails in between.
type unsettled struct {
	*projection.Memory[totals]
	fails atomic.Bool
}

func (u *unsettled) Flush(ctx context.Context, name string) error {
	if u.fails.Load() {
		return errBroken
	}
	return u.Memory.Flush(ctx, name)
}

func TestALetterThatCountsAlreadyIsOnlySettled(t *testing.T) {
	for name, do := range map[string]func(*projection.Runner, context.Context, string) error{
		"retried": (*projection.Runner).RetryDeadLetters, "discarded": (*projection.Runner).DiscardDeadLetters,
	} {
		t.Run(name, func(t *testing.T) {
			k := newParking(t)
			m := &unsettled{Memory: projection.NewMemory[totals](k.store, nil)}
			r := start(t, k.store, k.p, m, k.o)
			wait(t, r, move(t, k.store, 10))
			k.broken.Store(false)
			m.fails.Store(true)
			if err := r.RetryDeadLetters(t.Context(), ""); err == nil {
				t.Error("a retry that could not be finished is told as one that was")
			}
			expectLetters(t, k.store, k.bad)
			m.fails.Store(false)
			if err := do(r, t.Context(), ""); err != nil {
				t.Error(err)
			}
			expect(t, held(m.Memory), truth(t, k.store))
			expectLetters(t, k.store)
			settled := ""
			for e, err := range k.store.System().ReadStream(t.Context(), "letter-projection.totals", nil) {
				if err != nil {
					t.Fatal(err)
				}
				settled = string(e.Data)
			}
			if !strings.Contains(settled, runner.Retried) {
				t.Errorf("the letter of an event that counts was settled as %s", settled)
			}
		})
	}
}

// The dead letters of a rebuild are the rebuilt model's, and of no meaning where it never takes the old one's place.
func TestARebuildThatIsGivenUpLeavesNoLetters(t *testing.T) {
	k := newParking(t)
	k.o.Batch = 1
	k.broken.Store(false)
	move(t, k.store, 20)
	var rebuilding atomic.Bool
	entered := make(chan struct{}, 1)
	apply := k.p.Apply
	k.p.Apply = func(ctx context.Context, to *totals, e codec.Event[any]) error {
		if rebuilding.Load() && e.GlobalPosition > k.bad+3 {
			entered <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		return apply(ctx, to, e)
	}
	r, _ := k.begin(t)
	rebuilding.Store(true)
	k.broken.Store(true)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	<-entered // it has parked an event by now
	stop(t, r)
	if err := <-rebuilt; nacre.CodeOf(err) != projection.CodeStopped {
		t.Errorf("the rebuild: %v", err)
	}
	expectLetters(t, k.store)
	rebuilding.Store(false)
	k.broken.Store(false)
	r, m := k.begin(t)
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
}

func TestARebuiltModelHasTheLettersOfItsRebuild(t *testing.T) {
	k := newParking(t)
	k.o.Batch = 1
	r, _ := k.begin(t)
	expectLetters(t, k.store, k.bad)
	k.broken.Store(false)
	var other atomic.Int64 // is what fails now
	apply := k.p.Apply
	k.p.Apply = func(ctx context.Context, to *totals, e codec.Event[any]) error {
		if nacre.Position(other.Load()) == e.GlobalPosition {
			return errBroken
		}
		return apply(ctx, to, e)
	}
	stop(t, r)
	move(t, k.store, 100)
	done, err := k.store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.moved", moved{5}))
	if err != nil {
		t.Fatal(err)
	}
	r, m := k.begin(t)
	other.Store(int64(done.Position()))
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	for range 100 { // the old one goes on meanwhile
		if _, err := k.store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.looked_at", 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-rebuilt; err != nil {
		t.Fatal(err)
	}
	expectLetters(t, k.store, done.Position())
	expect(t, held(m), truth(t, k.store, done.Position()))
	other.Store(0)
	retry(t, r)
	expect(t, held(m), truth(t, k.store))
	expectLetters(t, k.store)
}
