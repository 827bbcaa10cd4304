//go:build !linux

package vfs_test

import (
	"os"
	"testing"
)

func preallocates(*testing.T, string) bool { return false }

func allocatedBytes(os.FileInfo) int64 { return 0 }
