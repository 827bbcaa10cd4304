package filestore

import (
	"context"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
)

// prepared is the part of a request that goes to one stream, made in the caller's goroutine.
type prepared struct {
	stream     nacre.StreamID
	streamTerm uint64
	expected   nacre.ExpectedVersion
	events     []nacre.Event
	bodies     []body
	terms      []uint64 // of all events, each in the order of appendTerms
	// What the index needs of the events, which the caller gets back and may change while they wait for it.
	names []eventNames
	tags  []string // of all events

	// What the caller found in the runs; the memories are the sequencer's to ask.
	known   bool
	version int64
	// kindTerm finds events that tell the kind of the stream's category, once it is needed; settled: it is known to
	// be that of the request.
	kindTerm uint64
	termed   bool
	settled  bool

	// What the sequencer decided.
	firstPos nacre.Position
	firstVer int64
}

// eventNames are an event's type, how many tags it has, and whether it begins a branch of a merge stream.
type eventNames struct {
	eventType string
	tags      int
	genesis   bool
}

// body is an encoded event in the request's buffer.
type body struct {
	start, end int
	sum        uint32
}

// given yields the events whose ids the caller chose, with the ids' terms.
func (a *prepared) given(yield func(e *nacre.Event, term uint64) bool) {
	terms := a.terms
	for i := range a.events {
		e := &a.events[i]
		if e.StreamPosition == idGiven && !yield(e, terms[termTags+len(e.Tags)]) {
			return
		}
		terms = terms[termsFor(len(e.Tags), isGenesis(e)):]
	}
}

// request is an append on its way through the sequencer and the writer.
type request struct {
	appends []prepared
	buf     []byte
	events  int
	given   bool // ids were given, and have to be looked up
	merge   bool // the events are of merge streams
	parents bool // all parents have been found
	cond    *condition

	// indexedTo is how far the caller has looked in the runs. checkedTo is how far it has looked for
	// ids and for what the condition forbids; the sequencer looks at the rest, in memory.
	indexedTo, checkedTo nacre.Position
	// forbidden is what the caller found against the condition; versions are checked before it is told.
	forbidden *nacre.ConditionError
	heals     uint64 // of the snapshot that the caller looked at

	createdAt int64
	out       outcome
	done      chan struct{}

	// Room for the most common request, of one event or a few to one stream, so that it takes few allocations.
	one    [1]prepared
	terms  [8]uint64
	bodies [1]body
	names  [1]eventNames
}

// bufs are encoded requests, which nobody needs once they have been copied into a group.
var bufs = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer that is kept for another request.
const maxPooled = 64 << 10

func (r *request) freeBuf() {
	if buf := r.buf; cap(buf) <= maxPooled {
		bufs.Put(&buf)
	}
	r.buf = nil
}

// outcome is what became of a request.
type outcome struct {
	err error
	// again: the sequencer found something that the caller must look at, up to waitFor.
	again   bool
	waitFor nacre.Position
	gen     uint64 // of the sequencer's state: after a fault, what is waited for may never come
}

func (r *request) finish(o outcome) {
	r.out = o
	close(r.done)
}

// Append implements nacre.Driver.
func (l *log) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if err := l.refusal(); err != nil {
		return nil, err
	}
	r := l.prepare(batch, c)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		first, err := l.check(ctx, r)
		if err != nil || first != nil {
			return first, err
		}
		r.done = make(chan struct{})
		if err := l.queue.put(r); err != nil {
			return nil, err
		}
		if ctx.Done() == nil {
			<-r.done
		} else {
			select {
			case <-r.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		switch {
		case r.out.err != nil:
			return nil, r.out.err
		case !r.out.again:
			l.kinds.learn(r)
			return r.result(), nil
		}
		if r.out.waitFor > 0 {
			if err := l.waitVisible(ctx, r.out.waitFor-1, r.out.gen); err != nil {
				return nil, err
			}
		}
	}
}

// refusal is why nothing is appended, if there is a reason.
func (l *log) refusal() error {
	if l.o.ReadOnly {
		return nacre.Errorf(nacre.CodeReadOnly, "%s was opened for reading only", l.dir)
	}
	if d := l.damage(); d != nil {
		return nacre.Errorf(nacre.CodeDamaged, "appends are refused because of earlier damage; what is whole can be read: %w", d)
	}
	return nil
}

