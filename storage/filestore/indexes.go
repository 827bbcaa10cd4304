package filestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
)

// openIndex opens the runs that cover the sealed segments, makes missing ones again, and gives the
// memories of the segments that have none. Segments that were scanned have their memory already.
func (l *log) openIndex(segs []*seg) ([]*index.Run, []*memory, error) {
	if !l.o.ReadOnly {
		if err := l.fs.MkdirAll(l.indexDir()); err != nil {
			return nil, nil, nacre.Errorf(nacre.CodeInternal, "the index's folder cannot be made: %w", err)
		}
	}
	// Runs are for the segments up to the first that was scanned: after it, memories.
	sealed := 0
	for sealed < len(segs) && segs[sealed].mem == nil {
		sealed++
	}
	runs := l.openRuns(segs[:sealed])
	covered := 0
	for covered < sealed && len(runs) > 0 && uint64(segs[covered].info.Last) <= runs[len(runs)-1].Range().Last {
		covered++
	}
	if covered < sealed && !l.o.ReadOnly && l.damage() == nil {
		l.lg.Info("the index is made again", "store", l.dir, "segments", sealed-covered, "of", sealed)
		more, err := l.buildRuns(segs[covered:sealed])
		if err != nil && !isDamage(err) {
			return nil, nil, err
		}
		if err != nil {
			l.setDamage(err)
		}
		runs = append(runs, more...)
		covered += len(more)
	}
	var mems []*memory
	for _, g := range segs[covered:] {
		if g.mem == nil {
			v, _, err := l.scanSegment(g, g.info.Last, false)
			if err != nil {
				return nil, nil, err
			}
			if v.Kind == segment.Damaged {
				l.keepBroken(g, v)
			}
		}
		mems = append(mems, g.mem)
	}
	return runs, mems, nil
}

// openRuns opens the runs that cover the segments from the first on, without a gap. What does not fit is
// removed: it is derived, and will be made again.
func (l *log) openRuns(segs []*seg) []*index.Run {
	for range 5 {
		runs, again := l.openListed(segs)
		if !again {
			return runs
		}
		for _, r := range runs {
			_ = r.Release()
		}
	}
	return nil
}

// openListed opens the runs that are listed at the moment. A writer may merge them meanwhile: then again
// is true.
func (l *log) openListed(segs []*seg) (opened []*index.Run, again bool) {
	files, stale, err := index.ListRuns(l.fs, l.indexDir())
	if err != nil {
		return nil, false
	}
	remove := func(path, why string) {
		if l.o.ReadOnly {
			return
		}
		l.lg.Info("a run of the index is removed", "file", path, "reason", why)
		_ = l.fs.Remove(path)
	}
	for _, path := range stale {
		remove(path, "left over")
	}
	ends := make(map[nacre.Position]bool, len(segs))
	for _, g := range segs {
		ends[g.info.Last] = true
	}
	due := uint64(1)
	for _, f := range files {
		if f.First != due || !ends[nacre.Position(f.Last)] {
			remove(f.Path, "does not fit the segments")
			continue
		}
		r, err := index.OpenRun(l.fs, f.Path, l.hasher)
		if isNotExist(err) && l.o.ReadOnly {
			return opened, true
		}
		if err != nil {
			remove(f.Path, err.Error())
			continue
		}
		opened = append(opened, r)
		due = f.Last + 1
	}
	return opened, false
}

