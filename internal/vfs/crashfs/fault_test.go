package crashfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// everyOperation does each operation of the interface once, in the order of
// the table below, and returns their errors.
func everyOperation(fsys *crashfs.FS) map[crashfs.Kind]error {
	errs := map[crashfs.Kind]error{}
	errs[crashfs.OpMkdir] = fsys.MkdirAll("d")
	f, err := fsys.Create("d/a")
	errs[crashfs.OpCreate] = err
	if err != nil {
		_ = fsys.WriteFile("d/a", nil) // so that the others have a file
	}
	g, err := fsys.OpenWrite("d/a")
	errs[crashfs.OpOpen] = err
	if f == nil {
		f = g
	}
	_, errs[crashfs.OpWrite] = f.WriteAt([]byte("text"), 2)
	_, errs[crashfs.OpRead] = f.ReadAt(make([]byte, 0), 0)
	_, errs[crashfs.OpStat] = f.Size()
	errs[crashfs.OpTruncate] = f.Truncate(3)
	errs[crashfs.OpPreallocate] = f.Preallocate(100)
	errs[crashfs.OpSync] = f.Sync()
	errs[crashfs.OpClose] = f.Close()
	errs[crashfs.OpLink] = fsys.Link("d/a", "d/b")
	errs[crashfs.OpRename] = fsys.Rename("d/a", "d/c")
	errs[crashfs.OpSyncDir] = fsys.SyncDir("d")
	_, errs[crashfs.OpReadDir] = fsys.ReadDir("d")
	_, err = fsys.Stat("d")
	errs[crashfs.OpStat] = errors.Join(errs[crashfs.OpStat], err)
	lock, err := fsys.Lock("LOCK", "me")
	errs[crashfs.OpLock] = err
	_, _, errs[crashfs.OpLocked] = fsys.Locked("LOCK")
	if lock != nil {
		errs[crashfs.OpUnlock] = lock.Close()
	}
	mapping, err := fsys.Map("LOCK")
	if errs[crashfs.OpLock] == nil {
		errs[crashfs.OpMap] = err
	}
	if mapping != nil {
		_ = mapping.Close()
	}
	_, errs[crashfs.OpFree] = fsys.Free("/")
	_ = fsys.WriteFile("gone", nil)
	errs[crashfs.OpRemove] = fsys.Remove("gone")
	errs[crashfs.OpRemoveAll] = fsys.RemoveAll("d")
	maps.DeleteFunc(errs, func(_ crashfs.Kind, err error) bool { return err == nil })
	return errs
}

// TestHookSeesEveryOperation compares what a hook is told with what was done.
func TestHookSeesEveryOperation(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	var seen []string
	fsys.SetHook(func(op crashfs.Op) error {
		if want := int64(len(seen) + 1); op.Seq != want {
			t.Errorf("%s has number %d, want %d", op.Kind, op.Seq, want)
		}
		line := fmt.Sprint(op.Kind, " ", op.Name)
		if op.To != "" {
			line += " to " + op.To
		}
		if op.Offset != 0 || op.Len != 0 {
			line += fmt.Sprintf(" %d+%d", op.Offset, op.Len)
		}
		seen = append(seen, line)
		return nil
	})
	if errs := everyOperation(fsys); len(errs) > 0 {
		t.Fatalf("operations failed: %v", errs)
	}
	want := []string{
		"make directory /d", "create /d/a", "open /d/a", "write /d/a 2+4", "read /d/a", "stat /d/a",
		"truncate /d/a 3+0", "preallocate /d/a 0+100", "sync /d/a", "close /d/a",
		"link /d/a to /d/b", "rename /d/a to /d/c", "sync directory /d", "read directory /d", "stat /d",
		"lock /LOCK", "probe lock /LOCK", "unlock /LOCK", "map /LOCK", "free space of /",
		"remove /gone", "remove all /d",
	}
	if !slices.Equal(seen, want) {
		t.Fatalf("the hook saw\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
	if got := fsys.Ops(); got != int64(len(want)) {
		t.Fatalf("Ops is %d, want %d", got, len(want))
	}
	fsys.SetHook(nil)
	must(t, fsys.MkdirAll("e"))
	if len(seen) != len(want) {
		t.Fatal("a hook that was taken away was called")
	}
}

// TestEveryKindCanFail fails each kind of operation in turn: its caller gets
// the error, with operation and name, and no other operation fails by it.
func TestEveryKindCanFail(t *testing.T) {
	t.Parallel()
	for kind := crashfs.OpCreate; kind <= crashfs.OpFree; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			fsys := crashfs.New()
			if kind == crashfs.OpMkdir {
				must(t, fsys.WriteFile("d/x", nil))
			}
			fsys.SetHook(crashfs.FailFrom(kind, "", 1, errBoom))
			errs := everyOperation(fsys)
			var failed *fs.PathError
			if !errors.As(errs[kind], &failed) || !errors.Is(errs[kind], errBoom) || failed.Op != kind.String() {
				t.Errorf("the operation's error is %v", errs[kind])
			}
			delete(errs, kind)
			if len(errs) > 0 {
				t.Errorf("others failed too: %v", errs)
			}
		})
	}
}

