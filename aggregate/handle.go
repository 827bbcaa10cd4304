package aggregate

import (
	"context"
	"iter"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// Handle is one instance. It holds nothing in memory, outlives eviction, and many goroutines may use it.
type Handle[S, C, E any] struct {
	r  *Repository[S, C, E]
	id string
}

// Result is what a command led to. Its state is the instance's own: nobody changes what it holds.
type Result[S, E any] struct {
	State    S
	Version  int64          // of the stream, after the command
	Position nacre.Position // of the instance's last event: for a read model to wait for
	Events   []codec.Event[E]
	// Duplicate says that the command id had been executed before: this is its first result.
	Duplicate bool
}

// ID is the instance's.
func (h *Handle[S, C, E]) ID() string { return h.id }

// Stream is the instance's stream.
func (h *Handle[S, C, E]) Stream() nacre.StreamID { return nacre.StreamID(h.r.d.Category + "-" + h.id) }

// Execute decides a command on the instance's present state, and returns when its events are durable. The
// command's context is taken from ctx: see [decider.With].
//
// An error of Decide comes back as the same value. Where others wrote to the stream meanwhile, the command is
// decided again, [Options.Retries] times, then it is a [*nacre.ConflictError]. When ctx ends while the append is
// under way, whether it took place is not known; the same command id tells. Any other error wrote nothing.
func (h *Handle[S, C, E]) Execute(ctx context.Context, command C) (Result[S, E], error) {
	ctx, end := h.r.signals.command(ctx, h.r.d.Category, h.Stream())
	result, err := h.execute(ctx, command)
	end(err)
	return result, err
}

func (h *Handle[S, C, E]) execute(ctx context.Context, command C) (Result[S, E], error) {
	if err := ctx.Err(); err != nil {
		return Result[S, E]{}, ended(err, "before the command was decided: nothing was written")
	}
	q, err := h.newRequest(ctx, command)
	if err != nil {
		return Result[S, E]{}, err
	}
	if err := h.r.begin(); err != nil {
		return Result[S, E]{}, err
	}
	defer h.r.working.Done()
	in, err := h.r.enter(h.id)
	if err != nil {
		return Result[S, E]{}, err
	}
	defer h.r.leave(in)
	return in.await(q)
}

// newRequest makes what waits in an instance's queue.
func (h *Handle[S, C, E]) newRequest(ctx context.Context, command C) (*request[S, C, E], error) {
	c := decider.From(ctx)
	if len(c.CommandID) > maxCommandID {
		return nil, invalid("commandId", "has %d bytes: give 1 to %d", len(c.CommandID), maxCommandID)
	}
	c.ID = h.id
	if c.Time.IsZero() {
		c.Time = h.r.o.Clock()
	}
	c.Time = c.Time.UTC().Truncate(time.Microsecond)
	metadata, err := encodeMetadata(&c)
	if err != nil {
		return nil, err
	}
	q := &request[S, C, E]{ctx: ctx, command: command, context: c, metadata: metadata, expected: expectedBy(ctx)}
	if c.CommandID != "" {
		q.ids = commandIDs(h.Stream(), c.CommandID)
	}
	return q, nil
}

// State is the state as of the stream's last event, whoever wrote it. Nobody changes what it holds.
func (h *Handle[S, C, E]) State(ctx context.Context) (state S, err error) {
	state, _, err = h.present(ctx)
	return state, err
}

func (h *Handle[S, C, E]) present(ctx context.Context) (state S, at place, err error) {
	if err := h.r.begin(); err != nil {
		return state, at, err
	}
	defer h.r.working.Done()
	in, err := h.r.enter(h.id)
	if err != nil {
		return state, at, err
	}
	defer h.r.leave(in)
	return in.now(ctx)
}

// Version is the stream position of the last event, -1 where there is none.
func (h *Handle[S, C, E]) Version(ctx context.Context) (int64, error) {
	if err := h.r.open(); err != nil {
		return 0, err
	}
	stream, err := h.r.stream(h.id)
	if err != nil {
		return 0, err
	}
	return h.r.store.Version(ctx, stream)
}

// StateAtVersion is the state right after the event at that stream position; -1 is before the first. A version
// beyond the last one is CodeNotFound.
func (h *Handle[S, C, E]) StateAtVersion(ctx context.Context, version int64) (S, error) {
	state, _, err := h.at(ctx, Moment{Version: &version})
	if err != nil {
		var none S
		return none, err
	}
	return state, nil
}

// StateAt is the state as of a time: of the events before the first one that is later. Injected events keep their
// own time.
func (h *Handle[S, C, E]) StateAt(ctx context.Context, t time.Time) (S, error) {
	state, _, err := h.foldUntil(ctx, -1, func(e *nacre.Event) bool { return !e.CreatedAt.After(t) })
	return state, err
}

// foldUntil folds the beginning of the stream, from a snapshot where one stands at most at a version.
func (h *Handle[S, C, E]) foldUntil(ctx context.Context, most int64, still func(*nacre.Event) bool) (state S, at place, err error) {
	if err := h.r.begin(); err != nil {
		return state, at, err
	}
	defer h.r.working.Done()
	stream, err := h.r.stream(h.id)
	if err != nil {
		return state, at, err
	}
	state, at, _, err = h.r.fold(ctx, stream, most, still)
	return state, at, err
}

// History yields the instance's events, decoded, the oldest first.
func (h *Handle[S, C, E]) History(ctx context.Context) iter.Seq2[codec.Event[E], error] {
	return func(yield func(codec.Event[E], error) bool) {
		err := h.r.open()
		var stream nacre.StreamID
		if err == nil {
			stream, err = h.r.stream(h.id)
		}
		if err != nil {
			yield(codec.Event[E]{}, err)
			return
		}
		h.r.events.All(h.r.store.ReadStream(ctx, stream, nil))(yield)
	}
}

// Inject takes events from elsewhere: with the ids and times that they had there, past Decide. Each needs an
// ID, and has to decode. Where the stream holds them already, that is told as Duplicate, and nothing is written.
// An instance that is in memory goes on from them.
func (h *Handle[S, C, E]) Inject(ctx context.Context, events ...nacre.Event) (nacre.Appended, error) {
	if err := h.r.begin(); err != nil {
		return nacre.Appended{}, err
	}
	defer h.r.working.Done()
	stream, err := h.r.stream(h.id)
	if err != nil {
		return nacre.Appended{}, err
	}
	for i := range events {
		if events[i].ID == "" {
			return nacre.Appended{}, invalid("events.id", "is empty in event %d: what comes from elsewhere needs its id, so that it counts once", i)
		}
		if _, err := h.r.decode(ctx, stream, nil, events[i]); err != nil {
			return nacre.Appended{}, err
		}
	}
	done, err := h.r.store.Import(ctx, nacre.Append{Stream: stream, Events: events})
	if err != nil {
		return nacre.Appended{}, err
	}
	if in := h.r.inMemory(h.id); in != nil {
		// What goes wrong here is met again, and told, by whoever asks for the state.
		_, _, _ = in.now(ctx)
		h.r.leave(in)
	}
	return done[0], nil
}
