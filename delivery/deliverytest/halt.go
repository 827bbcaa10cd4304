//go:build unix

package deliverytest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Halt stops a process as a hung machine would, until it gets SIGCONT, and returns once none of its threads runs: a signal
// only asks for that.
func Halt(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if halted(pid) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("process %d does not stop", pid)
}

// halted tells whether all threads are stopped; where the system does not tell, whether they should be by now.
func halted(pid int) bool {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(stats) == 0 {
		time.Sleep(100 * time.Millisecond)
		return true
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path) //nolint:forbidigo // it is the kernel that tells, no disk
		if err != nil {
			continue // it has ended
		}
		if _, state, ok := bytes.Cut(stat, []byte(") ")); !ok || state[0] != 'T' {
			return false
		}
	}
	return true
}
