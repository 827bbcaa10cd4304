package aggregate_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
)

// The aggregate of these tests: an account, with a command for every way to fail.
type (
	command interface {
		decide(account, decider.Context) ([]event, error)
	}
	event interface{ evolve(account) account }

	deposit  struct{ Cents int64 }
	withdraw struct{ Cents int64 }
	many     struct{ N int }
	nothing  struct{}
	explode  struct{ InEvolve bool }
	unnamed  struct{}
	huge     struct{ Bytes int }

	moved   struct{ Cents int64 }
	bomb    struct{}
	stray   struct{} // in no table
	padding struct{ Text string }

	account struct {
		Cents, Movements int64
		By               map[string]int64
	}
	overdrawn struct{ Short int64 }
)

func (e *overdrawn) Error() string { return fmt.Sprintf("%d cents short", e.Short) }

func (c deposit) decide(account, decider.Context) ([]event, error) { return []event{moved(c)}, nil }

func (c withdraw) decide(a account, _ decider.Context) ([]event, error) {
	if a.Cents < c.Cents {
		return nil, &overdrawn{c.Cents - a.Cents}
	}
	return []event{moved{-c.Cents}}, nil
}

func (c many) decide(account, decider.Context) (out []event, err error) {
	for range c.N {
		out = append(out, moved{1})
	}
	return out, nil
}

func (nothing) decide(account, decider.Context) ([]event, error) { return nil, nil }

func (c explode) decide(account, decider.Context) ([]event, error) {
	if !c.InEvolve {
		panic("boom")
	}
	return []event{bomb{}}, nil
}
func (unnamed) decide(account, decider.Context) ([]event, error) { return []event{stray{}}, nil }
func (c huge) decide(account, decider.Context) ([]event, error) {
	return []event{padding{strings.Repeat("x", c.Bytes)}}, nil
}

func (e moved) evolve(a account) account { a.Cents += e.Cents; a.Movements++; return a }
func (bomb) evolve(account) account      { panic("boom") }
func (stray) evolve(a account) account   { return a }
func (padding) evolve(a account) account { return a }

var accounts = decider.Decider[account, command, event]{
	Category: "account",
	Decide:   func(a account, c command, ctx decider.Context) ([]event, error) { return c.decide(a, ctx) },
	Evolve:   func(a account, e event) account { return e.evolve(a) },
	Commands: map[string]command{
		"deposit": deposit{}, "withdraw": withdraw{}, "many": many{}, "nothing": nothing{}, "explode": explode{}, "unnamed": unnamed{}, "huge": huge{},
	},
	Events: map[string]event{"account.moved": moved{}, "account.bombed": bomb{}, "account.padded": padding{}},
}

type repository = aggregate.Repository[account, command, event]

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t testing.TB) *nacre.Store {
	store := memstore.Open(nil)
	closeAtEnd(t, store)
	return store
}

func closeAtEnd(t testing.TB, store *nacre.Store) {
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func newRepository(t testing.TB, store *nacre.Store, o *aggregate.Options) *repository {
	return repositoryOf(t, store, accounts, o)
}

// repositoryOf makes a repository and closes it at the test's end.
func repositoryOf[S, C, E any](t testing.TB, store *nacre.Store, d decider.Decider[S, C, E], o *aggregate.Options) *aggregate.Repository[S, C, E] {
	r := aggregate.New(store, d, o)
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// rig is a driver whose appends and blobs a test may hold up, fail and count.
type rig struct {
	nacre.Driver
	nacre.EventFinder
	nacre.StreamLister
	nacre.BlobKeeper

	mu      sync.Mutex
	onAdd   func(ctx context.Context, batch []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error)
	onPut   func(key string, data []byte) error
	batches [][]nacre.Append // that were asked for
	finds   int
}

// newRig gives a store in memory, and its rig.
func newRig(t testing.TB) (*nacre.Store, *rig) {
	d := memstore.Open(nil).Driver()
	g := &rig{Driver: d, EventFinder: d.(nacre.EventFinder), StreamLister: d.(nacre.StreamLister), BlobKeeper: d.(nacre.BlobKeeper)}
	store := nacre.NewStore(g, nil)
	closeAtEnd(t, store)
	return store, g
}

// appending sets what an append does from now on; nil writes.
func (g *rig) appending(f func(ctx context.Context, batch []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.onAdd = f
}

// asked gives the batches since it was asked last.
func (g *rig) asked() [][]nacre.Append {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.batches = nil }()
	return g.batches
}

func (g *rig) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	g.mu.Lock()
	f := g.onAdd
	g.batches = append(g.batches, batch)
	g.mu.Unlock()
	if f != nil {
		return f(ctx, batch, func() ([]nacre.Appended, error) { return g.Driver.Append(context.WithoutCancel(ctx), batch, c) })
	}
	return g.Driver.Append(ctx, batch, c)
}

func (g *rig) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (nacre.Event, bool, error) {
	g.mu.Lock()
	g.finds++
	g.mu.Unlock()
	return g.EventFinder.FindEvent(ctx, stream, id)
}

func (g *rig) PutBlob(ctx context.Context, key string, data []byte) error {
	g.mu.Lock()
	f := g.onPut
	g.mu.Unlock()
	if f != nil {
		if err := f(key, data); err != nil {
			return err
		}
	}
	return g.BlobKeeper.PutBlob(ctx, key, data)
}

// expectCode fails the test unless an error has a code.
func expectCode(t testing.TB, what string, err error, want nacre.Code) {
	t.Helper()
	if nacre.CodeOf(err) != want || err == nil {
		t.Errorf("%s: %v has the code %q, not %q", what, err, nacre.CodeOf(err), want)
	}
}

// cents fails the test unless an account has so much.
func cents(t testing.TB, h *aggregate.Handle[account, command, event], want int64) {
	t.Helper()
	if s, err := h.State(t.Context()); err != nil || s.Cents != want {
		t.Errorf("%s has %+v, %v, and not %d cents", h.Stream(), s, err, want)
	}
}

var accountsCodec = func() *codec.Codec[event] {
	c, err := codec.New(accounts.Events, nil)
	if err != nil {
		panic(err)
	}
	return c
}()

// unmarshalMetadata reads metadata, which may be absent.
func unmarshalMetadata(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	return codec.Unmarshal(text, into)
}
