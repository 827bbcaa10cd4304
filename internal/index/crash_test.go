package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// made is something that writes one file, durably or not at all.
type made struct {
	name string
	make func(fsys vfs.FS) (path string, err error)
	// check opens the file and compares it.
	check func(r random, fsys vfs.FS, path string)
}

// makers builds a run, merges runs and writes offsets, on a disk that prepare
// has readied.
func makers(r random) (prepare func() *crashfs.FS, all []made) {
	h := NewHasher(testKey, 0)
	a := newAuthor(r.Rand, 1)
	left, leftModel := a.fill(h, 300)
	right, _ := a.fill(h, 200)
	whole := newModel(1, h)
	b := newAuthor(r.Rand, 1)
	both := NewMem(1, h)
	for range 100 {
		e := b.event()
		both.index(e)
		whole.add(e)
	}
	offsets := make([]uint32, 3000)
	for i := range offsets {
		offsets[i] = uint32(i * 7)
	}
	prepare = func() *crashfs.FS {
		fsys := newDisk(r.T)
		for _, m := range []*Mem{left, right} {
			_, err := BuildRun(fsys, "/index", m, 1)
			r.must(err)
		}
		r.must(fsys.MkdirAll("/new"))
		r.must(fsys.SyncDir("/"))
		return fsys
	}
	all = []made{{
		name: "build",
		make: func(fsys vfs.FS) (string, error) { return BuildRun(fsys, "/new", both, 1) },
		check: func(r random, fsys vfs.FS, path string) {
			run := mustOpen(r.T, fsys, path, h)
			r.must(run.Check())
			whole.compare(r, run)
		},
	}, {
		name: "merge",
		make: func(fsys vfs.FS) (string, error) {
			var runs []*Run
			listed, _, err := ListRuns(fsys, "/index")
			for _, l := range listed {
				if err != nil {
					break
				}
				var run *Run
				if run, err = OpenRun(fsys, l.Path, h); err == nil {
					runs = append(runs, run)
				}
			}
			if err != nil {
				return "", err
			}
			return Merge(context.Background(), fsys, "/new", runs, nil)
		},
		check: func(r random, fsys vfs.FS, path string) {
			run := mustOpen(r.T, fsys, path, h)
			r.must(run.Check())
			for term, list := range leftModel.lists {
				p, err := run.Lookup(term)
				r.must(err)
				if got, err := collect(p.Walk(Forward, 0)); err != nil || !slices.Equal(got[:len(list)], list) {
					r.Fatalf("merged, term %x walks to %v, %v; want %v and more", term, got, err, list)
				}
			}
		},
	}, {
		name: "offsets",
		make: func(fsys vfs.FS) (string, error) { return WriteOffsets(fsys, "/new", 5, offsets, 21_000) },
		check: func(r random, fsys vfs.FS, path string) {
			o, err := OpenOffsets(fsys, path)
			r.must(err)
			defer o.Close()
			r.must(o.Check())
		},
	}}
	return prepare, all
}

// TestCrashAtEveryStep loses power before each operation on the disk, and after
// the last: a file is there whole or not at all, and stays once it was told to
// be there.
func TestCrashAtEveryStep(t *testing.T) {
	forSeeds(t, 2, func(r random) {
		prepare, all := makers(r)
		for _, x := range all {
			crashed, found := 0, 0
			for step := int64(1); ; step++ {
				fsys := prepare()
				start := fsys.Ops()
				var after *crashfs.FS
				fsys.SetHook(func(op crashfs.Op) error {
					if op.Seq == start+step {
						after = fsys.Crash(r.Rand, crashfs.CrashOptions{})
					}
					return nil
				})
				path, err := x.make(fsys)
				fsys.SetHook(nil)
				r.must(err)
				done := after == nil
				if done {
					after = fsys.Crash(r.Rand, crashfs.CrashOptions{})
				}
				crashed++
				if _, err := after.Stat(path); err == nil {
					found++
					x.check(r, after, path)
				} else if !errors.Is(err, fs.ErrNotExist) || done {
					r.Fatalf("%s, crash before operation %d: %v", x.name, step, err)
				}
				r.onlyKnownFiles(after)
				if done {
					break
				}
			}
			if crashed < 5 || found == 0 {
				r.Fatalf("%s: %d crashes, and %d left a file", x.name, crashed, found)
			}
		}
	})
}

// onlyKnownFiles fails where something is left that nobody would ever remove.
func (r random) onlyKnownFiles(fsys *crashfs.FS) {
	r.Helper()
	_, stale, err := ListRuns(fsys, "/new")
	r.must(err)
	entries, err := fsys.ReadDir("/new")
	r.must(err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name, temporarySuffix) && !slices.Contains(stale, "/new/"+e.Name) {
			r.Fatalf("%s is left and not listed as stale", e.Name)
		}
	}
}

// TestFailureAtEveryStep fails each operation on the disk in turn: the error
// comes back, and nothing is left that looks whole and is not.
func TestFailureAtEveryStep(t *testing.T) {
	failure := errors.New("the disk is broken")
	forSeeds(t, 1, func(r random) {
		prepare, all := makers(r)
		for _, x := range all {
			for step := int64(1); ; step++ {
				fsys := prepare()
				start := fsys.Ops()
				failed := crashfs.OpAny
				fsys.SetHook(func(op crashfs.Op) error {
					if op.Seq == start+step {
						failed = op.Kind
						return failure
					}
					return nil
				})
				path, err := x.make(fsys)
				fsys.SetHook(nil)
				if failed == crashfs.OpAny {
					r.must(err)
					break
				}
				if !errors.Is(err, failure) {
					r.Fatalf("%s: operation %d, %v, failed, and the error is %v", x.name, step, failed, err)
				}
				if failed != crashfs.OpSyncDir {
					r.noFiles(fsys, fmt.Sprintf("%s after operation %d, %v, failed", x.name, step, failed))
				}
				_ = path
			}
		}
	})
}

func (r random) noFiles(fsys vfs.FS, when string) {
	r.Helper()
	entries, err := fsys.ReadDir("/new")
	r.must(err)
	if len(entries) > 0 {
		r.Fatalf("%s: there is %v", when, entries)
	}
}

func TestFullDisk(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		prepare, all := makers(r)
		for _, x := range all {
			fsys := prepare()
			fsys.DiskFull(fsys.Used() + 1000)
			if _, err := x.make(fsys); !vfs.IsFull(err) {
				r.Fatalf("%s on a full disk: %v", x.name, err)
			}
			r.noFiles(fsys, x.name+" on a full disk")
			fsys.DiskFull(1 << 30)
			path, err := x.make(fsys)
			r.must(err)
			x.check(r, fsys, path)
		}
	})
}
