package crashfs_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// tree is every file with its content, and the directories that are empty.
func tree(t testing.TB, fsys *crashfs.FS) string {
	t.Helper()
	var lines []string
	for _, name := range fsys.Files() {
		lines = append(lines, name+"="+text(t, fsys, name))
	}
	return strings.Join(lines, " ")
}

func treeOf(t testing.TB) func(crashed *crashfs.FS) string {
	return func(crashed *crashfs.FS) string { return tree(t, crashed) }
}

// durableFile makes a file durable with its name and directories.
func durableFile(t testing.TB, fsys *crashfs.FS, name, content string) {
	t.Helper()
	must(t, fsys.WriteFile(name, []byte(content)))
	wantText(t, powerLoss(fsys), name, content)
}

// TestNamesAfterACrash holds each operation on names to the states that a
// crash may leave, all of which have to come up.
func TestNamesAfterACrash(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup string // durable files, name=content
		do    func(t *testing.T, fsys *crashfs.FS)
		want  []string
	}{
		{
			name: "a synced file without a synced name",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, create(t, fsys, "a", "text").Sync())
			},
			want: []string{"", "/a=text"},
		},
		{
			name: "a synced file and name",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, create(t, fsys, "a", "text").Sync())
				must(t, fsys.SyncDir("/"))
			},
			want: []string{"/a=text"},
		},
		{
			name: "a directory whose own name is not synced takes all with it",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.MkdirAll("d/e"))
				must(t, create(t, fsys, "d/e/a", "text").Sync())
				must(t, fsys.SyncDir("d/e"))
				must(t, fsys.SyncDir("d"))
			},
			want: []string{"", "/d/e/a=text"},
		},
		{
			name:  "remove",
			setup: "/a=1",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Remove("a")) },
			want:  []string{"", "/a=1"},
		},
		{
			name:  "removes come in no order",
			setup: "/a=1 /b=2",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Remove("a"))
				must(t, fsys.Remove("b"))
			},
			want: []string{"", "/a=1", "/b=2", "/a=1 /b=2"},
		},
		{
			name:  "remove all is not atomic",
			setup: "/d/a=1 /d/e/b=2",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.RemoveAll("d")) },
			want:  []string{"", "/d/a=1", "/d/e/b=2", "/d/a=1 /d/e/b=2"},
		},
		{
			name:  "rename",
			setup: "/a=1",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Rename("a", "b")) },
			want:  []string{"/a=1", "/b=1"},
		},
		{
			name:  "rename over another",
			setup: "/a=1 /b=2",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Rename("a", "b")) },
			want:  []string{"/a=1 /b=2", "/b=1"},
		},
		{
			name:  "rename twice",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("a", "b"))
				must(t, fsys.Rename("b", "c"))
			},
			want: []string{"/a=1", "/b=1", "/c=1"},
		},
		{
			name:  "rename away and create anew",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("a", "b"))
				must(t, create(t, fsys, "a", "2").Sync())
			},
			want: []string{"/a=1", "/b=1", "/a=2 /b=1"},
		},
		{
			name:  "rename between directories, the old one synced",
			setup: "/d/a=1 /e/x=0",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("d/a", "e/a"))
				must(t, fsys.SyncDir("d"))
			},
			want: []string{"/e/a=1 /e/x=0"},
		},
		{
			name:  "rename between directories, the new one synced",
			setup: "/d/a=1 /e/x=0",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("d/a", "e/a"))
				must(t, fsys.SyncDir("e"))
			},
			want: []string{"/e/a=1 /e/x=0"},
		},
		{
			name:  "rename between directories, neither synced",
			setup: "/d/a=1 /e/x=0",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Rename("d/a", "e/a")) },
			want:  []string{"/d/a=1 /e/x=0", "/e/a=1 /e/x=0"},
		},
		{
			name:  "rename of what was created, one directory synced",
			setup: "/d/x=0 /e/x=0",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, create(t, fsys, "d/a", "1").Sync())
				must(t, fsys.Rename("d/a", "e/a"))
				must(t, fsys.SyncDir("e"))
			},
			want: []string{"/d/x=0 /e/a=1 /e/x=0"},
		},
		{
			name:  "rename into a new directory",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.MkdirAll("d/e"))
				must(t, fsys.Rename("a", "d/e/a"))
			},
			want: []string{"/a=1", "/d/e/a=1"},
		},
		{
			name:  "rename into a new directory, which is synced",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.MkdirAll("d/e"))
				must(t, fsys.Rename("a", "d/e/a"))
				must(t, fsys.SyncDir("d/e"))
			},
			want: []string{"/d/e/a=1"},
		},
		{
			name:  "rename below a new directory, of which only the lower one's name is synced",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.MkdirAll("d/e"))
				must(t, fsys.SyncDir("d"))
				must(t, fsys.Rename("a", "d/e/a"))
			},
			want: []string{"/a=1", "/d/e/a=1"},
		},
		{
			name:  "rename below a new directory, the lower one synced",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.MkdirAll("d/e"))
				must(t, fsys.SyncDir("d"))
				must(t, fsys.Rename("a", "d/e/a"))
				must(t, fsys.SyncDir("d/e"))
			},
			want: []string{"/d/e/a=1"},
		},
		{
			name:  "move out of a directory and remove it",
			setup: "/d/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("d/a", "a"))
				must(t, fsys.Remove("d"))
			},
			want: []string{"/d/a=1", "/a=1"},
		},
		{
			name:  "move out of a directory, remove it and sync",
			setup: "/d/e/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("d/e/a", "d/a"))
				must(t, fsys.Remove("d/e"))
				must(t, fsys.Rename("d/a", "a"))
				must(t, fsys.Remove("d"))
				must(t, fsys.SyncDir("/"))
			},
			want: []string{"/a=1"},
		},
		{
			name:  "directories that change places",
			setup: "/x/y/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Rename("x/y", "y"))
				must(t, fsys.Rename("x", "y/x"))
			},
			want: []string{"/x/y/a=1", "/y/a=1"},
		},
		{
			name:  "rename a directory",
			setup: "/d/a=1 /d/b=2",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Rename("d", "e")) },
			want:  []string{"/d/a=1 /d/b=2", "/e/a=1 /e/b=2"},
		},
		{
			name:  "link",
			setup: "/a=1",
			do:    func(t *testing.T, fsys *crashfs.FS) { must(t, fsys.Link("a", "b")) },
			want:  []string{"/a=1", "/a=1 /b=1"},
		},
		{
			name:  "link and remove without a sync between them may lose the file",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, fsys.Link("a", "b"))
				must(t, fsys.Remove("a"))
			},
			want: []string{"/a=1", "/a=1 /b=1", "/b=1", ""},
		},
		{
			name:  "create and remove",
			setup: "/x=0",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, create(t, fsys, "a", "1").Sync())
				must(t, fsys.Remove("a"))
			},
			want: []string{"/x=0", "/a=1 /x=0"},
		},
		{
			name:  "another directory's sync",
			setup: "/d/x=0 /e/x=0",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, create(t, fsys, "d/a", "1").Sync())
				must(t, fsys.SyncDir("e"))
				must(t, fsys.SyncDir("/"))
			},
			want: []string{"/d/x=0 /e/x=0", "/d/a=1 /d/x=0 /e/x=0"},
		},
		{
			name:  "writing atomically",
			setup: "/a=1",
			do: func(t *testing.T, fsys *crashfs.FS) {
				must(t, vfs.WriteFileAtomic(fsys, "/a", []byte("2")))
			},
			want: []string{"/a=2"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fsys := crashfs.New()
			for setup := range strings.FieldsSeq(test.setup) {
				name, content, _ := strings.Cut(setup, "=")
				durableFile(t, fsys, name, content)
			}
			test.do(t, fsys)
			seen := outcomes(t, fsys, crashfs.CrashOptions{}, treeOf(t))
			wantOutcomes(t, seen, test.want...)

			all := tree(t, fsys)
			if got := tree(t, kill(fsys)); got != all {
				t.Errorf("with KeepAll %q are left, want %q", got, all)
			}
			// What a restarted process finds may still be lost, in the same ways.
			wantOutcomes(t, outcomes(t, kill(fsys), crashfs.CrashOptions{}, treeOf(t)), test.want...)
			if got := tree(t, powerLoss(fsys)); !slices.Contains(test.want, got) {
				t.Errorf("with LoseAll %q are left", got)
			}
		})
	}
}

