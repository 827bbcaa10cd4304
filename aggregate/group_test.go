package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

// crowd has commands wait for an instance while its first append is held up, lets go, and gives the errors.
func crowd(t *testing.T, g *rig, r *repository, first command, rest ...command) []error {
	t.Helper()
	held := make(chan struct{})
	g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
		<-held
		return write()
	})
	errs := make([]error, 1+len(rest))
	var wg sync.WaitGroup
	for i, c := range append([]command{first}, rest...) {
		wg.Go(func() { _, errs[i] = r.Get("a").Execute(t.Context(), c) })
		synctest.Wait() // so that they wait in this order
	}
	close(held)
	wg.Wait()
	g.appending(nil)
	return errs
}

func times(n int, c command) []command { return slices.Repeat([]command{c}, n) }

func TestWaitingCommandsAreAppendedTogether(t *testing.T) {
	for name, test := range map[string]struct {
		commands []command
		want     []int // events of each append
	}{
		"few":         {times(50, deposit{1}), []int{1, 50}},
		"many":        {times(300, deposit{1}), []int{1, 256, 44}},
		"many events": {times(7, many{200}), []int{1, 600, 600, 200}},
		"large ones":  {times(6, huge{900 << 10}), []int{1, 5, 1}},
		"one alone":   {nil, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, g := newRig(t)
				r := newRepository(t, store, nil)
				for _, err := range crowd(t, g, r, deposit{1}, test.commands...) {
					if err != nil {
						t.Error(err)
					}
				}
				var got []int
				for _, batch := range g.asked() {
					got = append(got, len(batch[0].Events))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("the appends had %v events, not %v", got, test.want)
				}
			})
		})
	}
}

func TestAGroupIsDecidedOnWhatTheCommandsBeforeLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		errs := crowd(t, g, r, deposit{10}, withdraw{8}, withdraw{8}, deposit{6}, withdraw{8}, nothing{})
		for i, wantShort := range []int64{0, 0, 6, 0, 0, 0} {
			if o, ok := errors.AsType[*overdrawn](errs[i]); ok && o.Short != wantShort || ok != (wantShort > 0) {
				t.Errorf("command %d: %v", i, errs[i])
			}
		}
		cents(t, r.Get("a"), 0)
	})
}

// A refusal is decided on the state that the commands before it would have left: where those fail, so does it.
func TestARefusalFailsWithWhatItWasDecidedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		n := 0
		release := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			if n++; n == 2 {
				return nil, nacre.Errorf(nacre.CodeStoreFull, "no space")
			}
			<-release
			return write()
		})
		commands := []command{deposit{1}, withdraw{30}, deposit{10}, withdraw{20}, nothing{}}
		errs := make([]error, len(commands))
		var wg sync.WaitGroup
		for i, c := range commands {
			wg.Go(func() { _, errs[i] = r.Get("a").Execute(t.Context(), c) })
			synctest.Wait()
		}
		close(release)
		wg.Wait()
		if errs[0] != nil {
			t.Error(errs[0])
		}
		for _, err := range errs[1:] {
			expectCode(t, "after a failed append", err, nacre.CodeStoreFull)
		}
		cents(t, r.Get("a"), 1)
	})
}

// An append whose outcome is not known may have taken place: what comes next is decided on what is there.
func TestAnUnknownOutcomeIsLookedUp(t *testing.T) {
	for _, wrote := range []bool{false, true} {
		t.Run(fmt.Sprintf("written %t", wrote), func(t *testing.T) {
			store, g := newRig(t)
			d, evolved := evolving()
			r := repositoryOf(t, store, d, nil)
			h := r.Get("a")
			if _, err := h.Execute(t.Context(), many{20}); err != nil {
				t.Fatal(err)
			}
			g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
				if wrote {
					if _, err := write(); err != nil {
						t.Error(err)
					}
				}
				return nil, nacre.Errorf(nacre.CodeFailed, "the disk went away")
			})
			ctx := decider.With(t.Context(), decider.Context{CommandID: "once"})
			_, err := h.Execute(ctx, deposit{10})
			expectCode(t, "the first attempt", err, nacre.CodeFailed)
			g.appending(nil)
			evolved.Store(0)
			if got, err := h.Execute(ctx, deposit{10}); err != nil || got.Duplicate != wrote || got.State.Cents != 30 {
				t.Errorf("the same command again: %+v, %v", got, err)
			}
			if evolved.Load() < 20 {
				t.Errorf("the instance was not loaded again: %d events", evolved.Load())
			}
			cents(t, h, 30)
			if _, err := h.Execute(t.Context(), withdraw{10}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACommandThatWaitsMayBeWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		var decided sync.Map
		d := accounts
		d.Decide = func(a account, c command, ctx decider.Context) ([]event, error) {
			decided.Store(ctx.Actor, true)
			return c.decide(a, ctx)
		}
		r := repositoryOf(t, store, d, nil)
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		run := func(actor string, ctx context.Context, want nacre.Code) {
			wg.Go(func() {
				_, err := r.Get("a").Execute(decider.With(ctx, decider.Context{Actor: actor}), deposit{1})
				if nacre.CodeOf(err) != want {
					t.Errorf("%s: %v", actor, err)
				}
				if want == nacre.CodeDeadline && !strings.Contains(err.Error(), "nothing was written") {
					t.Errorf("%s is not told that nothing was written: %v", actor, err)
				}
			})
			synctest.Wait()
		}
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		run("first", t.Context(), "")
		run("hurried", hurried, nacre.CodeDeadline)
		run("patient", t.Context(), "")
		time.Sleep(2 * time.Second)
		close(held)
		wg.Wait()
		if _, ok := decided.Load("hurried"); ok {
			t.Error("what was withdrawn was decided")
		}
		cents(t, r.Get("a"), 2)
	})
}

