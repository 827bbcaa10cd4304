package wasm

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// budget is memory that instances may have together: all of an engine, or those of one module.
type budget struct {
	most int64
	used atomic.Int64
}

// take is false where it would be too much: more than most.
func (b *budget) take(n, most int64) bool {
	if b.used.Add(n) > most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// linear is the memory of one instance. Only the goroutine that has the instance uses it.
type linear struct {
	m       *Module
	bytes   []byte
	taken   int64 // of the budgets
	refused bool  // it was asked for more than there is, since this was set to false
	short   bool  // and others would have had to have less
}

var _ experimental.MemoryAllocator = (*linear)(nil)

// Allocate is called once, when the instance is made. The first pages have been taken from the budget.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory { return l }

// Reallocate gives the memory so many bytes, or nil.
func (l *linear) Reallocate(size uint64) []byte {
	n := int64(size)
	switch {
	case n > l.m.limits.Memory:
		l.refused = true
		return nil
	case n <= int64(cap(l.bytes)):
		l.bytes = l.bytes[:n]
		return l.bytes
	}
	// Growing by an eighth at least keeps the copies of a memory that grows page by page few.
	room := n
	if len(l.bytes) > 0 {
		room = min(l.m.limits.Memory, max(n, (int64(len(l.bytes))*9/8+page-1)/page*page))
	}
	if room > l.taken && !l.m.takeMemory(room-l.taken) {
		if room = n; room > l.taken && !l.m.takeMemory(room-l.taken) {
			l.refused, l.short = true, true
			return nil
		}
	}
	l.taken = max(l.taken, room)
	grown := make([]byte, n, room)
	copy(grown, l.bytes)
	l.bytes = grown
	return grown
}

// read gives a place in the memory, which may be written to; false where it is not all inside.
func (l *linear) read(at, length uint32) ([]byte, bool) {
	end := uint64(at) + uint64(length)
	if end > uint64(len(l.bytes)) {
		return nil, false
	}
	return l.bytes[at:end:end], true
}

// Free gives the memory back.
func (l *linear) Free() {
	l.m.giveMemory(l.taken)
	l.bytes, l.taken = nil, 0
}

// A part of an engine's memory is for modules that have little of it, so that those which take what they can do not
// keep others from starting.
const (
	keptShare   = 4  // one in so many is kept for them
	littleShare = 32 // one in so many is little
)

// takeMemory takes from the budgets of the module and of the engine; idle instances leave where that makes room.
func (m *Module) takeMemory(n int64) bool {
	for !m.memory.take(n, m.memory.most) {
		if !m.pool.evictOne() {
			return false
		}
	}
	most := m.e.memory.most
	if m.memory.used.Load() > most/littleShare {
		most = min(most, max(most-most/keptShare, m.limits.Memory)) // one instance may always be there
	}
	for !m.e.memory.take(n, most) {
		if !m.e.evictOne() {
			m.memory.give(n)
			return false
		}
	}
	return true
}

func (m *Module) giveMemory(n int64) {
	m.memory.give(n)
	m.e.memory.give(n)
}
