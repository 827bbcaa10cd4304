package aggregate_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
)

// world is two processes on one store, and what is known of what they did.
type world struct {
	store *nacre.Store
	rig   *rig
	live  [2]*repository
	o     aggregate.Options

	mu   sync.Mutex
	next int
	// given is how often each command was given, by its instance and id; first is how often it was told that it
	// took place now.
	given, first map[string]int
	// acknowledged has the number of events of each command that was acknowledged, likewise.
	acknowledged map[string]int
	// unknown are commands whose outcome was not told, with what they were.
	unknown map[string]command
	ids     []string // of commands that were given
}

var instances = []string{"a", "b", "c-1"}

func newWorld(t *rapid.T) *world {
	d := memstore.Open(nil).Driver()
	g := &rig{Driver: d, EventFinder: d.(nacre.EventFinder), StreamLister: d.(nacre.StreamLister), BlobKeeper: d.(nacre.BlobKeeper)}
	w := &world{rig: g, store: nacre.NewStore(g, nil), given: map[string]int{}, first: map[string]int{}, acknowledged: map[string]int{}, unknown: map[string]command{}}
	w.o = aggregate.Options{
		SnapshotEvery: rapid.SampledFrom([]int{-1, 1, 2, 7}).Draw(t, "SnapshotEvery"),
		MaxInstances:  rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "MaxInstances"),
		Retries:       1000,
		Logger:        slog.New(slog.DiscardHandler),
	}
	for i := range w.live {
		w.live[i] = aggregate.New(w.store, accounts, &w.o)
	}
	return w
}

func anyCommand(t *rapid.T) command {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return nothing{}
	case 1:
		return many{rapid.IntRange(0, 5).Draw(t, "n")}
	case 2:
		return explode{InEvolve: rapid.Bool().Draw(t, "in evolve")}
	case 3, 4, 5:
		return withdraw{rapid.Int64Range(1, 20).Draw(t, "cents")}
	}
	return deposit{rapid.Int64Range(1, 20).Draw(t, "cents")}
}

// execute gives a command to a process, under an id of its own or one that was used before.
func (w *world) execute(t *rapid.T, process int, instance, commandID string, c command) {
	h := w.live[process].Get(instance)
	key := instance + "/" + commandID
	w.mu.Lock()
	w.given[key]++
	before := w.acknowledged[key]
	w.mu.Unlock()
	got, err := h.Execute(decider.With(context.Background(), decider.Context{CommandID: commandID}), c)
	w.mu.Lock()
	defer w.mu.Unlock()
	code := nacre.CodeOf(err)
	_, domain := err.(*overdrawn)
	switch {
	case err == nil && got.Duplicate:
		if n := w.acknowledged[key]; w.given[key] == 1 || n > 0 && n != len(got.Events) {
			t.Errorf("%s is told as a duplicate with %d events, and had %d when it was given %d times", key, len(got.Events), n, w.given[key])
		}
		w.acknowledged[key] = len(got.Events)
		delete(w.unknown, key)
	case err == nil:
		if len(got.Events) > 0 {
			w.first[key]++
			w.acknowledged[key] = len(got.Events)
			delete(w.unknown, key)
		}
		if before > 0 || w.first[key] > 1 {
			t.Errorf("%s took place twice", key)
		}
		if got.State.Movements != got.Version+1 {
			t.Errorf("%s: the state is not of its version: %+v", key, got)
		}
	case domain, code == aggregate.CodePanicked:
		if before > 0 {
			t.Errorf("%s took place, and is refused now: %v", key, err)
		}
	case code == nacre.CodeFailed:
		if w.acknowledged[key] == 0 {
			w.unknown[key] = c
		}
	default:
		t.Errorf("%s: %v", key, err)
	}
}

// commandID gives a new id, or one that was used before.
func (w *world) commandID(t *rapid.T) string {
	if len(w.ids) > 0 && rapid.IntRange(0, 4).Draw(t, "old") == 0 {
		return rapid.SampledFrom(w.ids).Draw(t, "id")
	}
	w.next++
	w.ids = append(w.ids, fmt.Sprint("c", w.next))
	return w.ids[len(w.ids)-1]
}

