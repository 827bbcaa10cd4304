package filestore

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// active is where appends go on after recovery.
type active struct {
	seg   *seg // nil where there is no segment to go on with
	file  vfs.File
	clock int64 // no event is stamped with an earlier time
}

// recover makes the log what spec/log-format.md, "Recovery", says, and publishes its first snapshot.
func (l *log) recover() (*active, error) {
	if err := l.makeFolder(l.dir); err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Dir(l.dir), l.dir, l.blobDir(), l.cutDir()} {
		// Names that a killed process left may be in the page cache only: what is built on them from here
		// on must not go when they do.
		if err := l.fs.SyncDir(dir); err != nil && !isNotExist(err) {
			return nil, nacre.Errorf(nacre.CodeInternal, "the folder %s cannot be synced: %w", dir, err)
		}
	}
	for _, dir := range []string{l.blobDir(), l.cutDir()} {
		if err := l.removeUnfinished(dir); err != nil {
			return nil, err
		}
	}
	durable, err := l.load()
	if err != nil {
		return nil, err
	}
	out, err := l.openSegments(durable)
	if err != nil {
		return nil, err
	}
	l.recovered(l.ends)
	return out, nil
}

// makeFolder makes a folder and those above it, and their names durable.
func (l *log) makeFolder(dir string) error {
	if _, err := l.fs.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := l.makeFolder(above); err != nil {
			return err
		}
	}
	err := l.fs.MkdirAll(dir)
	if err == nil {
		err = l.fs.SyncDir(above)
	}
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the folder %s cannot be made: %w", dir, err)
	}
	return nil
}

func (l *log) cutDir() string { return filepath.Join(l.dir, "cut") }

// removeUnfinished removes the files that were being written when the process ended.
func (l *log) removeUnfinished(dir string) error {
	entries, err := l.fs.ReadDir(dir)
	if isNotExist(err) {
		return nil
	}
	for _, e := range entries {
		if err == nil && !e.Dir && strings.HasSuffix(e.Name, ".tmp") {
			err = l.fs.Remove(filepath.Join(dir, e.Name))
		}
	}
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "left-over files of %s cannot be removed: %w", dir, err)
	}
	return nil
}

// load reads manifest and mark, compares the folder with them, and tells how far the log is known to be
// durable. Damage is kept for refusal; an error is one of the system's.
func (l *log) load() (nacre.Position, error) {
	files, err := l.listFiles()
	if err != nil {
		return 0, err
	}
	m, _, err := l.readManifest()
	switch {
	case err != nil && !isDamage(err):
		return 0, err
	case err != nil:
		l.setDamage(err)
		l.setManifest(guessManifest(files))
	case m == nil && len(files) > 0:
		l.setDamage(&nacre.DamageError{File: l.manifestPath(), Reason: "the manifest is missing beside segments"})
		l.setManifest(guessManifest(files))
	case m == nil:
		l.setManifest(newManifest())
		if !l.o.ReadOnly {
			if err := l.changeManifest(func(*segment.Manifest) {}); err != nil {
				return 0, nacre.Errorf(nacre.CodeInternal, "the manifest of %s cannot be written: %w", l.dir, err)
			}
		}
	default:
		l.setManifest(*m)
	}
	mark, damage := l.readMark()
	for _, d := range damage {
		l.setDamage(d)
	}
	l.markNumber = mark.Number
	if err := l.compare(files, l.setDamage); err != nil {
		return 0, err
	}
	durable := mark.Durable
	for i, info := range l.manifest.Segments {
		if i > 0 {
			durable = max(durable, info.First-1)
		}
		if info.Sealed {
			durable = max(durable, info.Last)
		}
	}
	return durable, nil
}

// setDamage keeps the first damage that was found, and tells all.
func (l *log) setDamage(err error) {
	d, ok := asDamage(err)
	if !ok {
		d = &nacre.DamageError{File: l.dir, Reason: err.Error()}
	}
	l.told(d)
	l.damaged.CompareAndSwap(nil, d)
}

