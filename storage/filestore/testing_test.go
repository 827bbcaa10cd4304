package filestore

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// quiet keeps expected damage out of the tests' output.
var quiet = slog.New(slog.DiscardHandler)

// seeds runs a test with many seeds; NACRE_SEEDS multiplies them, NACRE_SEED replays one.
func seeds(t *testing.T, n int, run func(t *testing.T, seed uint64, rng *rand.Rand)) {
	t.Helper()
	one := func(seed uint64) {
		defer func() {
			if t.Failed() {
				t.Logf("seed %d; replay: NACRE_SEED=%d go test -run '^%s$' ./storage/filestore", seed, seed, t.Name())
			}
		}()
		run(t, seed, rand.New(rand.NewPCG(seed, 1)))
	}
	if s := os.Getenv("NACRE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		one(seed)
		return
	}
	if m, err := strconv.Atoi(os.Getenv("NACRE_SEEDS")); err == nil {
		n *= m
	} else if testing.Short() {
		n = max(1, n/10)
	}
	base := rand.Uint64() >> 16
	for i := range n {
		if one(base + uint64(i)); t.Failed() {
			return
		}
	}
}

const testDir = "/data/store"

// on gives options for a store on a file system of the test's.
func on(fsys vfs.FS) *Options {
	return &Options{SegmentBytes: 4 << 10, Logger: quiet, env: environment{fs: fsys}}
}

func mustOpen(t *testing.T, dir string, o *Options) *nacre.Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAppend(t *testing.T, s *nacre.Store, stream nacre.StreamID, n int, event nacre.Event) nacre.Appended {
	t.Helper()
	events := make([]nacre.Event, n)
	for i := range events {
		events[i] = event
	}
	a, err := s.Append(t.Context(), stream, nacre.Any, events...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readAll gives every event; it fails on damage.
func readAll(t *testing.T, s *nacre.Store) []nacre.Event {
	t.Helper()
	var out []nacre.Event
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// verify fails where the store is not whole.
func verify(t *testing.T, dir string, env environment) *Report {
	t.Helper()
	r, err := Verify(context.Background(), dir, &VerifyOptions{env: env})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	return r
}

func numbered(i int) nacre.Event {
	return nacre.Event{
		Type: fmt.Sprintf("thing.happened%d", i%3), Data: json.RawMessage(fmt.Sprintf(`{"n":%d,"pad":"%0*d"}`, i, i%200, i)),
		Tags: []string{"t:" + strconv.Itoa(i%5), "u:" + strconv.Itoa(i%7)},
	}
}

// made counts the ids that merged has used.
var made atomic.Int64

// merged makes n events of a merge stream, with ids side by side, that begin with a genesis and are a chain.
func merged(n int) []nacre.Event {
	out := make([]nacre.Event, n)
	first := int(made.Add(int64(n))) - n
	for i := range out {
		out[i] = numbered(first + i).WithID(mergeID(first + i))
		out[i].Parents = []string{}
		if i > 0 {
			out[i].Parents = []string{out[i-1].ID}
		}
	}
	return out
}

// mergeID is the n-th of consecutive ids.
func mergeID(n int) string {
	id := []byte("01JD3Y8Q0V3M8S2Z6T5N000000")
	for i := len(id) - 1; n > 0; i, n = i-1, n/32 {
		id[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n%32]
	}
	return string(id)
}

// fill appends some streams' events, enough for several segments, and gives them as they are stored. Some are of
// merge streams.
func fill(t *testing.T, s *nacre.Store, n int) []nacre.Event {
	t.Helper()
	var out []nacre.Event
	for i := 0; len(out) < n; i++ {
		if i%5 == 3 {
			a, err := s.Append(t.Context(), nacre.StreamID(fmt.Sprintf("m%d-%d", i%3, i%7)), nacre.Any, merged(1+i%3)...)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, a.Events...)
		}
		a := mustAppend(t, s, nacre.StreamID(fmt.Sprintf("s%d-%d", i%2, i%11)), 1+i%3, numbered(i))
		out = append(out, a.Events...)
	}
	return out
}

func sameEvents(t *testing.T, got, want []nacre.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		g, _ := json.Marshal(got[i])
		w, _ := json.Marshal(want[i])
		if string(g) != string(w) {
			t.Fatalf("event %d is\n%s\nwant\n%s", i, g, w)
		}
	}
}

func newFS() *crashfs.FS { return crashfs.New() }

func segmentsOf(t *testing.T, fsys *crashfs.FS, dir string) []string {
	t.Helper()
	var out []string
	for _, f := range fsys.Files() {
		if filepath.Dir(f) == dir && (filepath.Ext(f) == ".ndjson" || filepath.Ext(f) == ".zst") {
			out = append(out, f)
		}
	}
	return out
}

// dirs remembers where stores are.
type dirs struct{ m sync.Map }

func newDirs() *dirs { return &dirs{} }

func (d *dirs) set(s *nacre.Store, dir string) { d.m.Store(s, dir) }
func (d *dirs) get(s *nacre.Store) string {
	dir, _ := d.m.Load(s)
	return dir.(string)
}

// logFault is a hook that fails the n-th operation of a kind on the lines themselves, and not on what
// stands beside them. A segment's handle may still bear the name under which it was made.
func logFault(kind crashfs.Kind, n int, err error) crashfs.Hook {
	return func(op crashfs.Op) error {
		if base := filepath.Base(op.Name); op.Kind != kind || base != "next" && filepath.Ext(base) != ".ndjson" {
			return nil
		}
		if n--; n == 0 {
			return err
		}
		return nil
	}
}
