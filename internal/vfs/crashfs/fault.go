package crashfs

import (
	"fmt"
	"path"
	"sync/atomic"
)

// Kind is what an operation does.
type Kind int

// The kinds of operations. OpAny is none of them: FailNth and FailFrom take it
// for all.
const (
	OpAny Kind = iota
	OpCreate
	OpOpen // Open and OpenWrite
	OpRead
	OpWrite
	OpTruncate
	OpPreallocate
	OpSync
	OpClose
	OpRename
	OpRemove
	OpRemoveAll
	OpLink
	OpMkdir
	OpReadDir
	OpStat // of a name, and the size of an open file
	OpSyncDir
	OpLock
	OpLocked
	OpUnlock
	OpMap
	OpFree
)

var kindNames = [...]string{
	"any operation", "create", "open", "read", "write", "truncate", "preallocate",
	"sync", "close", "rename", "remove", "remove all", "link", "make directory",
	"read directory", "stat", "sync directory", "lock", "probe lock", "unlock",
	"map", "free space of",
}

// String names the kind as errors do.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("operation %d", int(k))
	}
	return kindNames[k]
}

// Changes tells whether operations of this kind change what a crash may leave:
// the points at which a test that crashes at every step has to.
func (k Kind) Changes() bool {
	switch k {
	case OpOpen, OpRead, OpClose, OpReadDir, OpStat, OpLocked, OpMap, OpFree:
		return false
	}
	return true
}

// Op is one operation, as a hook sees it before it happens.
type Op struct {
	// Kind is what it does.
	Kind Kind
	// Name is the file or directory, from the root; of an open file the name
	// that it was opened by.
	Name string
	// To is the second name of a rename or link.
	To string
	// Offset is where a read or write begins, or the size of a truncation.
	Offset int64
	// Len is the length of a read, write or preallocation.
	Len int64
	// Seq counts the operations of this file system, from 1. Two operations
	// that run at once may happen in the other order.
	Seq int64
}

// Hook sees an operation before it happens. An error of its is the operation's
// result, and the operation does not happen; see [PartialWrite] for writes, and
// guarantee 5 of the package for syncs. Hooks run in the goroutine of the
// operation, several at once, and may call anything.
type Hook func(Op) error

// PartialWrite is the error by which a hook lets a write fail half way.
type PartialWrite struct {
	// N is how many bytes are written first.
	N int
	// Err is the reason for the rest.
	Err error
}

// Error implements error.
func (e *PartialWrite) Error() string { return fmt.Sprintf("after %d bytes: %v", e.N, e.Err) }

// Unwrap returns the reason.
func (e *PartialWrite) Unwrap() error { return e.Err }

// SetHook makes hook see every operation from now on, in the place of the one
// before; nil ends that. Crash and Clone do not take it along.
func (fsys *FS) SetHook(hook func(op Op) error) {
	if hook == nil {
		fsys.hook.Store(nil)
		return
	}
	h := Hook(hook)
	fsys.hook.Store(&h)
}

// Ops is how many operations there were: the Seq of the latest.
func (fsys *FS) Ops() int64 { return fsys.sequence.Load() }

// before counts an operation and asks the hook. No lock is held. What the hook
// returns comes back as an fs.PathError.
func (fsys *FS) before(op Op) error {
	op.Seq = fsys.sequence.Add(1)
	hook := fsys.hook.Load()
	if hook == nil {
		return nil
	}
	if err := (*hook)(op); err != nil {
		return failure(op.Kind.String(), op.Name, err)
	}
	return nil
}

// FailNth is a hook that fails the n-th operation, from 1, of a kind on a name
// that pattern matches: as in path.Match, the whole name or its last element;
// an empty pattern matches every name. Others pass.
func FailNth(kind Kind, pattern string, n int, err error) Hook {
	return failMatching(kind, pattern, err, func(count int64) bool { return count == int64(n) })
}

// FailFrom is FailNth for the n-th operation and all after it.
func FailFrom(kind Kind, pattern string, n int, err error) Hook {
	return failMatching(kind, pattern, err, func(count int64) bool { return count >= int64(n) })
}

func failMatching(kind Kind, pattern string, failure error, fails func(count int64) bool) Hook {
	var count atomic.Int64
	return func(op Op) error {
		if kind != OpAny && op.Kind != kind {
			return nil
		}
		matched, err := matches(pattern, op.Name)
		if err != nil {
			return fmt.Errorf("crashfs: pattern %q: %w", pattern, err)
		}
		if matched && fails(count.Add(1)) {
			return failure
		}
		return nil
	}
}

func matches(pattern, name string) (bool, error) {
	if pattern == "" {
		return true, nil
	}
	for _, candidate := range []string{name, path.Base(name)} {
		if matched, err := path.Match(pattern, candidate); matched || err != nil {
			return matched, err
		}
	}
	return false, nil
}

// Hooks is a hook that asks several, in order. All see every operation; the
// first error counts.
func Hooks(hooks ...Hook) Hook {
	return func(op Op) error {
		var first error
		for _, hook := range hooks {
			if err := hook(op); err != nil && first == nil {
				first = err
			}
		}
		return first
	}
}

// DiskFull limits the bytes of all files together. Writes, preallocations and
// truncations that would exceed it fail with an error for which vfs.IsFull is
// true, a write after the bytes that fit. The limit may change at any time;
// one below what is there leaves that, and Unlimited ends it.
func (fsys *FS) DiskFull(limit int64) {
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	fsys.capacity = limit
}

// Used is how many bytes of the disk files take.
func (fsys *FS) Used() int64 {
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	return fsys.used
}

// span is a part of a file.
type span struct{ offset, length int64 }

// UnreadableRange makes reads of a file that touch a range fail with EIO, for
// every handle and after every crash, until MakeReadable.
func (fsys *FS) UnreadableRange(name string, offset, length int64) error {
	return fsys.tamper(name, func(node *inode) error {
		node.unreadable = append(node.unreadable, span{offset: offset, length: length})
		return nil
	})
}

// MakeReadable ends every UnreadableRange of a file.
func (fsys *FS) MakeReadable(name string) error {
	return fsys.tamper(name, func(node *inode) error {
		node.unreadable = nil
		return nil
	})
}
