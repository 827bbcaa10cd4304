package filestore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
)

// indexes compares every run and every offsets file with the lines.
func (v *verifier) indexes(ctx context.Context, checks []*segmentCheck) error {
	l := v.l
	at := make(map[nacre.Position]int)
	for i, c := range checks {
		at[c.info.First] = i
		if c.verdict == nil || c.verdict.Kind == segment.Damaged {
			v.note("the index of %s was not compared: the segment is damaged", c.path)
			continue
		}
		if c.info.Sealed {
			v.offsets(c)
		}
	}
	files, stale, err := index.ListRuns(l.fs, l.indexDir())
	if err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "the index of %s cannot be listed: %w", l.dir, err)
	}
	for _, path := range stale {
		if !v.held {
			v.note("%s is left over, and will be removed", path)
		}
	}
	due := uint64(1)
	slots := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v.held && nacre.Position(f.Last) > v.sealedTo() {
			continue // sealed since the segments were listed
		}
		i, ok := at[nacre.Position(f.First)]
		if !ok {
			v.note("%s does not fit the segments, and will be removed", f.Path)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			v.compareRun(f, checks[i:])
		})
		due = f.Last + 1
	}
	wg.Wait()
	for _, c := range checks {
		if c.info.Sealed && uint64(c.info.First) >= due {
			v.note("%s has no index yet: it will be made", c.path)
		}
	}
	return nil
}

// sealedTo is the last position of a sealed segment.
func (v *verifier) sealedTo() nacre.Position {
	last := nacre.Position(0)
	for _, info := range v.l.manifest.Segments {
		if info.Sealed {
			last = max(last, info.Last)
		}
	}
	return last
}

// compareRun compares one run with the segments that it covers.
func (v *verifier) compareRun(f index.RunFile, checks []*segmentCheck) {
	bad := func(err error) {
		if v.held && isNotExist(err) {
			return // merged away meanwhile
		}
		off, what := int64(0), err.Error()
		if b, ok := asBadBlock(err); ok {
			off = b.Offset
		}
		v.damage(f.Path, nacre.Position(f.First), off, "%s (derived: delete the file, and it is made again)", what)
	}
	r, err := index.OpenRun(v.l.fs, f.Path, v.l.hasher)
	if err != nil {
		bad(err)
		return
	}
	defer func() { _ = r.Release() }()
	if err := r.Check(); err != nil {
		bad(err)
		return
	}
	var want, have postingSum
	var events, began uint64
	merges := make(map[uint64]struct{})
	for _, c := range checks {
		if uint64(c.info.First) > f.Last {
			break
		}
		if c.verdict == nil || c.verdict.Kind == segment.Damaged {
			return
		}
		want.join(c.sum)
		events += uint64(c.verdict.Last-c.info.First) + 1
		began += uint64(c.began)
		maps.Copy(merges, c.merges)
	}
	err = r.All(func(term uint64, postings index.Postings) error {
		positions := postings.Ascend(0)
		for p, ok := positions.Next(); ok; p, ok = positions.Next() {
			have.add(term, p)
		}
		return positions.Err()
	})
	switch {
	case err != nil:
		bad(err)
	case r.Events() != events || r.Streams() != began || have != want:
		bad(errors.New("its postings are not those of the segments"))
	default:
		v.names(r, uint64(len(merges)), bad)
	}
}

// names checks that each name of a run has its term, and, where hashes are whole, that no name is missing. Terms
// without a name are those of ids and, as many as merges, of merge streams' categories.
func (v *verifier) names(r *index.Run, merges uint64, bad func(error)) {
	names := uint64(0)
	for _, kind := range []index.Kind{index.Stream, index.Category, index.Type, index.Tag} {
		it := r.Names(kind, index.Forward, "", "")
		for it.Next() {
			names++
			if p, err := r.Lookup(v.l.hasher.Term(kind, string(it.Name()))); err != nil || p.Count() == 0 {
				bad(fmt.Errorf("it names %q, which no event bears", it.Name()))
				return
			}
		}
		if err := it.Err(); err != nil {
			bad(err)
			return
		}
	}
	if v.l.o.env.termBits == 0 && names+merges+r.Events() != r.Terms() {
		bad(errors.New("its names are not those of the segments"))
	}
}

// offsets compares a sealed segment's offsets file with its lines.
func (v *verifier) offsets(c *segmentCheck) {
	path := filepath.Join(v.l.indexDir(), index.OffsetsName(uint64(c.info.First)))
	offs, err := index.OpenOffsets(v.l.fs, path)
	if isNotExist(err) {
		v.note("%s is missing, and will be made", path)
		return
	}
	if err == nil {
		defer func() { _ = offs.Close() }()
		err = offs.Check()
	}
	if err == nil && (offs.Count() != len(c.offsets) || offs.First() != uint64(c.info.First) || int64(offs.Length()) != c.info.Bytes) {
		err = errors.New("it is of another segment")
	}
	for i := 0; err == nil && i < len(c.offsets); i++ {
		var off uint32
		if off, err = offs.Offset(i); err == nil && off != c.offsets[i] {
			err = fmt.Errorf("line %d begins at byte %d, not %d", i+1, c.offsets[i], off)
		}
	}
	if err != nil {
		v.damage(path, c.info.First, 0, "%s (derived: delete the file, and it is made again)", err)
	}
}
