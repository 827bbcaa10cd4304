package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/memstore"
)

// snapshotKey is that of the stream account-a: "printf account-a | sha256sum".
const snapshotKey = "snapshots/fc/fc164f8250803ea8d41834f1de85821035d27d3747e83610789e0f8e5313b9c3"

// evolving counts what is evolved.
func evolving() (decider.Decider[account, command, event], *atomic.Int64) {
	var n atomic.Int64
	d := accounts
	d.Evolve = func(a account, e event) account {
		n.Add(1)
		return e.evolve(a)
	}
	return d, &n
}

// filled gives a store with 300 events in account-a and a snapshot of it behind the 250th.
func filled(t *testing.T) (store *nacre.Store, blobs nacre.BlobKeeper, key string) {
	t.Helper()
	store, _ = newRig(t)
	r := aggregate.New(store, accounts, &aggregate.Options{SnapshotEvery: 250})
	for range 300 {
		if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	for k, err := range blobs.ListBlobs(t.Context(), "snapshots/") {
		if err != nil || key != "" {
			t.Fatalf("there is %s, and %s, %v", key, k, err)
		}
		key = k
	}
	return store, blobs, key
}

func TestASnapshotIsKeptAsItIsSpecified(t *testing.T) {
	store, blobs, key := filled(t)
	if key != snapshotKey {
		t.Errorf("the key is %s, and not %s", key, snapshotKey)
	}
	text, err := blobs.GetBlob(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var e nacre.Event
	for e, err = range store.ReadStream(t.Context(), "account-a", &nacre.ReadOptions{From: 249, Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	expected := fmt.Sprintf(`{"stream":"account-a","version":249,"eventId":%q,"position":250,"schemaVersion":1,`+
		`"state":{"Cents":250,"Movements":250,"By":null},"crc":"CRC"}`, e.ID)
	var s struct{ CRC string }
	if err := json.Unmarshal(text, &s); err != nil || len(s.CRC) != 8 {
		t.Errorf("crc %q, %v", s.CRC, err)
	}
	if got := strings.Replace(string(text), s.CRC, "CRC", 1); got != expected {
		t.Errorf("the snapshot is\n%s, and not\n%s", got, expected)
	}
}

func TestAReloadGoesOnFromTheSnapshot(t *testing.T) {
	store, _, _ := filled(t)
	d, evolved := evolving()
	r := repositoryOf(t, store, d, nil)
	cents(t, r.Get("a"), 300)
	if n := evolved.Load(); n != 128+50 {
		t.Errorf("%d events were evolved, and not the first 128 and those behind the snapshot", n)
	}
	evolved.Store(0)
	if s, err := r.Get("a").StateAtVersion(t.Context(), 259); err != nil || s.Cents != 260 || evolved.Load() != 128+10 {
		t.Errorf("at version 259: %+v, %v, after %d", s, err, evolved.Load())
	}
	evolved.Store(0)
	if s, err := r.Get("a").StateAtVersion(t.Context(), 240); err != nil || s.Cents != 241 || evolved.Load() != 241 {
		t.Errorf("before the snapshot: %+v, %v, after %d", s, err, evolved.Load())
	}
}

// A snapshot that cannot be believed is passed over: the state is that of all events.
func TestASnapshotThatIsWrongIsPassedOver(t *testing.T) {
	change := func(name string, value any) func(t *testing.T, text []byte) []byte {
		return func(t *testing.T, text []byte) []byte {
			var m map[string]json.RawMessage // so that the state's bytes stay
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			changed, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			m[name] = changed
			out, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	for name, spoil := range map[string]func(t *testing.T, text []byte) []byte{
		"empty":                func(*testing.T, []byte) []byte { return nil },
		"cut off":              func(_ *testing.T, text []byte) []byte { return text[:len(text)/2] },
		"of another state":     change("state", map[string]any{"Cents": 7777, "Movements": 1, "By": nil}),
		"of another schema":    change("schemaVersion", 2),
		"of another stream":    change("stream", "account-b"),
		"of another event":     change("eventId", "01JD3Y0000000000000000000"),
		"of another version":   change("version", 100),
		"beyond the log's end": change("version", 1000),
		"before the log":       change("version", -1),
		"without a checksum":   change("crc", ""),
		"with text as version": change("version", "249"),
		"no object":            func(*testing.T, []byte) []byte { return []byte("[1]") },
	} {
		t.Run(name, func(t *testing.T) {
			store, blobs, key := filled(t)
			text, err := blobs.GetBlob(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := blobs.PutBlob(t.Context(), key, spoil(t, text)); err != nil {
				t.Fatal(err)
			}
			d, evolved := evolving()
			cents(t, repositoryOf(t, store, d, nil).Get("a"), 300)
			if n := evolved.Load(); n != 300 {
				t.Errorf("%d events were evolved, and not all", n)
			}
		})
	}
}

func TestASnapshotsPositionIsNotBelieved(t *testing.T) {
	store, blobs, key := filled(t)
	text, err := blobs.GetBlob(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.PutBlob(t.Context(), key, []byte(strings.Replace(string(text), `"position":250`, `"position":9999`, 1))); err != nil {
		t.Fatal(err)
	}
	got, err := newRepository(t, store, nil).Get("a").Execute(t.Context(), nothing{})
	if err != nil || got.Position != 300 || got.Version != 299 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAStateOfAnotherSchemaVersionIsFoldedAgain(t *testing.T) {
	store, _, _ := filled(t)
	d, evolved := evolving()
	d.SchemaVersion = 2
	r := aggregate.New(store, d, &aggregate.Options{SnapshotEvery: 250})
	cents(t, r.Get("a"), 300)
	if n := evolved.Load(); n != 300 {
		t.Errorf("%d events were evolved, and not all", n)
	}
	if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	evolved.Store(0)
	cents(t, repositoryOf(t, store, d, nil).Get("a"), 301)
	if n := evolved.Load(); n != 128 {
		t.Errorf("%d events were evolved behind a snapshot of the new schema", n)
	}
}

// A log that was restored to before a snapshot, and has gone another way since, does not get its state.
func TestASnapshotOfALogThatWasRestoredIsPassedOver(t *testing.T) {
	_, blobs, key := filled(t)
	text, err := blobs.GetBlob(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	store := newStore(t)
	other, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.PutBlob(t.Context(), key, text); err != nil {
		t.Fatal(err)
	}
	h := newRepository(t, store, &aggregate.Options{SnapshotEvery: -1}).Get("a")
	for _, c := range []command{deposit{7}, many{300}} {
		if _, err := h.Execute(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Execute(t.Context(), deposit{50}); err != nil {
		t.Fatal(err)
	}
	cents(t, newRepository(t, store, nil).Get("a"), 357)
}

func TestASlowReloadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		if _, err := newRepository(t, store, &aggregate.Options{SnapshotEvery: -1, SnapshotAfter: -1}).Get("a").Execute(t.Context(), many{200}); err != nil {
			t.Fatal(err)
		}
		d, evolved := evolving()
		fast := d.Evolve
		d.Evolve = func(a account, e event) account {
			time.Sleep(time.Millisecond)
			return fast(a, e)
		}
		for _, want := range []int64{200, 128} {
			evolved.Store(0)
			r := aggregate.New(store, d, &aggregate.Options{SnapshotEvery: -1})
			cents(t, r.Get("a"), 200)
			if n := evolved.Load(); n != want {
				t.Errorf("%d events were evolved, and not %d", n, want)
			}
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSnapshotsNeverHoldCommandsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, g := newRig(t)
		held := make(chan struct{})
		puts := 0
		g.onPut = func(string, []byte) error {
			<-held
			puts++
			return nil
		}
		r := newRepository(t, store, &aggregate.Options{SnapshotEvery: 10})
		for range 100 {
			if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		closed := make(chan error)
		go func() { closed <- r.Close(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close did not wait for the snapshot: %v", err)
		default:
		}
		close(held)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if puts != 2 {
			t.Errorf("%d snapshots were written, and not the first and the latest", puts)
		}
		d, evolved := evolving()
		cents(t, repositoryOf(t, store, d, &aggregate.Options{SnapshotEvery: 10}).Get("a"), 100)
		if n := evolved.Load(); n != 10 {
			t.Errorf("%d events were evolved", n)
		}
	})
}

func TestASnapshotThatCannotBeKeptIsToldOnce(t *testing.T) {
	var text strings.Builder
	store, g := newRig(t)
	g.onPut = func(string, []byte) error { return errors.New("no space") }
	r := aggregate.New(store, accounts, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(&text, nil))})
	for range 20 {
		if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.String(), "level=WARN"); n != 1 || !strings.Contains(text.String(), "no space") {
		t.Errorf("told %d times:\n%s", n, text.String())
	}
}

// slowLog is a log whose warnings wait.
type slowLog struct {
	slog.Handler
	waits chan struct{} // gets one where a warning begins to wait
	held  chan struct{}
}

func (l slowLog) Enabled(context.Context, slog.Level) bool { return true }

func (l slowLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		l.waits <- struct{}{}
		<-l.held
	}
	return nil
}

func TestALogThatIsSlowHoldsNoCommandUp(t *testing.T) {
	store, g := newRig(t)
	g.onPut = func(string, []byte) error { return errors.New("no space") }
	l := slowLog{Handler: slog.DiscardHandler, waits: make(chan struct{}), held: make(chan struct{})}
	r := newRepository(t, store, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(l)})
	for i := range int64(20) {
		if got, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != i+1 {
			t.Fatalf("%+v, %v", got, err)
		}
		if i == 0 {
			<-l.waits
		}
	}
	close(l.held)
}

// bare is a driver without extras.
type bare struct{ nacre.Driver }

func TestADriverWithoutBlobsHasNoSnapshots(t *testing.T) {
	store := nacre.NewStore(bare{memstore.Open(nil).Driver()}, nil)
	closeAtEnd(t, store)
	var told strings.Builder
	r := newRepository(t, store, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	ctx := decider.With(context.Background(), decider.Context{CommandID: "x"})
	for range 2 {
		if got, err := r.Get("a").Execute(ctx, many{200}); err != nil || got.State.Cents != 200 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	r.Evict("a")
	cents(t, r.Get("a"), 200)
	if told.Len() != 0 {
		t.Errorf("told: %s", told.String())
	}
	for _, err := range r.List(t.Context()) {
		expectCode(t, "a listing", err, nacre.CodeUnsupported)
	}
}