// TestKindsThatChangeSomething keeps a test that crashes before each of them
// from leaving one out.
func TestKindsThatChangeSomething(t *testing.T) {
	t.Parallel()
	var still []string
	for kind := crashfs.OpCreate; kind <= crashfs.OpFree; kind++ {
		if !kind.Changes() {
			still = append(still, kind.String())
		}
	}
	want := "open, read, close, read directory, stat, probe lock, map, free space of"
	if got := strings.Join(still, ", "); got != want {
		t.Errorf("these kinds change nothing: %s, want %s", got, want)
	}
	if got := crashfs.Kind(-1).String(); got != "operation -1" {
		t.Errorf("an unknown kind is called %q", got)
	}
}

func TestFailedOperationsDoNothing(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	durableFile(t, fsys, "/a", "text")
	f, err := fsys.OpenWrite("a")
	must(t, err)
	want := fsys.Clone()
	fsys.SetHook(func(op crashfs.Op) error { return errBoom })
	n, err := f.WriteAt([]byte("xyz"), 0)
	if n != 0 {
		t.Errorf("a failed write wrote %d bytes", n)
	}
	_, created := fsys.Create("a")
	_, locked := fsys.Lock("a", "me")
	for what, err := range map[string]error{
		"write": err, "create": created, "lock": locked, "truncate": f.Truncate(1), "remove": fsys.Remove("a"),
		"remove all": fsys.RemoveAll("/a"), "rename": fsys.Rename("a", "b"), "link": fsys.Link("a", "b"),
		"make directories": fsys.MkdirAll("d"), "sync directory": fsys.SyncDir("/"), "close": f.Close(),
	} {
		if !errors.Is(err, errBoom) {
			t.Errorf("%s: %v, want the hook's error", what, err)
		}
	}
	fsys.SetHook(nil)
	if got := tree(t, fsys); got != tree(t, want) {
		t.Errorf("%q are left, want %q", got, tree(t, want))
	}
	if _, held, err := fsys.Locked("a"); held || err != nil {
		t.Errorf("a failed lock is held: %v, %v", held, err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("writing after a failed close: %v, want that the file is closed", err)
	}
}

func TestFailNthAndFailFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		hook crashfs.Hook
		want string // one character a write: - failed, + not
	}{
		{"third of all", crashfs.FailNth(crashfs.OpWrite, "", 3, errBoom), "++-+++"},
		{"from the fourth", crashfs.FailFrom(crashfs.OpWrite, "", 4, errBoom), "+++---"},
		{"second of a", crashfs.FailNth(crashfs.OpWrite, "a.log", 2, errBoom), "++-+++"},
		{"second by pattern", crashfs.FailNth(crashfs.OpWrite, "b.*", 2, errBoom), "+++-++"},
		{"whole name", crashfs.FailFrom(crashfs.OpWrite, "/d/*.log", 1, errBoom), "------"},
		{"another directory", crashfs.FailFrom(crashfs.OpWrite, "/e/*", 1, errBoom), "++++++"},
		{"another kind", crashfs.FailFrom(crashfs.OpSync, "", 1, errBoom), "++++++"},
		{"any kind", crashfs.FailNth(crashfs.OpAny, "", 3, errBoom), "++-+++"},
		{
			"two hooks", crashfs.Hooks(
				crashfs.FailNth(crashfs.OpWrite, "", 2, errBoom), crashfs.FailNth(crashfs.OpWrite, "", 5, errBoom),
			), "+-++-+",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fsys := crashfs.New()
			must(t, fsys.MkdirAll("d"))
			a, b := create(t, fsys, "d/a.log", ""), create(t, fsys, "d/b.log", "")
			fsys.SetHook(test.hook)
			got := ""
			for range 3 {
				for _, f := range []vfs.File{a, b} {
					switch _, err := f.WriteAt([]byte("x"), 0); {
					case err == nil:
						got += "+"
					case errors.Is(err, errBoom):
						got += "-"
					default:
						t.Fatal(err)
					}
				}
			}
			if got != test.want {
				t.Errorf("writes went %s, want %s", got, test.want)
			}
		})
	}
	bad := crashfs.FailNth(crashfs.OpAny, "[", 1, errBoom)
	if err := bad(crashfs.Op{Name: "/a"}); err == nil || errors.Is(err, errBoom) {
		t.Errorf("a bad pattern: %v, want an error that names it", err)
	}
}

func TestPartialWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ n, want int }{{3, 3}, {0, 0}, {-1, 0}, {100, 6}} {
		fsys := crashfs.New()
		f := create(t, fsys, "a", "......")
		fsys.SetHook(crashfs.FailNth(crashfs.OpWrite, "", 1, &crashfs.PartialWrite{N: test.n, Err: errBoom}))
		n, err := f.WriteAt([]byte("abcdef"), 0)
		if n != test.want || !errors.Is(err, errBoom) {
			t.Errorf("N %d: wrote %d, %v, want %d and the reason", test.n, n, err, test.want)
		}
		wantText(t, fsys, "a", "abcdef"[:test.want]+"......"[test.want:])
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "12345")
	fsys.DiskFull(10)
	wantFree := func(want uint64) {
		t.Helper()
		if got, err := fsys.Free("/"); got != want || err != nil {
			t.Fatalf("Free: %d, %v, want %d", got, err, want)
		}
	}
	wantFull := func(err error) {
		t.Helper()
		if !vfs.IsFull(err) {
			t.Fatalf("error is %v, want one of a full disk", err)
		}
	}
	wantFree(5)

	// A write that does not fit writes what does.
	n, err := f.WriteAt([]byte("6789ABCD"), 5)
	wantFull(err)
	if n != 5 {
		t.Fatalf("wrote %d bytes, want 5", n)
	}
	wantText(t, fsys, "a", "123456789A")
	wantFree(0)
	n, err = f.WriteAt([]byte("x"), 50)
	wantFull(err)
	if n != 0 {
		t.Fatalf("wrote %d bytes to a full disk", n)
	}
	wantFull(f.Truncate(11))
	wantFull(f.Preallocate(11))
	wantText(t, fsys, "a", "123456789A")

	// Rewriting takes no space; empty files and names take none; the lock
	// holds without its text.
	write(t, f, 0, "abc")
	must(t, create(t, fsys, "b", "").Close())
	lock, err := fsys.Lock("LOCK", "me")
	must(t, err)
	if holder, held, err := fsys.Locked("LOCK"); holder != "" || !held || err != nil {
		t.Fatalf("Locked: %q, %v, %v, want held by nobody known", holder, held, err)
	}
	must(t, lock.Close())
	wantFull(vfs.WriteFileAtomic(fsys, "/c", []byte("text")))
	if _, err := fsys.Stat("/c.tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the temporary file: %v, want that it is gone", err)
	}

	// It heals.
	fsys.DiskFull(20)
	wantFree(10)
	write(t, f, 10, "BCD")
	must(t, f.Preallocate(20))
	wantFree(0)
	write(t, f, 13, "EFGHIJK")
	_, err = f.WriteAt([]byte("L"), 20)
	wantFull(err)

	// Space comes back by truncating, replacing and removing.
	must(t, f.Truncate(4))
	wantFree(16)
	must(t, create(t, fsys, "b", "0123456789").Close())
	wantFree(6)
	must(t, fsys.Link("b", "c"))
	must(t, fsys.Remove("b"))
	wantFree(6)
	must(t, fsys.Rename("a", "c"))
	wantFree(16)
	fsys.DiskFull(2)
	wantFree(0)
	crashed := kill(fsys)
	_, err = crashed.Create("/new")
	must(t, err)
	g, err := crashed.OpenWrite("/c")
	must(t, err)
	_, err = g.WriteAt([]byte("x"), 4)
	wantFull(err)
	fsys.DiskFull(crashfs.Unlimited)
	write(t, f, 0, strings.Repeat("x", 1000))
	must(t, fsys.RemoveAll("c"))
	if got := fsys.Used(); got != 0 {
		t.Fatalf("%d bytes are used by nothing", got)
	}
}

