package filestore

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// markAfter is how long the log must idle before its end is written to the mark.
const markAfter = 50 * time.Millisecond

// writer writes groups and syncs them: one goroutine, in the order of the sequencer.
type writer struct {
	l      *log
	file   vfs.File // of the active segment
	seg    *seg
	gen    uint64
	dirty  bool // written and not synced, where durability is not Always
	marked bool // the mark is up to date
}

func (w *writer) run() {
	defer close(w.l.done)
	idle := time.NewTimer(markAfter)
	defer idle.Stop()
	sync := time.NewTimer(w.l.o.SyncInterval)
	defer sync.Stop()
	w.marked = true
	for {
		select {
		case g, ok := <-w.l.groups:
			if !ok {
				w.end()
				return
			}
			wasMarked, wasDirty := w.marked, w.dirty
			w.group(g)
			if wasMarked && !w.marked {
				idle.Reset(markAfter)
			}
			if !wasDirty && w.dirty && w.l.o.Durability == Interval {
				sync.Reset(w.l.o.SyncInterval)
			}
		case <-idle.C:
			switch {
			case w.marked || w.dirty && w.l.o.Durability == Never:
			case w.dirty || w.l.sinceWrite() < markAfter:
				idle.Reset(markAfter)
			default:
				w.mark(false)
			}
		case <-sync.C:
			if w.dirty {
				w.sync()
			}
		}
	}
}

// group writes one group and answers its requests.
func (w *writer) group(g *group) {
	err := w.l.failure()
	if err == nil && g.gen < w.gen {
		err = w.l.lastFault()
	}
	if err == nil {
		err = w.write(g)
	}
	for i, r := range g.requests {
		o := g.results[i]
		if err != nil {
			o = outcome{err: err}
		}
		r.finish(o)
	}
	w.l.freeGroup(g)
}

func (w *writer) write(g *group) error {
	if g.begins {
		if err := w.roll(g.seg); err != nil {
			_, unsettled := errors.AsType[*unsettledError](err)
			return w.fault(g, err, "the next segment cannot be begun", !unsettled)
		}
	}
	if len(g.buf) == 0 {
		return nil
	}
	if w.file == nil || w.seg != g.seg {
		return w.fault(g, nil, "the group is of a segment that is not active", false)
	}
	w.marked = false
	if _, err := w.file.WriteAt(g.buf, g.off); err != nil {
		return w.fault(g, err, "a write failed", true)
	}
	if w.l.o.Durability == Always {
		w.l.syncs.Add(1)
		if err := w.file.Sync(); err != nil {
			return w.fault(g, err, "a sync failed", false)
		}
	} else {
		w.dirty = true
	}
	w.l.advance(g.last, int64(len(g.buf))+g.off)
	return nil
}

// sync makes durable what was acknowledged before, where durability is Interval.
func (w *writer) sync() {
	last := nacre.Position(w.l.written.Load())
	w.l.syncs.Add(1)
	if err := w.file.Sync(); err != nil {
		w.l.fail(nacre.Errorf(nacre.CodeFailed, "a sync failed; what was acknowledged since the last one may be lost: %w", err))
		return
	}
	w.dirty = false
	w.l.advanceDurable(last)
}

// fault handles a failed write. Where the disk was full, and what had been written could be taken back,
// the log goes on: the sequencer makes its state again from the file. Otherwise it has failed until it
// is opened again: what is on the disk is not known.
func (w *writer) fault(g *group, err error, what string, canHeal bool) error {
	if canHeal && vfs.IsFull(err) && w.takeBack(g) {
		full := nacre.Errorf(nacre.CodeStoreFull, "no space is left for %s: make room, reads go on and appends will again: %w", w.l.dir, err)
		w.gen = g.gen + 1
		w.l.setFault(full, w.gen, w.seg)
		return full
	}
	if err == nil {
		err = errClosed
	}
	failed := nacre.Errorf(nacre.CodeFailed, "%s, and whether the append is durable is not known: open the store again, then append the same ids again: %w", what, err)
	w.l.fail(failed)
	return failed
}

