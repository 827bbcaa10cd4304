package filestore

import (
	"time"

	"github.com/nacredb/nacre/internal/vfs"
)

// environment is what tests replace: the disk, the clock, and the width of the index's hashes.
type environment struct {
	fs       vfs.FS
	now      func() time.Time
	termBits int // 0 is all 64; a few make collisions common
	// slow is how long a part of a read takes that has waited for the disk; negative is always.
	slow time.Duration
}

func (e environment) withDefaults() environment {
	if e.fs == nil {
		e.fs = vfs.OS
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.slow == 0 {
		e.slow = slowChunk
	}
	return e
}
