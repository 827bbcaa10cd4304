package vfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

// lockFileVariable makes this test binary a process that holds a lock.
const lockFileVariable = "NACRE_VFS_TEST_LOCK"

func TestMain(m *testing.M) {
	if name := os.Getenv(lockFileVariable); name != "" {
		os.Exit(holdLock(name))
	}
	os.Exit(m.Run())
}

// holdLock takes the lock, says so, and gives it back when its input ends.
func holdLock(name string) int {
	lock, err := vfs.OS.Lock(name, fmt.Sprintf("pid %d, another process", os.Getpid()))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("locked")
	_, err = io.Copy(io.Discard, os.Stdin)
	if err = errors.Join(err, lock.Close()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// process is another process that holds a lock.
type process struct {
	*exec.Cmd
	input io.Closer
}

func startHolder(t *testing.T, name string) process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(executable)
	command.Env = append(os.Environ(), lockFileVariable+"="+name)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Both fail where the test has ended the process already.
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("the other process says %q, %v, want locked", line, err)
	}
	return process{Cmd: command, input: input}
}

func TestLockExcludesAnotherProcess(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "LOCK")
	wantHeld := func(by process) {
		t.Helper()
		want := fmt.Sprintf("pid %d, another process", by.Process.Pid)
		var locked *vfs.LockedError
		if _, err := vfs.OS.Lock(name, "me"); !errors.As(err, &locked) || locked.Holder != want || locked.Name != name {
			t.Fatalf("Lock: %v, want that %q holds it", err, want)
		}
		if holder, held, err := vfs.OS.Locked(name); holder != want || !held || err != nil {
			t.Fatalf("Locked: %q, %v, %v, want %q", holder, held, err, want)
		}
	}
	wantFree := func() {
		t.Helper()
		if holder, held, err := vfs.OS.Locked(name); holder != "" || held || err != nil {
			t.Fatalf("Locked: %q, %v, %v, want that nobody holds it", holder, held, err)
		}
		lock, err := vfs.OS.Lock(name, "me")
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}

	leaves := startHolder(t, name)
	wantHeld(leaves)
	if err := errors.Join(leaves.input.Close(), leaves.Wait()); err != nil {
		t.Fatal(err)
	}
	wantFree()

	killed := startHolder(t, name)
	wantHeld(killed)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err == nil {
		t.Fatal("the killed process says that it ended well")
	}
	if text, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(text), "pid ") {
		t.Fatalf("the lock file holds %q, %v, want what the killed process wrote", text, err)
	}
	wantFree()
}

// TestProbesDoNotRefuseALock probes without a pause, on a file whose text a
// killed process left behind, while one holder after the other comes and goes.
func TestProbesDoNotRefuseALock(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "LOCK")
	var done atomic.Bool
	var probes sync.WaitGroup
	for range 2 {
		probes.Go(func() {
			for !done.Load() {
				if _, _, err := vfs.OS.Locked(name); err != nil {
					t.Errorf("Locked: %v", err)
					return
				}
			}
		})
	}
	defer probes.Wait()
	defer done.Store(true)
	for i := range 50 {
		if err := os.WriteFile(name, []byte("pid 9, who was killed\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		lock, err := vfs.OS.Lock(name, "me")
		if err != nil {
			t.Fatalf("lock %d: %v", i, err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockOfARemovedFile takes a lock whose file is then removed: the next one
// gets a lock on a new file, and closing the first does not touch it.
func TestLockOfARemovedFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "LOCK")
	first, err := vfs.OS.Lock(name, "first")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Skipf("this system does not remove open files: %v", err)
	}
	second, err := vfs.OS.Lock(name, "second")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if holder, held, err := vfs.OS.Locked(name); holder != "second" || !held || err != nil {
		t.Fatalf("Locked: %q, %v, %v, want that the second holds it", holder, held, err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}
