package vfs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// preallocates asks the file system itself, past what is tested.
func preallocates(t *testing.T, dir string) bool {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const keepSize = 1
	return syscall.Fallocate(int(f.Fd()), keepSize, 0, 4096) == nil
}

// allocatedBytes is how much of the disk a file takes.
func allocatedBytes(info os.FileInfo) int64 {
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
