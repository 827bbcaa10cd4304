package filestore

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// counted counts the messages that hold a text.
type counted struct {
	slog.Handler
	text string
	n    *atomic.Int64
}

func counting(text string) (*slog.Logger, *atomic.Int64) {
	c := counted{slog.DiscardHandler, text, new(atomic.Int64)}
	return slog.New(c), c.n
}

func (c counted) Enabled(context.Context, slog.Level) bool { return true }

func (c counted) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.text) {
		c.n.Add(1)
	}
	return nil
}

// countSelected counts the events that a filter gives before an error.
func countSelected(s *nacre.Store, f nacre.Filter, backwards bool) (n int, err error) {
	for _, err := range s.Read(context.Background(), f, &nacre.ReadOptions{Backwards: backwards}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// loseLine fails every read of a file that wants some of the line at a position.
func loseLine(t *testing.T, fsys *crashfs.FS, s *nacre.Store, p nacre.Position) {
	t.Helper()
	snap := s.Driver().(*log).acquire()
	defer snap.release()
	g := snap.segAt(p)
	from, to, err := g.bounds(p)
	if err != nil {
		t.Fatal(err)
	}
	path := g.path()
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpRead && op.Name == path && op.Offset < to && op.Offset+op.Len > from {
			return syscall.EIO
		}
		return nil
	})
	t.Cleanup(func() { fsys.SetHook(nil) })
}

// TestLinesBesideALostSector: of lines that stand close together one lies on a sector that cannot be read.
// All before it, in either direction, are given.
func TestLinesBesideALostSector(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, &Options{Logger: quiet, SegmentBytes: 128 << 10, env: environment{fs: fsys}})
	defer s.Close()
	const events = 1000
	for range events / 50 {
		mustAppend(t, s, "m-1", 50, payload())
	}
	const lost = 120
	loseLine(t, fsys, s, lost)
	for backwards, want := range map[bool]int{false: lost - 1, true: events - lost} {
		n, err := countSelected(s, nacre.Filter{{Categories: []string{"m"}}}, backwards)
		if nacre.CodeOf(err) != nacre.CodeDamaged || n != want {
			t.Errorf("backwards %t: %d events, then %v; want %d, then damage", backwards, n, err, want)
		}
	}
}

// TestLinesBesideALostPage is the same for lines that are read through a mapping. Lines that stand close
// together are read out of the file, many at once.
func TestLinesBesideALostPage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, &Options{Logger: quiet, SegmentBytes: 256 << 10})
	defer s.Close()
	for range 40 {
		mustAppend(t, s, "m-1", 50, payload())
	}
	l := s.Driver().(*log)
	if err := l.waitSealed(0); err != nil {
		t.Fatal(err)
	}
	snap := l.acquire()
	defer snap.release()
	g := snap.segs[0]
	if g.mapped() == nil {
		t.Skip("segments are not mapped here")
	}
	const cut = 20 << 12 // a page, or a few where pages are larger
	if err := os.Truncate(g.path(), cut); err != nil {
		t.Fatal(err)
	}
	whole := 0
	for p := nacre.Position(1); ; p++ {
		_, end, err := g.bounds(p)
		if err != nil {
			t.Fatal(err)
		}
		if end > cut {
			break
		}
		whole++
	}
	n, err := countSelected(s, nacre.Filter{{Categories: []string{"m"}}}, false)
	if nacre.CodeOf(err) != nacre.CodeDamaged || n != whole {
		t.Errorf("%d events, then %v; want %d, then damage", n, err, whole)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file == nil {
		t.Error("lines that stand close together were read page by page")
	}
}

// TestMissingOffsetsAreMadeOnce: a read of a stream that waits for the disk asks from many goroutines for
// lines whose places are not known; an offsets file is made once, not by each of them.
func TestMissingOffsetsAreMadeOnce(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 200, true)
	logger, made := counting("offsets are made again")
	s := mustOpen(t, testDir, &Options{Logger: logger, SegmentBytes: 4 << 10, env: environment{fs: fsys}})
	defer s.Close()
	l := s.Driver().(*log)
	snap := l.acquire()
	defer snap.release()
	g := snap.segs[0]
	if err := fsys.Remove(g.offsetsPath()); err != nil {
		t.Fatal(err)
	}
	const readers = 8
	looked := make(chan struct{}, readers)
	fsys.SetHook(func(op crashfs.Op) error {
		if op.Kind == crashfs.OpMap && op.Name == g.offsetsPath() {
			select {
			case looked <- struct{}{}:
			default:
			}
		}
		return nil
	})
	defer fsys.SetHook(nil)
	l.rebuildMu.Lock() // until all of them have missed it
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			if _, _, err := g.bounds(2); err != nil {
				t.Error(err)
			}
		})
	}
	for range readers {
		<-looked
	}
	l.rebuildMu.Unlock()
	wg.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("the offsets were made %d times", n)
	}
}