func TestNamesProbability(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	must(t, create(t, fsys, "a", "1").Sync())
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{Names: 1}, treeOf(t)), "/a=1")
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{Names: -1}, treeOf(t)), "")
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{Names: 0.5}, treeOf(t)), "", "/a=1")
}

// TestNoDurableFileVanishes moves durable files and directories around at
// random, syncing some directories. A file that nobody removed or replaced must
// be there after every crash, once; and what was synced must be where it is.
func TestNoDurableFileVanishes(t *testing.T) {
	t.Parallel()
	forSeeds(t, 2000, func(r random) {
		fsys := crashfs.New()
		files := map[string]string{} // the content of each, by its present name
		for i := range 4 {
			name := fmt.Sprintf("/d%d/f", i)
			files[name] = fmt.Sprint("content ", i)
			durableFile(r.T, fsys, name, files[name])
		}
		for step := range 1 + r.IntN(15) {
			moveSomething(r, fsys, files, step)
			crashed := fsys.Crash(r.Rand, crashfs.CrashOptions{})
			found := map[string]string{}
			for _, name := range crashed.Files() {
				content := text(r.T, crashed, name)
				if other, twice := found[content]; twice {
					r.Fatalf("%q is under two names, %s and %s", content, other, name)
				}
				found[content] = name
			}
			for name, content := range files {
				if found[content] == "" {
					r.Fatalf("%q, now %s, vanished", content, name)
				}
			}
		}
		// Once every directory is synced, from the root down, nothing is left
		// to chance.
		syncTree(r, fsys, "/")
		want := tree(r.T, fsys)
		for range 3 {
			if got := tree(r.T, fsys.Crash(r.Rand, crashfs.CrashOptions{})); got != want {
				r.Fatalf("all was synced, and a crash left %q of %q", got, want)
			}
		}
	})
}

