package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// bench is a file system under test and an empty directory in it.
type bench struct {
	*testing.T
	fs  vfs.FS
	dir string
}

func (b bench) at(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

// must ends the test when something that has to work does not.
func (b bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b bench) mustBe(err, target error) {
	b.Helper()
	if !errors.Is(err, target) {
		b.Fatalf("error is %v, want one that is %v", err, target)
	}
}

func (b bench) mustFail(err error, what string) {
	b.Helper()
	if err == nil {
		b.Fatalf("%s did not fail", what)
	}
}

// write makes a file with a text.
func (b bench) write(name, text string) {
	b.Helper()
	f, err := b.fs.Create(b.at(name))
	b.must(err)
	_, err = f.WriteAt([]byte(text), 0)
	b.must(err)
	b.must(f.Close())
}

func (b bench) read(name string) string {
	b.Helper()
	data, err := vfs.ReadFile(b.fs, b.at(name))
	b.must(err)
	return string(data)
}

func (b bench) wantText(name, want string) {
	b.Helper()
	if got := b.read(name); got != want {
		b.Fatalf("%s holds %q, want %q", name, got, want)
	}
}

func (b bench) wantAbsent(name string) {
	b.Helper()
	_, err := b.fs.Stat(b.at(name))
	b.mustBe(err, fs.ErrNotExist)
}

// list is a directory as text, a directory in it with a slash, a file with its
// size.
func (b bench) list(name string) string {
	b.Helper()
	entries, err := b.fs.ReadDir(b.at(name))
	b.must(err)
	var texts []string
	for _, entry := range entries {
		text := fmt.Sprintf("%s:%d", entry.Name, entry.Size)
		if entry.Dir {
			text = entry.Name + "/"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func (b bench) wantList(name, want string) {
	b.Helper()
	if got := b.list(name); got != want {
		b.Fatalf("%q holds %q, want %q", name, got, want)
	}
}

// TestContract runs one table of behaviours on every file system.
func TestContract(t *testing.T) {
	benches := map[string]func(t *testing.T) bench{
		"os": func(t *testing.T) bench { return bench{T: t, fs: vfs.OS, dir: t.TempDir()} },
		"crashfs": func(t *testing.T) bench {
			b := bench{T: t, fs: crashfs.New(), dir: "/base"}
			b.must(b.fs.MkdirAll(b.dir))
			return b
		},
	}
	for system, open := range benches {
		for name, test := range contract {
			t.Run(system+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(open(t))
			})
		}
	}
}

var contract = map[string]func(b bench){
	"create, write, read": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		n, err := f.WriteAt([]byte("hello"), 0)
		b.must(err)
		if n != 5 {
			b.Fatalf("wrote %d bytes, want 5", n)
		}
		b.must(f.Sync())
		p := make([]byte, 3)
		n, err = f.ReadAt(p, 1)
		b.must(err)
		if string(p[:n]) != "ell" {
			b.Fatalf("read %q, want ell", p[:n])
		}
		b.must(f.Close())
		b.wantText("a", "hello")
	},
	"create empties what is there": func(b bench) {
		b.write("a", "old text")
		b.write("a", "new")
		b.wantText("a", "new")
	},
	"create in an absent directory": func(b bench) {
		_, err := b.fs.Create(b.at("none/a"))
		b.mustBe(err, fs.ErrNotExist)
	},
	"create over a directory": func(b bench) {
		b.must(b.fs.MkdirAll(b.at("d")))
		_, err := b.fs.Create(b.at("d"))
		b.mustFail(err, "creating a file over a directory")
	},
	"open what is absent": func(b bench) {
		_, err := b.fs.Open(b.at("none"))
		b.mustBe(err, fs.ErrNotExist)
		_, err = b.fs.OpenWrite(b.at("none"))
		b.mustBe(err, fs.ErrNotExist)
		b.wantList("", "")
	},
	"open below a file": func(b bench) {
		b.write("a", "")
		_, err := b.fs.Open(b.at("a/b"))
		b.mustFail(err, "opening a name below a file")
	},
	"open a directory": func(b bench) {
		_, err := b.fs.Open(b.dir)
		b.mustFail(err, "opening a directory")
		_, err = b.fs.OpenWrite(b.dir)
		b.mustFail(err, "opening a directory for writing")
	},
	"open is read only": func(b bench) {
		b.write("a", "text")
		f, err := b.fs.Open(b.at("a"))
		b.must(err)
		defer f.Close()
		_, err = f.WriteAt([]byte("x"), 0)
		b.mustFail(err, "writing through a handle for reading")
		b.mustFail(f.Truncate(0), "truncating through a handle for reading")
		b.must(f.Sync())
		b.wantText("a", "text")
	},
	"open for writing keeps the content": func(b bench) {
		b.write("a", "hello")
		f, err := b.fs.OpenWrite(b.at("a"))
		b.must(err)
		_, err = f.WriteAt([]byte("J"), 0)
		b.must(err)
		b.must(f.Close())
		b.wantText("a", "Jello")
	},
	"read at the end": func(b bench) {
		b.write("a", "hello")
		f, err := b.fs.Open(b.at("a"))
		b.must(err)
		defer f.Close()
		p := make([]byte, 4)
		n, err := f.ReadAt(p, 3)
		if n != 2 || err != io.EOF || string(p[:n]) != "lo" {
			b.Fatalf("ReadAt over the end: %q, %v, want lo, EOF", p[:n], err)
		}
		for _, offset := range []int64{5, 500} {
			if n, err := f.ReadAt(p, offset); n != 0 || err != io.EOF {
				b.Fatalf("ReadAt(%d): %d, %v, want 0, EOF", offset, n, err)
			}
		}
		if n, err := f.ReadAt(nil, 500); n != 0 || err != nil {
			b.Fatalf("ReadAt of nothing: %d, %v, want 0, nil", n, err)
		}
		n, err = f.ReadAt(p, -1)
		if n != 0 {
			b.Fatalf("ReadAt(-1) read %d bytes", n)
		}
		b.mustFail(err, "reading before the beginning")
	},
	"a gap reads as zeros": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		defer f.Close()
		_, err = f.WriteAt([]byte("end"), 2000)
		b.must(err)
		if want := strings.Repeat("\x00", 2000) + "end"; b.read("a") != want {
			b.Fatal("the gap is not zeros")
		}
		_, err = f.WriteAt([]byte("x"), -1)
		b.mustFail(err, "writing before the beginning")
	},
	"writing nothing extends nothing": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		defer f.Close()
		n, err := f.WriteAt(nil, 100)
		if n != 0 || err != nil {
			b.Fatalf("WriteAt of nothing: %d, %v", n, err)
		}
		b.wantList("", "a:0")
	},
	"size and truncate": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		defer f.Close()
		want := func(want int64) {
			b.Helper()
			got, err := f.Size()
			b.must(err)
			if got != want {
				b.Fatalf("size is %d, want %d", got, want)
			}
		}
		want(0)
		_, err = f.WriteAt([]byte("hello world"), 0)
		b.must(err)
		want(11)
		b.must(f.Truncate(5))
		want(5)
		b.must(f.Truncate(8))
		want(8)
		b.wantText("a", "hello\x00\x00\x00")
		b.mustFail(f.Truncate(-1), "truncating to less than nothing")
		want(8)
	},
	"preallocation keeps size and content": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		defer f.Close()
		_, err = f.WriteAt([]byte("text"), 0)
		b.must(err)
		for _, size := range []int64{1 << 20, 2, 0, -1} {
			b.must(f.Preallocate(size))
		}
		b.must(f.Sync())
		b.wantText("a", "text")
		b.wantList("", "a:4")
		_, err = f.WriteAt([]byte("!"), 4)
		b.must(err)
		b.wantText("a", "text!")
	},
	"use after close": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		b.must(f.Close())
		_, err = f.WriteAt([]byte("x"), 0)
		b.mustBe(err, fs.ErrClosed)
		_, err = f.ReadAt(make([]byte, 1), 0)
		b.mustBe(err, fs.ErrClosed)
		_, err = f.Size()
		b.mustBe(err, fs.ErrClosed)
		b.mustBe(f.Sync(), fs.ErrClosed)
		b.mustBe(f.Truncate(1), fs.ErrClosed)
		b.mustBe(f.Preallocate(1), fs.ErrClosed)
		b.mustBe(f.Close(), fs.ErrClosed)
	},
	"rename replaces": func(b bench) {
		b.write("a", "from a")
		b.write("b", "from b")
		b.must(b.fs.Rename(b.at("a"), b.at("b")))
		b.wantAbsent("a")
		b.wantText("b", "from a")
		b.must(b.fs.Rename(b.at("b"), b.at("b")))
		b.wantText("b", "from a")
	},
	"rename what is absent": func(b bench) {
		b.write("b", "text")
		b.mustBe(b.fs.Rename(b.at("a"), b.at("b")), fs.ErrNotExist)
		b.mustBe(b.fs.Rename(b.at("b"), b.at("none/b")), fs.ErrNotExist)
		b.wantText("b", "text")
	},
	"rename a directory": func(b bench) {
		b.must(b.fs.MkdirAll(b.at("d/e")))
		b.write("d/e/a", "text")
		b.must(b.fs.Rename(b.at("d"), b.at("f")))
		b.wantAbsent("d")
		b.wantText("f/e/a", "text")
		b.mustFail(b.fs.Rename(b.at("f"), b.at("f/e/g")), "renaming a directory into itself")
		b.write("file", "")
		b.mustFail(b.fs.Rename(b.at("f"), b.at("file")), "renaming a directory over a file")
		b.mustFail(b.fs.Rename(b.at("file"), b.at("f")), "renaming a file over a directory")
		b.must(b.fs.MkdirAll(b.at("empty")))
		b.mustBe(b.fs.Rename(b.at("f"), b.at("empty")), fs.ErrExist)
		b.wantText("f/e/a", "text")
	},
	"rename into another directory": func(b bench) {
		b.must(b.fs.MkdirAll(b.at("d")))
		b.write("a", "text")
		b.must(b.fs.Rename(b.at("a"), b.at("d/b")))
		b.wantList("", "d/")
		b.wantText("d/b", "text")
	},
	"handles follow the file, not the name": func(b bench) {
		f, err := b.fs.Create(b.at("a"))
		b.must(err)
		defer f.Close()
		b.must(b.fs.Rename(b.at("a"), b.at("b")))
		b.write("a", "another")
		_, err = f.WriteAt([]byte("text"), 0)
		b.must(err)
		b.wantText("b", "text")
		b.wantText("a", "another")
		b.must(b.fs.Remove(b.at("b")))
		p := make([]byte, 4)
		_, err = f.ReadAt(p, 0)
		b.must(err)
		if string(p) != "text" {
			b.Fatalf("read %q through the handle of a removed file", p)
		}
		_, err = f.WriteAt([]byte("more"), 4)
		b.must(err)
		b.wantAbsent("b")
	},
	"remove": func(b bench) {
		b.write("a", "text")
		b.must(b.fs.Remove(b.at("a")))
		b.wantAbsent("a")
		b.mustBe(b.fs.Remove(b.at("a")), fs.ErrNotExist)
		b.must(b.fs.MkdirAll(b.at("d/e")))
		b.mustFail(b.fs.Remove(b.at("d")), "removing a directory that is not empty")
		b.must(b.fs.Remove(b.at("d/e")))
		b.must(b.fs.Remove(b.at("d")))
		b.wantList("", "")
	},
	"remove all": func(b bench) {
		b.must(b.fs.MkdirAll(b.at("d/e")))
		b.write("d/a", "")
		b.write("d/e/a", "")
		b.write("keep", "text")
		b.must(b.fs.RemoveAll(b.at("d")))
		b.must(b.fs.RemoveAll(b.at("d")))
		b.must(b.fs.RemoveAll(b.at("none/none")))
		b.wantList("", "keep:4")
		b.must(b.fs.RemoveAll(b.at("keep")))
		b.wantList("", "")
	},
	"link": func(b bench) {
		b.write("a", "text")
		b.must(b.fs.Link(b.at("a"), b.at("b")))
		f, err := b.fs.OpenWrite(b.at("a"))
		b.must(err)
		_, err = f.WriteAt([]byte("T"), 0)
		b.must(err)
		b.must(f.Close())
		b.wantText("b", "Text")
		b.mustBe(b.fs.Link(b.at("a"), b.at("b")), fs.ErrExist)
		b.mustBe(b.fs.Link(b.at("none"), b.at("c")), fs.ErrNotExist)
		b.mustBe(b.fs.Link(b.at("a"), b.at("none/c")), fs.ErrNotExist)
		b.mustFail(b.fs.Link(b.dir, b.at("c")), "linking a directory")
		// Two names of one file: the rename does nothing.
		b.must(b.fs.Rename(b.at("a"), b.at("b")))
		b.wantText("a", "Text")
		b.must(b.fs.Remove(b.at("a")))
		b.wantText("b", "Text")
	},
	"make directories": func(b bench) {
		b.must(b.fs.MkdirAll(b.at("d/e/f")))
		b.must(b.fs.MkdirAll(b.at("d/e/f")))
		b.wantList("d", "e/")
		b.wantList("d/e", "f/")
		b.write("a", "")
		b.mustFail(b.fs.MkdirAll(b.at("a")), "making a directory over a file")
		b.mustFail(b.fs.MkdirAll(b.at("a/b")), "making a directory below a file")
	},
	"list and stat": func(b bench) {
		b.write("b", "12")
		b.write("a", "1")
		b.write("B", "123")
		b.must(b.fs.MkdirAll(b.at("aa")))
		b.wantList("", "B:3 a:1 aa/ b:2")
		entry, err := b.fs.Stat(b.at("b"))
		b.must(err)
		if entry != (vfs.Entry{Name: "b", Size: 2}) {
			b.Fatalf("Stat: %+v", entry)
		}
		entry, err = b.fs.Stat(b.at("aa"))
		b.must(err)
		if entry.Name != "aa" || !entry.Dir {
			b.Fatalf("Stat of a directory: %+v", entry)
		}
		_, err = b.fs.ReadDir(b.at("none"))
		b.mustBe(err, fs.ErrNotExist)
		_, err = b.fs.ReadDir(b.at("a"))
		b.mustFail(err, "listing a file")
		b.wantAbsent("none")
	},
	"sync a directory": func(b bench) {
		b.must(b.fs.SyncDir(b.dir))
		b.mustBe(b.fs.SyncDir(b.at("none")), fs.ErrNotExist)
		b.write("a", "")
		b.mustFail(b.fs.SyncDir(b.at("a")), "syncing a file as a directory")
	},
	"map": func(b bench) {
		text := strings.Repeat("0123456789", 1000)
		b.write("a", text)
		b.write("empty", "")
		mapping, err := b.fs.Map(b.at("a"))
		b.must(err)
		// A mapping outlives its file's name.
		b.must(b.fs.Remove(b.at("a")))
		if !bytes.Equal(mapping.Bytes(), []byte(text)) {
			b.Fatal("the mapping is not the file's content")
		}
		b.must(mapping.Close())
		if len(mapping.Bytes()) != 0 {
			b.Fatal("a mapping shows bytes after Close")
		}
		b.must(mapping.Close())
		mapping, err = b.fs.Map(b.at("empty"))
		b.must(err)
		if len(mapping.Bytes()) != 0 {
			b.Fatal("the mapping of an empty file is not empty")
		}
		b.must(mapping.Close())
		_, err = b.fs.Map(b.at("none"))
		b.mustBe(err, fs.ErrNotExist)
		_, err = b.fs.Map(b.dir)
		b.mustFail(err, "mapping a directory")
	},
	"free": func(b bench) {
		free, err := b.fs.Free(b.dir)
		b.must(err)
		if free == 0 {
			b.Fatal("no space is free, though there is some to write this test's files")
		}
		_, err = b.fs.Free(b.at("none"))
		b.mustBe(err, fs.ErrNotExist)
	},
	"write a file atomically": func(b bench) {
		b.must(vfs.WriteFileAtomic(b.fs, b.at("a"), []byte("one")))
		b.write("a.tmp", "left by a crash, and longer")
		b.must(vfs.WriteFileAtomic(b.fs, b.at("a"), []byte("two")))
		b.wantText("a", "two")
		b.must(vfs.WriteFileAtomic(b.fs, b.at("a"), nil))
		b.wantText("a", "")
		b.wantList("", "a:0")
		b.mustBe(vfs.WriteFileAtomic(b.fs, b.at("none/a"), nil), fs.ErrNotExist)
		// A directory in the way: nothing may be left behind.
		b.must(b.fs.MkdirAll(b.at("d")))
		b.mustFail(vfs.WriteFileAtomic(b.fs, b.at("d"), []byte("x")), "replacing a directory")
		b.wantList("", "a:0 d/")
	},
	"lock": func(b bench) {
		name := b.at("LOCK")
		holder, held, err := b.fs.Locked(name)
		if holder != "" || held || err != nil {
			b.Fatalf("Locked without a file: %q, %v, %v", holder, held, err)
		}
		b.wantAbsent("LOCK")
		lock, err := b.fs.Lock(name, "pid 1, the first")
		b.must(err)
		b.wantText("LOCK", "pid 1, the first\n")
		for range 2 {
			var locked *vfs.LockedError
			_, err = b.fs.Lock(name, "pid 2, the second")
			if !errors.As(err, &locked) {
				b.Fatalf("the second lock: %v, want a *LockedError", err)
			}
			if want := (vfs.LockedError{Name: name, Holder: "pid 1, the first"}); *locked != want {
				b.Fatalf("the second lock: %+v, want %+v", *locked, want)
			}
			if !strings.Contains(err.Error(), "pid 1, the first") || !strings.Contains(err.Error(), "LOCK") {
				b.Fatalf("the message does not say who and what: %v", err)
			}
			holder, held, err = b.fs.Locked(name)
			if holder != "pid 1, the first" || !held || err != nil {
				b.Fatalf("Locked while held: %q, %v, %v", holder, held, err)
			}
		}
		b.must(lock.Close())
		b.wantText("LOCK", "")
		b.mustBe(lock.Close(), fs.ErrClosed)
		holder, held, err = b.fs.Locked(name)
		if holder != "" || held || err != nil {
			b.Fatalf("Locked after Close: %q, %v, %v", holder, held, err)
		}
		lock, err = b.fs.Lock(name, "third")
		b.must(err)
		b.wantText("LOCK", "third\n")
		b.must(lock.Close())
		_, err = b.fs.Lock(b.at("none/LOCK"), "nobody")
		b.mustBe(err, fs.ErrNotExist)
		_, err = b.fs.Lock(b.dir, "nobody")
		b.mustFail(err, "locking a directory")
		_, _, err = b.fs.Locked(b.dir)
		b.mustFail(err, "probing a directory")
	},
	"a text without a lock is not held": func(b bench) {
		b.write("LOCK", "pid 9, who was killed\n")
		holder, held, err := b.fs.Locked(b.at("LOCK"))
		if holder != "" || held || err != nil {
			b.Fatalf("Locked: %q, %v, %v", holder, held, err)
		}
		lock, err := b.fs.Lock(b.at("LOCK"), "me")
		b.must(err)
		b.wantText("LOCK", "me\n")
		b.must(lock.Close())
	},
	"one of many gets the lock": func(b bench) {
		var group sync.WaitGroup
		locks := make(chan io.Closer, 8)
		for i := range cap(locks) {
			group.Go(func() {
				lock, err := b.fs.Lock(b.at("LOCK"), fmt.Sprint("number ", i))
				var locked *vfs.LockedError
				switch {
				case err == nil:
					locks <- lock
				case !errors.As(err, &locked):
					b.Errorf("lock %d: %v", i, err)
				}
			})
		}
		group.Wait()
		close(locks)
		if len(locks) != 1 {
			b.Fatalf("%d got the lock, want 1", len(locks))
		}
		for lock := range locks {
			b.must(lock.Close())
		}
	},
	"at once from many goroutines": func(b bench) {
		var group sync.WaitGroup
		f, err := b.fs.Create(b.at("shared"))
		b.must(err)
		defer f.Close()
		for i := range 8 {
			group.Go(func() {
				own := path.Join("d", fmt.Sprint(i))
				if err := b.fs.MkdirAll(b.at(own)); err != nil {
					b.Error(err)
				}
				for j := range 20 {
					if _, err := f.WriteAt([]byte{byte(i)}, int64(i+8*j)); err != nil {
						b.Error(err)
					}
					if err := f.Sync(); err != nil {
						b.Error(err)
					}
					if err := vfs.WriteFileAtomic(b.fs, b.at(own+"/file"), fmt.Append(nil, j)); err != nil {
						b.Error(err)
					}
					if _, err := b.fs.ReadDir(b.at("d")); err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
		if got, want := b.read("shared"), strings.Repeat("\x00\x01\x02\x03\x04\x05\x06\x07", 20); got != want {
			b.Fatalf("the shared file holds %q", got)
		}
		for i := range 8 {
			b.wantText(fmt.Sprintf("d/%d/file", i), "19")
		}
	},
}
