package aggregate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// onEveryDriver runs a test in memory, in a directory, and against a server.
func onEveryDriver(t *testing.T, test func(t *testing.T, open func() *nacre.Store)) {
	t.Run("memory", func(t *testing.T) {
		store := newStore(t)
		test(t, func() *nacre.Store { return store })
	})
	t.Run("directory", func(t *testing.T) {
		store, err := filestore.Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, store)
		test(t, func() *nacre.Store { return store })
	})
	t.Run("server", func(t *testing.T) {
		url := serve(t)
		test(t, func() *nacre.Store {
			store, err := client.Open(url, nil)
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, store)
			return store
		})
	})
}

// serve starts a server with a store in memory, and gives its URL.
func serve(t *testing.T) string {
	s, err := server.New(&server.Options{Backend: backend{}, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		listening.CloseClientConnections()
		listening.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return listening.URL
}

type backend struct{}

func (backend) Names(context.Context) ([]string, error) { return []string{"default"}, nil }
func (backend) Open(context.Context, string) (*nacre.Store, error) {
	return memstore.Open(nil), nil
}

func (backend) Create(_ context.Context, name string) (*nacre.Store, error) {
	return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
}

func (backend) Delete(_ context.Context, name string) error {
	return nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q", name)
}

// Two processes, many callers each, on a few instances: whatever they do to each other, each command takes place
// once, on the state that was there.
func TestTwoProcessesOnOneStore(t *testing.T) {
	onEveryDriver(t, func(t *testing.T, open func() *nacre.Store) {
		o := &aggregate.Options{SnapshotEvery: 20, Retries: 1000}
		processes := []*repository{newRepository(t, open(), o), newRepository(t, open(), o)}
		const callers, each, ids = 6, 20, 3
		var wg sync.WaitGroup
		var mu sync.Mutex
		left := map[string]int64{}
		for p, r := range processes {
			for c := range callers {
				wg.Go(func() {
					for i := range each {
						id := fmt.Sprint(i % ids)
						ctx := decider.With(t.Context(), decider.Context{CommandID: fmt.Sprint(p, "-", c, "-", i)})
						var command command = deposit{3}
						if i%4 == 3 {
							command = withdraw{5}
						}
						got, err := r.Get(id).Execute(ctx, command)
						if _, refused := err.(*overdrawn); refused {
							continue
						}
						if err != nil || got.Duplicate || got.State.Movements != got.Version+1 || got.State.Cents < 0 {
							t.Errorf("%+v, %v", got, err)
							return
						}
						mu.Lock()
						left[id] += got.Events[0].Data.(moved).Cents
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		for _, r := range processes {
			for id, want := range left {
				cents(t, r.Get(id), want)
			}
		}
	})
}

func TestSnapshotsOnEveryDriver(t *testing.T) {
	onEveryDriver(t, func(t *testing.T, open func() *nacre.Store) {
		store := open()
		r := aggregate.New(store, accounts, &aggregate.Options{SnapshotEvery: 150})
		for range 2 {
			if _, err := r.Get("ann").Execute(t.Context(), many{200}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		d, evolved := evolving()
		cents(t, repositoryOf(t, open(), d, nil).Get("ann"), 400)
		if n := evolved.Load(); n > 128+200 {
			t.Errorf("%d events were evolved: there was no snapshot", n)
		}
	})
}

func TestACommandAgainOnEveryDriver(t *testing.T) {
	onEveryDriver(t, func(t *testing.T, open func() *nacre.Store) {
		ctx := decider.With(t.Context(), decider.Context{CommandID: "once", Actor: "ann", Metadata: map[string]any{"why": "gift"}})
		for _, dup := range []bool{false, true} {
			r := newRepository(t, open(), nil)
			got, err := r.Get("ann").Execute(ctx, many{3})
			if err != nil || got.Duplicate != dup || got.State.Cents != 3 || len(got.Events) != 3 ||
				string(got.Events[2].Metadata) != `{"actor":"ann","commandId":"once","why":"gift"}` {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := r.Get("ann").Execute(t.Context(), deposit{1}); err != nil {
				t.Error(err)
			}
		}
		e := nacre.NewEvent("account.moved", moved{41}).WithID("from-afar")
		for _, dup := range []bool{false, true} {
			if done, err := newRepository(t, open(), nil).Get("ann").Inject(t.Context(), e); err != nil || done.Duplicate != dup {
				t.Errorf("%+v, %v", done, err)
			}
		}
		cents(t, newRepository(t, open(), nil).Get("ann"), 46)
	})
}
