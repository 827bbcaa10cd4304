package filestore

import (
	"sort"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// snapshot is the set of files and memories that make up the log at a moment. It does not change; the
// log replaces it when a segment begins, is sealed, compressed, or runs are merged. Who reads holds a
// reference, so nothing is closed under him.
type snapshot struct {
	refs atomic.Int64
	segs []*seg       // ascending, the active one last; empty in a new store
	runs []*index.Run // ascending, covering [1, mems[0].first-1]
	mems []*memory    // ascending: of the segments without a run, the active one last
	left bool         // the log has been closed: there is nothing to read
	// heals counts how often written positions were taken back: what was looked up before tells nothing
	// of the events that stand there since.
	heals uint64
}

// indexedTo is the last position that a run covers.
func (s *snapshot) indexedTo() nacre.Position {
	if len(s.runs) == 0 {
		return 0
	}
	return nacre.Position(s.runs[len(s.runs)-1].Range().Last)
}

// segAt is the segment that holds a position, or would.
func (s *snapshot) segAt(p nacre.Position) *seg {
	i := s.segIndex(p)
	if i < 0 {
		return nil
	}
	return s.segs[i]
}

func (s *snapshot) segIndex(p nacre.Position) int {
	return sort.Search(len(s.segs), func(i int) bool { return s.segs[i].first > p }) - 1
}

// lastOf is the last position that segment i can hold, as far as the files after it tell.
func (s *snapshot) lastOf(i int) nacre.Position {
	if i+1 < len(s.segs) {
		return s.segs[i+1].first - 1
	}
	return nacre.Position(index.End)
}

// newSnapshot takes references to its parts. The caller holds them until it returns.
func newSnapshot(segs []*seg, runs []*index.Run, mems []*memory) *snapshot {
	s := &snapshot{segs: segs, runs: runs, mems: mems}
	s.refs.Store(1)
	for _, g := range segs {
		g.acquire()
	}
	for _, r := range runs {
		r.Acquire()
	}
	return s
}

func (s *snapshot) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	for _, g := range s.segs {
		g.release()
	}
	for _, r := range s.runs {
		_ = r.Release()
	}
}

// acquire takes the present snapshot; the caller releases it.
func (l *log) acquire() *snapshot {
	l.curMu.RLock()
	defer l.curMu.RUnlock()
	l.cur.refs.Add(1)
	return l.cur
}

// leave lets go of the present snapshot, for good; who reads goes on with his own.
func (l *log) leave() {
	l.curMu.Lock()
	defer l.curMu.Unlock()
	old := l.cur
	l.cur = newSnapshot(nil, nil, nil)
	l.cur.left = true
	if old != nil {
		old.release()
	}
}

// using calls fn with the present snapshot.
func (l *log) using(fn func(s *snapshot) error) error {
	s := l.acquire()
	defer s.release()
	if s.left {
		return errClosed
	}
	return fn(s)
}

// publish replaces the present snapshot by what change makes of its parts. Changes are made one at a
// time; the slices that change gets are its own.
func (l *log) publish(change changeParts) { l.replace(false, change) }

// changeParts gives the parts of a snapshot that takes another one's place.
type changeParts func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory)

func (l *log) replace(heals bool, change changeParts) {
	l.publishMu.Lock()
	defer l.publishMu.Unlock()
	old := l.acquire()
	next := newSnapshot(change(
		append([]*seg(nil), old.segs...), append([]*index.Run(nil), old.runs...), append([]*memory(nil), old.mems...)))
	next.heals, next.left = old.heals, old.left
	if heals {
		next.heals++
	}
	l.curMu.Lock()
	l.cur = next
	l.latest.Store(next)
	l.curMu.Unlock()
	old.release() // the log's own reference
	old.release()
}

// publishSegment adds the segment that becomes the active one.
func (l *log) publishSegment(g *seg, m *memory) {
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		return append(segs, g), runs, append(mems, m)
	})
}

// unpublish takes away every segment after g, which never got its file, and replaces g's memory.
func (l *log) unpublish(g *seg, m *memory) {
	seen := l.visible()
	l.replace(true, func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		for len(segs) > 0 && segs[len(segs)-1] != g && segs[len(segs)-1].first > seen {
			segs = segs[:len(segs)-1]
		}
		for len(mems) > 0 && (mems[len(mems)-1].first > seen || g != nil && mems[len(mems)-1].first >= g.first) {
			mems = mems[:len(mems)-1]
		}
		if g == nil {
			return segs, runs, mems
		}
		g.mu.Lock()
		g.mem = m
		g.mu.Unlock()
		return segs, runs, append(mems, m)
	})
}
