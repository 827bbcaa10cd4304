package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

func TestAPanicFailsItsCommandOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		store, g := newRig(t)
		r := newRepository(t, store, &aggregate.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))})
		errs := crowd(t, g, r, deposit{1}, deposit{1}, explode{}, deposit{1}, explode{InEvolve: true}, deposit{1})
		for i, want := range []nacre.Code{"", "", aggregate.CodePanicked, "", aggregate.CodePanicked, ""} {
			if nacre.CodeOf(errs[i]) != want {
				t.Errorf("command %d: %v", i, errs[i])
			}
		}
		p, ok := errors.AsType[*aggregate.PanicError](errs[4])
		if !ok || p.In != "Evolve" || p.Value != "boom" || strings.Contains(p.Error(), "goroutine") {
			t.Errorf("%v", errs[4])
		}
		if !strings.Contains(text.String(), "model_test.go") || strings.Count(text.String(), "an aggregate panicked") != 2 {
			t.Errorf("the log does not have the stacks:\n%s", text.String())
		}
		cents(t, r.Get("a"), 4)
	})
}

// What a panic may have spoilt in memory does not stay, and nothing more is decided on it.
func TestAfterAPanicTheInstanceIsLoadedAgain(t *testing.T) {
	type purse struct{ Coins map[string]int }
	d := decider.Decider[purse, string, map[string]int]{
		Category: "purse",
		Decide: func(p purse, c string, _ decider.Context) ([]map[string]int, error) {
			if c == "spoil" {
				p.Coins["gold"] = 1000
				panic("half way")
			}
			return []map[string]int{{c: 1}}, nil
		},
		Evolve: func(p purse, e map[string]int) purse {
			next := purse{Coins: map[string]int{}}
			for _, coins := range []map[string]int{p.Coins, e} {
				for name, n := range coins {
					next.Coins[name] += n
				}
			}
			return next
		},
		Events: map[string]map[string]int{"purse.filled": {}},
	}
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		h := repositoryOf(t, store, d, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)}).Get("a")
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		for i, c := range []string{"gold", "gold", "spoil", "gold", "gold"} {
			wg.Go(func() {
				got, err := h.Execute(t.Context(), c)
				if c == "spoil" {
					expectCode(t, "a panic", err, aggregate.CodePanicked)
				} else if want := i + 1 - i/3; err != nil || i != 1 && got.State.Coins["gold"] != want { // the second one's was spoilt
					t.Errorf("command %d: %+v, %v, and not %d", i, got, err, want)
				}
			})
			synctest.Wait()
		}
		close(held)
		wg.Wait()
		if s, err := h.State(t.Context()); err != nil || s.Coins["gold"] != 4 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// A purse is spoilt by a command that panics.
type (
	purse  struct{ Coins map[string]int }
	coined struct {
		Coin string
		Gold int // that Decide saw
	}
)

var purses = decider.Decider[purse, string, coined]{
	Category: "purse",
	Decide: func(p purse, c string, _ decider.Context) ([]coined, error) {
		if c == "spoil" {
			p.Coins["gold"] = 1000
			panic("half way")
		}
		return []coined{{c, p.Coins["gold"]}}, nil
	},
	Evolve: func(p purse, e coined) purse {
		if e.Coin == "none" {
			return p // with the same map
		}
		next := purse{Coins: maps.Clone(p.Coins)}
		if next.Coins == nil {
			next.Coins = map[string]int{}
		}
		next.Coins[e.Coin]++
		return next
	},
	Events: map[string]coined{"purse.filled": {}},
}

