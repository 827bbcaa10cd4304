//go:build linux || darwin || freebsd

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// linkImpossible tells whether a link failed because there can be none here,
// not because something is in the way. EPERM is what Linux says for a file
// system without hard links.
func linkImpossible(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EXDEV, syscall.EMLINK} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, errors.ErrUnsupported)
}

// untilUninterrupted repeats a system call for as long as a signal breaks it
// off: the Go runtime itself sends signals to preempt goroutines.
func untilUninterrupted(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func syncDir(name string) (err error) {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		// Some network and user-space file systems cannot sync a directory;
		// they make names durable by themselves or not at all.
		return nil
	}
	return err
}

type memoryMap struct {
	mutex sync.Mutex
	bytes []byte
}

func mapFile(name string) (mapping Mapping, err error) {
	f, err := openRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	// A mapping outlives the descriptor it was made from.
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size == 0 {
		return &memoryMap{}, nil // mmap refuses a length of 0
	}
	if int64(int(size)) != size {
		return nil, fmt.Errorf("vfs: map %s: %d bytes do not fit into this machine's address space", name, size)
	}
	bytes, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: name, Err: err}
	}
	return &memoryMap{bytes: bytes}, nil
}

func (m *memoryMap) Bytes() []byte { return m.bytes }

// MapScattered implements ScatteredMapper.
func (osFS) MapScattered(name string) (Mapping, error) {
	m, err := mapFile(name)
	if err == nil && len(m.Bytes()) > 0 {
		adviseScattered(m.Bytes())
	}
	return m, err
}

// Close unmaps; a second Close does nothing.
func (m *memoryMap) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	bytes := m.bytes
	m.bytes = nil
	if bytes == nil {
		return nil
	}
	return os.NewSyscallError("munmap", syscall.Munmap(bytes))
}

func freeSpace(dir string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := untilUninterrupted(func() error { return syscall.Statfs(dir, &stat) }); err != nil {
		return 0, err
	}
	if int64(stat.Bavail) < 0 {
		return 0, nil // FreeBSD counts below zero inside root's reserve
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil //nolint:unconvert // other systems have other types there
}
