package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// plain hides what a file system can do beyond vfs.FS.
type plain struct{ vfs.FS }

func watchBenches(t *testing.T) map[string]bench {
	benches := map[string]bench{
		"crashfs": {fs: crashfs.New(), dir: "/"},
		"polling": {fs: plain{vfs.OS}, dir: t.TempDir()},
	}
	if runtime.GOOS == "linux" {
		benches["inotify"] = bench{fs: vfs.OS, dir: t.TempDir()}
	}
	return benches
}

func forEachWatcher(t *testing.T, test func(b bench)) {
	for name, b := range watchBenches(t) {
		t.Run(name, func(t *testing.T) {
			b.T = t
			test(b)
		})
	}
}

// watch ends the test where a native watcher cannot be had, since polling in
// its place would hide what is to be tested.
func (b bench) watch() vfs.Watcher {
	b.Helper()
	if native, ok := b.fs.(vfs.DirWatcher); ok {
		w, err := native.Watch(b.dir)
		b.must(err)
		return w
	}
	return vfs.Watch(b.fs, b.dir)
}

func TestWatchWakesForEveryKindOfChange(t *testing.T) {
	t.Parallel()
	forEachWatcher(t, func(b bench) {
		b.write("old", "text")
		// Open to the end: closing a file would wake the follower too.
		old, err := b.fs.OpenWrite(b.at("old"))
		b.must(err)
		defer old.Close()
		w := b.watch()
		changes := []struct {
			name   string
			change func()
		}{
			{"create", func() { b.write("new", "") }},
			{"write", func() {
				_, err := old.WriteAt([]byte("other"), 0)
				b.must(err)
			}},
			{"rename", func() { b.must(b.fs.Rename(b.at("new"), b.at("newer"))) }},
			{"link", func() { b.must(b.fs.Link(b.at("newer"), b.at("newest"))) }},
			{"remove", func() { b.must(b.fs.Remove(b.at("newer"))) }},
			{"truncate", func() { b.must(old.Truncate(1)) }},
		}
		for _, change := range changes {
			change.change()
			if err := w.Wait(b.Context()); err != nil {
				b.Fatalf("Wait after %s: %v", change.name, err)
			}
		}
		b.must(w.Close())
		b.must(w.Close())
		b.mustBe(w.Wait(b.Context()), fs.ErrClosed)
	})
}

func TestWatchMissesNothing(t *testing.T) {
	t.Parallel()
	const last = 300
	forEachWatcher(t, func(b bench) {
		b.write("counter", "000")
		w := b.watch()
		f, err := b.fs.OpenWrite(b.at("counter"))
		b.must(err)
		defer f.Close()
		written := make(chan error, 1)
		go func() {
			var err error
			for i := 1; i <= last && err == nil; i++ {
				_, err = f.WriteAt(fmt.Appendf(nil, "%03d", i), 0)
			}
			written <- err
		}()
		for {
			seen, err := strconv.Atoi(b.read("counter"))
			b.must(err)
			if seen == last {
				break
			}
			b.must(w.Wait(b.Context()))
		}
		b.must(<-written)
		b.must(w.Close())
	})
}

func TestWatchWaitsForTheContext(t *testing.T) {
	t.Parallel()
	forEachWatcher(t, func(b bench) {
		w := b.watch()
		ctx, cancel := context.WithTimeout(b.Context(), 30*time.Millisecond)
		defer cancel()
		for {
			err := w.Wait(ctx)
			if err == nil {
				if _, polls := b.fs.(plain); polls {
					continue
				}
				b.Fatal("Wait woke though nothing changed")
			}
			b.mustBe(err, context.DeadlineExceeded)
			break
		}
		b.write("a", "")
		b.mustBe(w.Wait(ctx), context.DeadlineExceeded)
		// What changed meanwhile is not forgotten.
		b.must(w.Wait(b.Context()))
		b.must(w.Close())
	})
}

func TestWatchCloseWakes(t *testing.T) {
	t.Parallel()
	forEachWatcher(t, func(b bench) {
		w := b.watch()
		ended := make(chan error)
		go func() {
			for {
				if err := w.Wait(context.Background()); err != nil {
					ended <- err
					return
				}
			}
		}()
		b.must(w.Close())
		b.mustBe(<-ended, fs.ErrClosed)
	})
}

// TestWatchOutlivesItsDirectory removes the directory, or moves it away, and
// makes it again: the follower must find what is written there then.
func TestWatchOutlivesItsDirectory(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"remove", "rename", "make later"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir")
			b := bench{T: t, fs: vfs.OS, dir: dir}
			if way != "make later" {
				b.must(b.fs.MkdirAll(dir))
			}
			w := vfs.Watch(b.fs, dir)
			switch way {
			case "remove":
				b.must(b.fs.RemoveAll(dir))
			case "rename":
				b.must(b.fs.Rename(dir, dir+".old"))
			}
			// The watch's own end may be told only now.
			b.must(b.fs.MkdirAll(dir))
			b.must(w.Wait(t.Context()))
			b.write("a", "text")
			for {
				b.must(w.Wait(t.Context()))
				if _, err := b.fs.Stat(b.at("a")); err == nil {
					break
				} else if !errors.Is(err, fs.ErrNotExist) {
					b.Fatal(err)
				}
			}
			b.must(w.Close())
		})
	}
}

func TestWatchPollsEvery50Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := vfs.Watch(plain{crashfs.New()}, "/none")
		began := time.Now()
		for range 3 {
			if err := w.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 150*time.Millisecond {
			t.Fatalf("three waits took %v of the bubble's clock, want 150ms", took)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