// What a panic left is not gone on from, whatever becomes of the group's append, and no snapshot is kept of it.
func TestNothingIsDecidedOnWhatAPanicLeft(t *testing.T) {
	for name, second := range map[string]func(store *nacre.Store) error{ // what befalls the group's append
		"written": func(*nacre.Store) error { return nil },
		"others were faster": func(store *nacre.Store) error {
			_, err := store.Append(context.Background(), "purse-a", nacre.Any, nacre.NewEvent("purse.filled", coined{"none", 1}))
			return err
		},
		"refused":   func(*nacre.Store) error { return nacre.Errorf(nacre.CodeTooLarge, "too much at once") },
		"it failed": func(*nacre.Store) error { return nacre.Errorf(nacre.CodeStoreFull, "no space") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, g := newRig(t)
				ended := make(chan struct{}) // until when snapshots wait
				g.onPut = func(_ string, data []byte) error {
					<-ended
					if strings.Contains(string(data), "1000") {
						t.Errorf("what the panic left is kept: %s", data)
					}
					return nil
				}
				r := aggregate.New(store, purses, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.DiscardHandler)})
				h := r.Get("a")
				if _, err := h.Execute(t.Context(), "gold"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until its snapshot waits
				held, n := make(chan struct{}), 0
				g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
					<-held
					if n++; n == 2 {
						if err := second(store); err != nil {
							return nil, err
						}
					}
					return write()
				})
				var wg sync.WaitGroup
				for _, c := range []string{"none", "none", "spoil", "none", "gold"} { // the first one holds the others up
					wg.Go(func() {
						_, err := h.Execute(t.Context(), c)
						if code := nacre.CodeOf(err); c == "spoil" && code != aggregate.CodePanicked && code != nacre.CodeStoreFull || c == "gold" && err != nil {
							t.Errorf("%s: %v", c, err)
						}
					})
					synctest.Wait()
				}
				close(held)
				wg.Wait()
				for e, err := range h.History(t.Context()) {
					if err != nil || e.Data.Gold > 1 {
						t.Errorf("%+v was decided on what the panic left, %v", e.Data, err)
					}
				}
				if s, err := h.State(t.Context()); err != nil || s.Coins["gold"] != 2 {
					t.Errorf("%+v, %v", s, err)
				}
				close(ended)
				if err := r.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A snapshot that waits when a panic spoils what it shares with the state is not written.
func TestASnapshotThatWaitsIsDroppedAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		held, puts := make(chan struct{}), 0
		g.onPut = func(_ string, data []byte) error {
			<-held
			if puts++; !strings.Contains(string(data), `"version":0,`) {
				t.Errorf("it is kept: %s", data)
			}
			return nil
		}
		r := aggregate.New(store, purses, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.DiscardHandler)})
		for _, c := range []string{"gold", "none"} {
			if _, err := r.Get("a").Execute(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until the first one's is being written
		}
		_, err := r.Get("a").Execute(t.Context(), "spoil")
		expectCode(t, "a panic", err, aggregate.CodePanicked)
		close(held)
		if err := r.Close(t.Context()); err != nil || puts != 1 {
			t.Errorf("%d snapshots were written, %v", puts, err)
		}
	})
}

// A Decide that ends its goroutine, as FailNow of a test does, leaves nobody waiting.
func TestADecideThatEndsItsGoroutineLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		d := accounts
		d.Decide = func(a account, c command, ctx decider.Context) ([]event, error) {
			if _, ok := c.(nothing); ok {
				runtime.Goexit()
			}
			return c.decide(a, ctx)
		}
		r := repositoryOf(t, store, d, nil)
		errs := crowd(t, g, r, deposit{1}, deposit{1}, nothing{}, deposit{1})
		if errs[0] != nil {
			t.Error(errs[0])
		}
		for _, err := range errs[1:] {
			expectCode(t, "of the group", err, aggregate.CodePanicked)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.Get("a").Execute(t.Context(), nothing{})
		}()
		<-done
		if got, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != 2 {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
	})
}

// An event on which Evolve panics is told to whoever needs the state behind it.
func TestAnEventOfTheLogThatEvolvePanicsOn(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
	h := r.Get("a")
	if _, err := h.Execute(t.Context(), deposit{5}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), h.Stream(), nacre.Any, nacre.NewEvent("account.bombed", bomb{})); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := h.State(t.Context())
		expectCode(t, "the state", err, aggregate.CodePanicked)
		_, err = h.Execute(t.Context(), deposit{1})
		expectCode(t, "a command", err, aggregate.CodePanicked)
		r.Evict("a")
	}
	if s, err := h.StateAtVersion(t.Context(), 0); err != nil || s.Cents != 5 {
		t.Errorf("before it: %+v, %v", s, err)
	}
}

type grumpy struct{}

func (grumpy) MarshalJSON() ([]byte, error) { panic("not me") }

