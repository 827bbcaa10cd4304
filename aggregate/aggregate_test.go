package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

func TestExecuteGivesEventsAndState(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	h := r.Get("ann-1")
	got, err := h.Execute(t.Context(), deposit{5})
	if err != nil {
		t.Fatal(err)
	}
	if got.State.Cents != 5 || got.Version != 0 || got.Position != 1 || len(got.Events) != 1 || got.Events[0].Data != (moved{5}) || got.Events[0].StreamID != "account-ann-1" {
		t.Errorf("got %+v", got)
	}
	got, err = h.Execute(t.Context(), many{3})
	if err != nil || got.State.Cents != 8 || got.Version != 3 || got.Position != 4 || len(got.Events) != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if id := got.Events[0].TransactionID; id == "" || id != got.Events[2].TransactionID {
		t.Errorf("the events of a command are not one batch: %+v", got.Events)
	}
	got, err = h.Execute(t.Context(), nothing{})
	if err != nil || got.Version != 3 || got.Position != 4 || len(got.Events) != 0 || got.State.Cents != 8 {
		t.Errorf("with nothing to do: %+v, %v", got, err)
	}
	if v, err := h.Version(t.Context()); err != nil || v != 3 {
		t.Errorf("version %d, %v", v, err)
	}
}

func TestADomainErrorComesBackAsTheSameValue(t *testing.T) {
	r := newRepository(t, newStore(t), nil)
	_, err := r.Get("a").Execute(t.Context(), withdraw{3})
	if o, ok := err.(*overdrawn); !ok || o.Short != 3 || nacre.CodeOf(err) != "" {
		t.Errorf("got %T %v", err, err)
	}
}

func TestEveryOtherErrorHasACode(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, &aggregate.Options{Logger: slog.New(slog.DiscardHandler)})
	h := r.Get("a")
	if _, err := h.Execute(t.Context(), deposit{1}); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		do   func() error
		want nacre.Code
	}{
		"a panic in Decide":    {func() error { _, err := h.Execute(t.Context(), explode{}); return err }, aggregate.CodePanicked},
		"a panic in Evolve":    {func() error { _, err := h.Execute(t.Context(), explode{InEvolve: true}); return err }, aggregate.CodePanicked},
		"an event in no table": {func() error { _, err := h.Execute(t.Context(), unnamed{}); return err }, codec.CodeUnencodable},
		"a huge event":         {func() error { _, err := h.Execute(t.Context(), huge{2 << 20}); return err }, nacre.CodeTooLarge},
		"too many events":      {func() error { _, err := h.Execute(t.Context(), many{1001}); return err }, nacre.CodeTooLarge},
		"an empty id":          {func() error { _, err := r.Get("").Execute(t.Context(), deposit{1}); return err }, nacre.CodeInvalid},
		"an impossible id":     {func() error { _, err := r.Get("a\x00b").Execute(t.Context(), deposit{1}); return err }, nacre.CodeInvalid},
		"an ended context":     {func() error { _, err := h.Execute(ended, deposit{1}); return err }, nacre.CodeCanceled},
		"a long command id": {func() error {
			_, err := h.Execute(decider.With(t.Context(), decider.Context{CommandID: strings.Repeat("x", 257)}), deposit{1})
			return err
		}, nacre.CodeInvalid},
		"reserved metadata": {func() error {
			_, err := h.Execute(decider.With(t.Context(), decider.Context{Metadata: map[string]any{"actor": 1}}), deposit{1})
			return err
		}, nacre.CodeInvalid},
		"metadata that is no JSON": {func() error {
			_, err := h.Execute(decider.With(t.Context(), decider.Context{Metadata: map[string]any{"x": func() {}}}), deposit{1})
			return err
		}, nacre.CodeInvalid},
	} {
		if err := test.do(); nacre.CodeOf(err) != test.want {
			t.Errorf("%s: %v has the code %q, not %q", name, err, nacre.CodeOf(err), test.want)
		}
	}
	if got, err := h.Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != 2 || got.Version != 1 {
		t.Errorf("after all that: %+v, %v", got, err)
	}
}