// TestDamageIsToldOnce: what goes ahead of a read leaves it to the read to tell of damage.
func TestDamageIsToldOnce(t *testing.T) {
	fsys := newFS()
	logger, told := counting("damage")
	s := mustOpen(t, testDir, &Options{Logger: logger, SegmentBytes: 16 << 10, env: environment{fs: fsys}})
	defer s.Close()
	for range 20 {
		mustAppend(t, s, "m-1", 20, payload())
	}
	l := s.Driver().(*log)
	if err := l.waitSealed(0); err != nil {
		t.Fatal(err)
	}
	loseLine(t, fsys, s, 1)
	snap := l.acquire()
	defer snap.release()
	for c := range snap.chunks(forward, 1, 20) {
		a := &ahead{lines: aheadLines}
		a.touch(t.Context(), l, snap, c, forward, l.hasher.Term(index.Stream, "m-1"))
	}
	if n := told.Load(); n != 0 {
		t.Errorf("going ahead told of damage %d times", n)
	}
	if _, err := countSelected(s, nacre.Filter{{Streams: []nacre.StreamID{"m-1"}}}, false); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Fatal(err)
	}
	if n := told.Load(); n != 1 {
		t.Errorf("the damage was told %d times", n)
	}
}

// plainFS has none of the operating system's own file system's methods beside those of FS.
type plainFS struct {
	vfs.FS
	mapped *atomic.Int64 // segments
}

func (f plainFS) Map(name string) (vfs.Mapping, error) {
	if filepath.Ext(name) == ".ndjson" {
		f.mapped.Add(1)
	}
	return f.FS.Map(name)
}

// TestSegmentsAreNotCopiedToBeMapped: where a mapping is a copy, a segment is not read whole to read a line.
func TestSegmentsAreNotCopiedToBeMapped(t *testing.T) {
	fsys := plainFS{vfs.OS, new(atomic.Int64)}
	s := mustOpen(t, t.TempDir(), &Options{Logger: quiet, SegmentBytes: 16 << 10, env: environment{fs: fsys}})
	defer s.Close()
	for range 20 {
		mustAppend(t, s, "m-1", 20, payload())
	}
	if n, err := countSelected(s, nacre.Filter{{Streams: []nacre.StreamID{"m-1"}}}, false); err != nil || n != 400 {
		t.Fatalf("%d events, %v", n, err)
	}
	if n := fsys.mapped.Load(); n > 0 {
		t.Errorf("%d segments were mapped", n)
	}
}

// TestClosedStaysClosed: a change of the snapshot that was under way when the store was closed does not make
// it look empty.
func TestClosedStaysClosed(t *testing.T) {
	s := mustOpen(t, t.TempDir(), &Options{Logger: quiet})
	mustAppend(t, s, "m-1", 1, payload())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l := s.Driver().(*log)
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		return segs, runs, mems
	})
	if err := l.using(func(*snapshot) error { return nil }); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("a closed store is used: %v", err)
	}
}

// TestReadOnlyStaysClosed: a look at what a writer has done since, which was under way when the store was
// closed, opens nothing any more.
func TestReadOnlyStaysClosed(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, &Options{Logger: quiet})
	mustAppend(t, w, "m-1", 1, payload())
	r := mustOpen(t, dir, &Options{Logger: quiet, ReadOnly: true})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil { // which changes the files
		t.Fatal(err)
	}
	l := r.Driver().(*log)
	if err := l.refresh(); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("a closed store looks at its files: %v", err)
	}
	s := l.acquire()
	defer s.release()
	if !s.left || len(s.segs) > 0 {
		t.Errorf("a closed store has %d segments open", len(s.segs))
	}
}

// TestRepeatAcrossARoll repeats two appends as one, with a snapshot from between them: it is a repetition,
// not a conflict.
func TestRepeatAcrossARoll(t *testing.T) {
	s := mustOpen(t, t.TempDir(), &Options{Logger: quiet, SegmentBytes: 16 << 10})
	defer s.Close()
	l := s.Driver().(*log)
	mustAppend(t, s, "m-1", 1, payload().WithID("a"))
	old := l.acquire()
	defer old.release()
	for i := 0; ; i++ {
		now := l.acquire()
		rolled := now.segs[len(now.segs)-1] != old.segs[len(old.segs)-1]
		now.release()
		if rolled {
			break
		}
		mustAppend(t, s, nacre.StreamID(fmt.Sprintf("n-%d", i)), 1, payload())
	}
	mustAppend(t, s, "m-1", 1, payload().WithID("b"))
	old.fold()
	r := l.prepare([]nacre.Append{{
		Stream: "m-1", Expected: nacre.Any, Events: []nacre.Event{payload().WithID("a"), payload().WithID("b")},
	}}, nil)
	first, err := l.checkIn(t.Context(), old, r)
	if err != nil || len(first) != 1 || !first[0].Duplicate || first[0].Version != 1 {
		t.Errorf("%+v, %v", first, err)
	}
}

// TestIdleStoreHoldsNothing: a file that is replaced while nothing is appended is let go of.
func TestIdleStoreHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, testDir, on(newFS()))
		defer s.Close()
		fill(t, s, 60)
		synctest.Wait() // sealed and merged
		l := s.Driver().(*log)
		var before *snapshot
		for before != l.latest.Load() { // until an append begins no segment
			before = l.latest.Load()
			mustAppend(t, s, "m-1", 1, numbered(1))
			synctest.Wait()
		}
		// As when a segment was compressed.
		l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
			return segs, runs, mems
		})
		if n := before.refs.Load(); n != 0 {
			t.Errorf("what was replaced is held %d times", n)
		}
	})
}
