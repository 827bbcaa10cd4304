package aggregate_test

import (
	"fmt"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
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
	return []event{padding{string(make([]byte, c.Bytes))}}, nil
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

func newStore(t testing.TB) *nacre.Store {
	store := memstore.Open(nil)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func newRepository(t testing.TB, store *nacre.Store, o *aggregate.Options) *repository {
	r := aggregate.New(store, accounts, o)
	t.Cleanup(func() {
		if err := r.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return r
}
