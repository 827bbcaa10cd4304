package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

func TestIsFull(t *testing.T) {
	t.Parallel()
	full := []error{vfs.ErrFull, fmt.Errorf("append: %w", &fs.PathError{Op: "write", Path: "a", Err: vfs.ErrFull})}
	if runtime.GOOS != "windows" {
		full = append(full, &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}, syscall.EDQUOT)
	}
	for _, err := range full {
		if !vfs.IsFull(err) {
			t.Errorf("IsFull(%v) is false", err)
		}
	}
	for _, err := range []error{nil, fs.ErrNotExist, syscall.EIO, errors.New("disk full")} {
		if vfs.IsFull(err) {
			t.Errorf("IsFull(%v) is true", err)
		}
	}
}

// TestDeviceThatIsFull writes to the device of Linux on which every write finds
// the disk full.
func TestDeviceThatIsFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	f, err := vfs.OS.OpenWrite("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); !vfs.IsFull(err) {
		t.Fatalf("WriteAt: %v, want an error of a full disk", err)
	}
}

// TestPreallocateReserves asks the file system how many blocks a file has.
func TestPreallocateReserves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if !preallocates(t, dir) {
		t.Skip("this system or this file system does not preallocate")
	}
	name := filepath.Join(dir, "a")
	f, err := vfs.OS.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 4 << 20
	if err := f.Preallocate(size); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if allocated := allocatedBytes(info); info.Size() != 0 || allocated < size {
		t.Fatalf("size %d, %d bytes allocated, want 0 and at least %d", info.Size(), allocated, size)
	}
}

func TestReadDirFollowsSymbolicLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(elsewhere, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "a")); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	entries, err := vfs.OS.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0] != (vfs.Entry{Name: "a", Size: 5}) {
		t.Fatalf("ReadDir: %+v, want a with 5 bytes, and not b, which leads nowhere", entries)
	}
}

func TestLockedErrorWithoutHolder(t *testing.T) {
	t.Parallel()
	err := &vfs.LockedError{Name: "data/LOCK"}
	want := "data/LOCK is locked by someone who did not say who: end that process first, or use another directory"
	if err.Error() != want {
		t.Fatalf("message is %q, want %q", err, want)
	}
}
