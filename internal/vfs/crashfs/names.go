package crashfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
)

// nameChange is one operation on names: node gets the name `to`, loses the name
// `from`, or both, which is a rename. What stood at `to` is replaced.
type nameChange struct {
	node     *inode
	from, to place // one without a directory is absent

	// removed is the directory that this removes. It may only be gone when
	// everything that was moved out of it is.
	removed *inode
}

// places are the names that the change touches. Changes that touch one name
// depend on each other in their order.
func (c nameChange) places() []place {
	touched := make([]place, 0, 2)
	for _, at := range []place{c.from, c.to} {
		if at.dir != nil {
			touched = append(touched, at)
		}
	}
	return touched
}

// enter carries out a change on what is seen now and remembers it until a
// SyncDir. The mutex is held.
func (fsys *FS) enter(change nameChange) {
	if change.from.dir != nil {
		delete(change.from.dir.entries, change.from.name)
		fsys.dropName(change.node)
	}
	if change.to.dir != nil {
		if replaced, ok := change.to.dir.entries[change.to.name]; ok {
			fsys.dropName(replaced)
		}
		change.to.dir.entries[change.to.name] = change.node
		if change.node.names == 0 {
			fsys.used += change.node.allocated()
		}
		change.node.names++
	} else if change.node.isDir() {
		change.removed = change.node
	}
	fsys.pending = append(fsys.pending, change)
}

// dropName counts a name down. The space comes back with the last name.
func (fsys *FS) dropName(node *inode) {
	node.names--
	if node.names == 0 {
		fsys.used -= node.allocated()
	}
}

// commit carries out a change on what is durable.
func (c nameChange) commit() {
	if c.from.dir != nil {
		delete(c.from.dir.durable, c.from.name)
	}
	if c.to.dir != nil {
		c.to.dir.durable[c.to.name] = c.node
		c.node.parent = c.to.dir
	}
}

// commitDir makes the changes in one directory durable, and those before them
// that they depend on. The mutex is held.
func (fsys *FS) commitDir(dir *inode) {
	dirs := map[*inode]bool{dir: true} // every earlier change in these is needed
	places := map[place]bool{}         // every earlier change of these too
	nodes := map[*inode]bool{}         // and every earlier change that named these

	needed := make([]bool, len(fsys.pending))
	for i, change := range slices.Backward(fsys.pending) {
		touched := change.places()
		needed[i] = nodes[change.node] || slices.ContainsFunc(touched, func(at place) bool {
			return dirs[at.dir] || places[at]
		})
		if !needed[i] {
			continue
		}
		for _, at := range touched {
			places[at] = true
		}
		if change.removed != nil {
			dirs[change.removed] = true
		}
		// A rename must not move a durable file into a directory that a crash
		// takes away. What was only created there may go with it.
		if change.isRename() || nodes[change.node] {
			for above := change.to.dir; above != nil; above = above.parent {
				nodes[above] = true
			}
		}
	}
	var remaining []nameChange
	for i, change := range fsys.pending {
		if needed[i] {
			change.commit()
		} else {
			remaining = append(remaining, change)
		}
	}
	fsys.pending = remaining
}

// commitSome makes the changes durable that keep allows, and drops the others:
// a power loss. A change is lost with any that it depends on. The mutex is held.
func (fsys *FS) commitSome(keep func() bool) {
	lostPlaces := map[place]bool{}
	lostDirs := map[*inode]bool{} // directories with a lost change in them
	for _, change := range fsys.pending {
		touched := change.places()
		kept := keep() && !lostDirs[change.removed] &&
			!slices.ContainsFunc(touched, func(at place) bool { return lostPlaces[at] }) &&
			!(change.isRename() && fsys.leadsNowhere(change))
		if kept {
			change.commit()
			continue
		}
		for _, at := range touched {
			lostPlaces[at] = true
			lostDirs[at.dir] = true
		}
	}
	fsys.pending = nil
}

func (c nameChange) isRename() bool { return c.from.dir != nil && c.to.dir != nil }

// leadsNowhere tells whether a rename's target directory is lost, or, since
// another rename is lost, inside of what the rename moves.
func (fsys *FS) leadsNowhere(rename nameChange) bool {
	for above := rename.to.dir; above != fsys.root; above = above.parent {
		if above == nil || above == rename.node {
			return true
		}
	}
	return false
}

