package index

import "github.com/nacredb/nacre/internal/vfs"

// Fanout is the number of adjacent runs of one level that merge into one of
// the next.
const Fanout = 8

// Range is a contiguous range of positions, both ends included, and the level
// of the run that covers it.
type Range struct {
	First, Last uint64
	// Level is 0 for a run over fewer than 8 segments, 1 below 64, and so on.
	Level int
}

// PlanMerge says which runs to merge: ranges[i:j]. The ranges ascend. Runs
// merge when eight adjacent ones have the same level, and fewer where a newer
// neighbour of a higher level leaves them no way to become eight. The lowest
// level comes first, and of one level the oldest.
func PlanMerge(ranges []Range) (i, j int, ok bool) { panic("") }

// RunName is the name of the run's file over a range.
func RunName(first, last uint64) string { panic("") }

// ParseRunName takes a run's file name apart; ok is false for other names.
func ParseRunName(name string) (first, last uint64, ok bool) { panic("") }

// OffsetsName is the name of the offsets file of the segment that begins at
// position first.
func OffsetsName(first uint64) string { panic("") }

// RunFile is a run's file as ListRuns found it.
type RunFile struct {
	Path        string
	First, Last uint64
}

// ListRuns lists the runs of a directory, ascending and without overlap, and
// the paths of what a crash left behind: unfinished files, and runs whose range
// another one covers since a merge. The stale ones may be removed when nothing
// else works in the directory. Files of other kinds are in neither list.
func ListRuns(fsys vfs.FS, dir string) (runs []RunFile, stale []string, err error) { panic("") }
