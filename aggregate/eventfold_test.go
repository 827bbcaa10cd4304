package aggregate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/filestore"
)

// These are failures that were seen in eventfold-es, each by its name there.

// inDir runs a function with a repository in a directory, and closes both.
func inDir(t *testing.T, dir string, o *aggregate.Options, f func(r *repository, store *nacre.Store)) {
	t.Helper()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := aggregate.New(store, accounts, o)
	defer func() {
		if err := errors.Join(r.Close(context.Background()), store.Close()); err != nil {
			t.Error(err)
		}
	}()
	f(r, store)
}

// lastSegment is the file that events are appended to.
func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	var last string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "system" {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(`"streamId":"account-`)) {
			last = max(last, path)
		}
		return err
	})
	if err != nil || last == "" {
		t.Fatalf("no segment in %s: %v", dir, err)
	}
	return last
}

func TestEventfoldTornWriteBricksAggregate(t *testing.T) {
	dir := t.TempDir()
	inDir(t, dir, nil, func(r *repository, _ *nacre.Store) {
		for range 3 {
			if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
				t.Fatal(err)
			}
		}
	})
	segment := lastSegment(t, dir)
	f, err := os.OpenFile(segment, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"streamId":"account-a","eventId":"torn","type":"account.mo`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for want := int64(4); want < 8; want++ {
		inDir(t, dir, nil, func(r *repository, _ *nacre.Store) {
			if got, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != want {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestEventfoldMultiEventCommandIsNotAtomic(t *testing.T) {
	dir, crashed := t.TempDir(), filepath.Join(t.TempDir(), "crashed")
	inDir(t, dir, nil, func(r *repository, _ *nacre.Store) {
		for _, c := range []command{deposit{7}, many{5}} {
			if _, err := r.Get("a").Execute(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	})
	// The machine crashed, and the disk has three of the five events.
	segment := lastSegment(t, crashed)
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	end, n := 0, 0
	for line := range bytes.Lines(text) {
		if n < 4 {
			end += len(line)
		}
		if bytes.Contains(line, []byte(`"streamId":"account-a"`)) {
			n++
		}
	}
	if n != 6 {
		t.Fatalf("the segment has %d lines of the stream", n)
	}
	if err := os.Truncate(segment, int64(end)); err != nil {
		t.Fatal(err)
	}
	inDir(t, crashed, nil, func(r *repository, _ *nacre.Store) {
		cents(t, r.Get("a"), 7)
		if got, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil || got.Version != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestEventfoldOSThreadPerAggregate(t *testing.T) {
	r := newRepository(t, newStore(t), nil)
	threads, goroutines := pprof.Lookup("threadcreate"), pprof.Lookup("goroutine")
	before, running := threads.Count(), goroutines.Count()
	for i := range 6000 {
		if _, err := r.Get(strconv.Itoa(i)).Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
	}
	if r.Active() != 6000 {
		t.Errorf("%d instances", r.Active())
	}
	if n := threads.Count() - before; n > 50 {
		t.Errorf("%d threads more", n)
	}
	if n := goroutines.Count() - running; n > 10 {
		t.Errorf("%d goroutines more", n)
	}
}

func TestEventfoldDeadHandleAfterEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRepository(t, newStore(t), &aggregate.Options{IdleAfter: time.Second})
		h := r.Get("a")
		for want := int64(1); want < 4; want++ {
			if got, err := h.Execute(t.Context(), deposit{1}); err != nil || got.State.Cents != want {
				t.Errorf("%+v, %v", got, err)
			}
			time.Sleep(time.Minute)
			if r.Active() != 0 {
				t.Error("the instance did not leave")
			}
		}
	})
}

func TestEventfoldIDsUnsanitisedInPaths(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "data")
	ids := []string{
		"../../escaped", "/etc/passwd", "a/b", "..", ".", "con", "nul.txt", "ä ö", "A", "a", "a%2Fb", "~", "x:y", "*", "日本",
		strings.Repeat("long", 60),
	}
	for round := range 2 {
		inDir(t, dir, &aggregate.Options{SnapshotEvery: 1}, func(r *repository, _ *nacre.Store) {
			for i, id := range ids {
				got, err := r.Get(id).Execute(t.Context(), deposit{int64(i + 1)})
				if err != nil || got.State.Cents != int64((round+1)*(i+1)) {
					t.Errorf("%q: %+v, %v", id, got, err)
				}
			}
			var listed []string
			for id, err := range r.List(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				listed = append(listed, id)
			}
			if want := slices.Sorted(slices.Values(ids)); !slices.Equal(listed, want) {
				t.Errorf("listed %q", listed)
			}
		})
	}
	entries, err := os.ReadDir(above)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the data there is %v, %v", entries, err)
	}
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, "escaped") || strings.Contains(path, "passwd") || strings.Contains(path, "日本") {
			t.Errorf("an id became a path: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	r := newRepository(t, newStore(t), nil)
	for _, id := range []string{"", "a\"b", `a\b`, "a\nb", "\u2028", "\xff", strings.Repeat("x", 300)} {
		_, err := r.Get(id).Execute(t.Context(), deposit{1})
		expectCode(t, strconv.Quote(id), err, nacre.CodeInvalid)
		_, err = r.Get(id).State(t.Context())
		expectCode(t, strconv.Quote(id), err, nacre.CodeInvalid)
		_, err = r.Get(id).Version(t.Context())
		expectCode(t, strconv.Quote(id), err, nacre.CodeInvalid)
		for _, err := range r.Get(id).History(t.Context()) {
			expectCode(t, strconv.Quote(id), err, nacre.CodeInvalid)
		}
	}
}

func TestEventfoldNeverWrittenAggregateSnapshotsAsVersion0(t *testing.T) {
	store := newStore(t)
	o := &aggregate.Options{SnapshotEvery: 1, SnapshotAfter: time.Nanosecond}
	early := aggregate.New(store, accounts, o)
	h := early.Get("a")
	cents(t, h, 0)
	if got, err := h.Execute(t.Context(), nothing{}); err != nil || got.Version != -1 || got.Position != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if v, err := h.Version(t.Context()); err != nil || v != -1 {
		t.Errorf("version %d, %v", v, err)
	}
	if got, err := newRepository(t, store, nil).Get("a").Execute(t.Context(), deposit{5}); err != nil || got.Version != 0 {
		t.Errorf("the first event, by another: %+v, %v", got, err)
	}
	if got, err := h.Execute(t.Context(), deposit{5}); err != nil || got.Version != 1 || got.State.Cents != 10 {
		t.Errorf("the second: %+v, %v", got, err)
	}
	if err := early.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	cents(t, newRepository(t, store, o).Get("a"), 10)
	cents(t, newRepository(t, store, o).Get("never"), 0)
}

func TestEventfoldConcurrentGetSpawnsTwoActors(t *testing.T) {
	for range 50 {
		store, g := newRig(t)
		var conflicts int
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			done, err := write()
			if err != nil {
				g.mu.Lock()
				conflicts++
				g.mu.Unlock()
			}
			return done, err
		})
		r := newRepository(t, store, nil)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				<-start
				if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if r.Active() != 1 || conflicts > 0 {
			t.Errorf("%d instances, which conflicted %d times", r.Active(), conflicts)
		}
		cents(t, r.Get("a"), 16)
	}
}

func TestEventfoldDedupForgetsOnRestart(t *testing.T) {
	dir := t.TempDir()
	e := nacre.NewEvent("account.moved", moved{41}).WithID("from-afar")
	for round := range 3 {
		inDir(t, dir, nil, func(r *repository, store *nacre.Store) {
			ctx := decider.With(t.Context(), decider.Context{CommandID: "once"})
			if got, err := r.Get("a").Execute(ctx, deposit{1}); err != nil || got.Duplicate != (round > 0) || got.State.Cents != 1 {
				t.Errorf("round %d: %+v, %v", round, got, err)
			}
			if done, err := r.Get("a").Inject(t.Context(), e); err != nil || done.Duplicate != (round > 0) {
				t.Errorf("round %d: %+v, %v", round, done, err)
			}
			cents(t, r.Get("a"), 42)
			if head, err := store.Head(t.Context()); err != nil || head.Position != 2 {
				t.Errorf("the log has %d events, %v", head.Position, err)
			}
		})
	}
}

func TestEventfoldUndecodableSilentlySkipped(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	if _, err := r.Get("a").Execute(t.Context(), deposit{5}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []nacre.Event{
		nacre.NewEvent("account.frozen", 1), nacre.NewEvent("account.moved", "five"), {Type: "account.moved", Binary: []byte{1}},
	} {
		stream := nacre.StreamID("account-" + nacre.NewID())
		h := r.Get(stream.Rest())
		if _, err := h.Execute(t.Context(), deposit{5}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), stream, nacre.Any, e); err != nil {
			t.Fatal(err)
		}
		for what, do := range map[string]func() error{
			"a command":  func() error { _, err := h.Execute(t.Context(), deposit{1}); return err },
			"a state":    func() error { _, err := h.State(t.Context()); return err },
			"a version":  func() error { _, err := h.StateAtVersion(t.Context(), 1); return err },
			"an instant": func() error { _, err := h.StateAt(t.Context(), time.Now().Add(time.Hour)); return err },
			"a history": func() (last error) {
				for _, err := range h.History(t.Context()) {
					last = err
				}
				return last
			},
		} {
			d, ok := errors.AsType[*codec.DecodeError](do())
			if !ok || d.Stream != stream || d.StreamPosition != 1 {
				t.Errorf("%s passes over %s: %v", what, e.Type, d)
			}
		}
		if s, err := h.StateAtVersion(t.Context(), 0); err != nil || s.Cents != 5 {
			t.Errorf("before it: %+v, %v", s, err)
		}
	}
}

func TestEventfoldMetadataSilentlyDropped(t *testing.T) {
	r := newRepository(t, newStore(t), &aggregate.Options{Codec: &codec.Options{Versions: map[string]int{"account.moved": 3}}})
	for i, test := range []struct {
		c    decider.Context
		want string
	}{
		{decider.Context{}, `{"schemaVersion":3}`},
		{decider.Context{Actor: "ann"}, `{"actor":"ann","schemaVersion":3}`},
		{decider.Context{SourceDevice: "é\n"}, `{"sourceDevice":"é\n","schemaVersion":3}`},
		{decider.Context{Metadata: map[string]any{"b": []int{1}, "a": nil}}, `{"a":null,"b":[1],"schemaVersion":3}`},
	} {
		got, err := r.Get(strconv.Itoa(i)).Execute(decider.With(t.Context(), test.c), many{2})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.Events {
			if string(e.Metadata) != test.want {
				t.Errorf("metadata %s, and not %s", e.Metadata, test.want)
			}
		}
		r.Evict(strconv.Itoa(i))
		cents(t, r.Get(strconv.Itoa(i)), 2)
	}
	for _, name := range []string{"actor", "causationId", "commandId", "contentType", "correlationId", "occurredAt", "schemaVersion", "sourceDevice"} {
		_, err := r.Get("x").Execute(decider.With(t.Context(), decider.Context{Metadata: map[string]any{name: 1}}), deposit{1})
		expectCode(t, name, err, nacre.CodeInvalid)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Field != "metadata."+name {
			t.Errorf("%v does not name the member", err)
		}
	}
	_, err := r.Get("x").Execute(decider.With(t.Context(), decider.Context{Actor: "\xff"}), deposit{1})
	expectCode(t, "text that is not UTF-8", err, nacre.CodeInvalid)
}
