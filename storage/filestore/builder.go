package filestore

import (
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
)

// builder makes a memory of a segment's lines: at open, and where an index is made again.
type builder struct {
	l     *log
	mem   *memory
	event nacre.Event
	terms []uint64

	versions bool // for the sequencer, which asks the memory for its streams' versions
}

func newBuilder(l *log, first nacre.Position) *builder {
	return &builder{l: l, mem: newMemory(first, l.hasher)}
}

// add takes a line that has been checked.
func (b *builder) add(off int64, text []byte, v *line.View) error {
	e := &b.event
	v.Event(e, true)
	b.mem.offsets = append(b.mem.offsets, uint32(off))
	b.mem.end = off + int64(len(text)) + 1
	h := b.l.hasher
	b.terms = appendTerms(b.terms[:0], h, h.Term(index.Stream, string(e.StreamID)),
		h.Term(index.Category, e.StreamID.Category()), e.StreamID, e)
	b.mem.addEvent(uint64(e.GlobalPosition), e.StreamPosition, e.StreamID, e.Type, e.Tags, b.terms)
	if b.versions {
		// Cloned even where it is known: setting a map's value replaces its key too.
		b.mem.setVersion(nacre.StreamID(strings.Clone(string(e.StreamID))), e.StreamPosition)
	}
	b.mem.saw(v.Stamp.CreatedAt)
	return nil
}
