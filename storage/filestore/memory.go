package filestore

import (
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// memory is what is known of a segment that has no run yet: where its lines begin, which versions its
// streams are at, and its index. The sequencer writes it; everything it holds is of that one segment.
type memory struct {
	first nacre.Position

	// The sequencer's own.
	streams        map[nacre.StreamID]int64 // versions
	names          int                      // bytes of the map's keys
	oldest, newest int64                    // times of the events, unix microseconds

	// offMu guards the lines' offsets and the end of the last one. Both only grow.
	offMu   sync.RWMutex
	offsets []uint32
	end     int64

	// pendMu guards what waits to be indexed. Indexing is off the path of an append: it is done in the
	// background, or by whoever needs the index to be up to date.
	pendMu  sync.Mutex
	pending []indexed
	waiting int // events in pending

	// mu guards the index.
	mu     sync.RWMutex
	idx    *index.Mem
	folded nacre.Position // indexed up to here
	spare  []indexed
	size   atomic.Int64 // of the index, in bytes
}

// indexed is an append that has its positions and waits to be indexed.
type indexed struct {
	first   nacre.Position
	version int64 // of the first event
	a       *prepared
}

// foldAtOnce is how many events are indexed in one hold of the lock, which others wait for.
const foldAtOnce = 512

// maxIndexBytes is when a segment is sealed for its index's memory, whatever its own size.
const maxIndexBytes = 24 << 20

func newMemory(first nacre.Position, h index.Hasher) *memory {
	return &memory{
		first: first, folded: first - 1,
		streams: make(map[nacre.StreamID]int64),
		idx:     index.NewMem(uint64(first), h),
	}
}

// addLines tells where the next lines begin, and where the last of them ends.
func (m *memory) addLines(offsets []uint32, end int64) {
	m.offMu.Lock()
	m.offsets = append(m.offsets, offsets...)
	m.end = end
	m.offMu.Unlock()
}

// bounds is where the line of a position begins and ends; ok is false where it is not here.
func (m *memory) bounds(p nacre.Position) (start, end int64, ok bool) {
	m.offMu.RLock()
	defer m.offMu.RUnlock()
	i := int(p - m.first)
	if p < m.first || i >= len(m.offsets) {
		return 0, 0, false
	}
	if i+1 < len(m.offsets) {
		return int64(m.offsets[i]), int64(m.offsets[i+1]), true
	}
	return int64(m.offsets[i]), m.end, true
}

// add takes an append that has got its positions.
func (m *memory) add(x indexed) {
	m.pendMu.Lock()
	m.pending = append(m.pending, x)
	m.waiting += len(x.a.names)
	m.pendMu.Unlock()
}

// backlog is how many events wait to be indexed.
func (m *memory) backlog() int {
	m.pendMu.Lock()
	defer m.pendMu.Unlock()
	return m.waiting
}

// fold indexes all that waits. It may be called by anyone.
func (m *memory) fold() {
	for m.backlog() > 0 {
		m.foldSome()
	}
}

func (m *memory) foldSome() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pendMu.Lock()
	n, events := 0, 0
	for n < len(m.pending) && events < foldAtOnce {
		events += len(m.pending[n].a.names)
		n++
	}
	batch := append(m.spare[:0], m.pending[:n]...)
	rest := copy(m.pending, m.pending[n:])
	clear(m.pending[rest:])
	m.pending = m.pending[:rest]
	m.pendMu.Unlock()
	for i := range batch {
		m.index(&batch[i])
	}
	clear(batch)
	m.spare = batch
	m.size.Store(int64(m.idx.Bytes()))
	// Only now: who sees no backlog relies on the index.
	m.pendMu.Lock()
	m.waiting -= events
	m.pendMu.Unlock()
}

func (m *memory) index(x *indexed) {
	terms, tags := x.a.terms, x.a.tags
	for i, e := range x.a.names {
		n := termsFor(e.tags, e.genesis)
		m.addEvent(uint64(x.first)+uint64(i), x.version+int64(i), x.a.stream, e.eventType, tags[:e.tags], terms[:n])
		terms, tags = terms[n:], tags[e.tags:]
	}
	m.folded = x.first + nacre.Position(len(x.a.names)) - 1
}

// addEvent indexes one event. Its terms are in the order of appendTerms; its names may be borrowed.
func (m *memory) addEvent(pos uint64, version int64, stream nacre.StreamID, eventType string, tags []string, terms []uint64) {
	fresh := m.idx.Add(pos, terms, version == 0)
	if fresh.Has(termStream) {
		m.idx.AddName(index.Stream, string(stream))
	}
	if fresh.Has(termCategory) {
		m.idx.AddName(index.Category, stream.Category())
	}
	if fresh.Has(termType) {
		m.idx.AddName(index.Type, eventType)
	}
	for i, tag := range tags {
		if fresh.Has(termTags + i) {
			m.idx.AddName(index.Tag, tag)
		}
	}
}

// bytes estimates what the memory holds. It is the sequencer's to ask, and waits for nobody.
func (m *memory) bytes() int {
	return int(m.size.Load()) + 48*len(m.streams) + m.names
}

// saw remembers an event's time.
func (m *memory) saw(createdAt int64) {
	if m.oldest == 0 || createdAt < m.oldest {
		m.oldest = createdAt
	}
	m.newest = max(m.newest, createdAt)
}

// setVersion is the sequencer's.
func (m *memory) setVersion(stream nacre.StreamID, version int64) {
	before := len(m.streams)
	m.streams[stream] = version
	if len(m.streams) > before {
		m.names += len(stream)
	}
}

// The order of an event's terms.
const (
	termStream = iota
	termCategory
	termType
	termTags // each tag, then the event's id within its stream, then those of a genesis
)

// termsFor is how many terms an event with this many tags has.
func termsFor(tags int, genesis bool) int {
	n := termTags + tags + 1
	if genesis {
		n += 2
	}
	return n
}

// isGenesis tells whether an event is one of a merge stream, and has no parents.
func isGenesis(e *nacre.Event) bool { return e.Parents != nil && len(e.Parents) == 0 }

// appendTerms appends the terms of one event. streamTerm and categoryTerm are shared by an append's events.
func appendTerms(dst []uint64, h index.Hasher, streamTerm, categoryTerm uint64, stream nacre.StreamID, e *nacre.Event) []uint64 {
	dst = append(dst, streamTerm, categoryTerm, h.Term(index.Type, e.Type))
	for _, tag := range e.Tags {
		dst = append(dst, h.Term(index.Tag, tag))
	}
	dst = append(dst, h.ID(string(stream), e.ID))
	if isGenesis(e) {
		dst = append(dst, h.Term(index.Genesis, stream.Category()), h.Term(index.Genesis, ""))
	}
	return dst
}
