package crashfs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// Files lists the names of all files, sorted. Directories that hold none do
// not show.
func (fsys *FS) Files() []string {
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	var names []string
	fsys.root.walk("/", func(name string, _ *inode) { names = append(names, name) })
	slices.Sort(names)
	return names
}

// walk visits the files in a directory and below it, in order.
func (i *inode) walk(name string, visit func(name string, node *inode)) {
	for _, child := range slices.Sorted(maps.Keys(i.entries)) {
		node := i.entries[child]
		if node.isDir() {
			node.walk(path.Join(name, child), visit)
		} else {
			visit(path.Join(name, child), node)
		}
	}
}

// ReadFile returns a copy of a file's present content, past hooks and
// unreadable ranges.
func (fsys *FS) ReadFile(name string) ([]byte, error) {
	name = clean(name)
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	node, err := fsys.findFile(name)
	if err != nil {
		return nil, failure("read", name, err)
	}
	return duplicate(node.cached), nil
}

// WriteFile makes a file hold a copy of data, with the directories above it,
// all of it durable, past hooks and limits: the setup of a test. What else waits
// for a SyncDir in those directories becomes durable too.
func (fsys *FS) WriteFile(name string, data []byte) error {
	name = clean(name)
	defer fsys.changed()
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	if err := fsys.makeDirs(path.Dir(name)); err != nil {
		return failure("write", name, err)
	}
	node, err := fsys.findOrMake(name)
	if err != nil {
		return failure("write", name, err)
	}
	before := node.allocated()
	node.settle(data)
	fsys.charge(node, node.allocated()-before)
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		node, err := fsys.findDir(dir)
		if err != nil {
			return failure("write", name, err)
		}
		fsys.commitDir(node)
		if dir == "/" {
			return nil
		}
	}
}

// Corrupt flips the bits of mask in one byte of a file, as it is read and as it
// is on the disk: a rotten bit, which no sync and no crash mends.
func (fsys *FS) Corrupt(name string, offset int64, mask byte) error {
	return fsys.tamper(name, func(node *inode) error {
		if offset < 0 || offset >= node.size() {
			return fmt.Errorf("offset %d is outside of the file's %d bytes", offset, node.size())
		}
		node.cached[offset] ^= mask
		if offset < int64(len(node.platter)) {
			node.platter[offset] ^= mask
		}
		return nil
	})
}

// Writeback writes each dirty sector of each file to the disk with the given
// probability, as the kernel does on its own, early and without order. It does
// not make sizes or names durable.
func (fsys *FS) Writeback(rng *rand.Rand, probability float64) {
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	visited := map[*inode]bool{}
	fsys.root.walk("/", func(_ string, node *inode) {
		// Behind a truncation that waits there are no blocks yet.
		if visited[node] || node.lowSize < node.durableSize {
			return
		}
		visited[node] = true
		for sector, dirty := range node.dirty {
			if dirty && rng.Float64() < probability {
				node.toPlatter(int64(sector))
				node.dirty[sector] = false
			}
		}
	})
}

// tamper changes a file past hooks.
func (fsys *FS) tamper(name string, change func(node *inode) error) error {
	name = clean(name)
	fsys.mutex.Lock()
	defer fsys.mutex.Unlock()
	node, err := fsys.findFile(name)
	if err == nil {
		err = change(node)
	}
	if err != nil {
		return failure("tamper with", name, err)
	}
	return nil
}
