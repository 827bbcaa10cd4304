package aggregate

import (
	"context"
	"math"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// maxVersion is beyond every version.
const maxVersion = math.MaxInt64

func everything(*nacre.Event) bool { return true }

// few is how many events are read before a snapshot is looked for: most streams are shorter.
const few = 128

// fold gives the state of the beginning of a stream, of as many events as still is true for. In a long stream it
// goes on from the snapshot, where there is one that stands at most at a version; kept is the snapshot's
// version, or -1.
func (r *Repository[S, C, E]) fold(ctx context.Context, stream nacre.StreamID, most int64, still func(*nacre.Event) bool) (state S, at place, kept int64, err error) {
	first := few
	if r.o.SnapshotEvery > 0 {
		first = min(few, r.o.SnapshotEvery)
	}
	state, at, err = r.foldSome(ctx, stream, state, place{version: -1}, still, first)
	if err != nil || at.version+1 < int64(first) {
		return state, at, -1, err
	}
	kept = -1
	if s, ok := r.keeper.find(ctx, stream); ok && at.version < s.at.version && s.at.version <= most {
		state, at, kept = s.state, s.at, s.at.version
	}
	state, at, err = r.foldOn(ctx, stream, state, at, still)
	return state, at, kept, err
}

// foldOn gives the state after the events behind a place, of as many as still is true for.
func (r *Repository[S, C, E]) foldOn(ctx context.Context, stream nacre.StreamID, state S, at place, still func(*nacre.Event) bool) (S, place, error) {
	return r.foldSome(ctx, stream, state, at, still, 0)
}

// foldSome is foldOn of at most so many events; 0 is all.
func (r *Repository[S, C, E]) foldSome(ctx context.Context, stream nacre.StreamID, state S, at place, still func(*nacre.Event) bool, most int) (S, place, error) {
	var room [4]codec.Event[E]
	var lastID []byte
	moved := false
	for e, err := range r.store.ReadStream(ctx, stream, &nacre.ReadOptions{From: at.version + 1, Limit: most, Borrowed: true}) {
		if err != nil {
			return state, at, err
		}
		if !still(&e) {
			break
		}
		values, err := r.decode(ctx, stream, room[:0], e)
		if err != nil {
			return state, at, err
		}
		for i := range values {
			if state, err = r.evolve(ctx, stream, state, values[i].Data); err != nil {
				return state, at, err
			}
		}
		at.version, at.position, lastID, moved = e.StreamPosition, e.GlobalPosition, append(lastID[:0], e.ID...), true
	}
	if moved {
		at.eventID = string(lastID)
	}
	return state, at, nil
}
