package vfs_test

import (
	"os"
	"syscall"
)

// allocatedBytes is how much of the disk a file takes.
func allocatedBytes(info os.FileInfo) int64 {
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
