package crashfs

import (
	"errors"
	"io/fs"
	"sync/atomic"
	"syscall"

	"github.com/nacredb/nacre/internal/vfs"
)

// file is an open handle. It stays on its inode when the name moves on.
type file struct {
	fsys     *FS
	node     *inode
	name     string // as it was opened, for hooks and errors
	writable bool
	closed   atomic.Bool
}

func (fsys *FS) newHandle(node *inode, name string, writable bool) *file {
	return &file{fsys: fsys, node: node, name: name, writable: writable}
}

// asFile keeps a nil *file from becoming a vfs.File that is not nil.
func asFile(opened *file, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// usable tells why an operation on the handle cannot be, before any hook.
func (f *file) usable(op Op, writes bool) error {
	switch {
	case f.closed.Load():
		return failure(op.Kind.String(), f.name, fs.ErrClosed)
	case writes && !f.writable:
		return failure(op.Kind.String(), f.name, syscall.EBADF)
	case op.Offset < 0 || op.Len < 0:
		return failure(op.Kind.String(), f.name, syscall.EINVAL)
	case writes && op.Offset+op.Len > maxFileSize, writes && op.Offset > maxFileSize:
		return failure(op.Kind.String(), f.name, syscall.EFBIG)
	}
	return nil
}

// ReadAt implements vfs.File. A range that is unreadable ends it with EIO after
// the bytes before that range.
func (f *file) ReadAt(p []byte, offset int64) (n int, err error) {
	op := Op{Kind: OpRead, Name: f.name, Offset: offset, Len: int64(len(p))}
	if err := f.usable(op, false); err != nil {
		return 0, err
	}
	if err := f.fsys.before(op); err != nil {
		return 0, err
	}
	f.fsys.mutex.RLock()
	defer f.fsys.mutex.RUnlock()
	n, err = f.node.readAt(p, offset)
	for _, bad := range f.node.unreadable {
		if bad.offset < offset+int64(n) && offset < bad.offset+bad.length {
			n = int(max(bad.offset-offset, 0))
			err = failure(op.Kind.String(), f.name, syscall.EIO)
		}
	}
	return n, err
}

// WriteAt implements vfs.File. On a disk that gets full it writes what fits.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	op := Op{Kind: OpWrite, Name: f.name, Offset: offset, Len: int64(len(p))}
	if err := f.usable(op, true); err != nil {
		return 0, err
	}
	injected := f.fsys.before(op)
	if injected != nil {
		var partial *PartialWrite
		if !errors.As(injected, &partial) {
			return 0, injected
		}
		p = p[:max(0, min(partial.N, len(p)))]
	}
	f.fsys.mutex.Lock()
	n := f.fsys.write(f.node, p, offset)
	f.fsys.mutex.Unlock()
	f.fsys.changed()
	if n < len(p) {
		return n, failure(op.Kind.String(), f.name, vfs.ErrFull)
	}
	return n, injected
}

// Size implements vfs.File.
func (f *file) Size() (int64, error) {
	op := Op{Kind: OpStat, Name: f.name}
	if err := f.usable(op, false); err != nil {
		return 0, err
	}
	if err := f.fsys.before(op); err != nil {
		return 0, err
	}
	f.fsys.mutex.RLock()
	defer f.fsys.mutex.RUnlock()
	return f.node.size(), nil
}

// Truncate implements vfs.File.
func (f *file) Truncate(size int64) error {
	op := Op{Kind: OpTruncate, Name: f.name, Offset: size}
	if err := f.usable(op, true); err != nil {
		return err
	}
	return f.fsys.change(op, func() error { return f.fsys.resize(f.node, size) })
}

// Preallocate implements vfs.File.
func (f *file) Preallocate(size int64) error {
	op := Op{Kind: OpPreallocate, Name: f.name, Len: size}
	if size < 0 {
		return nil // as little is reserved as for 0
	}
	if err := f.usable(op, true); err != nil {
		return err
	}
	return f.fsys.change(op, func() error {
		more := size - f.node.allocated()
		if more <= 0 {
			return nil
		}
		if more > f.fsys.room(f.node) {
			return vfs.ErrFull
		}
		f.node.reserved = size
		f.fsys.charge(f.node, more)
		return nil
	})
}

// Sync implements vfs.File. Where a hook fails it, the data counts as clean all
// the same.
func (f *file) Sync() error {
	op := Op{Kind: OpSync, Name: f.name}
	if err := f.usable(op, false); err != nil {
		return err
	}
	injected := f.fsys.before(op)
	f.fsys.mutex.Lock()
	defer f.fsys.mutex.Unlock()
	if injected != nil {
		f.node.markClean()
		return injected
	}
	f.node.sync()
	return nil
}

// Close implements vfs.File. The handle is closed even where a hook fails it.
func (f *file) Close() error {
	op := Op{Kind: OpClose, Name: f.name}
	if f.closed.Swap(true) {
		return failure(op.Kind.String(), f.name, fs.ErrClosed)
	}
	return f.fsys.before(op)
}

// write writes as much as the disk has room for. The mutex is held.
func (fsys *FS) write(node *inode, p []byte, offset int64) int {
	more := offset + int64(len(p)) - node.allocated()
	if len(p) > 0 && more > 0 {
		if missing := more - fsys.room(node); missing > 0 {
			p = p[:max(0, int64(len(p))-missing)]
		}
	}
	before := node.allocated()
	node.writeAt(p, offset)
	fsys.charge(node, node.allocated()-before)
	return len(p)
}

// resize sets a file's size. The mutex is held.
func (fsys *FS) resize(node *inode, size int64) error {
	before := node.allocated()
	if size-before > fsys.room(node) {
		return vfs.ErrFull
	}
	node.truncate(size)
	fsys.charge(node, node.allocated()-before)
	return nil
}

// room is how many bytes a file may still take. A file without a name takes
// none of the disk's.
func (fsys *FS) room(node *inode) int64 {
	if node.names == 0 {
		return maxFileSize
	}
	return fsys.free()
}

func (fsys *FS) free() int64 { return max(0, fsys.capacity-fsys.used) }

func (fsys *FS) charge(node *inode, bytes int64) {
	if node.names > 0 {
		fsys.used += bytes
	}
}