// listFiles gives the segments' files with their sizes, and removes what was being made when the
// process ended.
func (l *log) listFiles() (map[string]int64, error) {
	entries, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the folder %s cannot be read: %w", l.dir, err)
	}
	files := make(map[string]int64)
	for _, e := range entries {
		switch {
		case e.Dir:
		case strings.HasSuffix(e.Name, ".tmp") || e.Name == "next":
			if !l.o.ReadOnly {
				if err := l.fs.Remove(filepath.Join(l.dir, e.Name)); err != nil {
					return nil, nacre.Errorf(nacre.CodeInternal, "a left-over file cannot be removed: %w", err)
				}
			}
		case strings.HasSuffix(e.Name, ".ndjson") || strings.HasSuffix(e.Name, ".ndjson.zst"):
			files[e.Name] = e.Size
		}
	}
	return files, nil
}

// guessManifest is what a folder without a readable manifest seems to hold, so that it can be read.
func guessManifest(files map[string]int64) segment.Manifest {
	m := newManifest()
	for _, name := range sortedNames(files) {
		first, compressed, ok := segment.ParseFileName(name)
		if !ok {
			continue
		}
		if n := len(m.Segments); n > 0 && m.Segments[n-1].First == first {
			continue // the raw file, which sorts first, counts
		}
		m.Segments = append(m.Segments, segment.Info{Name: name, First: first, Zstd: compressed})
	}
	return m
}

// compare looks at each segment that the manifest lists, and at each file that it does not, and tells
// what is damage.
func (l *log) compare(files map[string]int64, tell func(error)) error {
	for i := range l.manifest.Segments {
		info := l.manifest.Segments[i]
		raw := segment.FileName(info.First, false)
		size, there := files[info.Name]
		_, rawThere := files[raw]
		delete(files, info.Name)
		if info.Zstd && rawThere || !info.Zstd && files[raw+".zst"] > 0 {
			// A crash while it was compressed: the raw file counts.
			size, there = files[raw], true
			if !info.Zstd {
				size, there = l.sizeOf(raw)
			}
			delete(files, raw)
			delete(files, raw+".zst")
			if err := l.keepRaw(info, raw); err != nil {
				return err
			}
			info = l.manifest.Segments[i]
		}
		switch path := filepath.Join(l.dir, info.Name); {
		case !there:
			tell(&nacre.DamageError{File: path, Position: info.First, Reason: fileMissing})
		case info.Sealed && !info.Zstd && size != info.Bytes:
			tell(&nacre.DamageError{
				File: path, Offset: min(size, info.Bytes), Position: info.First,
				Reason: fmt.Sprintf("the file has %d bytes, the manifest says %d", size, info.Bytes),
			})
		}
	}
	for _, name := range sortedNames(files) {
		path := filepath.Join(l.dir, name)
		if files[name] > 0 {
			tell(&nacre.DamageError{File: path, Reason: "the file is not in the manifest"})
			continue
		}
		if l.o.ReadOnly {
			continue
		}
		if err := l.fs.Remove(path); err != nil {
			return nacre.Errorf(nacre.CodeInternal, "an empty segment cannot be removed: %w", err)
		}
	}
	return nil
}

func (l *log) sizeOf(name string) (int64, bool) {
	e, err := l.fs.Stat(filepath.Join(l.dir, name))
	return e.Size, err == nil
}

// keepRaw undoes a compression that did not end.
func (l *log) keepRaw(info segment.Info, raw string) error {
	if l.o.ReadOnly || l.damage() != nil {
		for i := range l.manifest.Segments {
			if s := &l.manifest.Segments[i]; s.First == info.First {
				s.Name, s.Zstd = raw, false
			}
		}
		return nil
	}
	if info.Zstd {
		if _, err := l.changeInfo(info.First, func(i *segment.Info) { i.Name, i.Zstd = raw, false }); err != nil {
			return nacre.Errorf(nacre.CodeInternal, "the manifest of %s cannot be written: %w", l.dir, err)
		}
	}
	if err := l.fs.Remove(filepath.Join(l.dir, raw+".zst")); err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "an unfinished compressed segment cannot be removed: %w", err)
	}
	return nil
}

