package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/test/soak"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(writerEnv); text != "" {
		fmt.Fprintln(os.Stderr, runWriter(text)) // it ends by being killed
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKilledWriters kills one writer after another on a store, and checks it after each one.
func TestKilledWriters(t *testing.T) {
	rng := soak.Seeded(t, "./test/crash")
	const perStore = 12
	var dir string
	var known map[string]ack
	for i := range soak.Rounds(t, perStore) {
		if i%perStore == 0 {
			if dir != "" {
				_ = os.RemoveAll(dir)
			}
			dir, known = filepath.Join(t.TempDir(), "store"), make(map[string]ack)
		}
		j := job{
			Dir: dir, Seed: rng.Uint64(), Run: i, Goroutines: 1 + rng.IntN(8),
			// A process's end loses nothing that was written, so weaker durability has to keep it, too.
			Durability:    []filestore.Durability{filestore.Always, filestore.Always, filestore.Interval, filestore.Never}[rng.IntN(4)],
			SegmentBytes:  []int64{16 << 10, 256 << 10, 64 << 20}[rng.IntN(3)],
			CompressAfter: rng.IntN(3),
		}
		before := len(known)
		killWriter(t, &j, time.Duration(rng.Int64N(int64(250*time.Millisecond))), known)
		checkStore(t, &j, rng, known)
		if t.Failed() {
			t.Fatalf("round %d, %+v, %d acknowledged before", i, j, before)
		}
	}
	t.Logf("%d batches acknowledged in the last store", len(known))
}

// killWriter runs a writer until some time after its first acknowledgement, and collects them.
func killWriter(t *testing.T, j *job, after time.Duration, known map[string]ack) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), writerEnv+"="+string(text))
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	r := bufio.NewReader(out)
	for {
		// The pipe's last line may have been cut off by the kill: it was not told.
		line, err := r.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		var a ack
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		known[a.Batch] = a
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
		}
	}
	if err := cmd.Wait(); kill == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the writer ended by itself: %v: %s", err, &told)
	}
}

// checkStore looks at what a killed writer left: as it is, and after it was opened.
func checkStore(t *testing.T, j *job, rng *rand.Rand, known map[string]ack) {
	t.Helper()
	if rng.IntN(2) == 0 {
		verify(t, j.Dir)
	}
	// Without recovery, a read-only open has to show what recovery keeps.
	readOnly := readAll(t, j, true, known)
	whole := readAll(t, j, false, known)
	if !slices.Equal(readOnly, whole) {
		t.Errorf("a read-only open showed %d events, recovery left %d, or they differ", len(readOnly), len(whole))
	}
	verify(t, j.Dir)
	appendAgain(t, j, rng, known)
}

func verify(t *testing.T, dir string) {
	t.Helper()
	report, err := filestore.Verify(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range report.Problems {
		t.Errorf("verify: %v", problem)
	}
}

// readAll reads the log and checks it against what was acknowledged; it returns the ids.
func readAll(t *testing.T, j *job, readOnly bool, known map[string]ack) []string {
	t.Helper()
	s, err := filestore.Open(j.Dir, &filestore.Options{
		ReadOnly: readOnly, SegmentBytes: j.SegmentBytes, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var ids []string
	var batch []string // of the events that stand side by side
	versions := make(map[nacre.StreamID]int64)
	at := make(map[string]nacre.Event)
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
		if e.GlobalPosition != nacre.Position(len(ids)) {
			t.Fatalf("position %d where %d is due", e.GlobalPosition, len(ids))
		}
		if e.StreamPosition != versions[e.StreamID] {
			t.Fatalf("%s has position %d where %d is due", e.StreamID, e.StreamPosition, versions[e.StreamID])
		}
		versions[e.StreamID]++
		if want := eventOf(e.ID); !bytes.Equal(e.Data, want.Data) || e.Type != want.Type || !slices.Equal(e.Tags, want.Tags) {
			t.Fatalf("event %s is not what was appended", e.ID)
		}
		if _, twice := at[e.ID]; twice {
			t.Fatalf("event %s is there twice", e.ID)
		}
		at[e.ID] = e
		if batch = append(batch, e.ID); len(batch) == sizeOf(e.ID) {
			batch = nil
		} else if batchOf(batch[0]) != batchOf(e.ID) {
			t.Fatalf("batch %s is there in part: %v", batchOf(batch[0]), batch)
		}
	}
	if len(batch) > 0 {
		t.Fatalf("the last batch is there in part: %v", batch)
	}
	for _, a := range known {
		for _, want := range a.Events {
			got, there := at[want.ID]
			if !there || got.GlobalPosition != want.Position || got.StreamPosition != want.StreamPosition || got.StreamID != want.Stream {
				t.Fatalf("acknowledged %+v, got %+v, %v", want, got, there)
			}
		}
	}
	checkReads(t, s, at)
	return ids
}

// checkReads reads some of it through the index.
func checkReads(t *testing.T, s *nacre.Store, at map[string]nacre.Event) {
	t.Helper()
	for n, f := range []nacre.Filter{
		{{Streams: []nacre.StreamID{"shared-7"}}},
		{{Tags: []string{"n:3"}, Categories: []string{"shared"}}},
	} {
		want := 0
		for _, e := range at {
			if f.Matches(&e) {
				want++
			}
		}
		got := 0
		for e, err := range s.Read(t.Context(), f, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if !f.Matches(&e) {
				t.Fatalf("filter %d gave %s", n, e.ID)
			}
			got++
		}
		if got != want {
			t.Fatalf("filter %d gave %d events, %d match", n, got, want)
		}
	}
}

// appendAgain repeats some appends whose outcome was told: nothing may be written twice.
func appendAgain(t *testing.T, j *job, rng *rand.Rand, known map[string]ack) {
	t.Helper()
	s, err := filestore.Open(j.Dir, &filestore.Options{
		SegmentBytes: j.SegmentBytes, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	names := slices.Sorted(maps.Keys(known))
	for range min(5, len(names)) {
		a := known[names[rng.IntN(len(names))]]
		var batch []nacre.Append
		for _, e := range a.Events {
			if n := len(batch); n == 0 || batch[n-1].Stream != e.Stream {
				batch = append(batch, nacre.Append{Stream: e.Stream, Expected: nacre.NoStream})
			}
			part := &batch[len(batch)-1]
			part.Events = append(part.Events, eventOf(e.ID))
		}
		out, err := s.Commit(context.Background(), nil, batch...)
		if err != nil {
			t.Fatal(err)
		}
		if !out[0].Duplicate || out[0].Events[0].GlobalPosition != a.Events[0].Position {
			t.Fatalf("batch %s was at %d, again at %d, duplicate %v", a.Batch, a.Events[0].Position,
				out[0].Events[0].GlobalPosition, out[0].Duplicate)
		}
	}
}
