package crashfs

import (
	"io/fs"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nacredb/nacre/internal/vfs"
)

// Unlimited is the capacity of a disk that never fills up.
const Unlimited = math.MaxInt64

// FS is a file system in memory that can crash. It is the product of [New],
// Crash and Clone.
type FS struct {
	hook     atomic.Pointer[Hook]
	sequence atomic.Int64

	mutex     sync.RWMutex // guards everything below and every inode
	root      *inode
	pending   []nameChange // operations on names that are not durable, oldest first
	nextInode int64
	capacity  int64
	used      int64
	watchers  map[*vfs.Signal]struct{}
}

var (
	_ vfs.FS         = (*FS)(nil)
	_ vfs.DirWatcher = (*FS)(nil)
)

// inode is a file or a directory, whatever names lead to it.
type inode struct {
	id    int64 // in order of creation
	names int   // how many names lead here now
	owner *lock // who holds the lock on this file

	// Of a directory; entries is nil for a file.
	entries map[string]*inode // what the names lead to now
	durable map[string]*inode // what they led to when they last were durable
	parent  *inode            // the directory that durably holds this one

	// Of a file.
	content
	unreadable []span
}

func (i *inode) isDir() bool { return i.entries != nil }

// New makes an empty file system on a disk without a limit.
func New() *FS {
	fsys := &FS{capacity: Unlimited, watchers: map[*vfs.Signal]struct{}{}}
	fsys.root = fsys.newInode(true)
	fsys.root.names = 1
	return fsys
}

func (fsys *FS) newInode(dir bool) *inode {
	fsys.nextInode++
	node := &inode{id: fsys.nextInode}
	if dir {
		node.entries, node.durable = map[string]*inode{}, map[string]*inode{}
	}
	return node
}

// clean makes the one spelling of a name that everything inside uses.
func clean(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }

func failure(operation, name string, err error) error {
	return &fs.PathError{Op: operation, Path: name, Err: err}
}

// find walks to what a clean name leads to. The mutex is held.
func (fsys *FS) find(name string) (*inode, error) {
	node := fsys.root
	for element := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
		if element == "" {
			continue // the root itself
		}
		if !node.isDir() {
			return nil, syscall.ENOTDIR
		}
		next, ok := node.entries[element]
		if !ok {
			return nil, fs.ErrNotExist
		}
		node = next
	}
	return node, nil
}

// place is a name in a directory.
type place struct {
	dir  *inode
	name string
}

// placeOf finds the directory that a clean name stands in. The name itself need
// not be there. The mutex is held.
func (fsys *FS) placeOf(name string) (place, error) {
	if name == "/" {
		return place{}, syscall.EBUSY // the root has no name that could change
	}
	dir, err := fsys.find(path.Dir(name))
	if err != nil {
		return place{}, err
	}
	if !dir.isDir() {
		return place{}, syscall.ENOTDIR
	}
	return place{dir: dir, name: path.Base(name)}, nil
}

// changed wakes the watchers, after the mutex was released. It does not ask in
// which directory: a Watcher may wake for nothing.
func (fsys *FS) changed() {
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	for watcher := range fsys.watchers {
		watcher.Notify()
	}
}

// Watch implements vfs.DirWatcher.
func (fsys *FS) Watch(string) (vfs.Watcher, error) {
	var watcher *vfs.Signal
	watcher = vfs.NewSignal(func() error {
		fsys.mutex.Lock()
		defer fsys.mutex.Unlock()
		delete(fsys.watchers, watcher)
		return nil
	})
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	fsys.watchers[watcher] = struct{}{}
	return watcher, nil
}

// change runs an operation that changes something: the hook first, then the
// operation under the mutex, then the watchers.
func (fsys *FS) change(op Op, operation func() error) error {
	if err := fsys.before(op); err != nil {
		return err
	}
	fsys.mutex.Lock()
	err := operation()
	fsys.mutex.Unlock()
	fsys.changed()
	if err != nil {
		return failure(op.Kind.String(), op.Name, err)
	}
	return nil
}

// look runs an operation that only reads.
func (fsys *FS) look(op Op, operation func() error) error {
	if err := fsys.before(op); err != nil {
		return err
	}
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	if err := operation(); err != nil {
		return failure(op.Kind.String(), op.Name, err)
	}
	return nil
}

