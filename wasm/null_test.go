package wasm

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/storage/memstore"
)

// records are what a logger is told.
type records struct {
	slog.Handler
	told chan slog.Record
}

func (r *records) Handle(_ context.Context, one slog.Record) error {
	r.told <- one
	return nil
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }

// TestAStateThatIsNullEndsNoSnapshots has an aggregate instance whose state is null, which no snapshot can tell from
// the state before the first event, and which is not null behind the next event.
func TestAStateThatIsNullEndsNoSnapshots(t *testing.T) {
	t.Parallel()
	m := teller(t, one, `{"events":[{"type":"a.gone","data":{}}],"state":{"n":1}}`, `{"state":null}`)
	store := memstore.Open(nil)
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	log := &records{told: make(chan slog.Record, 10)}
	r := aggregate.New(store, m.Decider(), &aggregate.Options{Codec: m.CodecOptions(), SnapshotEvery: 1, Logger: slog.New(log)})
	run := func() {
		t.Helper()
		if _, err := r.Get("ann").Execute(t.Context(), Command{Command: "go"}); err != nil {
			t.Fatal(err)
		}
	}
	run()
	select {
	case one := <-log.told:
		if one.Level != slog.LevelWarn || !strings.Contains(one.Message, "could not be kept") {
			t.Fatalf("told %v", one)
		}
	case <-time.After(time.Minute):
		t.Fatal("a snapshot of a state that is null is kept")
	}
	run()
	if err := r.Close(t.Context()); err != nil { // waits for snapshots
		t.Fatal(err)
	}
	kept := 0
	for key, err := range blobs.ListBlobs(t.Context(), "snapshots/") {
		if err != nil {
			t.Fatal(err)
		}
		text, err := blobs.GetBlob(t.Context(), key)
		if err != nil || !strings.Contains(string(text), `"state":{"n":1}`) {
			t.Errorf("kept: %s, %v", text, err)
		}
		kept++
	}
	if kept != 1 {
		t.Errorf("%d snapshots are kept", kept)
	}
}
