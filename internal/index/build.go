package index

import (
	"context"

	"github.com/nacredb/nacre/internal/vfs"
)

// BuildRun writes the run of a Mem, which must not change meanwhile and not be
// empty, into dir and returns its path. segments is the number of segments
// that it covers: 1 but where a run over several is rebuilt in one piece.
func BuildRun(fsys vfs.FS, dir string, m *Mem, segments uint32) (path string, err error) { panic("") }

// Merge writes one run over the ranges of several, which are adjacent and
// ascending, into dir and returns its path. The caller holds the runs, and
// replaces and discards them afterwards. It needs about a MiB of memory, and
// 16 bytes for each 64 names, whatever the size of the runs: the directories
// are read twice, first to count the terms, so that no filter is kept in
// memory. Ending ctx ends the merge with its error and leaves no file.
func Merge(ctx context.Context, fsys vfs.FS, dir string, runs []*Run, o *MergeOptions) (path string, err error) {
	panic("")
}

// MergeOptions tunes Merge; nil means the defaults.
type MergeOptions struct {
	// Progress, where set, is called from time to time with the number of
	// terms that were read, of all that will be.
	Progress func(done, total uint64)
}
