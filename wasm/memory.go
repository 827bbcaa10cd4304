package wasm

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// budget is the memory that all instances of an engine may have together.
type budget struct {
	most int64
	used atomic.Int64
}

// take is false where it would be too much.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// linear is the memory of one instance. Only the goroutine that has the instance uses it.
type linear struct {
	e       *Engine
	limit   int64 // of the module
	bytes   []byte
	taken   int64 // of the engine's budget
	refused bool  // it was asked for more than there is, since this was set to false
}

var _ experimental.MemoryAllocator = (*linear)(nil)

// Allocate is called once, when the instance is made. The first pages have been taken from the budget.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory { return l }

// Reallocate gives the memory so many bytes, or nil.
func (l *linear) Reallocate(size uint64) []byte {
	n := int64(size)
	switch {
	case n > l.limit:
		l.refused = true
		return nil
	case n <= int64(cap(l.bytes)):
		l.bytes = l.bytes[:n]
		return l.bytes
	}
	// Growing by an eighth at least keeps the copies of a memory that grows page by page few.
	room := n
	if len(l.bytes) > 0 {
		room = min(l.limit, max(n, (int64(len(l.bytes))*9/8+page-1)/page*page))
	}
	if room > l.taken && !l.e.takeMemory(room-l.taken) {
		l.refused = true
		return nil
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
	l.e.memory.give(l.taken)
	l.bytes, l.taken = nil, 0
}

// takeMemory takes from the budget; idle instances leave where that makes room.
func (e *Engine) takeMemory(n int64) bool {
	for !e.memory.take(n) {
		if !e.evictOne() {
			return false
		}
	}
	return true
}
