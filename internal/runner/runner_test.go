package runner_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/storage/memstore"
)

var id = runner.ID{Kind: runner.Projection, Name: "my-balances"}

func acquire(t *testing.T, store *nacre.Store) *runner.Lease {
	t.Helper()
	l, err := runner.Acquire(t.Context(), store, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func release(t *testing.T, l *runner.Lease) {
	t.Helper()
	if err := l.Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, store *nacre.Store) runner.Status {
	t.Helper()
	s, err := runner.Get(t.Context(), store, id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T) *nacre.Store {
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// startedElsewhere is a lease that a process of another machine took.
func startedElsewhere(t *testing.T, store *nacre.Store, term int) {
	t.Helper()
	e := nacre.NewEvent("runner.started", map[string]any{
		"term": term, "token": "elsewhere", "host": "another.example", "pid": 1, "lease": 15, "startedAt": time.Now(),
	})
	if _, err := store.System().Append(t.Context(), "runner-projection.my-balances", nacre.Any, e); err != nil {
		t.Fatal(err)
	}
}

func TestASecondStartInOneProcessIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		l := acquire(t, store)
		if _, err := runner.Acquire(t.Context(), store, id, nil); nacre.CodeOf(err) != runner.CodeAlreadyRunning {
			t.Errorf("got %v", err)
		}
		release(t, l)
		release(t, acquire(t, store))
		if s := status(t, store); s.State != runner.Stopped || s.Term != 2 || s.Stale {
			t.Errorf("status %+v", s)
		}
	})
}

func TestASilentHolderIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		startedElsewhere(t, store, 7)
		if _, err := runner.Acquire(t.Context(), store, id, &runner.Options{NoWait: true}); nacre.CodeOf(err) != runner.CodeHeld {
			t.Errorf("without waiting: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := runner.Acquire(short, store, id, nil); nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("within a second: %v", err)
		}
		begun := time.Now()
		l := acquire(t, store)
		if waited := time.Since(begun); waited < 15*time.Second || waited > 20*time.Second {
			t.Errorf("waited %v for a lease of 15 s", waited)
		}
		if s := status(t, store); s.Term != 8 {
			t.Errorf("status %+v", s)
		}
		release(t, l)
	})
}

func TestAHolderWithHeartbeatsIsNotTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		startedElsewhere(t, store, 1)
		blobs, err := store.Blobs()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for beat := 0; ctx.Err() == nil; beat++ {
				text, _ := json.Marshal(map[string]int{"beat": beat})
				if err := blobs.PutBlob(ctx, "runners/projection/my-balances.json", text); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Second)
			}
		}()
		long, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		if _, err := runner.Acquire(long, store, id, nil); nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("got %v", err)
		}
		cancel()
		time.Sleep(10 * time.Second)
	})
}

func TestALostLeaseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		l := acquire(t, store)
		startedElsewhere(t, store, 2)
		time.Sleep(6 * time.Second) // a heartbeat
		select {
		case <-l.Lost():
		default:
			t.Error("a heartbeat later the lease is not known to be lost")
		}
		if err := l.Check(t.Context()); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Check: %v", err)
		}
		if err := l.Change(t.Context(), runner.Running, nil); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Change: %v", err)
		}
		if err := l.Release(t.Context(), nil); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Release: %v", err)
		}
		if s := status(t, store); s.Host != "another.example" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestOrdersAreHandedOutUntilObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		if _, err := runner.Give(t.Context(), store, id, runner.Order{Do: runner.Pause}); nacre.CodeOf(err) != nacre.CodeNotFound {
			t.Errorf("an order to nobody: %v", err)
		}
		l := acquire(t, store)
		give := func(do string) {
			if _, err := runner.Give(t.Context(), store, id, runner.Order{Do: do, By: "ops"}); err != nil {
				t.Error(err)
			}
		}
		give(runner.Pause)
		give(runner.Resume)
		if o := <-l.Orders(); o.Do != runner.Pause || o.By != "ops" {
			t.Errorf("got %+v", o)
		}
		release(t, l) // not obeyed
		l = acquire(t, store)
		o := <-l.Orders()
		if o.Do != runner.Pause {
			t.Errorf("got %+v", o)
		}
		if err := l.Change(t.Context(), runner.Paused, nil); err != nil {
			t.Error(err)
		}
		if err := l.Obeyed(t.Context(), o, nil); err != nil {
			t.Error(err)
		}
		release(t, l)
		if s := status(t, store); s.State != runner.Paused {
			t.Errorf("status %+v", s)
		}
		l = acquire(t, store)
		if !l.Before().Paused {
			t.Error("the pause did not outlive its process")
		}
		if o := <-l.Orders(); o.Do != runner.Resume {
			t.Errorf("got %+v", o)
		}
		release(t, l)
		if _, err := runner.Give(t.Context(), store, id, runner.Order{Do: "explode"}); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("an unknown order: %v", err)
		}
	})
}

func TestTheStatusTellsProgressAndStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		if _, err := store.Append(t.Context(), "order-1", nacre.Any, nacre.NewEvent("x", 1), nacre.NewEvent("x", 2)); err != nil {
			t.Fatal(err)
		}
		l := acquire(t, store)
		if err := l.Change(t.Context(), runner.Running, nil); err != nil {
			t.Fatal(err)
		}
		l.Report(runner.Progress{Position: 1, Head: 2, DeadLetters: 3})
		time.Sleep(6 * time.Second)
		s := status(t, store)
		if s.State != runner.Running || s.Position != 1 || s.Lag != 1 || s.DeadLetters != 3 || s.Stale {
			t.Errorf("status %+v", s)
		}
		list, err := runner.List(t.Context(), store, runner.Projection)
		if err != nil || len(list) != 1 || list[0].Name != id.Name {
			t.Errorf("list %+v, %v", list, err)
		}
		if none, err := runner.List(t.Context(), store, runner.Process); err != nil || len(none) != 0 {
			t.Errorf("list %+v, %v", none, err)
		}
		release(t, l)
		startedElsewhere(t, store, 9)
		time.Sleep(time.Minute)
		if s := status(t, store); !s.Stale {
			t.Errorf("a minute without a heartbeat: %+v", s)
		}
	})
}

func TestDeadLettersAreOpenUntilSettled(t *testing.T) {
	store := open(t)
	other := runner.ID{Kind: runner.Process, Name: "transfers"}
	commit := func(a nacre.Append) {
		if _, err := store.System().Commit(t.Context(), nil, a); err != nil {
			t.Fatal(err)
		}
	}
	commit(runner.Bury(id, runner.Letter{ID: "a", What: runner.LetterEvent, Position: 4}))
	commit(runner.Bury(other, runner.Letter{ID: "a", What: runner.LetterCommand, Payload: []byte(`{"cents":1}`)}, runner.Letter{ID: "b"}))
	commit(runner.Bury(other, runner.Letter{ID: "b", Attempts: 2}))
	ids := func(kind, name string) string {
		list, err := runner.Letters(t.Context(), store, kind, name)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, l := range list {
			text += l.Runner + "/" + l.ID + " "
		}
		return text
	}
	if got := ids("", ""); got != "my-balances/a transfers/a transfers/b " {
		t.Errorf("all: %s", got)
	}
	if got := ids(runner.Process, "transfers"); got != "transfers/a transfers/b " {
		t.Errorf("of transfers: %s", got)
	}
	if l, err := runner.GetLetter(t.Context(), store, other, "b"); err != nil || l.Attempts != 2 {
		t.Errorf("b: %+v, %v", l, err)
	}
	commit(runner.Settle(other, runner.Discarded, "a"))
	if got := ids("", ""); got != "my-balances/a transfers/b " {
		t.Errorf("after one was settled: %s", got)
	}
	if _, err := runner.GetLetter(t.Context(), store, other, "a"); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("a settled one: %v", err)
	}
	commit(runner.Bury(other, runner.Letter{ID: "a"}))
	if got := ids("", ""); got != "my-balances/a transfers/b transfers/a " {
		t.Errorf("after it was buried again: %s", got)
	}
}

func TestNamesAreChecked(t *testing.T) {
	for _, bad := range []runner.ID{{Kind: "x", Name: "a"}, {Kind: runner.Process}, {Kind: runner.Process, Name: "a/b"}, {Kind: runner.Process, Name: ".."}} {
		if _, err := runner.Acquire(t.Context(), open(t), bad, nil); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