// A caller of a group that goes while the group's append is under way does not take the others with it.
func TestOneWhoGoesDoesNotEndTheGroupsAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		n := 0
		first, second := make(chan struct{}), make(chan struct{})
		g.appending(func(ctx context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			if n++; n == 1 {
				<-first
				return write()
			}
			<-second
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return write()
		})
		going, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		run := func(ctx context.Context, want nacre.Code) {
			wg.Go(func() {
				if _, err := r.Get("a").Execute(ctx, deposit{1}); nacre.CodeOf(err) != want {
					t.Errorf("%v is not %q", err, want)
				}
			})
			synctest.Wait()
		}
		run(t.Context(), "")
		run(going, nacre.CodeCanceled)
		run(t.Context(), "")
		close(first)
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(second)
		wg.Wait()
		cents(t, r.Get("a"), 3)
	})
}

// Once all callers of a group have gone, its append is given up, and Close waits for its end nevertheless.
func TestAGroupWithoutCallersIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		n := 0
		first := make(chan struct{})
		g.appending(func(ctx context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			if n++; n == 1 {
				<-first
				return write()
			}
			<-ctx.Done()
			time.Sleep(time.Second) // a slow end
			return nil, ctx.Err()
		})
		going, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = r.Get("a").Execute(t.Context(), deposit{1}) })
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				_, err := r.Get("a").Execute(going, deposit{1})
				expectCode(t, "one who went", err, nacre.CodeCanceled)
			})
		}
		synctest.Wait()
		close(first)
		synctest.Wait()
		cancel()
		wg.Wait()
		begun := time.Now()
		r.Evict("a")
		if r.Active() != 1 {
			t.Error("an instance left whose append was under way")
		}
		if err := r.Close(t.Context()); err != nil || time.Since(begun) != time.Second {
			t.Errorf("Close waited %v: %v", time.Since(begun), err)
		}
		if v, err := store.Version(t.Context(), "account-a"); err != nil || v != 0 {
			t.Errorf("the stream is at %d, %v", v, err)
		}
	})
}

// A context that ends never leaves state ahead of the log, or a command half done.
func TestADeadlineLeavesNothingHalfDone(t *testing.T) {
	for _, wrote := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store, g := newRig(t)
			h := newRepository(t, store, nil).Get("a")
			g.appending(func(ctx context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
				<-ctx.Done()
				if wrote {
					if _, err := write(); err != nil {
						t.Error(err)
					}
				}
				return nil, ctx.Err()
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := h.Execute(ctx, many{3})
			expectCode(t, "past the deadline", err, nacre.CodeDeadline)
			g.appending(nil)
			want := int64(0)
			if wrote {
				want = 3
			}
			cents(t, h, want)
			got, err := h.Execute(t.Context(), deposit{1})
			if err != nil || got.State.Cents != want+1 || got.Version != want {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
		})
	}
}

