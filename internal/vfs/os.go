package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OS is the machine's own file system. On Linux Sync is fdatasync, Preallocate
// is fallocate, locks are flock (on Windows LockFileEx), mappings are mmap.
var OS FS = osFS{}

const (
	filePermissions = 0o640
	dirPermissions  = 0o750
)

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

func (osFS) OpenWrite(name string) (File, error) { return openOS(name, os.O_RDWR) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) RemoveAll(name string) error { return os.RemoveAll(name) }

func (osFS) Link(from, to string) error {
	err := os.Link(from, to)
	if err != nil && linkImpossible(err) {
		return fmt.Errorf("%w: %w", ErrNotSupported, err)
	}
	return err
}

func (osFS) MkdirAll(name string) error { return os.MkdirAll(name, dirPermissions) }

func (osFS) ReadDir(name string) ([]Entry, error) {
	listed, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(listed))
	for _, item := range listed {
		// Stat, not Info: a segment moved elsewhere behind a symbolic link has
		// the size of its target.
		entry, err := statOS(filepath.Join(name, item.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (osFS) Stat(name string) (Entry, error) { return statOS(name) }

func statOS(name string) (Entry, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Name: info.Name(), Size: info.Size(), Dir: info.IsDir()}, nil
}

func (osFS) SyncDir(name string) error { return syncDir(name) }

func (osFS) Map(name string) (Mapping, error) { return mapFile(name) }

func (osFS) Free(dir string) (uint64, error) {
	free, err := freeSpace(dir)
	if err != nil {
		return 0, &fs.PathError{Op: "free", Path: dir, Err: err}
	}
	return free, nil
}

// osFile is an *os.File whose descriptor the operations without a method in
// package os reach through raw, which keeps Close from pulling it away.
type osFile struct {
	*os.File
	raw syscall.RawConn
}

func openOS(name string, flag int) (File, error) {
	f, err := openRegular(name, flag)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &osFile{File: f, raw: raw}, nil
}

// openRegular refuses directories, which some systems open for reading.
func openRegular(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(name, flag, filePermissions)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("is a directory")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) Preallocate(size int64) error {
	if size <= 0 {
		return nil
	}
	if err := f.control(func(fd uintptr) error { return preallocate(fd, size) }); err != nil {
		return &fs.PathError{Op: "preallocate", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) Sync() error {
	if !syncsData {
		return f.File.Sync()
	}
	if err := f.control(syncData); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

// control runs an operation on the descriptor.
func (f *osFile) control(operation func(fd uintptr) error) error {
	var result error
	if err := f.raw.Control(func(fd uintptr) { result = operation(fd) }); err != nil {
		return fs.ErrClosed // the one reason, which Control spells in its own way
	}
	return result
}
