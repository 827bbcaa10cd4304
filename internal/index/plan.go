package index

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/internal/vfs"
)

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

// levelOf is the level of a run over some segments.
func levelOf(segments uint32) (level int) {
	for ; segments >= Fanout; segments /= Fanout {
		level++
	}
	return level
}

// PlanMerge says which runs to merge: ranges[i:j]. The ranges ascend. Runs
// merge when eight adjacent ones have the same level, and fewer where a newer
// neighbour of a higher level leaves them no way to become eight. The lowest
// level comes first, and of one level the oldest.
func PlanMerge(ranges []Range) (i, j int, ok bool) {
	best := 0
	for start := 0; start < len(ranges); {
		end := start + 1
		for end < len(ranges) && ranges[end].Level == ranges[start].Level && follows(ranges, end) {
			end++
		}
		enclosed := end < len(ranges) && ranges[end].Level > ranges[start].Level && follows(ranges, end)
		n := min(end-start, Fanout)
		if (n == Fanout || n > 1 && enclosed) && (!ok || ranges[start].Level < best) {
			i, j, ok, best = start, start+n, true, ranges[start].Level
		}
		start = end
	}
	return i, j, ok
}

// follows tells whether range i begins where the one before it ends.
func follows(ranges []Range, i int) bool { return ranges[i].First == ranges[i-1].Last+1 }

const (
	runSuffix     = ".run"
	offsetsSuffix = ".off"
	// positionDigits is the number of digits of a position in a file's name.
	positionDigits = 20
)

// RunName is the name of the run's file over a range.
func RunName(first, last uint64) string {
	return fmt.Sprintf("%0*d-%0*d%s", positionDigits, first, positionDigits, last, runSuffix)
}

// ParseRunName takes a run's file name apart; ok is false for other names.
func ParseRunName(name string) (first, last uint64, ok bool) {
	left, right, found := strings.Cut(strings.TrimSuffix(name, runSuffix), "-")
	if !found {
		return 0, 0, false
	}
	first, errFirst := strconv.ParseUint(left, 10, 64)
	last, errLast := strconv.ParseUint(right, 10, 64)
	if errFirst != nil || errLast != nil || first == 0 || first > last || RunName(first, last) != name {
		return 0, 0, false
	}
	return first, last, true
}

// OffsetsName is the name of the offsets file of the segment that begins at
// position first.
func OffsetsName(first uint64) string {
	return fmt.Sprintf("%0*d%s", positionDigits, first, offsetsSuffix)
}

// RunFile is a run's file as ListRuns found it.
type RunFile struct {
	Path        string
	First, Last uint64
}

// ListRuns lists the runs of a directory, ascending and without overlap, and
// the paths of what a crash left behind: unfinished files, and runs whose range
// another one covers since a merge. The stale ones may be removed when nothing
// else works in the directory. Files of other kinds are in neither list.
func ListRuns(fsys vfs.FS, dir string) (runs []RunFile, stale []string, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var all []RunFile
	for _, e := range entries {
		path := filepath.Join(dir, e.Name)
		if first, last, ok := ParseRunName(e.Name); ok && !e.Dir {
			all = append(all, RunFile{Path: path, First: first, Last: last})
		} else if strings.HasSuffix(e.Name, runSuffix+temporarySuffix) || strings.HasSuffix(e.Name, offsetsSuffix+temporarySuffix) {
			stale = append(stale, path)
		}
	}
	// The wider ones first: of runs that overlap, the wider one came later.
	slices.SortFunc(all, func(a, b RunFile) int {
		if wider, narrower := b.Last-b.First, a.Last-a.First; wider != narrower {
			if wider > narrower {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Path, b.Path)
	})
	for _, candidate := range all {
		if slices.ContainsFunc(runs, func(r RunFile) bool {
			return candidate.First <= r.Last && r.First <= candidate.Last
		}) {
			stale = append(stale, candidate.Path)
			continue
		}
		runs = append(runs, candidate)
	}
	slices.SortFunc(runs, func(a, b RunFile) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(stale)
	return runs, stale, nil
}
