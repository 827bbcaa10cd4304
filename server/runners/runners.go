package runners

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/wire"
)

// List tells of all runners of a kind that ever ran on the store, or of both kinds where it is "", by kind and
// name.
func List(ctx context.Context, store *nacre.Store, kind string) ([]wire.RunnerReply, error) {
	list, err := runner.List(ctx, store, kind)
	if err != nil {
		return nil, err
	}
	out := make([]wire.RunnerReply, len(list))
	for i := range list {
		out[i] = told(&list[i])
	}
	return out, nil
}

// Get tells of one runner.
func Get(ctx context.Context, store *nacre.Store, kind, name string) (wire.RunnerReply, error) {
	s, err := runner.Get(ctx, store, runner.ID{Kind: kind, Name: name})
	if err != nil {
		return wire.RunnerReply{}, err
	}
	return told(&s), nil
}

func told(s *runner.Status) wire.RunnerReply {
	r := wire.RunnerReply{
		Kind: s.Kind, Name: s.Name, State: string(s.State), Held: s.Held, Stale: s.Stale,
		Position: s.Position, Head: s.Head, Lag: s.Lag, Rate: s.Rate, DeadLetters: s.DeadLetters,
		Failure: failure(s.Failure), Term: s.Term, Host: s.Host, PID: s.PID, StartedAt: s.StartedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.Stale {
		r.Rate = 0
	}
	if r.Rate > 0 && (s.State == runner.CatchingUp || s.State == runner.Running) {
		r.SecondsLeft = float64(s.Lag) / s.Rate
	}
	if b := s.Rebuild; b != nil {
		r.Rebuild = &wire.RebuildReply{Position: b.Position, Target: b.Target, StartedAt: b.StartedAt, SecondsLeft: b.SecondsLeft}
	}
	if o := s.LastOrder; o != nil {
		r.LastOrder = &wire.ObeyedReply{Order: o.Order, Do: o.Do, At: o.At, Failure: failure(o.Failure)}
	}
	return r
}

func failure(f *runner.Failure) *wire.FailureReply {
	if f == nil {
		return nil
	}
	return &wire.FailureReply{Code: f.Code, Message: f.Message, Position: f.Position, EventID: f.EventID, At: f.At}
}

// Order is what somebody wants of a runner.
type Order struct {
	// Do is "pause", "resume", "retry" or "discard", and of a projection "reset" or "rebuild" as well.
	Do string
	// Letter is the dead letter that is to be retried or discarded; "" is all of them.
	Letter string
	// By is who orders it, for whoever looks.
	By string
}

// Give orders something of a runner. A repeated order is one more.
func Give(ctx context.Context, store *nacre.Store, kind, name string, o Order) (wire.OrderReply, error) {
	given, err := runner.Give(ctx, store, runner.ID{Kind: kind, Name: name}, runner.Order{Do: o.Do, Letter: o.Letter, By: o.By})
	if err != nil {
		return wire.OrderReply{}, err
	}
	return wire.OrderReply{Order: given.Place, Kind: kind, Name: name, Do: o.Do, Letter: o.Letter, By: o.By, At: given.At}, nil
}

// Letters gives a page of the open dead letters that the parameters select, the oldest first. A page ends before
// it has more than maxBytes, 0 being no limit, but has one letter at least.
func Letters(ctx context.Context, store *nacre.Store, p *wire.DeadLettersParams, maxBytes int) (wire.DeadLettersReply, error) {
	if err := check(p); err != nil {
		return wire.DeadLettersReply{}, err
	}
	page, total, err := runner.FindLetters(ctx, store, runner.LetterQuery{
		Kind: p.Kind, Name: p.Name, ID: p.ID, Offset: p.Offset, Limit: p.Limit, MaxBytes: maxBytes,
	})
	if err != nil {
		return wire.DeadLettersReply{}, err
	}
	reply := wire.DeadLettersReply{
		DeadLetters: make([]wire.DeadLetterReply, len(page)), TotalCount: total,
		Pagination: wire.Pagination{Limit: p.Limit, Offset: p.Offset, HasMore: p.Offset+len(page) < total},
	}
	for i := range page {
		reply.DeadLetters[i] = letter(&page[i])
	}
	return reply, nil
}

// check refuses names that no runner has.
func check(p *wire.DeadLettersParams) error {
	id := runner.ID{Kind: p.Kind, Name: p.Name}
	if id.Kind == "" {
		id.Kind = runner.Projection
	}
	if id.Name == "" {
		id.Name = "any"
	}
	return id.Check()
}

// Letter gives one open dead letter.
func Letter(ctx context.Context, store *nacre.Store, kind, name, id string) (wire.DeadLetterReply, error) {
	l, err := runner.GetLetter(ctx, store, runner.ID{Kind: kind, Name: name}, id)
	if err != nil {
		return wire.DeadLetterReply{}, err
	}
	return letter(&l), nil
}

func letter(l *runner.Letter) wire.DeadLetterReply {
	return wire.DeadLetterReply{
		Kind: l.Kind, Name: l.Runner, ID: l.ID, What: l.What, Instance: l.Instance, Position: l.Position, EventID: l.EventID,
		StreamID: l.Stream, Type: l.Type, Command: l.Command, To: l.To, Payload: l.Payload, CommandID: l.CommandID, Timer: l.Timer,
		Error: *failure(&l.Error), Attempts: l.Attempts, At: l.At, Context: l.Context,
	}
}