// log folds the events of an instance as they stand in the log, until a version.
func (w *world) log(t *rapid.T, instance string, until int64) (account, int64) {
	var a account
	version := int64(-1)
	for e, err := range accountsCodec.All(w.store.ReadStream(context.Background(), nacre.StreamID("account-"+instance), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if e.StreamPosition > until {
			break
		}
		a, version = e.Data.evolve(a), e.StreamPosition
	}
	return a, version
}

func same(a, b account) bool { return a.Cents == b.Cents && a.Movements == b.Movements }

// Whatever two processes do to each other, and whatever fails, the state is that of all events, and no event is
// lost or doubled.
func TestStateIsTheFoldOfTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		anyInstance := rapid.SampledFrom(instances)
		injected := 0
		t.Repeat(map[string]func(*rapid.T){
			"execute": func(t *rapid.T) {
				w.execute(t, rapid.IntRange(0, 1).Draw(t, "process"), anyInstance.Draw(t, "instance"), w.commandID(t), anyCommand(t))
			},
			"burst": func(t *rapid.T) {
				var wg sync.WaitGroup
				for range rapid.IntRange(2, 20).Draw(t, "commands") {
					process, instance, id, c := rapid.IntRange(0, 1).Draw(t, "process"), anyInstance.Draw(t, "instance"), w.commandID(t), anyCommand(t)
					wg.Go(func() { w.execute(t, process, instance, id, c) })
				}
				wg.Wait()
			},
			"fail": func(t *rapid.T) {
				wrote := rapid.Bool().Draw(t, "written")
				w.rig.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
					if wrote {
						if _, err := write(); err != nil {
							return nil, err
						}
					}
					return nil, nacre.Errorf(nacre.CodeFailed, "the disk went away")
				})
				defer w.rig.appending(nil)
				w.execute(t, rapid.IntRange(0, 1).Draw(t, "process"), anyInstance.Draw(t, "instance"), w.commandID(t), anyCommand(t))
			},
			"evict": func(t *rapid.T) {
				w.live[rapid.IntRange(0, 1).Draw(t, "process")].Evict(anyInstance.Draw(t, "instance"))
			},
			"restart": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "process")
				if err := w.live[i].Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.live[i] = aggregate.New(w.store, accounts, &w.o)
			},
			"inject": func(t *rapid.T) {
				injected++
				e := nacre.NewEvent("account.moved", moved{1}).WithID(fmt.Sprint("from-afar-", injected))
				instance := anyInstance.Draw(t, "instance")
				for _, dup := range []bool{false, true} {
					if done, err := w.live[rapid.IntRange(0, 1).Draw(t, "process")].Get(instance).Inject(context.Background(), e); err != nil || done.Duplicate != dup {
						t.Errorf("%+v, %v", done, err)
					}
				}
			},
			"spoil a snapshot": func(t *rapid.T) {
				var keys []string
				for key, err := range w.rig.ListBlobs(context.Background(), "snapshots/") {
					if err != nil {
						t.Fatal(err)
					}
					keys = append(keys, key)
				}
				if len(keys) == 0 {
					t.Skip("there is none")
				}
				slices.Sort(keys)
				key := rapid.SampledFrom(keys).Draw(t, "key")
				text, err := w.rig.GetBlob(context.Background(), key)
				if err != nil {
					t.Fatal(err)
				}
				text = slices.Clone(text)
				text[rapid.IntRange(0, len(text)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				if err := w.rig.BlobKeeper.PutBlob(context.Background(), key, text); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				instance := anyInstance.Draw(t, "instance")
				want, version := w.log(t, instance, 1<<60)
				for i, r := range w.live {
					if got, err := r.Get(instance).State(context.Background()); err != nil || !same(got, want) {
						t.Errorf("process %d has %+v of %s, %v, and the log %+v", i, got, instance, err, want)
					}
				}
				if version < 0 {
					return
				}
				at := rapid.Int64Range(0, version).Draw(t, "version")
				want, _ = w.log(t, instance, at)
				if got, err := w.live[0].Get(instance).StateAtVersion(context.Background(), at); err != nil || !same(got, want) {
					t.Errorf("%s at %d is %+v, %v, and in the log %+v", instance, at, got, err, want)
				}
			},
		})
		w.settle(t)
	})
}

// settle ends a world: every outcome that was not told is asked for, and the log has what was acknowledged, once.
func (w *world) settle(t *rapid.T) {
	for i := range w.live {
		if err := w.live[i].Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	events := map[string]int{}
	for _, instance := range instances {
		for e, err := range w.store.ReadStream(context.Background(), nacre.StreamID("account-"+instance), nil) {
			if err != nil {
				t.Fatal(err)
			}
			var m struct {
				CommandID string `json:"commandId"`
			}
			if err := unmarshalMetadata(e.Metadata, &m); err != nil {
				t.Fatal(err)
			}
			if m.CommandID != "" {
				events[instance+"/"+m.CommandID]++
			}
		}
	}
	for key, n := range w.acknowledged {
		if events[key] != n {
			t.Errorf("%s has %d events, and was acknowledged with %d", key, events[key], n)
		}
		delete(events, key)
	}
	for key, n := range events {
		if _, unknown := w.unknown[key]; !unknown {
			t.Errorf("%s has %d events, and was never acknowledged", key, n)
		}
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
}
