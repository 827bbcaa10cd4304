package vfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// openLock makes a lock file with the text of a process that was killed.
func openLock(t *testing.T) (name string, f *os.File) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "LOCK")
	if err := os.WriteFile(name, []byte("pid 9, who was killed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // closed already where the test got so far
	return name, f
}

// TestALockHeldByProbesNamesNobody keeps a probe's lock for longer than Lock
// waits: the text in the file is not of the one who holds it.
func TestALockHeldByProbesNamesNobody(t *testing.T) {
	t.Parallel()
	name, probe := openLock(t)
	if granted, err := tryLock(probe, false); !granted || err != nil {
		t.Fatalf("the probe's lock: %v, %v", granted, err)
	}
	var locked *LockedError
	if _, err := OS.Lock(name, "me"); !errors.As(err, &locked) || locked.Holder != "" {
		t.Fatalf("Lock: %v, want that an unknown one holds it", err)
	}
	if err := unlock(probe); err != nil {
		t.Fatal(err)
	}
	lock, err := OS.Lock(name, "me")
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestALockOfAnUnlinkedFileIsNone removes the file between its opening and its
// locking.
func TestALockOfAnUnlinkedFileIsNone(t *testing.T) {
	t.Parallel()
	name, f := openLock(t)
	if !isStill(f, name) {
		t.Fatal("the name leads to the file, and isStill says no")
	}
	if err := os.Remove(name); err != nil {
		t.Skipf("this system does not remove open files: %v", err)
	}
	if isStill(f, name) {
		t.Fatal("the name is gone, and isStill says that it leads to the file")
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if isStill(f, name) {
		t.Fatal("the name leads to another file, and isStill says to this one")
	}
}
