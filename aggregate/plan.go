package aggregate

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/nacredb/nacre"
)

// plan is what a group of commands comes to, decided one after the other, on a state that runs ahead of the log
// and that nobody sees before the events are durable.
type plan[S, C, E any] struct {
	base   place // what it was decided on
	state  S
	events []nacre.Event
	values []E
	steps  []step[S, C, E]
	rest   []*request[S, C, E] // that there was no room for
	size   int
}

// step is one command's part.
type step[S, C, E any] struct {
	q        *request[S, C, E]
	from, to int // of the plan's events
	state    S   // after it
	result   Result[S, E]
	err      error
	settled  bool // by an error, or because it was executed before
}

// plan decides a group.
func (in *instance[S, C, E]) plan(ctx context.Context, group []*request[S, C, E], state S, base place) plan[S, C, E] {
	p := plan[S, C, E]{base: base, state: state, steps: make([]step[S, C, E], 0, len(group))}
	for i, q := range group {
		if i > 0 && (len(p.events) >= groupEvents || p.size >= groupBytes || p.has(q.context.CommandID)) {
			p.rest = group[i:]
			break
		}
		s := in.step(ctx, &p, q)
		p.steps = append(p.steps, s)
	}
	return p
}

// has tells whether a command of the same id is in the plan: the second one waits for the first one's events.
func (p *plan[S, C, E]) has(commandID string) bool {
	return commandID != "" && slices.ContainsFunc(p.steps, func(s step[S, C, E]) bool { return s.q.context.CommandID == commandID })
}

// step decides one command.
func (in *instance[S, C, E]) step(ctx context.Context, p *plan[S, C, E], q *request[S, C, E]) step[S, C, E] {
	s := step[S, C, E]{q: q, from: len(p.events), state: p.state}
	s.to = s.from
	if q.context.CommandID != "" {
		result, found, err := in.firstResult(ctx, q)
		if found || err != nil {
			s.result, s.err, s.settled = result, err, true
			return s
		}
	}
	values, err := in.decide(p.state, q)
	if err != nil {
		s.err, s.settled = err, true
		return s
	}
	state := p.state
	size := p.size
	for i, v := range values {
		e, err := in.r.events.Encode(v)
		if err == nil {
			state, err = in.r.evolve(in.stream, state, v)
		}
		if err != nil {
			p.events, p.values, s.err, s.settled = p.events[:s.from], p.values[:s.from], err, true
			return s
		}
		if q.context.CommandID != "" {
			e.ID = commandIDs(in.stream, q.context.CommandID) + strconv.Itoa(i)
		}
		e.Metadata = metadataOf(q.metadata, in.r.events.SchemaVersion(e.Type))
		size += len(e.Data) + len(e.Metadata)
		p.events, p.values = append(p.events, e), append(p.values, v)
	}
	p.state, p.size = state, size
	s.state, s.to = state, len(p.events)
	return s
}

// decide is the user's Decide, whose panic fails this command only.
func (in *instance[S, C, E]) decide(state S, q *request[S, C, E]) (values []E, err error) {
	defer func() {
		if v := recover(); v != nil {
			values, err = nil, in.r.panicked(in.stream, "Decide", v)
		}
	}()
	end := in.r.signals.decide(q.ctx)
	defer end()
	return in.r.d.Decide(state, q.command, q.context)
}

// evolve is the user's Evolve.
func (r *Repository[S, C, E]) evolve(stream nacre.StreamID, state S, event E) (next S, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = r.panicked(stream, "Evolve", v)
		}
	}()
	return r.d.Evolve(state, event), nil
}

func (r *Repository[S, C, E]) panicked(stream nacre.StreamID, in string, value any) error {
	r.o.Logger.Error("an aggregate panicked", "stream", string(stream), "in", in, "value", value,
		slog.String("stack", string(debug.Stack())))
	return &PanicError{Stream: stream, In: in, Value: value}
}

// answer gives every command its result. After a failed append, those fail that had events, and those that were
// decided on events before them.
func (p *plan[S, C, E]) answer(stored []nacre.Event, failed error) {
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case failed != nil && (!s.settled || s.from > 0 && !s.result.Duplicate):
			s.result, s.err = Result[S, E]{}, failed
		case s.settled:
		default:
			s.result = Result[S, E]{State: s.state, Version: p.base.version, Position: p.base.position}
			if s.to > 0 {
				last := &stored[s.to-1]
				s.result.Version, s.result.Position = last.StreamPosition, last.GlobalPosition
			}
			if s.to > s.from {
				s.result.Events = decoded(stored[s.from:s.to], p.values[s.from:s.to])
			}
		}
		s.q.answer(s.result, s.err)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