// buildRuns makes the runs of sealed segments from their lines, two at a time. It gives those that were
// made without a gap, also beside an error.
func (l *log) buildRuns(segs []*seg) ([]*index.Run, error) {
	runs := make([]*index.Run, len(segs))
	errs := make([]error, len(segs))
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range min(2, len(segs)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(segs) && !failed.Load(); i = int(next.Add(1)) - 1 {
				if runs[i], errs[i] = l.buildRun(segs[i]); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	good := 0
	for good < len(runs) && runs[good] != nil {
		good++
	}
	for _, r := range runs[good:] {
		if r != nil {
			_ = r.Release()
		}
	}
	return runs[:good], errors.Join(errs...)
}

// buildRun makes a sealed segment's run and offsets from its lines.
func (l *log) buildRun(g *seg) (*index.Run, error) {
	b, err := l.readSealed(g)
	if err != nil {
		return nil, err
	}
	return l.saveRun(g, b.mem)
}

// readSealed reads a sealed segment's lines, all of which have to be whole.
func (l *log) readSealed(g *seg) (*builder, error) {
	r, size, err := g.content()
	if err != nil {
		return nil, err
	}
	b := newBuilder(l, g.first)
	v, err := segment.Scan(r, size, g.path(), &segment.ScanOptions{First: g.first, Durable: g.info.Last, OnLine: b.add})
	if err != nil {
		return nil, err
	}
	if v.Kind == segment.Damaged {
		return nil, v.Damage
	}
	if v.Last != g.info.Last {
		return nil, &nacre.DamageError{
			File: g.path(), Offset: v.End, Position: v.Last + 1,
			Reason: fmt.Sprintf("the segment ends at position %d, the manifest says %d", v.Last, g.info.Last),
		}
	}
	b.mem.folded = v.Last
	return b, nil
}

// readActive reads the first bytes of the active segment, which are whole lines.
func (l *log) readActive(g *seg, size int64, b *builder) error {
	r, err := g.reader()
	if err != nil {
		return err
	}
	v, err := segment.Scan(r, size, g.path(), &segment.ScanOptions{First: g.first, Durable: l.visible(), OnLine: b.add})
	if err != nil {
		return err
	}
	if v.Kind == segment.Damaged {
		return v.Damage
	}
	b.mem.folded = v.Last
	return nil
}

// saveRun writes a sealed segment's offsets and run.
func (l *log) saveRun(g *seg, m *memory) (*index.Run, error) {
	if _, err := index.WriteOffsets(l.fs, l.indexDir(), uint64(g.first), m.offsets, uint64(m.end)); err != nil {
		return nil, err
	}
	path, err := index.BuildRun(l.fs, l.indexDir(), m.idx, 1)
	if err != nil {
		return nil, err
	}
	return index.OpenRun(l.fs, path, l.hasher)
}

// healing runs what reads the index, with the present snapshot. A bad block of it is made again from the
// log, never believed.
func (l *log) healing(read func(s *snapshot) error) error {
	for range 10 {
		err := l.using(read)
		if l.o.ReadOnly && missing(err) && l.reloaded() {
			continue
		}
		bad, ok := asBadBlock(err)
		if !ok {
			return err
		}
		l.lg.Warn("a bad block in the index: it is made again", "file", bad.File, "error", bad)
		if err := l.rebuild(bad); err != nil {
			return err
		}
	}
	return nacre.Errorf(nacre.CodeInternal, "the index of %s goes bad as soon as it is made: the disk or the memory is failing", l.dir)
}

// rebuild makes again what a bad block belongs to: a run, or a segment's offsets.
func (l *log) rebuild(bad *index.BadBlockError) error {
	l.rebuildMu.Lock()
	defer l.rebuildMu.Unlock()
	s := l.acquire()
	defer s.release()
	for _, r := range s.runs {
		if r.Path() == bad.File {
			return l.rebuildRun(s, r)
		}
	}
	for _, g := range s.segs {
		if g.offsetsPath() == bad.File {
			return l.remakeOffsets(g)
		}
	}
	return nil // replaced meanwhile
}

// rebuildRun replaces a run by one for each of its segments; they merge again later.
func (l *log) rebuildRun(s *snapshot, bad *index.Run) error {
	if l.o.ReadOnly {
		return l.memoriesFor(bad)
	}
	covered := bad.Range()
	var segs []*seg
	for _, g := range s.segs {
		if uint64(g.first) >= covered.First && uint64(g.first) <= covered.Last {
			segs = append(segs, g)
		}
	}
	// Gone before the new one is made, which may have the same name; who reads the bad one goes on with it.
	if err := l.fs.Remove(bad.Path()); err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "a bad run of the index cannot be removed: %w", err)
	}
	runs, err := l.buildRuns(segs)
	if err != nil {
		for _, r := range runs {
			_ = r.Release()
		}
		return err
	}
	l.replaceRuns([]*index.Run{bad}, runs)
	l.keeper.ring()
	return nil
}

// replaceRuns puts runs in the place of others, which cover the same positions.
func (l *log) replaceRuns(old, with []*index.Run) {
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		var out []*index.Run
		for _, r := range runs {
			switch {
			case r == old[0]:
				out = append(out, with...)
			case slices.Contains(old, r):
			default:
				out = append(out, r)
			}
		}
		return segs, out, mems
	})
	for _, r := range with {
		_ = r.Release() // the snapshot holds them
	}
}

// rebuildOffsets makes a segment's offsets file again, once for all who miss it at the same time.
func (l *log) rebuildOffsets(g *seg, why error) error {
	l.rebuildMu.Lock()
	defer l.rebuildMu.Unlock()
	if g.hasOffsets() {
		return nil
	}
	l.lg.Warn("a segment's offsets are made again", "file", g.offsetsPath(), "error", why)
	return l.remakeOffsets(g)
}

func (l *log) remakeOffsets(g *seg) error {
	b, err := l.readSealed(g)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.o.ReadOnly {
		g.mem = b.mem
		return nil
	}
	old := g.offs
	if _, err := index.WriteOffsets(l.fs, l.indexDir(), uint64(g.first), b.mem.offsets, uint64(b.mem.end)); err != nil {
		return err
	}
	if g.offs, err = index.OpenOffsets(l.fs, filepath.Join(l.indexDir(), index.OffsetsName(uint64(g.first)))); err != nil {
		g.offs = old
		return err
	}
	// The old mapping may be in use by a read that goes on: it is left to the end of the process.
	return nil
}

// merge joins runs until none are left to join, or ctx ends.
func (l *log) merge(ctx context.Context) error {
	for ctx.Err() == nil {
		s := l.acquire()
		ranges := make([]index.Range, len(s.runs))
		for i, r := range s.runs {
			ranges[i] = r.Range()
		}
		i, j, ok := index.PlanMerge(ranges)
		if !ok {
			s.release()
			return nil
		}
		old := s.runs[i:j]
		merged, err := l.mergeRuns(ctx, old)
		if err == nil {
			l.rebuildMu.Lock()
			if l.stillThere(old) {
				l.replaceRuns(old, []*index.Run{merged})
				for _, r := range old {
					_ = l.fs.Remove(r.Path()) // what stays behind is removed at the next open
				}
			} else {
				_ = l.fs.Remove(merged.Path()) // one of them went bad meanwhile
				_ = merged.Release()
			}
			l.rebuildMu.Unlock()
		}
		s.release()
		if bad, is := asBadBlock(err); is {
			err = l.rebuild(bad)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *log) mergeRuns(ctx context.Context, old []*index.Run) (*index.Run, error) {
	path, err := index.Merge(ctx, l.fs, l.indexDir(), old, nil)
	if err != nil {
		return nil, err
	}
	return index.OpenRun(l.fs, path, l.hasher)
}

func (l *log) stillThere(runs []*index.Run) bool {
	s := l.acquire()
	defer s.release()
	for _, r := range runs {
		if !slices.Contains(s.runs, r) {
			return false
		}
	}
	return true
}