// moveSomething does one random operation that loses no file.
func moveSomething(r random, fsys *crashfs.FS, files map[string]string, step int) {
	dirs := directories(r, fsys, "/")
	dir := dirs[r.IntN(len(dirs))]
	switch r.IntN(6) {
	case 0:
		r.must(fsys.MkdirAll(path.Join(dir, fmt.Sprintf("n%d", step))))
	case 1: // Fails where the directory is not empty, which is as good.
		if dir != "/" {
			_ = fsys.Remove(dir)
		}
	case 2: // Fails where it would move into itself.
		other := dirs[r.IntN(len(dirs))]
		if dir != "/" {
			to := path.Join(other, fmt.Sprintf("m%d", step))
			if fsys.Rename(dir, to) == nil {
				for name, content := range maps.Clone(files) {
					if rest, inside := strings.CutPrefix(name, dir+"/"); inside {
						delete(files, name)
						files[path.Join(to, rest)] = content
					}
				}
			}
		}
	case 3:
		r.must(fsys.SyncDir(dir))
	default:
		names := slices.Sorted(maps.Keys(files))
		from := names[r.IntN(len(names))]
		to := path.Join(dir, fmt.Sprintf("f%d", r.IntN(3)))
		if _, err := fsys.Stat(to); err == nil {
			return
		}
		r.must(fsys.Rename(from, to))
		files[to] = files[from]
		delete(files, from)
	}
}

// directories lists a directory and all below it.
func directories(r random, fsys *crashfs.FS, dir string) []string {
	entries, err := fsys.ReadDir(dir)
	r.must(err)
	all := []string{dir}
	for _, entry := range entries {
		if entry.Dir {
			all = append(all, directories(r, fsys, path.Join(dir, entry.Name))...)
		}
	}
	return all
}

func syncTree(r random, fsys *crashfs.FS, dir string) {
	for _, dir := range directories(r, fsys, dir) {
		r.must(fsys.SyncDir(dir))
	}
}

// TestWriteFileAtomicAtEveryStep crashes before each operation of it and after
// the last: the old content or the new, and the new once it has returned.
func TestWriteFileAtomicAtEveryStep(t *testing.T) {
	t.Parallel()
	oldText, newText := strings.Repeat("old", 700), strings.Repeat("new", 900)
	if seen := crashAtEveryStep(t, oldText, func(fsys vfs.FS) error {
		return vfs.WriteFileAtomic(fsys, "/d/a", []byte(newText))
	}); len(seen) != 2 || seen[oldText] == 0 || seen[newText] == 0 {
		t.Fatalf("crashes left %d contents, want the old and the new one", len(seen))
	}

	// The same without the sync: the crashes must show what is wrong with it.
	if seen := crashAtEveryStep(t, oldText, func(fsys vfs.FS) error {
		f, err := fsys.Create("/d/a.tmp")
		must(t, err)
		write(t, f, 0, newText)
		must(t, f.Close())
		must(t, fsys.Rename("/d/a.tmp", "/d/a"))
		return fsys.SyncDir("/d")
	}); len(seen) <= 2 {
		t.Fatal("no crash found that the data was not synced before the rename")
	}
}

// crashAtEveryStep crashes often before each operation of do, inside the hook,
// and counts what is then in /d/a.
func crashAtEveryStep(t *testing.T, before string, do func(fsys vfs.FS) error) map[string]int {
	fsys := crashfs.New()
	durableFile(t, fsys, "/d/a", before)
	seen := map[string]int{}
	look := func(crashed *crashfs.FS) string { return text(t, crashed, "/d/a") }
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind.Changes() {
			for outcome, count := range outcomes(t, fsys, crashfs.CrashOptions{}, look) {
				seen[outcome] += count
			}
		}
		return nil
	})
	must(t, do(fsys))
	fsys.SetHook(nil)
	after := outcomes(t, fsys, crashfs.CrashOptions{}, look)
	for outcome, count := range after {
		seen[outcome] += count
	}
	return seen
}

