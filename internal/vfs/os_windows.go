package vfs

import (
	"errors"
	"io/fs"
	"syscall"
	"unsafe"
)

const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
	errorDiskQuota      = syscall.Errno(1295)

	errorInvalidFunction = syscall.Errno(1)
	errorNotSameDevice   = syscall.Errno(17)
	errorTooManyLinks    = syscall.Errno(1142)
)

var procGetDiskFreeSpaceEx = kernel32.NewProc("GetDiskFreeSpaceExW")

func isFull(err error) bool { return isOneOf(err, errorDiskFull, errorHandleDiskFull, errorDiskQuota) }

// linkImpossible tells whether a link failed because there can be none here,
// not because something is in the way.
func linkImpossible(err error) bool {
	return isOneOf(err, errorInvalidFunction, errorNotSameDevice, errorTooManyLinks) ||
		errors.Is(err, errors.ErrUnsupported)
}

func isOneOf(err error, wanted ...syscall.Errno) bool {
	for _, errno := range wanted {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// syncDir checks that the directory is there. NTFS journals names by itself
// and offers no call that waits for it.
func syncDir(name string) error {
	entry, err := statOS(name)
	if err == nil && !entry.Dir {
		err = &fs.PathError{Op: "sync directory", Path: name, Err: errors.New("is not a directory")}
	}
	return err
}

func freeSpace(dir string) (uint64, error) {
	path, err := syscall.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	ok, _, err := procGetDiskFreeSpaceEx.Call(uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&free)), 0, 0)
	if ok == 0 {
		return 0, err
	}
	return free, nil
}

// readMapping is a mapping's stand-in: a Windows file that is mapped can be
// neither renamed nor removed, so the bytes are read instead.
type readMapping struct{ bytes []byte }

func mapFile(name string) (Mapping, error) {
	bytes, err := ReadFile(OS, name)
	if err != nil {
		return nil, err
	}
	return &readMapping{bytes: bytes}, nil
}

func (m *readMapping) Bytes() []byte { return m.bytes }

func (m *readMapping) Close() error {
	m.bytes = nil
	return nil
}