func TestTheContextLandsInMetadata(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	when := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	ctx := decider.With(t.Context(), decider.Context{
		CommandID: "c-1", Time: when, Actor: `an"n`, CorrelationID: "corr", CausationID: "cause", SourceDevice: "phone",
		Metadata: map[string]any{"reason": "gift", "n": 3},
	})
	got, err := r.Get("a").Execute(ctx, deposit{1})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"actor":"an\"n","causationId":"cause","commandId":"c-1","correlationId":"corr","sourceDevice":"phone","n":3,"reason":"gift"}`
	if text := string(got.Events[0].Metadata); text != want {
		t.Errorf("metadata\n%s, not\n%s", text, want)
	}
}

func TestTheIDsOfACommandsEvents(t *testing.T) {
	r := newRepository(t, newStore(t), nil)
	got, err := r.Get("ann").Execute(decider.With(t.Context(), decider.Context{CommandID: "transfer-17"}), many{2})
	if err != nil {
		t.Fatal(err)
	}
	const vector = "f334gkyfaqfltvr2eqb3dtzhzi"
	if got.Events[0].ID != "cmd-"+vector+"-0" || got.Events[1].ID != "cmd-"+vector+"-1" {
		t.Errorf("ids %s and %s", got.Events[0].ID, got.Events[1].ID)
	}
}

func TestARepeatedCommandHasItsFirstResult(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	ctx := decider.With(t.Context(), decider.Context{CommandID: "once"})
	first, err := r.Get("a").Execute(ctx, many{2})
	if err != nil || first.Duplicate {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := r.Get("a").Execute(t.Context(), deposit{100}); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*repository{r, newRepository(t, store, nil)} {
		got, err := again.Get("a").Execute(ctx, withdraw{1000}) // whatever it is now
		if err != nil || !got.Duplicate || got.State.Cents != 2 || got.Version != 1 || got.Position != 2 || len(got.Events) != 2 {
			t.Errorf("again: %+v, %v", got, err)
		}
	}
	other, err := r.Get("b").Execute(ctx, deposit{1})
	if err != nil || other.Duplicate {
		t.Errorf("the same id in another stream: %+v, %v", other, err)
	}
	if head, _ := store.Head(t.Context()); head.Position != 4 {
		t.Errorf("the log has %d events", head.Position)
	}
}

func TestTheSameCommandIDAtTheSameTimeTakesPlaceOnce(t *testing.T) {
	store := newStore(t)
	repositories := []*repository{newRepository(t, store, nil), newRepository(t, store, nil)}
	ctx := decider.With(t.Context(), decider.Context{CommandID: "once"})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			got, err := repositories[i%2].Get("a").Execute(ctx, many{2})
			if err != nil || got.Version != 1 || got.State.Cents != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if head, _ := store.Head(t.Context()); head.Position != 2 {
		t.Errorf("the log has %d events", head.Position)
	}
}

func TestTwoProcessesDecideOnWhatIsThere(t *testing.T) {
	store := newStore(t)
	one, two := newRepository(t, store, nil), newRepository(t, store, nil)
	if _, err := one.Get("a").Execute(t.Context(), deposit{10}); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Get("a").Execute(t.Context(), withdraw{10}); err != nil {
		t.Fatal(err)
	}
	// One believes that 10 are there, and two that none are.
	if _, err := one.Get("a").Execute(t.Context(), withdraw{10}); err == nil {
		t.Error("the same money was withdrawn twice")
	}
	if _, err := one.Get("a").Execute(t.Context(), deposit{5}); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get("a").Execute(t.Context(), withdraw{5}); err != nil || got.State.Cents != 0 {
		t.Errorf("a refusal on old state: %+v, %v", got, err)
	}
	if s, err := one.Get("a").State(t.Context()); err != nil || s.Cents != 0 || s.Movements != 4 {
		t.Errorf("state %+v, %v", s, err)
	}
}

func TestManyCallersOfOneInstanceAreServedOneAfterTheOther(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var versions []int64
	for range 50 {
		wg.Go(func() {
			for range 20 {
				got, err := r.Get("a").Execute(t.Context(), deposit{1})
				if err != nil {
					t.Error(err)
					return
				}
				if got.State.Movements != got.Version+1 || got.State.Cents != got.Version+1 || int64(got.Position) != got.Version+1 {
					t.Errorf("the result is not of its own version: %+v", got)
				}
				mu.Lock()
				versions = append(versions, got.Version)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(versions)
	for i, v := range versions {
		if v != int64(i) {
			t.Fatalf("version %d is missing or doubled", i)
		}
	}
	if len(versions) != 1000 {
		t.Errorf("%d results", len(versions))
	}
}

// One command of a group that cannot be appended fails alone, and refusals that were decided on what it would
// have done are decided again.
func TestABadCommandFailsAlone(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			var err error
			if i%10 == 0 {
				_, err = r.Get("a").Execute(t.Context(), huge{2 << 20})
				if nacre.CodeOf(err) != nacre.CodeTooLarge {
					t.Errorf("the huge one: %v", err)
				}
				return
			}
			if _, err = r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s, err := r.Get("a").State(t.Context()); err != nil || s.Cents != 180 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestStateAsOf(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, &aggregate.Options{SnapshotEvery: 3})
	h := r.Get("a")
	var times []time.Time
	for range 10 {
		got, err := h.Execute(t.Context(), deposit{1})
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, got.Events[0].CreatedAt)
		time.Sleep(time.Millisecond)
	}
	if err := r.Close(t.Context()); err != nil { // so that snapshots are there
		t.Fatal(err)
	}
	h = newRepository(t, store, &aggregate.Options{SnapshotEvery: 3}).Get("a")
	for v := int64(-1); v < 10; v++ {
		if s, err := h.StateAtVersion(t.Context(), v); err != nil || s.Cents != v+1 {
			t.Errorf("at version %d: %+v, %v", v, s, err)
		}
	}
	if _, err := h.StateAtVersion(t.Context(), 10); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("beyond the end: %v", err)
	}
	if _, err := h.StateAtVersion(t.Context(), -2); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("before everything: %v", err)
	}
	for i, at := range times {
		if s, err := h.StateAt(t.Context(), at); err != nil || s.Cents != int64(i+1) {
			t.Errorf("at time %d: %+v, %v", i, s, err)
		}
	}
	if s, err := h.StateAt(t.Context(), times[0].Add(-time.Microsecond)); err != nil || s.Cents != 0 {
		t.Errorf("before the first: %+v, %v", s, err)
	}
}

func TestHistoryAndList(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	for _, id := range []string{"b", "a-1", "a"} {
		if _, err := r.Get(id).Execute(t.Context(), many{2}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for id, err := range r.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if fmt.Sprint(ids) != "[a a-1 b]" {
		t.Errorf("ids %v", ids)
	}
	n := 0
	for e, err := range r.Get("a-1").History(t.Context()) {
		if err != nil || e.Data != (moved{1}) || e.StreamPosition != int64(n) {
			t.Errorf("%+v, %v", e, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestInjectCountsOnceAndWakesTheInstance(t *testing.T) {
	store, g := newRig(t)
	r := newRepository(t, store, nil)
	h := r.Get("a")
	if _, err := h.Execute(t.Context(), deposit{1}); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC)
	e := nacre.NewEvent("account.moved", moved{41}).WithID("from-afar")
	e.CreatedAt = when
	done, err := h.Inject(t.Context(), e)
	if err != nil || done.Duplicate || !done.Events[0].CreatedAt.Equal(when) {
		t.Fatalf("%+v, %v", done, err)
	}
	g.asked()
	if got, err := h.Execute(t.Context(), deposit{8}); err != nil || got.State.Cents != 50 || len(g.asked()) != 1 {
		t.Errorf("the live instance does not have it: %+v, %v", got, err)
	}
	if _, err := r.Get("asleep").Inject(t.Context(), e); err != nil || r.Active() != 1 {
		t.Errorf("an instance that nobody asked for came into memory: %v", err)
	}
	if done, err := newRepository(t, store, nil).Get("a").Inject(t.Context(), e); err != nil || !done.Duplicate {
		t.Errorf("again, after a restart: %+v, %v", done, err)
	}
	if _, err := h.Inject(t.Context(), nacre.NewEvent("account.moved", moved{1})); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("without an id: %v", err)
	}
	if _, err := h.Inject(t.Context(), nacre.NewEvent("account.unheard", 1).WithID("x")); nacre.CodeOf(err) != codec.CodeUndecodable {
		t.Errorf("of an unknown type: %v", err)
	}
}

func TestAnUndecodableEventIsLoud(t *testing.T) {
	store := newStore(t)
	if _, err := store.Append(t.Context(), "account-a", nacre.Any, nacre.NewEvent("account.frozen", 1)); err != nil {
		t.Fatal(err)
	}
	r := newRepository(t, store, nil)
	_, err := r.Get("a").Execute(t.Context(), deposit{1})
	if d, ok := errors.AsType[*codec.DecodeError](err); !ok || d.Type != "account.frozen" {
		t.Errorf("got %v", err)
	}
	skipping := newRepository(t, store, &aggregate.Options{Codec: &codec.Options{Skip: []string{"account.frozen"}}})
	if got, err := skipping.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.Version != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAClosedRepositoryIsTold(t *testing.T) {
	r := aggregate.New(newStore(t), accounts, nil)
	h := r.Get("a")
	if _, err := h.Execute(t.Context(), deposit{1}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, execute := h.Execute(t.Context(), deposit{1})
	_, state := h.State(t.Context())
	_, version := h.Version(t.Context())
	_, at := h.StateAtVersion(t.Context(), 0)
	_, inject := h.Inject(t.Context())
	for i, err := range []error{execute, state, version, at, inject} {
		if nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, err := range r.List(t.Context()) {
		expectCode(t, "a listing", err, nacre.CodeClosed)
	}
	for _, err := range h.History(t.Context()) {
		expectCode(t, "a history", err, nacre.CodeClosed)
	}
	if h.ID() != "a" || h.Stream() != "account-a" || r.Category() != "account" {
		t.Errorf("%s, %s, %s", h.ID(), h.Stream(), r.Category())
	}
	if r.Active() != 0 {
		t.Errorf("%d instances are left", r.Active())
	}
}

func TestWrongDeclarationsPanic(t *testing.T) {
	store := newStore(t)
	for name, do := range map[string]func(){
		"no Decide":     func() { d := accounts; d.Decide = nil; aggregate.New(store, d, nil) },
		"bad options":   func() { aggregate.New(store, accounts, &aggregate.Options{Retries: -1}) },
		"two of a kind": func() { aggregate.NewBus(aggregate.New(store, accounts, nil), aggregate.New(store, accounts, nil)) },
		"a command twice": func() {
			d := accounts
			d.Category = "other"
			aggregate.NewBus(aggregate.New(store, accounts, nil), aggregate.New(store, d, nil))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			do()
		}()
	}
}