// Rename implements vfs.FS.
func (fsys *FS) Rename(from, to string) error {
	from, to = clean(from), clean(to)
	return fsys.change(Op{Kind: OpRename, Name: from, To: to}, func() error {
		source, err := fsys.placeOf(from)
		if err != nil {
			return err
		}
		node, ok := source.dir.entries[source.name]
		if !ok {
			return fs.ErrNotExist
		}
		target, err := fsys.placeOf(to)
		if err != nil {
			return err
		}
		if node.isDir() && node.holds(target.dir) {
			return syscall.EINVAL
		}
		if replaced, ok := target.dir.entries[target.name]; ok {
			if replaced == node {
				return nil // two names of one file: POSIX says that nothing happens
			}
			if replaced.isDir() {
				return syscall.EEXIST
			}
			if node.isDir() {
				return syscall.ENOTDIR
			}
		}
		fsys.enter(nameChange{node: node, from: source, to: target})
		return nil
	})
}

// holds tells whether a directory is node or somewhere below it.
func (i *inode) holds(dir *inode) bool {
	if i == dir {
		return true
	}
	for _, child := range i.entries {
		if child.isDir() && child.holds(dir) {
			return true
		}
	}
	return false
}

// Remove implements vfs.FS.
func (fsys *FS) Remove(name string) error {
	name = clean(name)
	return fsys.change(Op{Kind: OpRemove, Name: name}, func() error {
		at, err := fsys.placeOf(name)
		if err != nil {
			return err
		}
		node, ok := at.dir.entries[at.name]
		if !ok {
			return fs.ErrNotExist
		}
		if len(node.entries) > 0 {
			return syscall.ENOTEMPTY
		}
		fsys.enter(nameChange{node: node, from: at})
		return nil
	})
}

// RemoveAll implements vfs.FS. A crash may leave some of what it removed.
func (fsys *FS) RemoveAll(name string) error {
	name = clean(name)
	return fsys.change(Op{Kind: OpRemoveAll, Name: name}, func() error {
		at, err := fsys.placeOf(name)
		if err == fs.ErrNotExist {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := at.dir.entries[at.name]; ok {
			fsys.removeTree(at)
		}
		return nil
	})
}

func (fsys *FS) removeTree(at place) {
	node := at.dir.entries[at.name]
	for _, child := range slices.Sorted(maps.Keys(node.entries)) {
		fsys.removeTree(place{dir: node, name: child})
	}
	fsys.enter(nameChange{node: node, from: at})
}

// Link implements vfs.FS.
func (fsys *FS) Link(from, to string) error {
	from, to = clean(from), clean(to)
	return fsys.change(Op{Kind: OpLink, Name: from, To: to}, func() error {
		node, err := fsys.find(from)
		if err != nil {
			return err
		}
		if node.isDir() {
			return syscall.EPERM
		}
		target, err := fsys.placeOf(to)
		if err != nil {
			return err
		}
		if _, ok := target.dir.entries[target.name]; ok {
			return fs.ErrExist
		}
		fsys.enter(nameChange{node: node, to: target})
		return nil
	})
}

// MkdirAll implements vfs.FS.
func (fsys *FS) MkdirAll(name string) error {
	name = clean(name)
	return fsys.change(Op{Kind: OpMkdir, Name: name}, func() error { return fsys.makeDirs(name) })
}

// makeDirs makes a directory and its parents. The mutex is held.
func (fsys *FS) makeDirs(name string) error {
	if _, err := fsys.findDir(name); err != fs.ErrNotExist {
		return err
	}
	at, err := fsys.placeOf(name)
	if err == fs.ErrNotExist {
		if err = fsys.makeDirs(path.Dir(name)); err == nil {
			at, err = fsys.placeOf(name)
		}
	}
	if err != nil {
		return err
	}
	node := fsys.newInode(true)
	fsys.enter(nameChange{node: node, to: at})
	return nil
}

// SyncDir implements vfs.FS.
func (fsys *FS) SyncDir(name string) error {
	name = clean(name)
	return fsys.change(Op{Kind: OpSyncDir, Name: name}, func() error {
		dir, err := fsys.findDir(name)
		if err != nil {
			return err
		}
		fsys.commitDir(dir)
		return nil
	})
}
