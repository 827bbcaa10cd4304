package filestore

import (
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// group is what is written and synced at once: whole requests, in one segment.
type group struct {
	seg      *seg
	begins   bool // the segment's file has to be made first
	off      int64
	buf      []byte
	last     nacre.Position
	requests []*request // in the group, or refused because of what is in it or in those before
	results  []outcome  // of the requests
	gen      uint64     // of the sequencer's state that it was made with
}

// maxGroup is the most bytes of a group, but for a single request that is larger.
const maxGroup = 8 << 20

// maxBacklog is how many events may wait to be indexed before the sequencer does it itself.
const maxBacklog = 16 << 10

// sequencer decides the order of appends. Its goroutine forms groups: it checks requests against memory,
// gives positions, stamps lines. It never waits for a disk, but for space in a new segment and for an
// index that is a whole segment behind.
type sequencer struct {
	l    *log
	snap *snapshot // the log's, held but while idle; its memories are this goroutine's to write
	seg  *seg      // active; nil before the first append
	mem  *memory

	next    nacre.Position // to give
	end     int64          // of the active segment, with what is being formed
	clock   int64          // last time given, microseconds
	g       *group         // being formed; nil where nothing is
	gen     uint64
	enc     line.Encoder
	fresh   freshTerms
	offsets []uint32
	spare   []*request
}

func (q *sequencer) run() {
	defer close(q.l.sequenced)
	defer close(q.l.groups)
	for {
		reqs, closed := q.l.queue.take(q.spare)
		for i, r := range reqs {
			q.heal()
			q.admit(r)
			reqs[i] = nil
		}
		q.spare = reqs
		if q.g == nil {
			if len(reqs) > 0 {
				continue
			}
			// Nothing holds, while nothing is appended, the files that are replaced meanwhile.
			q.leave()
			if closed {
				return
			}
			<-q.l.queue.bell
			continue
		}
		if len(reqs) > 0 {
			// More may have come meanwhile; but the writer must not starve.
			select {
			case q.l.groups <- q.g:
				q.handed()
			default:
			}
			continue
		}
		select {
		case q.l.groups <- q.g:
			q.handed()
		case <-q.l.queue.bell:
		}
	}
}

// hand gives the group to the writer, and waits until it takes it.
func (q *sequencer) hand() {
	if q.g != nil {
		q.l.groups <- q.g
		q.handed()
	}
}

// handed lets the group's events be indexed while they are synced.
func (q *sequencer) handed() {
	q.g = nil
	q.l.indexBell()
}

// group is the one being formed.
func (q *sequencer) group() *group {
	if q.g == nil {
		q.g = q.l.newGroup()
		q.g.seg, q.g.off, q.g.gen = q.seg, q.end, q.gen
		q.g.last = q.next - 1
	}
	return q.g
}

// answer lets a request end together with the group: what it was refused for may not be durable yet.
func (q *sequencer) answer(r *request, o outcome) {
	if q.g == nil && q.l.written.Load() >= uint64(q.next-1) {
		r.finish(o)
		return
	}
	g := q.group()
	g.requests = append(g.requests, r)
	g.results = append(g.results, o)
}

// admit checks a request and puts it into the group.
func (q *sequencer) admit(r *request) {
	if err := q.l.failure(); err != nil {
		r.finish(outcome{err: err})
		return
	}
	if !q.room(r) {
		return
	}
	q.look()
	if r.heals != q.snap.heals || r.indexedTo+1 < q.snap.mems[0].first {
		// Positions were taken back, or a memory has become a run, since the caller looked.
		r.finish(outcome{again: true})
		return
	}
	// Where the fresh terms go back to what the caller has looked at, they tell of all that is behind it.
	looked := r.checkedTo >= q.fresh.since
	if q.fresh.concerns(r) {
		q.snap.fold()
		q.fresh.clear(q.next - 1)
		looked = false
	}
	if r.given && !looked {
		if p, hit := q.idBehind(r); hit {
			r.finish(outcome{again: true, waitFor: p, gen: q.gen})
			return
		}
	}
	if p, hit := q.kindBehind(r, looked); hit {
		r.finish(outcome{again: true, waitFor: p, gen: q.gen})
		return
	}
	if !q.versions(r) {
		return
	}
	if r.forbidden != nil {
		q.answer(r, outcome{err: r.forbidden})
		return
	}
	if r.cond != nil && !looked {
		for _, m := range slices.Backward(q.snap.mems) {
			if p, hit := m.mayHit(q.l, &r.cond.selection, max(r.checkedTo, r.cond.after)); hit {
				r.finish(outcome{again: true, waitFor: p, gen: q.gen})
				return
			}
		}
	}
	q.write(r)
}

// look takes the present snapshot: a memory may have become a run.
func (q *sequencer) look() {
	if q.l.latest.Load() != q.snap {
		q.leave()
		q.snap = q.l.acquire()
	}
}

// leave lets go of the snapshot until the next look.
func (q *sequencer) leave() {
	if q.snap != nil {
		q.snap.release()
		q.snap = nil
	}
}

// idBehind tells whether one of the request's ids may stand behind what the caller has looked at.
func (q *sequencer) idBehind(r *request) (nacre.Position, bool) {
	for i := range r.appends {
		for _, id := range r.appends[i].given {
			for _, m := range slices.Backward(q.snap.mems) {
				m.mu.RLock()
				last, ok := m.idx.LastOf(id)
				m.mu.RUnlock()
				if ok && nacre.Position(last) > r.checkedTo {
					return nacre.Position(last), true
				}
			}
		}
	}
	return 0, false
}

// kindBehind tells whether what decides a category's kind may stand behind what the caller has looked at.
func (q *sequencer) kindBehind(r *request, looked bool) (nacre.Position, bool) {
	if !r.merge && !q.l.kinds.any.Load() {
		return 0, false
	}
	for i := range r.appends {
		a := &r.appends[i]
		switch {
		case a.settled:
		case !a.termed:
			return 0, true // the first merge stream has come since the caller looked
		case !looked:
			for _, m := range slices.Backward(q.snap.mems) {
				m.mu.RLock()
				last, ok := m.idx.LastOf(a.kindTerm)
				m.mu.RUnlock()
				if ok && nacre.Position(last) > r.checkedTo {
					return nacre.Position(last), true
				}
			}
		}
	}
	return 0, false
}

// versions finds the versions of the request's streams and checks what was expected of them.
func (q *sequencer) versions(r *request) bool {
	for i := range r.appends {
		a := &r.appends[i]
		v, ok := int64(0), false
		for k := len(q.snap.mems) - 1; k >= 0 && !ok; k-- {
			v, ok = q.snap.mems[k].streams[a.stream]
		}
		if !ok {
			if !a.known {
				r.finish(outcome{again: true})
				return false
			}
			v = a.version
		}
		if !a.expected.Allows(v) {
			q.answer(r, outcome{err: &nacre.ConflictError{Stream: a.stream, Expected: a.expected, Current: v}})
			return false
		}
		a.firstVer = v + 1
	}
	return true
}

// room makes sure that the request fits into the active segment, or begins the next one.
func (q *sequencer) room(r *request) bool {
	size := int64(len(r.buf) + r.events*line.MaxStamp)
	if q.g != nil && len(q.g.buf) > 0 && int64(len(q.g.buf))+size > maxGroup {
		q.hand()
	}
	full := q.seg == nil || q.end > 0 && (q.end+size > q.l.o.SegmentBytes || q.mem.bytes() > maxIndexBytes)
	if !full {
		return true
	}
	q.hand()
	if err := q.l.readyForNext(q.gen); err != nil {
		r.finish(outcome{err: err})
		return false
	}
	q.begin()
	return true
}

// begin makes the next segment the active one. Its file is made by the writer, with its first group.
func (q *sequencer) begin() {
	if q.mem != nil {
		q.mem.fold()
		q.fresh.clear(q.next - 1)
	}
	mem := newMemory(q.next, q.l.hasher)
	g := &seg{log: q.l, first: q.next, mem: mem}
	g.info = segmentInfo(q.next)
	q.l.publishSegment(g, mem)
	q.seg, q.mem, q.end = g, mem, 0
	q.look()
	q.group().begins = true
}

// write stamps the request's lines into the group.
func (q *sequencer) write(r *request) {
	if r.merge {
		q.l.kinds.any.Store(true)
	}
	g := q.group()
	now := q.l.o.env.now().UnixMicro()
	q.clock = max(q.clock, now)
	r.createdAt = q.clock
	stamp := line.Stamp{Synced: nacre.Position(q.l.durable.Load())}
	if r.events > 1 {
		stamp.BatchFirst, stamp.BatchLast = q.next, q.next+nacre.Position(r.events)-1
	}
	q.offsets = q.offsets[:0]
	for i := range r.appends {
		a := &r.appends[i]
		a.firstPos = q.next
		for j := range a.events {
			b := a.bodies[j]
			q.offsets = append(q.offsets, uint32(g.off)+uint32(len(g.buf)))
			stamp.Position, stamp.StreamPosition = q.next, a.firstVer+int64(j)
			stamp.CreatedAt = r.createdAt
			if t := a.events[j].CreatedAt; !t.IsZero() {
				stamp.CreatedAt = t.UnixMicro()
			}
			q.mem.saw(stamp.CreatedAt)
			g.buf = append(g.buf, r.buf[b.start:b.end]...)
			g.buf = q.enc.AppendStamp(g.buf, b.sum, &stamp)
			q.next++
		}
		q.mem.setVersion(a.stream, a.firstVer+int64(len(a.events))-1)
		q.mem.add(indexed{a.firstPos, a.firstVer, a})
		q.l.recent.add(a.streamTerm)
		q.fresh.add(a.terms)
	}
	q.end = g.off + int64(len(g.buf))
	q.mem.addLines(q.offsets, q.end)
	g.last = q.next - 1
	g.requests = append(g.requests, r)
	g.results = append(g.results, outcome{})
	r.freeBuf()
	if q.mem.backlog() > maxBacklog {
		q.mem.fold() // the indexer cannot keep up alone
	}
	if q.fresh.count > manyFresh && q.mem.backlog() == 0 {
		q.fresh.clear(q.next - 1)
	}
}

// heal makes the sequencer's state again from the file, after the writer had to take a group back.
func (q *sequencer) heal() {
	gen := q.l.faultGen()
	if gen == q.gen {
		return
	}
	fault, at := q.l.lastFault(), q.l.faultSegment()
	if q.g != nil {
		for _, r := range q.g.requests {
			r.finish(outcome{err: fault})
		}
		q.l.freeGroup(q.g)
		q.g = nil
	}
	q.gen = gen
	q.next = q.l.visible() + 1
	q.fresh.clear(q.next - 1)
	q.seg, q.mem, q.end = at, nil, q.l.bytes.Load()
	if at != nil {
		b := newBuilder(q.l, at.first)
		b.versions = true
		if err := q.l.readActive(at, q.end, b); err != nil {
			q.l.fail(nacre.Errorf(nacre.CodeFailed, "after a full disk the active segment cannot be read: open the store again: %w", err))
			return
		}
		q.mem = b.mem
	}
	q.l.unpublish(at, q.mem)
	q.look()
}
