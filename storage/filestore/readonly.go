package filestore

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// readOnly is what a read-only open knows of the log that another process may be writing. refreshMu
// guards it.
type readOnly struct {
	absent  bool           // there is no such folder (yet)
	held    bool           // a writer is at work
	last    nacre.Position // read so far
	durable nacre.Position // known to be
	shown   nacre.Position // to readers: that never goes back in an epoch
	growing *seg           // the active segment, where it is read as it grows
	builder *builder       // of its memory
	loads   int            // how often the log was opened anew
	file    string         // the last segment's; "" where there is none
	end     logEnd         // when it was opened last
}

// logEnd is what shows, without a writer at work, that one has been there since: it appended and was gone
// again between two looks.
type logEnd struct {
	size int64 // of the last segment's file; -1 where that is not there
	mark segment.Mark
}

// lookAtEnd looks at the end of the log as its files have it. The caller has refreshMu.
func (l *log) lookAtEnd() (e logEnd) {
	if l.reading.file == "" {
		return e
	}
	e.size = -1
	if file, err := l.fs.Stat(l.reading.file); err == nil {
		e.size = file.Size
	}
	e.mark, _ = l.readMark()
	return e
}

// openReadOnly reads what is there, and repairs nothing.
func (l *log) openReadOnly() error {
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	return l.reload()
}

// reload opens the log anew. The caller has refreshMu, and curMu where others read already. On an error
// the present snapshot stays.
func (l *log) reload() error {
	before := l.cur
	l.reading.loads++
	if _, err := l.fs.Stat(l.dir); err != nil {
		l.reading.absent = true
		if before == nil {
			l.cur = newSnapshot(nil, nil, nil)
		}
		return nil
	}
	l.reading.absent = false
	// The writer replaces files while they are being listed: what has changed meanwhile is read again.
	for attempt := 0; ; attempt++ {
		text, err := l.reloadOnce()
		if err != nil {
			l.cur = before
			return err
		}
		if _, now, err := l.readManifest(); attempt == 3 || err != nil || bytes.Equal(now, text) {
			break
		}
		l.cur.release()
		l.cur = before
	}
	if before != nil {
		before.release()
	}
	l.show()
	return nil
}

func (l *log) reloadOnce() ([]byte, error) {
	m, text, err := l.readManifest()
	if err != nil && !isDamage(err) {
		return nil, err
	}
	if m != nil && m.Epoch != l.presentEpoch() {
		l.reading.durable, l.reading.shown = 0, 0 // another history
	}
	if err := l.look(); err != nil {
		return nil, err
	}
	l.reading.file = ""
	if m != nil && len(m.Segments) > 0 {
		l.reading.file = filepath.Join(l.dir, m.Segments[len(m.Segments)-1].Name)
	}
	l.reading.end = l.lookAtEnd() // before anything is read: what comes later is then seen as a change
	l.manifestText = text
	l.damaged.Store(nil)
	l.reading.growing, l.reading.builder = nil, nil
	durable, err := l.load()
	if err != nil {
		return nil, err
	}
	l.reading.durable = max(l.reading.durable, durable)
	if _, err := l.openSegments(durable); err != nil {
		return nil, err
	}
	l.reading.last = l.ends
	if g := l.reading.growing; g != nil {
		l.reading.builder = newBuilder(l, g.first)
		l.reading.builder.mem = g.mem
		l.reading.last = g.first - 1
		if err := l.readMore(); err != nil {
			l.cur.release()
			return nil, err
		}
	}
	return text, nil
}

// look asks whether a writer is at work.
func (l *log) look() error {
	_, held, err := l.fs.Locked(l.lockPath)
	if err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "the lock of %s: %w", l.dir, err)
	}
	l.reading.held = held
	return nil
}

// grows tells whether a segment is read as it grows: the last one, beside a writer.
func (l *log) grows(g *seg, isLast bool) bool {
	return l.o.ReadOnly && l.reading.held && isLast && !g.info.Sealed && l.damage() == nil
}

// refresh looks, where the store is read only, at what another process has written since.
func (l *log) refresh() error {
	if !l.o.ReadOnly {
		return nil
	}
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	if l.closed.Load() {
		return errClosed // what would be opened now would never be closed
	}
	if l.reading.absent {
		return l.reloadPublished()
	}
	text, err := vfs.ReadFile(l.fs, l.manifestPath())
	if err != nil {
		return &nacre.DamageError{File: l.manifestPath(), Reason: "cannot be read: " + err.Error()}
	}
	held := l.reading.held
	if err := l.look(); err != nil {
		return err
	}
	if !bytes.Equal(text, l.manifestText) || held != l.reading.held || l.replaced() {
		return l.reloadPublished()
	}
	mark, _ := l.readMark()
	l.reading.durable = max(l.reading.durable, mark.Durable)
	if l.reading.builder != nil {
		if err := l.readMore(); err != nil {
			return err
		}
	}
	l.show()
	return nil
}