// TestUsedIsTheSumOfTheFiles does random operations and adds the sizes up.
func TestUsedIsTheSumOfTheFiles(t *testing.T) {
	t.Parallel()
	forSeeds(t, 200, func(r random) {
		fsys := crashfs.New()
		check := func(fsys *crashfs.FS) {
			var sum int64
			for _, name := range fsys.Files() {
				sum += int64(len(text(r.T, fsys, name)))
			}
			if got := fsys.Used(); got != sum {
				r.Fatalf("%d bytes are used, and the files have %d", got, sum)
			}
		}
		name := func() string { return fmt.Sprintf("/f%d", r.IntN(4)) }
		var open []vfs.File
		for range 40 {
			switch r.IntN(6) {
			case 5:
				fsys, open = fsys.Crash(r.Rand, crashfs.CrashOptions{KeepAll: r.IntN(2) == 0}), nil
			case 0:
				f, err := fsys.Create(name())
				r.must(err)
				open = append(open, f)
			case 1: // Fail where there is nothing, which changes nothing.
				_ = fsys.Rename(name(), name())
			case 2:
				_ = fsys.Remove(name())
			case 3:
				if len(open) > 0 {
					r.must(open[r.IntN(len(open))].Truncate(int64(r.IntN(2000))))
				}
			case 4:
				if len(open) > 0 {
					_, err := open[r.IntN(len(open))].WriteAt(make([]byte, r.IntN(2000)), int64(r.IntN(2000)))
					r.must(err)
				}
			}
			check(fsys)
			check(fsys.Clone())
			check(fsys.Crash(r.Rand, crashfs.CrashOptions{}))
		}
	})
}

func TestUnreadableRange(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	durableFile(t, fsys, "/a", "0123456789")
	must(t, fsys.UnreadableRange("a", 6, 2))
	for _, fsys := range []*crashfs.FS{fsys, powerLoss(fsys), kill(fsys)} {
		f, err := fsys.Open("a")
		must(t, err)
		tests := []struct {
			offset int64
			length int
			want   string
			fails  bool
		}{{0, 6, "012345", false}, {0, 7, "012345", true}, {4, 6, "45", true}, {7, 1, "", true}, {7, 3, "", true}, {8, 2, "89", false}}
		for _, test := range tests {
			p := make([]byte, test.length)
			n, err := f.ReadAt(p, test.offset)
			if string(p[:n]) != test.want || errors.Is(err, syscall.EIO) != test.fails || !test.fails && err != nil {
				t.Errorf("ReadAt of %d at %d: %q, %v", test.length, test.offset, p[:n], err)
			}
		}
		mapping, err := fsys.Map("a")
		must(t, err)
		if string(mapping.Bytes()) != "0123456789" {
			t.Errorf("the mapping holds %q", mapping.Bytes())
		}
		wantText(t, fsys, "a", "0123456789")
		must(t, fsys.MakeReadable("a"))
		if _, err := f.ReadAt(make([]byte, 10), 0); err != nil {
			t.Error(err)
		}
	}
	if err := fsys.UnreadableRange("none", 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestCorrupt(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	durableFile(t, fsys, "/a", "abc")
	f, err := fsys.OpenWrite("a")
	must(t, err)
	write(t, f, 3, "def")
	must(t, fsys.Corrupt("a", 1, 0x20))
	must(t, fsys.Corrupt("a", 4, 0x20))
	wantText(t, fsys, "a", "aBcdEf")
	wantText(t, powerLoss(fsys), "a", "aBc")
	must(t, f.Sync())
	wantText(t, powerLoss(fsys), "a", "aBcdEf")
	for _, offset := range []int64{-1, 6} {
		if err := fsys.Corrupt("a", offset, 1); err == nil {
			t.Errorf("flipping a bit at %d of 6 bytes did not fail", offset)
		}
	}
	if err := fsys.Corrupt("/", 0, 1); err == nil {
		t.Error("flipping a bit of a directory did not fail")
	}
}

// TestFilesAreBounded tries offsets that no memory could hold.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	f := create(t, crashfs.New(), "a", "text")
	for _, offset := range []int64{1 << 40, 1<<63 - 1} {
		if _, err := f.WriteAt([]byte("x"), offset); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("WriteAt(%d): %v", offset, err)
		}
		if err := f.Truncate(offset); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("Truncate(%d): %v", offset, err)
		}
		if err := f.Preallocate(offset); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("Preallocate(%d): %v", offset, err)
		}
		if _, err := f.ReadAt(make([]byte, 1), offset); err == nil {
			t.Errorf("ReadAt(%d) did not fail", offset)
		}
	}
}

// TestHooksRunUnlocked uses the file system inside its own hook, from several
// goroutines.
func TestHooksRunUnlocked(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	durableFile(t, fsys, "/a", strings.Repeat("a", 2000))
	fsys.SetHook(func(op crashfs.Op) error {
		if !op.Kind.Changes() {
			return nil
		}
		crashed := kill(fsys)
		wantText(t, crashed.Crash(nil, crashfs.CrashOptions{LoseAll: true}), "a", strings.Repeat("a", 2000))
		_, err := fsys.Stat("/a")
		return err
	})
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			name := fmt.Sprintf("/b%d", i)
			for j := range 20 {
				if err := vfs.WriteFileAtomic(fsys, name, fmt.Append(nil, j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i := range 4 {
		wantText(t, powerLoss(fsys), fmt.Sprintf("/b%d", i), "19")
	}
}
