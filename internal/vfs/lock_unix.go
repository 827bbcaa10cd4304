//go:build linux || darwin || freebsd

package vfs

import (
	"os"
	"syscall"
)

// tryLock takes an exclusive or a shared lock without waiting. It is flock and
// not fcntl: flock belongs to the open file, so it also excludes another part
// of the same process, and no close of some other handle drops it.
func tryLock(f *os.File, exclusive bool) (locked bool, err error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	err = flock(f, how|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

// unlock is explicit although closing the file unlocks too: between fork and
// exec of a child process the child holds the open file as well.
func unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(fd uintptr) {
		result = untilUninterrupted(func() error { return syscall.Flock(int(fd), how) })
	})
	if err != nil {
		return err
	}
	return result
}