// replaced tells whether the active segment's file is another one than the one that is open, as after a
// writer's recovery, or has become shorter; or, where it is not read as it grows, has changed at all.
func (l *log) replaced() bool {
	g := l.reading.growing
	if g == nil {
		return !l.reading.held && l.lookAtEnd() != l.reading.end
	}
	e, err := l.fs.Stat(g.path())
	if err != nil {
		return true
	}
	_, size, err := g.content()
	return err != nil || size < e.Size || size < l.bytes.Load()
}

// reloaded opens the log anew if its files have changed: a writer replaces them.
func (l *log) reloaded() bool {
	l.refreshMu.Lock()
	before := l.reading.loads
	l.refreshMu.Unlock()
	if err := l.refresh(); err != nil {
		return false
	}
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	return l.reading.loads > before
}

// reloadPublished is reload while others read.
func (l *log) reloadPublished() error {
	l.curMu.Lock()
	defer l.curMu.Unlock()
	return l.reload()
}

// readMore reads the lines that were added to the active segment, as far as they are known to be
// durable: what is behind may be taken back, and other lines written there.
func (l *log) readMore() error {
	for {
		before := l.reading.last
		waiting, err := l.readDurable()
		if err != nil || !waiting || l.reading.last == before {
			return err
		}
	}
}

// readDurable tells whether lines were left that more is known of now.
func (l *log) readDurable() (waiting bool, err error) {
	g, b := l.reading.growing, l.reading.builder
	r, size, err := g.content()
	if err != nil {
		return false, err
	}
	from := l.bytes.Load()
	if size <= from {
		return false, nil
	}
	m := b.mem
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offMu.Lock()
	defer m.offMu.Unlock()
	defer func() {
		// As far as it went, also beside an error.
		l.reading.last = nacre.Position(m.idx.Last())
		m.folded = l.reading.last
		l.bytes.Store(m.end)
	}()
	v, err := segment.Scan(r, size, g.path(), &segment.ScanOptions{
		First: l.reading.last + 1, From: from, Durable: l.reading.last, Tail: true,
		OnLine: func(off int64, text []byte, v *line.View) error {
			l.reading.durable = max(l.reading.durable, v.Stamp.Synced)
			known := max(l.reading.durable, l.reading.shown)
			if waiting = waiting || v.Stamp.Position > known; waiting {
				return nil
			}
			return b.add(off, text, v)
		},
	})
	if err != nil {
		return false, err
	}
	if v.Kind == segment.Damaged {
		return false, v.Damage
	}
	l.reading.durable = max(l.reading.durable, v.Synced)
	return waiting, nil
}

// show sets how far reads go.
func (l *log) show() {
	l.reading.shown = l.reading.last
	l.recovered(l.reading.last)
}

// waitReadOnly waits for what another process appends. The system tells when a file changes.
func (l *log) waitReadOnly(ctx context.Context, after nacre.Position) error {
	watcher := vfs.Watch(l.fs, l.dir)
	defer func() { _ = watcher.Close() }()
	epoch := l.presentEpoch()
	for {
		if l.closed.Load() {
			return errClosed
		}
		if err := l.refresh(); err != nil {
			return err
		}
		if nacre.Position(l.followed.Load()) > after || l.presentEpoch() != epoch {
			return nil
		}
		if err := watcher.Wait(ctx); err != nil {
			return err
		}
	}
}

// memoriesFor replaces, where nothing may be written, a bad run and all after it by memories.
func (l *log) memoriesFor(bad *index.Run) error {
	s := l.acquire()
	defer s.release()
	var more []*memory
	keep := 0
	for keep < len(s.runs) && s.runs[keep] != bad {
		keep++
	}
	from := nacre.Position(bad.Range().First)
	for _, g := range s.segs {
		if g.first < from || len(s.mems) > 0 && g.first >= s.mems[0].first {
			continue
		}
		b, err := l.readSealed(g)
		if err != nil {
			return err
		}
		more = append(more, b.mem)
	}
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		if !slices.Equal(runs, s.runs) || !slices.Equal(mems, s.mems) {
			return segs, runs, mems // opened anew meanwhile
		}
		return segs, runs[:keep], append(more, mems...)
	})
	return nil
}