// TestACrashIsIndependent changes each side after a crash.
func TestACrashIsIndependent(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(fsys *crashfs.FS) *crashfs.FS{
		"power loss": powerLoss, "kill": kill, "clone": (*crashfs.FS).Clone,
	} {
		t.Run(name, func(t *testing.T) {
			fsys := crashfs.New()
			durableFile(t, fsys, "/d/a", "before")
			crashed := crash(fsys)
			f, err := fsys.OpenWrite("/d/a")
			must(t, err)
			write(t, f, 0, "BEFORE")
			must(t, f.Sync())
			must(t, fsys.Rename("/d/a", "/d/b"))
			must(t, fsys.SyncDir("/d"))
			must(t, crashed.WriteFile("/d/c", []byte("after")))
			if got, want := tree(t, fsys), "/d/b=BEFORE"; got != want {
				t.Errorf("the file system holds %q, want %q", got, want)
			}
			if got, want := tree(t, crashed), "/d/a=before /d/c=after"; got != want {
				t.Errorf("the crashed one holds %q, want %q", got, want)
			}
			if _, err := crashed.Stat("/d/b"); err == nil {
				t.Error("a name came over")
			}
		})
	}
}

// TestTheSameSeedLeavesTheSame crashes twice with one seed.
func TestTheSameSeedLeavesTheSame(t *testing.T) {
	t.Parallel()
	build := func() *crashfs.FS {
		fsys := crashfs.New()
		for i := range 20 {
			name := fmt.Sprintf("d%d/f", i)
			must(t, fsys.MkdirAll(path.Dir(name)))
			f := create(t, fsys, name, strings.Repeat("a", 3000))
			if i%2 == 0 {
				must(t, f.Sync())
				write(t, f, 1000, strings.Repeat("b", 3000))
			}
		}
		return fsys
	}
	first, second := build(), build()
	different := map[string]bool{}
	for seed := range uint64(50) {
		a := tree(t, first.Crash(rand.New(rand.NewPCG(seed, 0)), crashfs.CrashOptions{}))
		b := tree(t, second.Crash(rand.New(rand.NewPCG(seed, 0)), crashfs.CrashOptions{}))
		if a != b {
			t.Fatalf("seed %d left two different trees", seed)
		}
		different[a] = true
	}
	if len(different) < 10 {
		t.Fatalf("50 seeds left only %d different trees", len(different))
	}
}

// TestLocksEndWithACrash takes a lock that its holder never gives back.
func TestLocksEndWithACrash(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	_, err := fsys.Lock("LOCK", "pid 1")
	must(t, err)
	for name, crashed := range map[string]*crashfs.FS{"kill": kill(fsys), "clone": fsys.Clone(), "power loss": powerLoss(fsys)} {
		if holder, held, err := crashed.Locked("LOCK"); held || holder != "" || err != nil {
			t.Errorf("%s: %q, %v, %v, want that nobody holds it", name, holder, held, err)
		}
		lock, err := crashed.Lock("LOCK", "pid 2")
		must(t, err)
		must(t, lock.Close())
	}
	if _, held, err := fsys.Locked("LOCK"); !held || err != nil {
		t.Errorf("the file system itself: %v, %v, want that the lock is held still", held, err)
	}
	wantText(t, kill(fsys), "LOCK", "pid 1\n")
}

// TestNamesOfTheRoot tries what cannot be done to it.
func TestNamesOfTheRoot(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	must(t, fsys.MkdirAll("/"))
	must(t, fsys.SyncDir(""))
	must(t, fsys.MkdirAll("d"))
	for what, err := range map[string]error{
		"remove":      fsys.Remove("/"),
		"remove all":  fsys.RemoveAll("."),
		"rename":      fsys.Rename("/", "/d/root"),
		"rename over": fsys.Rename("/d", "/"),
		"link":        fsys.Link("/", "/x"),
	} {
		if err == nil {
			t.Errorf("%s of the root did not fail", what)
		}
	}
	if _, err := fsys.Create("/"); err == nil {
		t.Error("creating the root as a file did not fail")
	}
	if _, err := fsys.Stat("../.."); err != nil {
		t.Errorf("Stat of the root: %v", err)
	}
	if _, err := fsys.Stat("d/../e"); err == nil || !strings.Contains(err.Error(), "stat /e: "+fs.ErrNotExist.Error()) {
		t.Errorf("Stat of an absent name: %v, want operation and name", err)
	}
}
