package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/nacredb/nacre/internal/vfs"
)

// lock is a lock that someone holds. Every holder is a process of his own here.
type lock struct {
	fsys *FS
	node *inode
	name string
}

// Lock implements vfs.FS. A crash ends it.
func (fsys *FS) Lock(given, holder string) (io.Closer, error) {
	name := clean(given)
	taken := &lock{fsys: fsys, name: name}
	err := fsys.change(Op{Kind: OpLock, Name: name}, func() error {
		node, err := fsys.findOrMake(name)
		if err != nil {
			return err
		}
		if node.owner != nil {
			return &vfs.LockedError{Name: given, Holder: node.text()}
		}
		taken.node = node
		node.owner = taken
		if err := fsys.resize(node, 0); err != nil {
			return err
		}
		// On a full disk the lock holds without its text, as on a real one.
		fsys.write(node, []byte(strings.TrimSpace(holder)+"\n"), 0)
		return nil
	})
	if locked, ok := errors.AsType[*vfs.LockedError](err); ok {
		return nil, locked
	}
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// Locked implements vfs.FS.
func (fsys *FS) Locked(name string) (holder string, held bool, err error) {
	name = clean(name)
	err = fsys.look(Op{Kind: OpLocked, Name: name}, func() error {
		node, err := fsys.find(name)
		switch {
		case err == fs.ErrNotExist:
			return nil
		case err != nil:
			return err
		case node.isDir():
			return syscall.EISDIR
		}
		if held = node.owner != nil; held {
			holder = node.text()
		}
		return nil
	})
	return holder, held, err
}

// text is what a lock file says about its holder.
func (i *inode) text() string { return strings.TrimSpace(string(i.cached)) }

// Close empties the file and gives the lock back; a hook's error changes only
// the answer.
func (l *lock) Close() error {
	op := Op{Kind: OpUnlock, Name: l.name}
	injected := l.fsys.before(op)
	if !l.release() {
		return failure(op.Kind.String(), l.name, fs.ErrClosed)
	}
	l.fsys.changed()
	return injected
}

func (l *lock) release() bool {
	l.fsys.mutex.Lock()
	defer l.fsys.mutex.Unlock()
	if l.node.owner != l {
		return false
	}
	l.node.owner = nil
	before := l.node.allocated()
	l.node.truncate(0)
	l.fsys.charge(l.node, l.node.allocated()-before)
	return true
}