// Create implements vfs.FS. On a file that is there it is a truncation.
func (fsys *FS) Create(name string) (vfs.File, error) {
	name = clean(name)
	var opened *file
	err := fsys.change(Op{Kind: OpCreate, Name: name}, func() error {
		node, err := fsys.findOrMake(name)
		if err != nil {
			return err
		}
		if err := fsys.resize(node, 0); err != nil {
			return err
		}
		opened = fsys.newHandle(node, name, true)
		return nil
	})
	return asFile(opened, err)
}

// findOrMake finds a file or makes an empty one. The mutex is held.
func (fsys *FS) findOrMake(name string) (*inode, error) {
	at, err := fsys.placeOf(name)
	if err != nil {
		return nil, err
	}
	node, ok := at.dir.entries[at.name]
	if !ok {
		node = fsys.newInode(false)
		fsys.enter(nameChange{node: node, to: at})
	}
	if node.isDir() {
		return nil, syscall.EISDIR
	}
	return node, nil
}

// Open implements vfs.FS.
func (fsys *FS) Open(name string) (vfs.File, error) { return fsys.open(name, false) }

// OpenWrite implements vfs.FS.
func (fsys *FS) OpenWrite(name string) (vfs.File, error) { return fsys.open(name, true) }

func (fsys *FS) open(name string, writable bool) (vfs.File, error) {
	name = clean(name)
	op := Op{Kind: OpOpen, Name: name}
	if err := fsys.before(op); err != nil {
		return nil, err
	}
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	node, err := fsys.findFile(name)
	if err != nil {
		return nil, failure(op.Kind.String(), name, err)
	}
	return fsys.newHandle(node, name, writable), nil
}

// findFile finds what must be a file. The mutex is held.
func (fsys *FS) findFile(name string) (*inode, error) {
	node, err := fsys.find(name)
	if err == nil && node.isDir() {
		err = syscall.EISDIR
	}
	return node, err
}

// findDir finds what must be a directory. The mutex is held.
func (fsys *FS) findDir(name string) (*inode, error) {
	node, err := fsys.find(name)
	if err == nil && !node.isDir() {
		err = syscall.ENOTDIR
	}
	return node, err
}

// ReadDir implements vfs.FS.
func (fsys *FS) ReadDir(name string) (entries []vfs.Entry, err error) {
	name = clean(name)
	err = fsys.look(Op{Kind: OpReadDir, Name: name}, func() error {
		dir, err := fsys.findDir(name)
		if err != nil {
			return err
		}
		entries = make([]vfs.Entry, 0, len(dir.entries))
		for _, child := range slices.Sorted(maps.Keys(dir.entries)) {
			entries = append(entries, entryOf(child, dir.entries[child]))
		}
		return nil
	})
	return entries, err
}

// Stat implements vfs.FS.
func (fsys *FS) Stat(name string) (entry vfs.Entry, err error) {
	name = clean(name)
	err = fsys.look(Op{Kind: OpStat, Name: name}, func() error {
		node, err := fsys.find(name)
		if err == nil {
			entry = entryOf(path.Base(name), node)
		}
		return err
	})
	return entry, err
}

func entryOf(name string, node *inode) vfs.Entry {
	return vfs.Entry{Name: name, Size: node.size(), Dir: node.isDir()}
}

// Map implements vfs.FS with a copy of the bytes at this moment. Unreadable
// ranges read as what they held: only ReadAt tells of them.
func (fsys *FS) Map(name string) (vfs.Mapping, error) {
	name = clean(name)
	var copied mapping
	err := fsys.look(Op{Kind: OpMap, Name: name}, func() error {
		node, err := fsys.findFile(name)
		if err == nil {
			copied.bytes = slices.Clone(node.cached)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &copied, nil
}

type mapping struct{ bytes []byte }

func (m *mapping) Bytes() []byte { return m.bytes }

func (m *mapping) Close() error {
	m.bytes = nil // so that a use after Close fails here as it does on a disk
	return nil
}

// Free implements vfs.FS. A disk without a limit has 1 TiB free.
func (fsys *FS) Free(dir string) (free uint64, err error) {
	dir = clean(dir)
	err = fsys.look(Op{Kind: OpFree, Name: dir}, func() error {
		_, err := fsys.find(dir)
		free = uint64(min(fsys.free(), 1<<40))
		return err
	})
	if err != nil {
		return 0, err
	}
	return free, nil
}