func TestTooManyConflictsAreTold(t *testing.T) {
	store, g := newRig(t)
	decidedAt := map[time.Time]bool{}
	d := accounts
	d.Decide = func(a account, c command, ctx decider.Context) ([]event, error) {
		decidedAt[ctx.Time] = true
		return c.decide(a, ctx)
	}
	r := repositoryOf(t, store, d, &aggregate.Options{Retries: 3})
	other := newRepository(t, store, nil)
	g.appending(func(_ context.Context, batch []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
		if batch[0].Events[0].Type == "account.moved" && string(batch[0].Events[0].Data) == `{"Cents":7}` {
			if _, err := other.Get("a").Execute(t.Context(), deposit{1}); err != nil { // somebody is always faster
				t.Error(err)
			}
		}
		return write()
	})
	_, err := r.Get("a").Execute(t.Context(), deposit{7})
	if c, ok := errors.AsType[*nacre.ConflictError](err); !ok || c.Current != 3 || c.Stream != "account-a" {
		t.Errorf("got %v", err)
	}
	if n := len(g.asked()); n != 8 {
		t.Errorf("%d appends, and not 4 by each", n)
	}
	if len(decidedAt) != 1 {
		t.Errorf("the command's time moved when it was decided again: %v", decidedAt)
	}
	g.appending(nil)
	if got, err := r.Get("a").Execute(t.Context(), deposit{7}); err != nil || got.State.Cents != 11 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

func TestAnEventWithACommandsIDThatIsNotTheCommandsIsTold(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, &aggregate.Options{Retries: 2})
	ctx := decider.With(t.Context(), decider.Context{CommandID: "transfer-17"})
	e := nacre.NewEvent("account.moved", moved{5}).WithID("cmd-f334gkyfaqfltvr2eqb3dtzhzi-1")
	if _, err := store.Append(t.Context(), "account-ann", nacre.Any, e); err != nil {
		t.Fatal(err)
	}
	_, err := r.Get("ann").Execute(ctx, many{2})
	expectCode(t, "half of a command", err, nacre.CodeEventIDConflict)
	cents(t, r.Get("ann"), 5)
}

// Of commands that are decided as if they were new, the append tells which are not.
func TestARepeatedCommandInAGroupHasItsFirstResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		with := func(id string) context.Context {
			return decider.With(t.Context(), decider.Context{CommandID: id})
		}
		if _, err := r.Get("a").Execute(with("old"), deposit{10}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Get("a").Execute(t.Context(), withdraw{10}); err != nil {
			t.Fatal(err)
		}
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		for _, test := range []struct {
			id    string
			c     command
			cents int64
			dup   bool
		}{
			{"", deposit{1}, 1, false},
			{"new-1", deposit{2}, 3, false},
			{"old", deposit{10}, 10, true},
			{"new-1", deposit{2}, 3, true},
			{"old", withdraw{1000}, 10, true},
			{"new-2", deposit{3}, 6, false},
		} {
			wg.Go(func() {
				got, err := r.Get("a").Execute(with(test.id), test.c)
				if err != nil || got.State.Cents != test.cents || got.Duplicate != test.dup {
					t.Errorf("%q: %+v, %v", test.id, got, err)
				}
			})
			synctest.Wait()
		}
		g.asked()
		close(held)
		wg.Wait()
		cents(t, r.Get("a"), 6)
		if n := len(g.asked()); n > 4 {
			t.Errorf("it took %d more appends", n)
		}
	})
}

// The same command twice does not take the group apart that both are in.
func TestACommandThatWaitsTwiceIsAppendedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		r := newRepository(t, store, nil)
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		for i := range 41 {
			ctx := decider.With(t.Context(), decider.Context{CommandID: fmt.Sprint(i%40 + i/40*5)})
			wg.Go(func() {
				if got, err := r.Get("a").Execute(ctx, deposit{1}); err != nil || got.Duplicate != (i == 40) {
					t.Errorf("%+v, %v", got, err)
				}
			})
			synctest.Wait()
		}
		close(held)
		wg.Wait()
		cents(t, r.Get("a"), 40)
		if n := len(g.asked()); n > 3 {
			t.Errorf("%d appends", n)
		}
	})
}

// A new command costs no look-up of its id: the append does that.
func TestANewCommandIsNotLookedFor(t *testing.T) {
	store, g := newRig(t)
	r := newRepository(t, store, nil)
	for i := range 10 {
		ctx := decider.With(t.Context(), decider.Context{CommandID: fmt.Sprint("c-", i)})
		if _, err := r.Get("a").Execute(ctx, deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if g.finds != 0 {
		t.Errorf("%d look-ups", g.finds)
	}
}

// An instance that remembers more than the log has, since that was cut or restored, begins anew.
func TestALogThatWasCutIsReadAgain(t *testing.T) {
	store, g := newRig(t)
	r := newRepository(t, store, nil)
	if _, err := r.Get("a").Execute(t.Context(), many{20}); err != nil {
		t.Fatal(err)
	}
	other, cut := newRig(t)
	if _, err := other.Append(t.Context(), "account-a", nacre.Any, nacre.NewEvent("account.moved", moved{5})); err != nil {
		t.Fatal(err)
	}
	g.Driver, g.EventFinder, g.BlobKeeper = cut.Driver, cut.EventFinder, cut.BlobKeeper
	if got, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != 6 || got.Version != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
