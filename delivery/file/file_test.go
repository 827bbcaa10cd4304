package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	checked, err := on(crashfs.New(), nil).Check([]byte(`{"path":"a/b.ndjson"}`), nil)
	if err != nil || string(checked) != `{"path":"a/b.ndjson","maxBytes":104857600}` {
		t.Errorf("got %s, %v", checked, err)
	}
}

func TestWhereFilesMayBe(t *testing.T) {
	t.Parallel()
	absolute := filepath.ToSlash(filepath.Join(t.TempDir(), "a.ndjson"))
	for _, c := range []struct {
		options *Options
		path    string
		taken   bool
	}{
		{nil, "a.ndjson", false},
		{nil, absolute, false},
		{&Options{Dir: "d"}, "a.ndjson", true},
		{&Options{Dir: "d"}, absolute, false},
		{&Options{AllowAbsolute: true}, absolute, true},
		{&Options{AllowAbsolute: true}, "a.ndjson", false},
		{&Options{AllowAbsolute: true}, filepath.ToSlash(filepath.Dir(absolute)) + "/../a.ndjson", false},
	} {
		config := fmt.Appendf(nil, `{"path":%q}`, c.path)
		if _, err := New(c.options).Check(config, nil); (err == nil) != c.taken {
			t.Errorf("%+v, %s: got %v", c.options, c.path, err)
		}
		// What was stored when other options were given is looked at again.
		if s, err := New(c.options).Open(config); (err == nil) != c.taken {
			t.Errorf("%+v, %s: opened with %v", c.options, c.path, err)
		} else if err == nil {
			closed(t, s)
		}
	}
}