// takeBack cuts off what a failed group may have written; it was never acknowledged.
func (w *writer) takeBack(g *group) bool {
	if g.begins && (w.seg != g.seg) {
		return true // the roll has undone itself
	}
	if err := w.file.Truncate(g.off); err != nil {
		return false
	}
	// Where durability is Always nothing else is unsynced; elsewhere this syncs earlier groups too.
	return w.file.Sync() == nil
}

// roll makes the file of the next segment and lists it in the manifest, before its first line.
func (w *writer) roll(g *seg) error {
	l := w.l
	if w.dirty {
		// The manifest will say that everything before the new segment is there.
		w.sync()
		if err := l.failure(); err != nil {
			return err
		}
	}
	file, err := l.takeNext()
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, g.info.Name)
	undo := func(err error) error {
		_ = file.Close()
		_ = l.fs.Remove(path)
		_ = l.fs.SyncDir(l.dir)
		return err
	}
	if err := l.fs.Rename(l.nextPath(), path); err != nil {
		return undo(err)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return undo(err)
	}
	if err := l.changeManifest(func(m *segment.Manifest) { m.Segments = append(m.Segments, g.info) }); err != nil {
		return undo(err)
	}
	if w.file != nil {
		w.closeFile()
	}
	w.file, w.seg = file, g
	l.bytes.Store(0)
	l.keeper.ring() // the segment before can be sealed
	return nil
}

// closeFile gives back the blocks that were reserved behind the file's end.
func (w *writer) closeFile() {
	if size, err := w.file.Size(); err == nil {
		_ = w.file.Truncate(size)
	}
	_ = w.file.Close()
	w.file = nil
}

// mark writes how far the log is durable.
func (w *writer) mark(clean bool) {
	if w.marked && !clean || w.l.failure() != nil || w.l.damage() != nil {
		return // of a damaged log nothing new is promised, and what is wrong with it stays to be seen
	}
	if err := w.l.writeMark(clean); err != nil {
		w.l.lg.Warn("the mark could not be written", "store", w.l.dir, "error", err)
		return
	}
	w.marked = true
}

func (w *writer) end() {
	if w.dirty && w.l.failure() == nil {
		w.sync()
	}
	if w.l.durable.Load() > 0 {
		w.mark(true)
	}
	if w.file != nil {
		w.closeFile()
	}
	w.l.dropNext()
}

// nextSegment is the file of the segment to come, its blocks reserved: where it cannot be made, the disk
// is full, and is found so before anything was promised.
type nextSegment struct {
	mu   sync.Mutex
	file vfs.File
}

func (l *log) nextPath() string { return filepath.Join(l.dir, "next") }

// readyForNext makes the next segment's file, unless it is there. The sequencer asks before it begins a
// segment.
func (l *log) readyForNext(gen uint64) error {
	if err := l.waitSealed(gen); err != nil {
		return err
	}
	l.next.mu.Lock()
	defer l.next.mu.Unlock()
	if l.next.file != nil {
		return nil
	}
	file, err := l.fs.Create(l.nextPath())
	if err == nil {
		if err = file.Preallocate(l.o.SegmentBytes); err != nil {
			_ = file.Close()
			_ = l.fs.Remove(l.nextPath())
		}
	}
	switch {
	case err == nil:
		l.next.file = file
		return nil
	case vfs.IsFull(err):
		return nacre.Errorf(nacre.CodeStoreFull, "no space is left for the next segment of %s (%d bytes): make room, reads go on and appends will again: %w",
			l.dir, l.o.SegmentBytes, err)
	default:
		return nacre.Errorf(nacre.CodeInternal, "the next segment's file cannot be made: %w", err)
	}
}

func (l *log) takeNext() (vfs.File, error) {
	l.next.mu.Lock()
	defer l.next.mu.Unlock()
	file := l.next.file
	l.next.file = nil
	if file == nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the next segment's file is not there")
	}
	return file, nil
}

func (l *log) dropNext() {
	if file, err := l.takeNext(); err == nil {
		_ = file.Close()
		_ = l.fs.Remove(l.nextPath())
	}
}
