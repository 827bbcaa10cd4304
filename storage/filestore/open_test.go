package filestore

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

func TestSecondWriterIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, &Options{Logger: quiet})
	_, err := Open(dir, &Options{Logger: quiet})
	if nacre.CodeOf(err) != nacre.CodeLocked || !strings.Contains(err.Error(), "process ") {
		t.Fatalf("a second writer: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, &Options{Logger: quiet})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyFollowsWriter reads beside a writer, over segments' ends, without gap or repeat.
func TestReadOnlyFollowsWriter(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, &Options{SegmentBytes: 4 << 10, CompressAfter: 1, Logger: quiet})
	defer w.Close()
	mustAppend(t, w, "s-1", 3, numbered(0))
	r := mustOpen(t, dir, &Options{ReadOnly: true, Logger: quiet})
	defer r.Close()
	if _, err := r.Append(t.Context(), "s-1", nacre.Any, numbered(1)); nacre.CodeOf(err) != nacre.CodeReadOnly {
		t.Fatalf("an append to a read-only store: %v", err)
	}
	const n = 400
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for i := range n - 3 {
			if _, err := w.Append(context.Background(), "s-2", nacre.Any, numbered(i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	due := nacre.Position(1)
	for e, err := range r.Subscribe(ctx, nil, nil) {
		if err != nil {
			t.Fatalf("at position %d: %v", due, err)
		}
		if e.GlobalPosition != due {
			t.Fatalf("position %d, %d is due", e.GlobalPosition, due)
		}
		if due++; due > n {
			break
		}
	}
}

// TestReadOnlyAfterKill shows, without a writer, every whole batch that is there.
func TestReadOnlyAfterKill(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	want := fill(t, s, 40)
	killed := fsys.Crash(nil, crashfs.CrashOptions{KeepAll: true})
	_ = s.Close()
	o := on(killed)
	o.ReadOnly = true
	r := mustOpen(t, testDir, o)
	defer r.Close()
	sameEvents(t, readAll(t, r), want)
}

func TestFullDisk(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	want := fill(t, s, 20)
	fsys.DiskFull(fsys.Used())
	var full error
	for i := 0; full == nil; i++ {
		var a nacre.Appended
		if a, full = s.Append(t.Context(), "full-1", nacre.Any, numbered(i)); full == nil {
			want = append(want, a.Events...)
		}
		if i > 1000 {
			t.Fatal("the disk never fills")
		}
	}
	if nacre.CodeOf(full) != nacre.CodeStoreFull {
		t.Fatalf("a full disk: %v", full)
	}
	sameEvents(t, readAll(t, s), want)
	fsys.DiskFull(1 << 30)
	for i := 0; ; i++ {
		a, err := s.Append(t.Context(), "full-1", nacre.Any, numbered(i))
		if err == nil {
			want = append(want, a.Events...)
			break
		}
		if nacre.CodeOf(err) != nacre.CodeStoreFull || i > 200 {
			t.Fatalf("with space again: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // the index is tried again once a second
	}
	sameEvents(t, readAll(t, s), want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	verify(t, testDir, environment{fs: fsys})
}

// TestFullDiskInTheMiddle: writes themselves fail, as on file systems that cannot reserve space.
func TestFullDiskInTheMiddle(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	want := fill(t, s, 5)
	for i := range 10 {
		fsys.SetHook(logFault(crashfs.OpWrite, 1, &crashfs.PartialWrite{N: 100, Err: vfs.ErrFull}))
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, numbered(i)); nacre.CodeOf(err) != nacre.CodeStoreFull {
			t.Fatalf("a write on a full disk: %v", err)
		}
		fsys.SetHook(nil)
		a, err := s.Append(t.Context(), "s-1", nacre.Any, numbered(i))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, a.Events...)
	}
	sameEvents(t, readAll(t, s), want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	verify(t, testDir, environment{fs: fsys})
}

// TestClockGoesBack: created times do not decrease, within a run and across runs.
func TestClockGoesBack(t *testing.T) {
	fsys := newFS()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	o := on(fsys)
	o.env.now = func() time.Time { now = now.Add(-time.Minute); return now }
	for range 3 {
		s := mustOpen(t, testDir, o)
		for i := range 5 {
			mustAppend(t, s, "s-1", 1, numbered(i))
		}
		_ = s.Close()
	}
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	last := time.Time{}
	for _, e := range readAll(t, s) {
		if e.CreatedAt.Before(last) {
			t.Fatalf("%v after %v", e.CreatedAt, last)
		}
		last = e.CreatedAt
	}
}

// TestCursorAheadIsTold: after a cut, and in a restored store, old cursors are told.
func TestCursorAheadIsTold(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	want := fill(t, s, 10)
	before, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), "/backup"); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := Restore(t.Context(), "/backup", "/restored", &RestoreOptions{env: environment{fs: fsys}}); err != nil {
		t.Fatal(err)
	}
	r := mustOpen(t, "/restored", on(fsys))
	defer r.Close()
	sameEvents(t, readAll(t, r), want)
	for _, o := range []nacre.SubscribeOptions{{After: 3, Epoch: before.Epoch}, {After: 1000}} {
		for _, err := range r.Subscribe(t.Context(), nil, &o) {
			if nacre.CodeOf(err) != nacre.CodeLogRewound {
				t.Fatalf("the cursor %+v: %v", o, err)
			}
		}
	}
	verify(t, "/restored", environment{fs: fsys})
}

// TestBackupOfBusyStore backs up while writers write; the copy is whole, and has what was acknowledged
// before it began.
func TestBackupOfBusyStore(t *testing.T) {
	fsys := newFS()
	o := on(fsys)
	o.CompressAfter = 1
	s := mustOpen(t, testDir, o)
	defer s.Close()
	before := fill(t, s, 200)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.Append(context.Background(), "busy-1", nacre.Any, numbered(i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range 3 {
		dir := "/backup" + string(rune('a'+i))
		if err := s.Backup(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		verify(t, dir, environment{fs: fsys})
		target := "/restored" + string(rune('a'+i))
		if err := Restore(t.Context(), dir, target, &RestoreOptions{env: environment{fs: fsys}}); err != nil {
			t.Fatal(err)
		}
		r := mustOpen(t, target, on(fsys))
		sameEvents(t, readAll(t, r)[:len(before)], before)
		_ = r.Close()
	}
	close(stop)
	<-done
}

// TestDurabilities: with every choice, what was acknowledged survives the end of the process, and a
// clean close makes all of it durable.
func TestDurabilities(t *testing.T) {
	for _, d := range []Durability{Always, Interval, Never} {
		fsys := newFS()
		o := on(fsys)
		o.Durability, o.SyncInterval = d, 5*time.Millisecond
		s := mustOpen(t, testDir, o)
		want := fill(t, s, 60)
		sameEvents(t, readAll(t, s), want)
		killed := fsys.Crash(nil, crashfs.CrashOptions{KeepAll: true})
		if d == Interval {
			if err := s.Wait(t.Context(), want[len(want)-1].GlobalPosition-1); err != nil {
				t.Fatal(err) // the sync comes by itself
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, left := range []*crashfs.FS{killed, fsys.Crash(nil, crashfs.CrashOptions{LoseAll: true})} {
			s := mustOpen(t, testDir, on(left))
			sameEvents(t, readAll(t, s), want)
			_ = s.Close()
			verify(t, testDir, environment{fs: left})
		}
	}
}