// TestOnDisk is the whole of it on the machine's own disk: rotated, compressed, and as many kept as wanted.
func TestOnDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made")
	k := New(&Options{Dir: dir})
	events := deliverytest.Events(0, 200, 3)
	s := opened(t, k, `{"path":"orders/all.ndjson","maxBytes":4096,"keep":3,"compress":true}`)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a subscription made the folder: %v", err)
	}
	send(t, s, deliverytest.Batches(events, 5)...)
	settle(s)
	closed(t, s)
	entries, err := os.ReadDir(filepath.Join(dir, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != 5 || !strings.HasSuffix(names[2], ".ndjson.gz") || names[3] != "all.ndjson" || names[4] != "all.ndjson.lock" {
		t.Errorf("the folder has %q", names)
	}
	content, err := os.ReadFile(filepath.Join(dir, "orders", "all.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if last := deliverytest.Line(t, &events[199]); !bytes.HasSuffix(content, []byte(last+"\n")) || len(content) > 4096 {
		t.Errorf("the file has %d bytes, and ends with %q", len(content), content[max(0, len(content)-100):])
	}
}

// TestEnds opens files as a crash or a disk may leave them.
func TestEnds(t *testing.T) {
	t.Parallel()
	events := deliverytest.Events(0, 4, 1)
	var whole []string
	for i := range events {
		whole = append(whole, deliverytest.Line(t, &events[i])+"\n")
	}
	zeros := strings.Repeat("\x00", 700)
	for name, c := range map[string]struct {
		found string
		want  int    // lines that stay
		kept  string // what is set aside
	}{
		"nothing":              {"", 0, ""},
		"whole":                {whole[0] + whole[1], 2, ""},
		"torn":                 {whole[0] + whole[1][:40], 1, ""},
		"torn at its end":      {whole[0] + strings.TrimSpace(whole[1]), 1, strings.TrimSpace(whole[1])},
		"torn at once":         {whole[0][:1], 0, ""},
		"zeros":                {whole[0] + zeros, 1, ""},
		"only zeros":           {zeros, 0, ""},
		"zeros and an end":     {whole[0] + zeros + "}\n", 1, ""},
		"zeros, and then more": {whole[0] + zeros + "\n" + whole[1], 1, zeros + "\n" + whole[1]},
		"damage":               {whole[0] + "x" + whole[1] + whole[2], 1, "x" + whole[1] + whole[2]},
		"no object":            {whole[0] + "[1]\n", 1, ""},
		"blank lines":          {whole[0] + "\n" + whole[1], 3, ""},
		"a long line":          {`{"a":"` + strings.Repeat("a", 3*readSize) + "\"}\n" + whole[0], 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := crashfs.New()
			if err := fsys.WriteFile("/files/a.ndjson", []byte(c.found)); err != nil {
				t.Fatal(err)
			}
			var told bytes.Buffer
			k := on(fsys, nil)
			k.options.Logger = slog.New(slog.NewTextHandler(&told, nil))
			s := opened(t, k, `{"path":"a.ndjson"}`)
			send(t, s, &delivery.Batch{Events: events[3:]})
			closed(t, s)
			fsys = fsys.Crash(nil, crashfs.CrashOptions{LoseAll: true})
			got := lines(t, fsys, "/files/a.ndjson")
			if len(got) != c.want+1 || got[c.want] != whole[3] || !strings.HasPrefix(c.found, strings.Join(got[:c.want], "")) {
				t.Errorf("the file has %d lines: %.2000q", len(got), got)
			}
			const aside = "/files/a-cut-20261120T185520Z-000001.ndjson"
			kept, err := fsys.ReadFile(aside)
			if string(kept) != c.kept || (err == nil) != (c.kept != "") {
				t.Errorf("set aside is %q, %v", kept, err)
			}
			if moved := strings.Contains(told.String(), "level=WARN"); moved != (c.kept != "") {
				t.Errorf("told: %s", &told)
			}
		})
	}
}

// TestSetAsideTwice: what is kept is never written over.
func TestSetAsideTwice(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	for range 2 {
		if err := fsys.WriteFile("/files/a.ndjson", []byte("x\n{}\n")); err != nil {
			t.Fatal(err)
		}
		s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
		send(t, s, deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)...)
		closed(t, s)
	}
	want := []string{"/files/a-cut-20261120T185520Z-000001.ndjson", "/files/a-cut-20261120T185520Z-000002.ndjson", "/files/a.ndjson", "/files/a.ndjson.lock"}
	if got := fsys.Files(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	fsys, c := crashfs.New(), newClock()
	const config = `{"path":"a.ndjson","maxAgeSeconds":60}`
	batches := deliverytest.Batches(deliverytest.Events(0, 10, 1), 1)
	files := func(want ...string) {
		t.Helper()
		want = append(want, "/files/a.ndjson", "/files/a.ndjson.lock")
		if got := fsys.Files(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s := opened(t, on(fsys, c.now), config)
	send(t, s, batches[0])
	c.forward(59 * time.Second)
	send(t, s, batches[1])
	files()
	c.forward(time.Second)
	send(t, s, batches[2])
	first := "/files/a-20261120T185620Z-000001.ndjson"
	files(first)
	closed(t, s)
	// Another process takes the age from the last rotation.
	c.forward(59 * time.Second)
	s = opened(t, on(fsys, c.now), config)
	send(t, s, batches[3])
	files(first)
	closed(t, s)
	c.forward(time.Second)
	s = opened(t, on(fsys, c.now), config)
	send(t, s, batches[4])
	second := "/files/a-20261120T185720Z-000002.ndjson"
	files(first, second)
	closed(t, s)
	// A clock that was set back begins anew, and numbers go on.
	c.forward(-time.Hour)
	s = opened(t, on(fsys, c.now), config)
	send(t, s, batches[5])
	files(first, second)
	c.forward(time.Minute)
	send(t, s, batches[6])
	files(first, second, "/files/a-20261120T185720Z-000003.ndjson") // in the order of its name as well
	closed(t, s)
	compareAll(t, fsys, "/files/a.ndjson", batches[:7])
}

// TestAgeThatNobodyKnows: a file of an earlier process, without anything that tells when it began, is set aside.
func TestAgeThatNobodyKnows(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	batches := deliverytest.Batches(deliverytest.Events(0, 2, 1), 1)
	for _, b := range batches {
		s := opened(t, on(fsys, nil), `{"path":"a.ndjson","maxAgeSeconds":60}`)
		send(t, s, b)
		closed(t, s)
	}
	if _, err := fsys.ReadFile("/files/a-20261120T185520Z-000001.ndjson"); err != nil {
		t.Error(err)
	}
	compareAll(t, fsys, "/files/a.ndjson", batches)
}

func compareAll(t *testing.T, fsys *crashfs.FS, p string, batches []*delivery.Batch) {
	t.Helper()
	if err := inOrder(t, fsys, p, batches); err != nil {
		t.Error(err)
	}
}

// TestLocked: two subscriptions with one path do not mix; the second goes on when the first is closed.
func TestLocked(t *testing.T) {
	t.Parallel()
	k := on(crashfs.New(), nil)
	batches := deliverytest.Batches(deliverytest.Events(0, 2, 1), 1)
	first, second := opened(t, k, `{"path":"a.ndjson"}`), opened(t, k, `{"path":"a.ndjson","keep":3}`)
	send(t, first, batches[0])
	if _, err := second.Send(t.Context(), batches[1]); err == nil || !strings.Contains(err.Error(), "own path") {
		t.Errorf("got %v", err)
	}
	closed(t, first)
	send(t, second, batches[1])
	closed(t, second)
}

// TestMovedAway has the file moved, removed and written to by others.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	batches := deliverytest.Batches(deliverytest.Events(0, 8, 1), 2)
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
	send(t, s, batches[0])
	if err := fsys.Rename("/files/a.ndjson", "/elsewhere"); err != nil {
		t.Fatal(err)
	}
	send(t, s, batches[1])
	if err := fsys.WriteFile("/files/a.ndjson", []byte(`{"by":"others"}`+"\n"+`{"torn`)); err != nil {
		t.Fatal(err)
	}
	send(t, s, batches[2])
	closed(t, s)
	if got := lines(t, fsys, "/elsewhere"); len(got) != 2 {
		t.Errorf("what was moved has %q", got)
	}
	if got := lines(t, fsys, "/files/a.ndjson"); len(got) != 3 || got[0] != `{"by":"others"}`+"\n" {
		t.Errorf("the file has %q", got)
	}
}

// TestTogether: what waits for a sync is written and synced at once.
func TestTogether(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	held, first, syncs := make(chan struct{}), make(chan struct{}), 0
	var once sync.Once
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpSync {
			syncs++
			once.Do(func() { close(first) })
			<-held
		}
		return nil
	})
	batches := deliverytest.Batches(deliverytest.Events(0, 11, 11), 1)
	var group sync.WaitGroup
	over, cancel := context.WithCancel(t.Context())
	group.Go(func() { send(t, s, batches[0]) })
	<-first
	for _, b := range batches[1:10] {
		group.Go(func() { send(t, s, b) })
	}
	// One that does not wait for its turn is not written.
	group.Go(func() {
		if _, err := s.Send(over, batches[10]); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	for waiting := 0; waiting < 10; {
		s := s.(*sender)
		s.mutex.Lock()
		waiting = len(s.waiting)
		s.mutex.Unlock()
		time.Sleep(time.Millisecond)
	}
	cancel()
	close(held)
	group.Wait()
	closed(t, s)
	if syncs != 2 {
		t.Errorf("%d syncs, want 2", syncs)
	}
	if got := received(t, fsys, "/files/a.ndjson"); len(got) != 10 {
		t.Errorf("%d events are there", len(got))
	}
}

// TestHangs: a disk that does not answer does not hold a send whose context is over.
func TestHangs(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	held, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpWrite {
			once.Do(func() { close(reached) })
			<-held
		}
		return nil
	})
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	if _, err := s.Send(ctx, deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(held)
	closed(t, s)
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); !errors.Is(err, errClosed) {
		t.Errorf("a closed sender says %v", err)
	}
}

