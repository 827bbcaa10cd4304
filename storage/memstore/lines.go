package memstore

import (
	"context"
	"iter"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// ReadLines yields the lines that a log on disk would hold. Each is written when it is asked for, over
// the one before it.
func (l *log) ReadLines(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		var text []byte
		for e, err := range l.entries(ctx, f, o) {
			if err != nil {
				yield(nacre.Line{}, err)
				return
			}
			text = line.Append(text[:0], &e.event, e.stamp())
			if !yield(nacre.Line{Position: e.event.GlobalPosition, Bytes: text[:len(text)-1]}, nil) {
				return
			}
		}
	}
}

func (e *entry) stamp() *line.Stamp {
	s := &line.Stamp{
		Position:       e.event.GlobalPosition,
		StreamPosition: e.event.StreamPosition,
		CreatedAt:      e.event.CreatedAt.UnixMicro(),
		Synced:         e.first - 1, // what was there before is there to stay
	}
	if e.first != e.last {
		s.BatchFirst, s.BatchLast = e.first, e.last
	}
	return s
}
