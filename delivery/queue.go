package delivery

import (
	"container/heap"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// entry is an event that was read and is not done.
type entry struct {
	event    nacre.Event
	lane     *lane
	attempts int    // that began
	flying   bool   // it is being sent, or a consumer has it
	leaving  bool   // and nobody has it any more: what becomes of it is being written
	done     bool   // it is nobody's any more
	letter   string // the dead letter that is tried again; "" for an event in its turn
	dropped  bool   // the letter was discarded meanwhile

	// Of a group, while it flies.
	id       string
	consumer *member
}

// size is about what an entry holds.
func (e *entry) size() int {
	n := 256 + len(e.event.Data) + len(e.event.Binary) + len(e.event.Metadata) + len(e.event.Type) + len(e.event.StreamID)
	for _, t := range e.event.Tags {
		n += len(t) + 16
	}
	return n
}

// lane is what waits for each other: the open events of a stream, in order. Those that fly stand before those that
// wait.
type lane struct {
	key       nacre.StreamID
	entries   []*entry
	flying    int
	notBefore time.Time // nothing is taken earlier
	listed    bool      // it is in ready or in later
	at        int       // its place in later
	owner     *member   // of a group that is pinned
	ownedIn   int       // the membership that owner was found for
}

// queue is what a subscription has read and not done. It does nothing by itself, and its lock is the subscription's.
type queue struct {
	byStream bool
	abreast  int // how many of a lane may fly together; the next ones fly when all have landed
	lanes    map[nacre.StreamID]*lane
	ready    []*lane  // with something to take, perhaps
	later    lateness // those whose time has not come
	order    []*entry // in the log's order, without letters; some are done
	open     int      // not done, without letters
	bytes    int      // of these
}

func newQueue(p *Policy) *queue {
	return &queue{byStream: p.Order == ByStream, abreast: p.Batch, lanes: map[nacre.StreamID]*lane{}}
}

// push takes an event behind all that were pushed.
func (q *queue) push(e nacre.Event, attempts int, letter string) *entry {
	key := nacre.StreamID("")
	switch {
	case letter != "":
		key = letterLane(letter)
	case q.byStream:
		key = e.StreamID
	}
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key}
		q.lanes[key] = l
	}
	it := &entry{event: e, lane: l, attempts: attempts, letter: letter}
	l.entries = append(l.entries, it)
	if letter == "" {
		q.order = append(q.order, it)
		q.open++
		q.bytes += it.size()
	}
	q.list(l)
	return it
}

// aloft notes that an event flies, which it has done since before it was pushed.
func (q *queue) aloft(e *entry) {
	q.unlist(e.lane)
	e.flying = true
	e.lane.flying++
}

// list puts a lane where it is found when its time has come.
func (q *queue) list(l *lane) {
	if l.listed || l.flying > 0 || len(l.entries) == 0 {
		return
	}
	l.listed = true
	if l.notBefore.IsZero() {
		q.ready = append(q.ready, l)
		return
	}
	heap.Push(&q.later, l)
}

// due lists those whose time has come.
func (q *queue) due(now time.Time) {
	for len(q.later) > 0 && !q.later[0].notBefore.After(now) {
		l := heap.Pop(&q.later).(*lane)
		l.notBefore = time.Time{}
		q.ready = append(q.ready, l)
	}
}

// next is when something becomes due; zero where nothing does.
func (q *queue) next() time.Time {
	if len(q.later) == 0 {
		return time.Time{}
	}
	return q.later[0].notBefore
}

// take takes at most so many events of one lane that may fly now. It is nil where there are none.
func (q *queue) take(now time.Time, most int) []*entry {
	q.due(now)
	for len(q.ready) > 0 {
		l := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		if taken := q.leave(l, most); taken != nil {
			return taken
		}
	}
	return nil
}

