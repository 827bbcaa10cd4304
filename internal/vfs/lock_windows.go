package vfs

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var (
	kernel32         = syscall.NewLazyDLL("kernel32.dll")
	procLockFileEx   = kernel32.NewProc("LockFileEx")
	procUnlockFileEx = kernel32.NewProc("UnlockFileEx")
)

const (
	lockFailImmediately = 1
	lockExclusive       = 2

	errorLockViolation = syscall.Errno(33)
	errorNotLocked     = syscall.Errno(158)

	// lockOffsetHigh puts the locked byte far behind the text: locks of
	// Windows are mandatory, and others must be able to read the text.
	lockOffsetHigh = 0x40000000
)

func tryLock(f *os.File, exclusive bool) (locked bool, err error) {
	var flags uintptr = lockFailImmediately
	if exclusive {
		flags |= lockExclusive
	}
	err = lockCall(f, func(handle uintptr, at *syscall.Overlapped) (uintptr, error) {
		ok, _, err := procLockFileEx.Call(handle, flags, 0, 1, 0, uintptr(unsafe.Pointer(at)))
		return ok, err
	})
	if errors.Is(err, errorLockViolation) || errors.Is(err, syscall.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File) error {
	err := lockCall(f, func(handle uintptr, at *syscall.Overlapped) (uintptr, error) {
		ok, _, err := procUnlockFileEx.Call(handle, 0, 1, 0, uintptr(unsafe.Pointer(at)))
		return ok, err
	})
	if errors.Is(err, errorNotLocked) {
		return nil
	}
	return err
}

// lockCall runs a call that returns 0 for failure, with an error beside it.
func lockCall(f *os.File, call func(handle uintptr, at *syscall.Overlapped) (uintptr, error)) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(handle uintptr) {
		if ok, err := call(handle, &syscall.Overlapped{OffsetHigh: lockOffsetHigh}); ok == 0 {
			result = err
		}
	})
	if err != nil {
		return err
	}
	return result
}