// TestNoEvent: what has no line is refused for ever, white space between lines is not.
func TestNoEvent(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
	events := deliverytest.Events(0, 2, 1)
	events[0].Data = nil
	events[1].Data = []byte("{\n \"n\": 1 }")
	_, err := s.Send(t.Context(), &delivery.Batch{Events: events})
	if f, is := errors.AsType[*delivery.Failure](err); !is || !f.Permanent {
		t.Errorf("got %v", err)
	}
	send(t, s, &delivery.Batch{Events: events[1:]})
	closed(t, s)
	got := received(t, fsys, "/files/a.ndjson")
	if len(got) != 1 || got[0].GlobalPosition != nacre.Position(2) || string(got[0].Data) != `{"n":1}` {
		t.Errorf("got %+v", got)
	}
}

// TestLargeBatch: a batch that is larger than a file has one of its own.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson","maxBytes":1024}`)
	batches := deliverytest.Batches(deliverytest.Events(0, 60, 1), 20)
	send(t, s, batches...)
	closed(t, s)
	compareAll(t, fsys, "/files/a.ndjson", batches)
	if got := fsys.Files(); len(got) != 4 {
		t.Errorf("there are %q", got)
	}
}

// TestFullDisk: what a full disk did not take is not there in part, and goes on when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	s := opened(t, on(fsys, nil), `{"path":"a.ndjson"}`)
	batches := deliverytest.Batches(deliverytest.Events(0, 30, 1), 10)
	send(t, s, batches[0])
	fsys.DiskFull(fsys.Used() + 300)
	if _, err := s.Send(t.Context(), batches[1]); err == nil {
		t.Error("a full disk took a batch")
	}
	compareAll(t, fsys, "/files/a.ndjson", batches[:1])
	fsys.DiskFull(crashfs.Unlimited)
	send(t, s, batches[1:]...)
	closed(t, s)
	compareAll(t, fsys, "/files/a.ndjson", batches)
}