func TestAnEventWhoseEncodingPanics(t *testing.T) {
	d := decider.Decider[int, int, grumpy]{
		Category: "grumpy",
		Decide:   func(int, int, decider.Context) ([]grumpy, error) { return []grumpy{{}}, nil },
		Evolve:   func(s int, _ grumpy) int { return s },
		Events:   map[string]grumpy{"grumpy.was": {}},
	}
	r := repositoryOf(t, newStore(t), d, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
	_, err := r.Get("a").Execute(t.Context(), 1)
	p, ok := errors.AsType[*aggregate.PanicError](err)
	if !ok || !strings.Contains(p.In, "encoding") || !strings.Contains(fmt.Sprint(p.Value), "not me") {
		t.Errorf("got %v", err)
	}
}

// thorny is an event that goes into the log and does not come out of it.
type thorny struct{ N int }

func (*thorny) UnmarshalJSON([]byte) error { panic("thorns") }

// Whoever needs the state is told; the instance's own goroutine, which loads it for those that wait, lives on.
func TestAnEventWhoseDecodingPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := repositoryOf(t, store, decider.Decider[int, int, thorny]{
			Category: "thorny",
			Decide:   func(_, c int, _ decider.Context) ([]thorny, error) { return []thorny{{c}}, nil },
			Evolve:   func(s int, e thorny) int { return s + e.N },
			Events:   map[string]thorny{"thorny.grew": {}},
		}, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
		h := r.Get("a")
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			if _, err := write(); err != nil {
				t.Error(err)
			}
			return nil, nacre.Errorf(nacre.CodeFailed, "the answer was lost") // so that the state is loaded
		})
		ctx := decider.With(t.Context(), decider.Context{CommandID: "once"})
		var errs [4]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = h.Execute(ctx, 1) })
			synctest.Wait() // so that they wait in this order
		}
		close(held)
		wg.Wait()
		expectCode(t, "the one whose append failed", errs[0], nacre.CodeFailed)
		for _, err := range errs[1:] {
			expectCode(t, "one that waited", err, aggregate.CodePanicked)
		}
		_, err := h.State(t.Context())
		p, ok := errors.AsType[*aggregate.PanicError](err)
		if !ok || p.Stream != h.Stream() || !strings.Contains(p.In, "decoding") || !strings.Contains(fmt.Sprint(p.Value), "thorns") {
			t.Errorf("the state: %v", err)
		}
		_, err = h.Inject(t.Context(), nacre.NewEvent("thorny.grew", map[string]int{"N": 1}).WithID("elsewhere"))
		expectCode(t, "one from elsewhere", err, aggregate.CodePanicked)
	})
}

// An upcaster that panics fails whoever needs what it makes: the state, and the first result of a command.
func TestAnUpcasterThatPanics(t *testing.T) {
	panics := false
	store := newStore(t)
	r := newRepository(t, store, &aggregate.Options{Logger: slog.New(slog.DiscardHandler), Codec: &codec.Options{
		Upcast: map[string]codec.Upcaster{"account.moved@1": func(e nacre.Event) ([]nacre.Event, error) {
			if panics {
				panic("up and away")
			}
			e, err := codec.WithSchemaVersion(e, 2)
			return []nacre.Event{e}, err
		}},
		Versions: map[string]int{"account.moved": 2},
	}})
	h := r.Get("ann")
	ctx := decider.With(t.Context(), decider.Context{CommandID: "transfer-17"})
	old := nacre.NewEvent("account.moved", moved{5}).WithID("cmd-f334gkyfaqfltvr2eqb3dtzhzi-0")
	if _, err := store.Append(t.Context(), h.Stream(), nacre.Any, old); err != nil {
		t.Fatal(err)
	}
	cents(t, h, 5)
	panics = true
	_, err := h.Execute(ctx, deposit{5})
	expectCode(t, "the command again", err, aggregate.CodePanicked)
	r.Evict("ann")
	_, err = h.State(t.Context())
	expectCode(t, "the state", err, aggregate.CodePanicked)
	panics = false
	if got, err := h.Execute(ctx, deposit{5}); err != nil || !got.Duplicate || got.State.Cents != 5 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}
