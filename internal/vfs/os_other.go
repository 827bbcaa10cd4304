//go:build !linux

package vfs

// syncsData is false: os.File.Sync is the strongest that there is (on darwin
// it is F_FULLFSYNC, without which the drive's own cache may lose the data).
const syncsData = false

func syncData(uintptr) error { return nil }

func preallocate(uintptr, int64) error { return nil }

func adviseScattered([]byte) {}