// prepare encodes and checksums a batch.
func (l *log) prepare(batch []nacre.Append, c *nacre.Condition) *request {
	r := &request{merge: batch[0].Events[0].Parents != nil}
	if r.appends = r.one[:]; len(batch) > 1 {
		r.appends = make([]prepared, len(batch))
	}
	size, terms, tags := 0, 0, 0
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			r.given = r.given || e.ID != ""
			size += e.BodySize() + 32
			terms += termsFor(len(e.Tags), isGenesis(e))
			tags += len(e.Tags)
			r.events++
		}
	}
	if r.buf = (*bufs.Get().(*[]byte))[:0]; cap(r.buf) < size {
		r.buf = make([]byte, 0, size)
	}
	allTerms, allBodies, allNames := r.terms[:0], r.bodies[:0], r.names[:0]
	if terms > len(r.terms) {
		allTerms = make([]uint64, 0, terms)
	}
	if r.events > len(r.bodies) {
		allBodies = make([]body, 0, r.events)
		allNames = make([]eventNames, 0, r.events)
	}
	var allTags []string
	if tags > 0 {
		allTags = make([]string, 0, tags)
	}
	for i := range batch {
		b := &batch[i]
		a := &r.appends[i]
		a.stream, a.expected, a.events = b.Stream, b.Expected, b.Events
		a.streamTerm = l.hasher.Term(index.Stream, string(b.Stream))
		category := l.hasher.Term(index.Category, b.Stream.Category())
		firstTerm, firstBody, firstTag := len(allTerms), len(allBodies), len(allTags)
		for j := range a.events {
			e := &a.events[j]
			e.StreamID = b.Stream
			if e.ID == "" {
				e.ID = nacre.NewID()
			} else {
				// Ids that the store made stay out of the look-up.
				e.StreamPosition = idGiven
			}
			start := len(r.buf)
			r.buf = e.AppendBody(r.buf)
			allBodies = append(allBodies, body{start, len(r.buf), line.Checksum(r.buf[start:])})
			allTerms = appendTerms(allTerms, l.hasher, a.streamTerm, category, b.Stream, e)
			allTags = append(allTags, e.Tags...)
			allNames = append(allNames, eventNames{e.Type, len(e.Tags), isGenesis(e)})
		}
		a.terms = allTerms[firstTerm:len(allTerms):len(allTerms)]
		a.tags = allTags[firstTag:len(allTags):len(allTags)]
		a.names = allNames[firstBody:len(allNames):len(allNames)]
		a.bodies = allBodies[firstBody:len(allBodies):len(allBodies)]
	}
	if c != nil {
		r.cond = l.compile(c)
	}
	return r
}

// idGiven marks, until the positions are known, an event whose id the caller chose.
const idGiven = -1

// result makes what the append came to of the positions that the sequencer gave.
func (r *request) result() []nacre.Appended {
	out := make([]nacre.Appended, len(r.appends))
	for i := range r.appends {
		a := &r.appends[i]
		for j := range a.events {
			e := &a.events[j]
			e.GlobalPosition = a.firstPos + nacre.Position(j)
			e.StreamPosition = a.firstVer + int64(j)
			if e.CreatedAt.IsZero() {
				e.CreatedAt = time.UnixMicro(r.createdAt).UTC()
			}
		}
		out[i] = nacre.Appended{Version: a.firstVer + int64(len(a.events)) - 1, Events: a.events}
	}
	return out
}

// check looks at what has been written so far, for what the sequencer cannot know without reading: cold
// streams' versions, ids, categories' kinds, parents, and the condition. It gives the first outcome of a repeated append.
func (l *log) check(ctx context.Context, r *request) (first []nacre.Appended, err error) {
	err = l.healing(func(s *snapshot) error {
		first, err = l.checkIn(ctx, s, r)
		return err
	})
	return first, err
}

func (l *log) checkIn(ctx context.Context, s *snapshot, r *request) ([]nacre.Appended, error) {
	if r.heals != s.heals {
		r.heals, r.checkedTo, r.forbidden = s.heals, 0, nil
	}
	to := s.indexedTo()
	for i := range r.appends {
		a := &r.appends[i]
		if a.known && r.indexedTo == to {
			continue
		}
		if a.known = false; l.recent.has(a.streamTerm) && !r.out.again {
			continue // very likely in the sequencer's memory
		}
		v, err := l.versionInRuns(s, a.stream, a.streamTerm)
		if err != nil {
			return nil, err
		}
		a.version, a.known = v, true
	}
	r.indexedTo = to
	open := l.kinds.open(r)
	if !r.given && r.cond == nil && !open {
		return nil, nil
	}
	if r.merge {
		s.fold() // a parent that was acknowledged is there
	}
	upTo := min(l.visible(), s.foldedTo())
	if r.given {
		first, err := l.held(s, r, upTo)
		if seen := l.visible(); nacre.CodeOf(err) == nacre.CodeEventIDConflict && upTo < seen {
			// What is missing may stand where the index, or the snapshot, has not come to.
			first, err = l.heldNow(r, seen)
		}
		if err != nil || first != nil {
			return first, err
		}
	}
	if open {
		if err := l.checkKinds(s, r, upTo); err != nil {
			return nil, err
		}
	}
	if r.merge && !r.parents {
		if err := l.checkParents(s, r, upTo); err != nil {
			return nil, err
		}
		r.parents = true
	}
	if r.cond != nil && r.forbidden == nil {
		found, err := l.matching(ctx, s, r.cond, max(r.cond.after, r.checkedTo), upTo)
		if err != nil {
			return nil, err
		}
		r.forbidden = found
	}
	r.checkedTo = upTo
	return nil, nil
}

// heldNow is held by all that is known now, up to a position that could be read before.
func (l *log) heldNow(r *request, upTo nacre.Position) (first []nacre.Appended, err error) {
	err = l.using(func(s *snapshot) error {
		s.fold()
		first, err = l.held(s, r, upTo)
		return err
	})
	return first, err
}
