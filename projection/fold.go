package projection

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Source is what a fold reads.
type Source struct {
	// Filter selects the events; in one stream, all of them have to be decoded.
	Filter nacre.Filter
	// Until is the last position that counts; 0 is the log's end.
	Until nacre.Position
}

// OfStream is all of one stream.
func OfStream(id nacre.StreamID) Source {
	return Source{Filter: nacre.Filter{{Streams: []nacre.StreamID{id}}}}
}

// Fold makes a value of the events of a source, on request: a projection that keeps nothing. It gives the position of
// the last event, and ends with the first that cannot be decoded.
func Fold[S, E any](ctx context.Context, store *nacre.Store, from Source, types map[string]E, o *codec.Options, initial S,
	evolve func(S, codec.Event[E]) S,
) (state S, at nacre.Position, err error) {
	c, err := codec.New(types, o)
	if err != nil {
		return initial, 0, err
	}
	ro := &nacre.ReadOptions{}
	if from.Until > 0 {
		ro.Before = from.Until + 1
	}
	state = initial
	for e, err := range c.All(store.Read(ctx, from.Filter, ro)) {
		if err != nil {
			return state, at, err
		}
		state, at = evolve(state, e), e.GlobalPosition
	}
	return state, at, nil
}
