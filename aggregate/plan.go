package aggregate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// plan is what a group of commands comes to, decided one after the other, on a state that runs ahead of the log
// and that nobody sees before the events are durable.
type plan[S, C, E any] struct {
	base   place // what it was decided on
	stale  bool  // it is not known whether base was the stream's last word
	state  S
	events []nacre.Event
	values []E
	steps  []step[S, C, E]
	rest   []*request[S, C, E] // that there was no room for
	size   int
	broken bool // the last step panicked
	lost   bool // the last step found its state gone
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

// plan decides a group, without those who have gone. A careful one looks first whether a command was executed
// before; otherwise the append tells, and only what leads to no events is looked for.
func (in *instance[S, C, E]) plan(ctx context.Context, group []*request[S, C, E], state S, base place, careful bool) plan[S, C, E] {
	p := plan[S, C, E]{
		base: base, state: state, steps: make([]step[S, C, E], 0, len(group)),
		events: make([]nacre.Event, 0, len(group)), values: make([]E, 0, len(group)), // most commands lead to one
	}
	for i, q := range group {
		if p.lost {
			p.rest = group[i:]
			break
		}
		if i > 0 && (p.broken || len(p.events) >= groupEvents || p.size >= groupBytes || p.has(q.ids)) {
			p.rest = group[i:]
			break
		}
		if q.take() {
			p.steps = append(p.steps, in.step(ctx, &p, q, careful))
		}
	}
	return p
}

// has tells whether a command of the same id is in the plan: the second one waits for the first one's events.
func (p *plan[S, C, E]) has(ids string) bool {
	return ids != "" && slices.ContainsFunc(p.steps, func(s step[S, C, E]) bool { return s.q.ids == ids })
}

// step decides one command.
func (in *instance[S, C, E]) step(ctx context.Context, p *plan[S, C, E], q *request[S, C, E], careful bool) step[S, C, E] {
	s := step[S, C, E]{q: q, from: len(p.events)}
	if careful && q.ids != "" && in.before(ctx, &s) {
		s.to, s.state = s.from, p.state
		return s
	}
	if at := p.base.version + int64(s.from); q.expected.Allows(at) {
		s.err = in.develop(p, q)
	} else {
		s.err = &nacre.ConflictError{Stream: in.stream, Expected: q.expected, Current: at}
	}
	s.to, s.state, s.settled = len(p.events), p.state, s.err != nil
	if s.to == s.from && !careful && q.ids != "" {
		in.before(ctx, &s)
	}
	return s
}

// before settles a step whose command was executed before.
func (in *instance[S, C, E]) before(ctx context.Context, s *step[S, C, E]) bool {
	result, found, err := in.firstResult(ctx, s.q)
	if found || err != nil {
		s.result, s.err, s.settled = result, err, true
		return true
	}
	return false
}

// develop adds a command's events to the plan, all or none.
func (in *instance[S, C, E]) develop(p *plan[S, C, E], q *request[S, C, E]) (err error) {
	from, state, size, doing := len(p.events), p.state, p.size, "Decide"
	defer func() {
		if v := recover(); v != nil {
			p.broken = true
			in.discard() // before anything else happens, and be it a line in the log
			err = panicked(q.ctx, in.r.o.Logger, in.stream, doing, v)
		}
		if err != nil {
			p.events, p.values = p.events[:from], p.values[:from]
		} else {
			p.state, p.size = state, size
		}
	}()
	end := in.r.signals.decide(q.ctx)
	values, err := in.r.d.Decide(state, q.command, q.context)
	end(err)
	if err != nil {
		p.lost = errors.Is(err, ErrStateLost)
		return err
	}
	for i, v := range values {
		doing = "the encoding of an event"
		e, err := in.r.events.Encode(v)
		if err != nil {
			return err
		}
		if q.ids != "" {
			e.ID = q.ids + strconv.Itoa(i)
		}
		e.Metadata = metadataOf(q.metadata, in.r.events.SchemaVersion(e.Type))
		size += len(e.Data) + len(e.Metadata)
		doing = "Evolve"
		state = in.r.d.Evolve(state, v)
		p.events, p.values = append(p.events, e), append(p.values, v)
	}
	return nil
}

// decode gives what an event of the log stands for. Types decode themselves, and upcasters are the user's.
func (r *Repository[S, C, E]) decode(ctx context.Context, stream nacre.StreamID, dst []codec.Event[E], e nacre.Event) (out []codec.Event[E], err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(ctx, r.o.Logger, stream, "the decoding of an event", v)
		}
	}()
	return r.events.AppendDecoded(dst, e)
}

// evolve is the user's Evolve on an event of the log.
func (r *Repository[S, C, E]) evolve(ctx context.Context, stream nacre.StreamID, state S, event E) (next S, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(ctx, r.o.Logger, stream, "Evolve", v)
		}
	}()
	return r.d.Evolve(state, event), nil
}

func panicked(ctx context.Context, logger *slog.Logger, stream nacre.StreamID, in string, value any) error {
	who := decider.From(ctx)
	logger.ErrorContext(ctx, "an aggregate panicked", "stream", string(stream), "in", in, "value", fmt.Sprint(value),
		"command_id", who.CommandID, "correlation_id", who.CorrelationID, "stack", string(debug.Stack()))
	return &PanicError{Stream: stream, In: in, Value: value}
}

// answer gives every command its result. After a failed append, those fail that had events, those that were
// decided on events before them, and those that were decided on what may have been an old state.
func (p *plan[S, C, E]) answer(stored []nacre.Event, failed error) {
	for i := range p.steps {
		s := &p.steps[i]
		sure := s.settled && (s.result.Duplicate || s.from == 0 && !p.stale)
		switch {
		case failed != nil && !sure:
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
