package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// Names in a data folder that are a server's own. What begins with the prefixes was being made or removed
// when a process ended, and is nobody's.
const (
	serverLock    = ".server.lock"
	keysFile      = "keys.json"
	scratchFolder = ".scratch"
	madePrefix    = ".made-"
	removedPrefix = ".removed-"
)

// folders are a server's stores: the folders of a directory. One process serves a directory at a time.
type folders struct {
	dir     string
	options filestore.Options
	log     *slog.Logger
	lock    io.Closer
}

// openFolders makes the directory where there is none, takes it for this process, and clears away what a
// process that was killed has left. What is returned must be closed.
func openFolders(dir string, o *filestore.Options, lg *slog.Logger) (*folders, error) {
	if err := vfs.OS.MkdirAll(dir); err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be made: %w", err)
	}
	lock, err := vfs.OS.Lock(filepath.Join(dir, serverLock), fmt.Sprintf("process %d", os.Getpid()))
	if held, ok := errors.AsType[*vfs.LockedError](err); ok {
		who := held.Holder
		if who == "" {
			who = "another process"
		}
		return nil, nacre.Errorf(nacre.CodeLocked, "%s is being served by %s already: stop it first, or give another --data", dir, who)
	}
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be locked: %w", err)
	}
	f := &folders{dir: dir, options: *o, log: lg, lock: lock}
	if err := f.tidy(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

// tidy removes leftovers, makes the folder for what is under way, and tells of folders that are not served.
func (f *folders) tidy() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be read: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, madePrefix), strings.HasPrefix(name, removedPrefix), name == scratchFolder:
			if err := os.RemoveAll(f.path(name)); err != nil {
				return nacre.Errorf(nacre.CodeInternal, "%s, which an earlier process left, cannot be removed: %w", f.path(name), err)
			}
		case e.IsDir() && wire.CheckStoreName(name) != nil && isStore(f.path(name)):
			f.log.Warn("a store is not served: its name is not 3 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
				"folder", f.path(name))
		}
	}
	if err := vfs.OS.MkdirAll(f.scratch()); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the folder for backups under way cannot be made: %w", err)
	}
	return nil
}

func (f *folders) path(name string) string { return filepath.Join(f.dir, name) }

// scratch is where backups are made before they are sent.
func (f *folders) scratch() string { return f.path(scratchFolder) }

// close lets other processes serve the directory. The stores have been closed.
func (f *folders) close() error {
	err := os.RemoveAll(f.scratch())
	return errors.Join(err, f.lock.Close())
}

// Names implements server.Backend.
func (f *folders) Names(context.Context) ([]string, error) {
	entries, err := os.ReadDir(f.dir) // in byte order
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be read: %w", err)
	}
	var names []string
	for _, e := range entries {
		if wire.CheckStoreName(e.Name()) == nil && f.has(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// has tells whether a folder is a store, also one that has lost its manifest, which is damage to be told
// and not to be taken for nothing.
func (f *folders) has(name string) bool {
	dir := f.path(name)
	if isStore(dir) {
		return true
	}
	segments, _ := filepath.Glob(filepath.Join(dir, "[0-9]*.ndjson*")) // the pattern is well formed
	return len(segments) > 0
}

// Open implements server.Backend.
func (f *folders) Open(_ context.Context, name string) (*nacre.Store, error) {
	if !f.has(name) {
		return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no event store %q: make it with POST /event-stores", name)
	}
	return f.open(name)
}

func (f *folders) open(name string) (*nacre.Store, error) {
	o := f.options
	o.Logger = f.log.With("store", name)
	return filestore.Open(f.path(name), &o)
}

// Create implements server.Backend. The store gets its name when it is whole.
func (f *folders) Create(_ context.Context, name string) (*nacre.Store, error) {
	if _, err := os.Lstat(f.path(name)); err == nil {
		if f.has(name) {
			return nil, nacre.Errorf(wire.CodeStoreExists, "there is an event store %q already", name)
		}
		return nil, nacre.Errorf(wire.CodeStoreExists, "the name %q is taken, by a file or folder that is no event store", name)
	}
	made := madePrefix + name + "-" + nacre.NewID()
	store, err := f.open(made)
	if err == nil {
		err = store.Close()
	}
	if err == nil {
		err = f.rename(made, name)
	}
	if err != nil {
		_ = os.RemoveAll(f.path(made)) // what stays is removed at the next start
		if nacre.CodeOf(err) == "" {
			err = nacre.Errorf(nacre.CodeInternal, "the event store %q cannot be made: %w", name, err)
		}
		return nil, err
	}
	return f.open(name)
}

// Delete implements server.Backend. The store loses its name at once, and then its files.
func (f *folders) Delete(_ context.Context, name string) error {
	if !f.has(name) {
		return nacre.Errorf(wire.CodeStoreNotFound, "there is no event store %q", name)
	}
	removed := removedPrefix + name + "-" + nacre.NewID()
	if err := f.rename(name, removed); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the event store %q cannot be deleted: %w", name, err)
	}
	if err := os.RemoveAll(f.path(removed)); err != nil {
		f.log.Warn("files of a deleted store cannot be removed: the next start tries again", "folder", f.path(removed), "error", err)
	}
	return nil
}

// rename is durable when it returns.
func (f *folders) rename(from, to string) error {
	if err := vfs.OS.Rename(f.path(from), f.path(to)); err != nil {
		return err
	}
	return vfs.OS.SyncDir(f.dir)
}
