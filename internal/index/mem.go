package index

import (
	"fmt"
	"math"
)

// Mem is the index of the active segment, in memory.
//
// One goroutine at a time calls Add and AddName, and nothing else runs
// meanwhile; the caller has the lock. Lookup, LastOf and Names are called under
// that lock too, shared, and return at once; what Lookup and Names return is a
// snapshot that is read without any lock while events are added. A Mem that is
// not added to any more needs no lock.
type Mem struct {
	hasher Hasher

	first, last     uint64
	events, streams uint64
	// postings counts all of them, terms those that differ.
	postings, terms uint64

	// The table is cut in shards by the upper bits of the term, so that growing
	// it never stops an append for long, and so that going through the shards
	// goes through the terms almost in order.
	shards [shardCount]shard

	// chains holds the postings of the terms with more than one, in pieces that
	// never move: snapshots go on reading them.
	chains [][]link
	// links is the number of elements in use.
	links uint32

	names memNames
}

const (
	shardBits  = 6
	shardCount = 1 << shardBits
	// shardSlots is the number of slots that a shard begins with.
	shardSlots = 16

	pieceBits = 14
	pieceSize = 1 << pieceBits
)

// slot is a term in the table. It holds no pointers: the garbage collector has
// nothing to look at in millions of them.
type slot struct {
	term uint64
	// head is the only position, relative to the first one, where count is 1,
	// else the index of the last link.
	head uint32
	// count is the number of positions; 0 marks a free slot.
	count uint32
}

// link is a posting and the one before it.
type link struct {
	pos  uint32
	prev uint32
}

type shard struct {
	slots []slot
	used  int
	// shift brings the upper bits of a product down to a slot's number.
	shift uint8
}

// NewMem returns an empty index whose first position is going to be first.
func NewMem(first uint64, h Hasher) *Mem {
	m := &Mem{hasher: h, first: first, last: first - 1}
	for i := range m.shards {
		m.shards[i].resize(shardSlots)
	}
	return m
}

func (s *shard) resize(slots int) {
	old := s.slots
	s.slots = make([]slot, slots)
	s.shift = 64
	for n := slots; n > 1; n >>= 1 {
		s.shift--
	}
	for i := range old {
		if old[i].count > 0 {
			*s.find(old[i].term) = old[i]
		}
	}
}

// find returns the slot of a term, or the free one where it goes.
func (s *shard) find(term uint64) *slot {
	mask := uint64(len(s.slots) - 1)
	// The product's upper bits depend on every bit of the term, also where a
	// narrowed term has zeros in its lower ones.
	for i := term * mix0 >> s.shift; ; i++ {
		found := &s.slots[i&mask]
		if found.term == term || found.count == 0 {
			return found
		}
	}
}

// Add adds an event. Positions ascend. newStream says that the event is the
// first of its stream. A term that occurs twice in terms counts once.
//
// The result tells which terms were new here: the names of the others are
// there already and need no AddName. (Two different names of one segment with
// the same 64-bit hash would list the first one only: one chance in 10^9 for
// 160,000 names. With a narrowed hasher every term is told to be new.)
func (m *Mem) Add(pos uint64, terms []uint64, newStream bool) Fresh {
	if pos <= m.last || pos-m.first > math.MaxUint32-1 {
		panic(fmt.Sprintf("index: position %d was added after %d to an index from %d on", pos, m.last, m.first))
	}
	m.last = pos
	m.events++
	if newStream {
		m.streams++
	}
	var fresh Fresh
	relative := uint32(pos - m.first)
	before := m.links
	for i, term := range terms {
		s := &m.shards[term>>(64-shardBits)]
		found := s.find(term)
		switch {
		case found.count == 0:
			*found = slot{term: term, head: relative, count: 1}
			fresh.set(i)
			m.terms++
			if s.used++; s.used > len(s.slots)-len(s.slots)/4 {
				s.resize(2 * len(s.slots))
			}
		case found.count == 1 && found.head == relative, found.count > 1 && found.head >= before:
			continue // a second time in this event
		case found.count == 1:
			found.head = m.push(relative, m.push(found.head, 0))
			found.count = 2
		default:
			found.head = m.push(relative, found.head)
			found.count++
		}
		m.postings++
	}
	if m.hasher.narrowed() {
		return Fresh{math.MaxUint64, math.MaxUint64}
	}
	return fresh
}

func (m *Mem) push(pos, prev uint32) uint32 {
	at := m.links
	if at&(pieceSize-1) == 0 {
		m.chains = append(m.chains, make([]link, pieceSize))
	}
	m.chains[at>>pieceBits][at&(pieceSize-1)] = link{pos: pos, prev: prev}
	m.links++
	return at
}

// Fresh tells which of the terms given to Add were new.
type Fresh [2]uint64

func (f *Fresh) set(i int) {
	if i < 128 {
		f[i>>6] |= 1 << (i & 63)
	}
}

// Has tells whether term i was new; from the 129th term on it always says yes.
func (f Fresh) Has(i int) bool { return i >= 128 || f[i>>6]>>(i&63)&1 != 0 }

// AddName adds a name to those that the run will list; it is copied. A name
// that is there already changes nothing; kinds without names are ignored.
func (m *Mem) AddName(kind Kind, name string) {
	if kind.hasNames() {
		m.names.add(m.hasher.Term(kind, name), kind, name)
	}
}

// Lookup returns the positions of a term, zero Postings where it has none.
func (m *Mem) Lookup(term uint64) Postings {
	found := m.shards[term>>(64-shardBits)].find(term)
	if found.count == 0 {
		return Postings{}
	}
	return m.postingsOf(found)
}

func (m *Mem) postingsOf(s *slot) Postings {
	if s.count == 1 {
		return Postings{form: formLone, count: 1, last: m.first + uint64(s.head)}
	}
	return Postings{
		form: formChain, count: uint64(s.count), last: m.first + uint64(m.link(s.head).pos),
		first: m.first, chains: m.chains, at: uint64(s.head),
	}
}

func (m *Mem) link(at uint32) link { return m.chains[at>>pieceBits][at&(pieceSize-1)] }

// LastOf returns the last position of a term; ok is false where it has none.
func (m *Mem) LastOf(term uint64) (pos uint64, ok bool) {
	found := m.shards[term>>(64-shardBits)].find(term)
	switch found.count {
	case 0:
		return 0, false
	case 1:
		return m.first + uint64(found.head), true
	}
	return m.first + uint64(m.link(found.head).pos), true
}

// Names returns the names added so far, as a snapshot.
func (m *Mem) Names() MemNames {
	return MemNames{text: m.names.text, lists: m.names.lists}
}

// First is the position that the index begins at.
func (m *Mem) First() uint64 { return m.first }

// Last is the last position that was added, First()-1 where there is none.
func (m *Mem) Last() uint64 { return m.last }

// Events counts the events that were added.
func (m *Mem) Events() uint64 { return m.events }

// Streams counts the events that began a stream.
func (m *Mem) Streams() uint64 { return m.streams }

// Bytes estimates the memory held.
func (m *Mem) Bytes() int {
	const slotBytes, linkBytes = 16, 8
	n := len(m.chains) * pieceSize * linkBytes
	for i := range m.shards {
		n += len(m.shards[i].slots) * slotBytes
	}
	return n + m.names.bytes()
}
