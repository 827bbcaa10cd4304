package filestore

import (
	"bytes"
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// readOnly is what a read-only open knows of the log that another process may be writing.
type readOnly struct {
	absent  bool // there is no such folder (yet)
	last    nacre.Position
	durable nacre.Position
	builder *builder // of the active segment's memory
	loads   int      // how often the log was opened anew
}

// openReadOnly reads what is there, and repairs nothing.
func (l *log) openReadOnly() error {
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	return l.reload()
}

// reload opens the log anew. The caller has refreshMu.
func (l *log) reload() error {
	before := l.cur
	l.reading.loads++
	if _, err := l.fs.Stat(l.dir); err != nil {
		l.reading.absent = true
		l.cur = newSnapshot(nil, nil, nil)
		return nil
	}
	l.reading.absent = false
	// The writer may replace files while they are being listed: what is not there any more is looked
	// for again under the names of a newer manifest.
	for attempt := 0; ; attempt++ {
		m, text, err := l.readManifest()
		if err != nil && !isDamage(err) {
			return err
		}
		if m != nil && m.Epoch != l.epoch {
			l.reading.durable = 0 // another history
		}
		l.manifestMu.Lock()
		l.manifestText = text
		l.manifestMu.Unlock()
		l.damaged.Store(nil)
		durable, err := l.load()
		if err != nil {
			return err
		}
		l.reading.durable = max(l.reading.durable, durable)
		if _, err := l.openSegments(durable); err != nil {
			return err
		}
		if l.damage() == nil || attempt == 3 {
			break
		}
		if _, now, err := l.readManifest(); err != nil || bytes.Equal(now, text) {
			break
		}
		l.cur.release()
	}
	l.reading.last = l.visible()
	l.reading.builder = nil
	if n := len(l.cur.segs); n > 0 {
		if g := l.cur.segs[n-1]; !g.info.Sealed && g.mem != nil && !g.isBroken() {
			l.reading.builder = newBuilder(l, g.first)
			l.reading.builder.mem = g.mem
		}
	}
	if before != nil {
		before.release()
	}
	return l.show()
}

// refresh looks, where the store is read only, at what another process has written since.
func (l *log) refresh() error {
	if !l.o.ReadOnly {
		return nil
	}
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	if l.reading.absent {
		return l.reloadPublished()
	}
	text, err := vfs.ReadFile(l.fs, l.manifestPath())
	if err != nil {
		return &nacre.DamageError{File: l.manifestPath(), Reason: "cannot be read: " + err.Error()}
	}
	if !bytes.Equal(text, l.manifestText) {
		return l.reloadPublished()
	}
	if l.reading.builder != nil {
		if err := l.readMore(); err != nil {
			return err
		}
	}
	mark, _, err := l.readMark()
	if err != nil {
		return err
	}
	l.reading.durable = max(l.reading.durable, mark.Durable)
	return l.show()
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

// readMore reads the lines that were added to the active segment.
func (l *log) readMore() error {
	g := l.cur.segs[len(l.cur.segs)-1]
	r, size, err := g.content()
	if err != nil {
		return err
	}
	from := l.bytes.Load()
	if size <= from {
		return nil
	}
	b := l.reading.builder
	m := b.mem
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offMu.Lock()
	defer m.offMu.Unlock()
	v, err := segment.Scan(r, size, g.path(), &segment.ScanOptions{
		First: l.reading.last + 1, From: from, Durable: l.reading.last, Tail: true, OnLine: b.add,
	})
	if err != nil {
		return err
	}
	if v.Kind == segment.Damaged {
		return v.Damage
	}
	if v.Last > l.reading.last {
		l.reading.last = v.Last
		m.folded = v.Last
		l.bytes.Store(v.End)
	}
	l.reading.durable = max(l.reading.durable, v.Synced)
	return nil
}

// show sets how far reads go: beside a writer to what is known to be durable, without one to the end.
func (l *log) show() error {
	last := l.reading.last
	_, held, err := l.fs.Locked(l.lockPath)
	if err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "the lock of %s: %w", l.dir, err)
	}
	if held {
		last = min(last, l.reading.durable)
	}
	l.recovered(last)
	return nil
}

// waitReadOnly waits for what another process appends. The system tells when a file changes.
func (l *log) waitReadOnly(ctx context.Context, after nacre.Position) error {
	watcher := vfs.Watch(l.fs, l.dir)
	defer watcher.Close()
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
		return segs, runs[:keep], append(more, mems...)
	})
	return nil
}
