package runner

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
)

// living are the tokens of the leases that this process holds: how a lease of a process id like this one's is
// known to be an earlier process's.
var living tokens

type tokens struct {
	mu  sync.Mutex
	set map[string]bool
}

func (t *tokens) add(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		t.set = map[string]bool{}
	}
	t.set[token] = true
}

func (t *tokens) has(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.set[token]
}

// remove tells whether it was there.
func (t *tokens) remove(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	there := t.set[token]
	delete(t.set, token)
	return there
}

// space is in which process ids mean something: the boot of the machine, and the namespace of a container. It is
// "" where the system does not tell.
func space() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id") //nolint:forbidigo // it is the kernel that tells, no disk
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// alive tells whether a process of this machine has the id; true where that cannot be known.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	_ = p.Release() // it was not waited for, and there is nothing to be done
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
