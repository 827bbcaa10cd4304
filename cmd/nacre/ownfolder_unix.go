//go:build unix

package main

import (
	"os"
	"syscall"
)

// ownFolder tells whether a folder is of the user who runs this process: what others make in it, its owner may not be
// able to write.
func ownFolder(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
