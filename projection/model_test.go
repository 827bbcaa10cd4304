package projection_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/memstore"
)

// The projection of these tests sums what moved, by stream.
type (
	moved  struct{ Cents int64 }
	totals struct {
		Cents map[string]int64
		Count int
		Order []nacre.Position // as applied
	}
)

var movements = map[string]any{"account.moved": moved{}}

func add(t *totals, e codec.Event[any]) {
	if t.Cents == nil {
		t.Cents = map[string]int64{}
	}
	t.Cents[string(e.StreamID)] += e.Data.(moved).Cents
	t.Count++
	t.Order = append(t.Order, e.GlobalPosition)
}

func summing(name string) projection.Projection[any, *totals] {
	return projection.Projection[any, *totals]{
		Name: name, Events: movements,
		Apply: func(_ context.Context, to *totals, e codec.Event[any]) error { add(to, e); return nil },
	}
}

func newStore(t testing.TB) *nacre.Store {
	store := memstore.Open(nil)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// move appends n movements to scattered accounts, and something that nobody wants between them.
func move(t testing.TB, store *nacre.Store, n int) nacre.Position {
	t.Helper()
	var last nacre.Position
	for i := range n {
		events := []nacre.Event{nacre.NewEvent("account.moved", moved{int64(i%7 + 1)})}
		if i%5 == 0 {
			events = append(events, nacre.NewEvent("account.looked_at", nil))
		}
		done, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprintf("account-%d", rand.IntN(9))), nacre.Any, events...)
		if err != nil {
			t.Fatal(err)
		}
		last = done.Position()
	}
	return last
}

// truth is what a plain fold gives.
func truth(t testing.TB, store *nacre.Store, without ...nacre.Position) totals {
	t.Helper()
	sum, _, err := projection.Fold(t.Context(), store, projection.Source{Filter: nacre.Filter{{Types: []string{"account.moved"}}}}, movements, nil, totals{},
		func(s totals, e codec.Event[any]) totals {
			if slices.Contains(without, e.GlobalPosition) {
				return s
			}
			add(&s, e)
			return s
		})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func expect(t testing.TB, got, want totals) {
	t.Helper()
	if !maps.Equal(got.Cents, want.Cents) || got.Count != want.Count {
		t.Errorf("the read model has %v of %d events, and the log %v of %d", got.Cents, got.Count, want.Cents, want.Count)
	}
}

func held(m *projection.Memory[totals]) (out totals) {
	m.View(func(s *totals) {
		out = totals{Cents: maps.Clone(s.Cents), Count: s.Count, Order: append([]nacre.Position(nil), s.Order...)}
	})
	return out
}

func quiet() *projection.Options {
	return &projection.Options{Logger: slog.New(slog.DiscardHandler), RetryAfter: time.Millisecond}
}

func start[W any](t testing.TB, store *nacre.Store, p projection.Projection[any, W], m projection.ReadModel[W], o *projection.Options) *projection.Runner {
	t.Helper()
	r, err := projection.Start(t.Context(), store, p, m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func wait(t testing.TB, r *projection.Runner, p nacre.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.WaitFor(ctx, p); err != nil {
		t.Fatal(err)
	}
}

var errBroken = errors.New("broken")