// takeOf is take for lanes that somebody wants, of as many lanes as it needs.
func (q *queue) takeOf(now time.Time, most int, wants func(*lane) bool) (taken []*entry) {
	q.due(now)
	stay := q.ready[:0]
	for i, l := range q.ready {
		if len(taken) == most {
			stay = append(stay, q.ready[i:]...)
			break
		}
		if !wants(l) {
			stay = append(stay, l)
			continue
		}
		taken = append(taken, q.leave(l, most-len(taken))...)
	}
	clear(q.ready[len(stay):])
	q.ready = stay
	return taken
}

// leave has a lane that was ready fly.
func (q *queue) leave(l *lane, most int) []*entry {
	l.listed = false
	taken := q.fly(l, most)
	if len(l.entries) == 0 {
		delete(q.lanes, l.key)
	}
	return taken
}

func (q *queue) fly(l *lane, most int) []*entry {
	if l.flying > 0 {
		return nil
	}
	var taken []*entry
	size := 0
	for _, e := range l.entries {
		size += e.size()
		if len(taken) == min(most, q.abreast) || len(taken) > 0 && (e.attempts > 0 || size > maxBatchBytes) {
			break // what was tried before flies alone, so that it fails alone
		}
		e.flying = true
		e.attempts++
		l.flying++
		taken = append(taken, e)
		if e.attempts > 1 {
			break
		}
	}
	return taken
}

// finish is for an event that is done.
func (q *queue) finish(e *entry) {
	if e.done {
		return
	}
	e.done = true
	if e.letter == "" {
		q.open--
		q.bytes -= e.size()
	}
	l := e.lane
	if i := slices.Index(l.entries, e); i == 0 {
		l.entries[0] = nil
		l.entries = l.entries[1:]
	} else {
		l.entries = slices.Delete(l.entries, i, i+1)
	}
	if e.flying {
		l.flying--
	}
	e.event = nacre.Event{GlobalPosition: e.event.GlobalPosition}
	q.trim()
	if len(l.entries) == 0 && !l.listed {
		delete(q.lanes, l.key)
		return
	}
	q.list(l)
}

// again has an event wait, and with it what flies behind it, which does not count as tried.
func (q *queue) again(e *entry, at time.Time) (recalled []*entry) {
	l := e.lane
	i := slices.Index(l.entries, e)
	if i < 0 || !e.flying {
		return nil
	}
	e.leaving = false
	for _, other := range l.entries[i:] {
		if !other.flying {
			break
		}
		if other.leaving {
			continue
		}
		other.flying = false
		l.flying--
		if other != e {
			other.attempts--
			recalled = append(recalled, other)
		}
	}
	if at.After(l.notBefore) {
		q.unlist(l)
		l.notBefore = at
	}
	q.list(l)
	return recalled
}

func (q *queue) unlist(l *lane) {
	if !l.listed {
		return
	}
	l.listed = false
	if !l.notBefore.IsZero() {
		heap.Remove(&q.later, l.at)
		return
	}
	i := slices.Index(q.ready, l)
	q.ready = slices.Delete(q.ready, i, i+1)
}

// trim forgets what is done at the front, and now and then what is done behind it.
func (q *queue) trim() {
	n := 0
	for n < len(q.order) && q.order[n].done {
		q.order[n] = nil
		n++
	}
	q.order = q.order[n:]
	if len(q.order) > 2*q.open+64 {
		q.order = slices.DeleteFunc(q.order, func(e *entry) bool { return e.done })
	}
}

// position is what nothing is open before, where anything is.
func (q *queue) position() (nacre.Position, bool) {
	if len(q.order) == 0 {
		return 0, false
	}
	return q.order[0].event.GlobalPosition - 1, true
}

// lateness is lanes by when they are due: a heap.
type lateness []*lane

func (h lateness) Len() int           { return len(h) }
func (h lateness) Less(i, j int) bool { return h[i].notBefore.Before(h[j].notBefore) }
func (h lateness) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *lateness) Push(x any) {
	l := x.(*lane)
	l.at = len(*h)
	*h = append(*h, l)
}

func (h *lateness) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}
