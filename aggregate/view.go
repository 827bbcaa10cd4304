package aggregate

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Moment says of when a state is wanted: at most one member is set, and none is now.
type Moment struct {
	// Version is the stream position of the last event that counts; -1 is before the first.
	Version *int64
	// Position is the last global position that counts.
	Position nacre.Position
	// Time: what was created later does not count.
	Time time.Time
}

// View is an instance's state without its aggregate's types.
type View struct {
	Stream nacre.StreamID
	// Version is the stream position of the last event that counted, -1 where none did, and Position its global
	// position, 0 then.
	Version  int64
	Position nacre.Position
	State    json.RawMessage
}

// view is the state at a moment, as JSON.
func (h *Handle[S, C, E]) view(ctx context.Context, of Moment) (View, error) {
	state, at, err := h.at(ctx, of)
	if err != nil {
		return View{}, err
	}
	v := View{Stream: h.Stream(), Version: at.version, Position: at.position}
	v.State, err = codec.Marshal(state)
	return v, err
}

func (h *Handle[S, C, E]) at(ctx context.Context, of Moment) (S, place, error) {
	switch {
	case of.Version != nil && *of.Version < -1:
		var none S
		return none, place{}, invalid("version", "is %d: give -1 or more", *of.Version)
	case of.Version != nil:
		version := *of.Version
		state, at, err := h.foldUntil(ctx, version, func(e *nacre.Event) bool { return e.StreamPosition <= version })
		if err == nil && at.version < version {
			err = nacre.Errorf(nacre.CodeNotFound, "stream %q ends at version %d, and has no version %d", h.Stream(), at.version, version)
		}
		return state, at, err
	case of.Position > 0:
		return h.foldUntil(ctx, -1, func(e *nacre.Event) bool { return e.GlobalPosition <= of.Position })
	case !of.Time.IsZero():
		return h.foldUntil(ctx, -1, func(e *nacre.Event) bool { return !e.CreatedAt.After(of.Time) })
	}
	return h.present(ctx)
}
