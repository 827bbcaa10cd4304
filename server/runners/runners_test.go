package runners_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/server/runners"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

var id = runner.ID{Kind: runner.Projection, Name: "balances"}

// A store that is open for reading only tells of its runners, and takes no orders.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := runner.Acquire(t.Context(), store, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.System().Commit(t.Context(), nil, runner.Bury(id, runner.Letter{ID: "a"})); err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = filestore.Open(dir, &filestore.Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	list, err := runners.List(t.Context(), store, "")
	if err != nil || len(list) != 1 || list[0].Name != "balances" || list[0].State != "STOPPED" || list[0].Held {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if _, err := runners.Letter(t.Context(), store, wire.KindProjection, "balances", "a"); err != nil {
		t.Error(err)
	}
	for _, o := range []runners.Order{{Do: "pause"}, {Do: "retry", Letter: "a"}, {Do: "discard"}} {
		if _, err := runners.Give(t.Context(), store, wire.KindProjection, "balances", o); nacre.CodeOf(err) != nacre.CodeReadOnly {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// The rate of one that gives no sign of life is nothing to count with.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.Open(nil)
		defer store.Close()
		if _, err := store.Append(t.Context(), "a-1", nacre.Any, nacre.NewEvent("x", 1), nacre.NewEvent("x", 2)); err != nil {
			t.Fatal(err)
		}
		lease, err := runner.Acquire(t.Context(), store, id, nil)
		if err != nil {
			t.Fatal(err)
		}
		lease.Report(runner.Progress{Position: 1, Head: 2, Rate: 4})
		time.Sleep(6 * time.Second) // a heartbeat
		r, err := runners.Get(t.Context(), store, wire.KindProjection, "balances")
		if err != nil || r.Stale || !r.Held || r.SecondsLeft != 0.25 || r.Rate != 4 {
			t.Errorf("while it lives: %+v, %v", r, err)
		}
		// Another takes it over, and dies.
		started := nacre.NewEvent("runner.started", map[string]any{"term": 2, "token": "x", "host": "web-2", "lease": 15})
		if _, err := store.System().Append(t.Context(), "runner-projection.balances", nacre.Any, started); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r, err = runners.Get(t.Context(), store, wire.KindProjection, "balances")
		if err != nil || !r.Stale || !r.Held || r.SecondsLeft != 0 || r.Rate != 0 || r.Host != "web-2" {
			t.Errorf("when it does not: %+v, %v", r, err)
		}
		if err := lease.Release(t.Context(), nil); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("the first one's end: %v", err)
		}
	})
}

func TestWrongOrders(t *testing.T) {
	store := memstore.Open(nil)
	defer store.Close()
	lease, err := runner.Acquire(t.Context(), store, runner.ID{Kind: runner.Process, Name: "transfers"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lease.Release(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		kind, name string
		o          runners.Order
		code       nacre.Code
	}{
		{wire.KindProcess, "transfers", runners.Order{Do: "reset"}, nacre.CodeInvalid},
		{wire.KindProcess, "transfers", runners.Order{}, nacre.CodeInvalid},
		{wire.KindProcess, "transfers", runners.Order{Do: "pause", Letter: "a"}, nacre.CodeInvalid},
		{wire.KindProcess, "transfers", runners.Order{Do: "retry", Letter: "a"}, nacre.CodeNotFound},
		{wire.KindProjection, "transfers", runners.Order{Do: "pause"}, nacre.CodeNotFound},
		{"view", "transfers", runners.Order{Do: "pause"}, nacre.CodeInvalid},
		{wire.KindProcess, "a/b", runners.Order{Do: "pause"}, nacre.CodeInvalid},
	} {
		if _, err := runners.Give(t.Context(), store, c.kind, c.name, c.o); nacre.CodeOf(err) != c.code {
			t.Errorf("%s %s %+v: %v", c.kind, c.name, c.o, err)
		}
	}
}