// openSegments makes the segments ready, reads those without a seal, repairs a torn tail, and publishes
// the first snapshot.
func (l *log) openSegments(durable nacre.Position) (*active, error) {
	var segs []*seg
	var unsealed []*seg
	for _, info := range l.manifest.Segments {
		g := &seg{log: l, first: info.First, info: info}
		segs = append(segs, g)
		// Without a believable manifest everything is read.
		if !info.Sealed || l.damage() != nil && l.mustScan(info) {
			unsealed = append(unsealed, g)
		}
	}
	out := &active{}
	var last nacre.Position
	var newest int64
	for i, g := range segs {
		if !slices.Contains(unsealed, g) {
			last = g.info.Last
			newest = max(newest, g.info.Newest)
			continue
		}
		isLast := i == len(segs)-1
		if l.grows(g, isLast) {
			g.mem = newMemory(g.first, l.hasher)
			l.bytes.Store(0)
			l.reading.growing = g
			continue
		}
		known := durable
		if !isLast {
			known = segs[i+1].first - 1 // a segment begins when the one before is durable
		}
		v, seen, err := l.scanSegment(g, known, isLast && !g.info.Sealed)
		if err != nil {
			return nil, err
		}
		newest = max(newest, seen)
		if v.Kind == segment.Damaged {
			last = max(last, l.keepBroken(g, v), v.Synced)
			continue
		}
		last = v.Last
		if !isLast {
			if next := segs[i+1].first; v.Last+1 != next {
				l.setDamage(&nacre.DamageError{
					File: g.path(), Offset: v.End, Position: v.Last + 1,
					Reason: fmt.Sprintf("the segment ends at position %d, the next one begins at %d", v.Last, next),
				})
			}
			continue
		}
		if l.o.ReadOnly {
			l.bytes.Store(v.End)
			l.reading.durable = max(l.reading.durable, v.Synced)
			continue
		}
		if l.damage() != nil {
			continue
		}
		out.seg = g
		if out.file, err = l.openActive(g, v, max(durable, v.Synced)); err != nil {
			return nil, err
		}
	}
	runs, mems, err := l.openIndex(segs)
	if err != nil {
		return nil, err
	}
	l.cur = newSnapshot(segs, runs, mems)
	l.latest.Store(l.cur)
	for _, r := range runs {
		_ = r.Release() // the snapshot holds them now
	}
	if l.damage() != nil {
		last = max(last, durable) // what is missing at the end is told, not left out
	}
	l.ends = last
	out.clock = l.clockFloor(newest)
	return out, nil
}

// mustScan tells whether a sealed segment's file is not what the manifest says.
func (l *log) mustScan(info segment.Info) bool {
	size, there := l.sizeOf(info.Name)
	return !there || !info.Zstd && size != info.Bytes
}

// scanSegment reads a segment whole, into a memory.
func (l *log) scanSegment(g *seg, durable nacre.Position, tail bool) (*segment.Verdict, int64, error) {
	r, size, err := g.content()
	if d, ok := asDamage(err); ok {
		return &segment.Verdict{Kind: segment.Damaged, Damage: d, Last: g.first - 1}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	b := newBuilder(l, g.first)
	b.versions = true
	v, err := segment.Scan(r, size, g.path(), &segment.ScanOptions{
		First: g.first, Durable: durable, Tail: tail, OnLine: b.add,
	})
	if err != nil {
		return nil, 0, err
	}
	if v.Kind == segment.Damaged {
		return v, b.mem.newest, nil
	}
	b.mem.end = v.End
	b.mem.folded = max(v.Last, g.first-1)
	b.mem.size.Store(int64(b.mem.idx.Bytes()))
	g.mem = b.mem
	return v, b.mem.newest, nil
}

// keepBroken lets the good lines of a damaged segment be read, and gives the last of their positions.
func (l *log) keepBroken(g *seg, v *segment.Verdict) nacre.Position {
	l.setDamage(v.Damage)
	broken := &damagedSegment{err: v.Damage, last: g.first - 1}
	b := newBuilder(l, g.first)
	r, err := g.reader()
	if err == nil {
		_, err = segment.ScanDamaged(r, v.Size, g.first, func(off int64, text []byte, view *line.View) error {
			p := view.Stamp.Position
			broken.lines = append(broken.lines, goodLine{p, off, off + int64(len(text)) + 1})
			broken.last = p
			return b.add(off, text, view)
		})
	}
	if err != nil {
		l.lg.Warn("a damaged segment cannot be read to its end", "file", g.path(), "error", err)
	}
	b.mem.folded = max(broken.last, g.first-1)
	g.broken, g.mem = broken, b.mem
	return broken.last
}
