package vfs

import "syscall"

// syncsData tells that syncData is to be used in place of os.File.Sync.
const syncsData = true

// syncData is fdatasync: the data, and of the inode only what reading it needs.
func syncData(fd uintptr) error {
	return untilUninterrupted(func() error { return syscall.Fdatasync(int(fd)) })
}

// fallocKeepSize is FALLOC_FL_KEEP_SIZE: reserve blocks, leave the size.
const fallocKeepSize = 1

func preallocate(fd uintptr, size int64) error {
	err := untilUninterrupted(func() error { return syscall.Fallocate(int(fd), fallocKeepSize, 0, size) })
	if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
		return nil
	}
	return err
}

// adviseScattered turns off reading ahead around a page that is not in memory.
// What the system says to it changes nothing.
func adviseScattered(mapped []byte) { _ = syscall.Madvise(mapped, syscall.MADV_RANDOM) }
