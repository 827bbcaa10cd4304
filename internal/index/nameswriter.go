package index

import "encoding/binary"

// The names of a kind are cut in blocks of 64. In a block each name is the
// number of bytes that it shares with the one before it, the number of bytes
// that follow, and these. Behind the blocks a ladder tells where each begins.
const nameBlock = 64

// nameBlocks is the number of blocks for n names.
func nameBlocks(n uint64) uint64 { return (n + nameBlock - 1) / nameBlock }

// nameLadderSize is the size of the ladder for n names.
func nameLadderSize(n uint64) uint64 { return ladderSize(nameBlocks(n)) }

// namesWriter writes the names of one kind after the other, each ascending.
type namesWriter struct {
	part  *section
	count uint64
	block []byte
	last  []byte
	// starts holds where each block begins: 8 bytes for 64 names.
	starts []uint64
}

func (w *namesWriter) begin(part *section) {
	w.part, w.count, w.starts = part, 0, w.starts[:0]
	w.block, w.last = w.block[:0], w.last[:0]
}

func (w *namesWriter) add(name []byte) {
	shared := 0
	if w.count%nameBlock == 0 {
		w.flush()
		w.starts = append(w.starts, w.part.size)
	} else {
		for shared < len(name) && shared < len(w.last) && name[shared] == w.last[shared] {
			shared++
		}
	}
	w.block = binary.AppendUvarint(w.block, uint64(shared))
	w.block = binary.AppendUvarint(w.block, uint64(len(name)-shared))
	w.block = append(w.block, name[shared:]...)
	w.last = append(w.last[:0], name...)
	w.count++
}

func (w *namesWriter) flush() {
	if w.count > 0 {
		w.part.block(w.block)
		w.block = w.block[:0]
	}
}

// end writes the ladder and returns the number of names.
func (w *namesWriter) end() uint64 {
	w.flush()
	l := ladderWriter{to: w.part}
	end := w.part.size
	for _, start := range w.starts {
		l.add(start)
	}
	if w.count > 0 {
		l.add(end)
		l.close()
	}
	return w.count
}
