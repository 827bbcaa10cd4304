package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// Aggregates execute commands on a store, such as an [aggregate.Bus] with a Close of its own. Errors without a
// [nacre.Code] are refusals by an aggregate's own rules, which callers see.
type Aggregates interface {
	aggregate.Executor
	// Close ends them; what was begun may end until ctx does.
	Close(ctx context.Context) error
}

// Refused is what an error without a code may be that tells more about itself.
type Refused interface {
	error
	// ErrorType is for programs, "" where there is none; ErrorData is JSON, nil where there is none.
	ErrorType() string
	ErrorData() json.RawMessage
}

// aggregateRoutes are those of commands and states.
func aggregateRoutes() []*route {
	const one = storePath + "/aggregates/{type}/{id}"
	return []*route{
		at(one, does("GET", access.ReadEvents, (*Server).viewAggregate)),
		at(one+"/commands/{command}", does("POST", access.WriteEvents, (*Server).executeCommand)),
	}
}

// endAggregates closes a store's aggregates, for ever; what was begun may end until ctx does.
func (n *namedStore) endAggregates(ctx context.Context, log *slog.Logger) {
	if all, there := n.aggregates.end(); there {
		if err := all.Close(ctx); err != nil {
			log.Warn("the aggregates of a store did not close well", "store", n.name, "error", err)
		}
	}
}

const noAggregates = "this server runs no aggregates"

// aggregates are those of the request's store.
func (x *exchange) aggregates() (Aggregates, error) {
	return x.named.aggregates.of(x.r.Context(), x.named, x.s.o.Aggregates, noAggregates)
}

// WithAggregates calls use with the aggregates of a store, as requests have them: the store is opened where it is not, and
// stays open meanwhile. What a program that embeds the server does beside requests goes this way.
func (s *Server) WithAggregates(ctx context.Context, store string, use func(Aggregates) error) error {
	if !s.enter() {
		return errShuttingDown
	}
	defer s.inFlight.Done()
	named, err := s.shelf.acquire(ctx, store)
	if err != nil {
		return err
	}
	defer s.shelf.release(named)
	all, err := named.aggregates.of(ctx, named, s.o.Aggregates, noAggregates)
	if err != nil {
		return err
	}
	return use(all)
}

// checkInstance refuses streams that the grant does not have.
func (x *exchange) checkInstance() error {
	id := nacre.StreamID(x.path.aggregate + "-" + x.path.letter)
	if err := x.grant.CheckStream(id); err != nil {
		return err
	}
	return x.mayReach(id, "an aggregate")
}

// executeCommand answers POST …/aggregates/{type}/{id}/commands/{command}.
func (s *Server) executeCommand(x *exchange) error {
	if err := x.checkInstance(); err != nil {
		return err
	}
	request, err := decoded(x, wire.DecodeCommand)
	if err != nil {
		return err
	}
	if request.CommandID == "" {
		if request.CommandID, err = x.idempotencyKey(); err != nil {
			return err
		}
	}
	all, err := x.aggregates()
	if err != nil {
		return err
	}
	ctx := aggregate.Expecting(decider.With(x.r.Context(), ContextOf(&request)), request.Expected)
	payload := request.Payload
	if payload == nil {
		payload = json.RawMessage("null")
	}
	out, err := all.ExecuteNamed(ctx, x.path.aggregate, x.path.letter, x.path.command, payload)
	if err != nil {
		x.named.failed(err)
		return Refusal(err)
	}
	var state json.RawMessage
	if x.grant.Has(access.ReadEvents) {
		if state, err = out.State(); err != nil && nacre.CodeOf(err) != wire.CodeStateNotAvailable {
			s.log.Warn("a command was executed, and its state does not encode", "store", x.named.name, "stream", string(out.Stream), "error", err)
		}
	}
	if !out.Duplicate {
		bytes := 0
		for i := range out.Events {
			bytes += len(out.Events[i].Data) + len(out.Events[i].Metadata)
		}
		x.count([]nacre.Appended{{Events: out.Events}}, bytes)
	}
	reply := takeBuffer()
	defer giveBuffer(reply)
	*reply = wire.AppendCommandReply((*reply)[:0], out.Stream, out.Version, out.Position, out.Events, out.Duplicate, state)
	status := http.StatusOK
	if len(out.Events) > 0 && !out.Duplicate {
		status = http.StatusCreated
	}
	return x.answer(status, *reply)
}

// ContextOf is what a request says of its command's context.
func ContextOf(r *wire.CommandRequest) decider.Context {
	c := decider.Context{
		CommandID: r.CommandID, Actor: r.Context.Actor, CorrelationID: r.Context.CorrelationID, CausationID: r.Context.CausationID,
		SourceDevice: r.Context.SourceDevice,
	}
	if len(r.Context.Metadata) > 0 {
		c.Metadata = make(map[string]any, len(r.Context.Metadata))
		for name, value := range r.Context.Metadata {
			c.Metadata[name] = value
		}
	}
	return c
}

// Refusal is what a caller sees of an aggregate's own error; errors with a code stay as they are.
func Refusal(err error) error {
	if nacre.CodeOf(err) != "" {
		return err
	}
	d := &wire.DomainError{Message: err.Error()}
	if told, ok := err.(Refused); ok { //nolint:errorlint // what wraps a refusal is another one
		d.Type, d.Data = told.ErrorType(), told.ErrorData()
	}
	return d
}

// viewAggregate answers GET …/aggregates/{type}/{id}.
func (s *Server) viewAggregate(x *exchange) error {
	if err := x.checkInstance(); err != nil {
		return err
	}
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseMoment(values)
	if err != nil {
		return err
	}
	all, err := x.aggregates()
	if err != nil {
		return err
	}
	v, err := all.View(x.r.Context(), x.path.aggregate, x.path.letter, aggregate.Moment{Version: p.Version, Position: p.Position, Time: p.Time})
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &wire.StateReply{StreamID: v.Stream, Version: v.Version, GlobalPosition: v.Position, State: v.State})
}
