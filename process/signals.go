package process

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nacredb/nacre"
)

// signals are the spans and metrics of a manager. Without a tracer and a meter its methods do nothing.
type signals struct {
	tracer  trace.Tracer
	metered bool
	name    string
	manager metric.MeasurementOption

	reactions, dispatches, retries, buried metric.Int64Counter
	lag, letters, pending                  metric.Int64Gauge

	told figures
}

func newSignals(o *Options, name string) (*signals, error) {
	s := &signals{tracer: o.Tracer, metered: o.Meter != nil, name: name}
	if !s.metered {
		return s, nil
	}
	s.manager = metric.WithAttributeSet(attribute.NewSet(attribute.String("nacre.manager", name)))
	var failed [7]error
	s.reactions, failed[0] = o.Meter.Int64Counter("nacre.process.reactions", metric.WithDescription("Events, timers and refusals that instances have reacted to."))
	s.dispatches, failed[1] = o.Meter.Int64Counter("nacre.process.dispatches", metric.WithDescription("Attempts to dispatch a command, by outcome."))
	s.retries, failed[2] = o.Meter.Int64Counter("nacre.process.retries", metric.WithDescription("Attempts that failed and are made again."))
	s.buried, failed[3] = o.Meter.Int64Counter("nacre.process.buried", metric.WithDescription("What was given up, and is a dead letter."))
	s.lag, failed[4] = o.Meter.Int64Gauge("nacre.process.lag", metric.WithDescription("Positions between the manager and the log's end."))
	s.letters, failed[5] = o.Meter.Int64Gauge("nacre.process.dead_letters", metric.WithDescription("Open dead letters."))
	s.pending, failed[6] = o.Meter.Int64Gauge("nacre.process.pending", metric.WithDescription("Commands that are yet to be dispatched, and inputs that wait."))
	return s, errors.Join(failed[:]...)
}

func nothing(error) {}

// dispatch begins a dispatch.
func (s *signals) dispatch(ctx context.Context, j *job) (context.Context, func(error)) {
	if s.tracer == nil && !s.metered {
		return ctx, nothing
	}
	var span trace.Span
	if s.tracer != nil {
		ctx, span = s.tracer.Start(ctx, "dispatch "+j.c.Name, trace.WithAttributes(
			attribute.String("nacre.manager", s.name), attribute.String("nacre.instance", j.in.id), attribute.String("nacre.to", j.c.To),
			attribute.String("nacre.command_id", j.c.ID), attribute.String("nacre.correlation_id", j.c.CorrelationID),
			attribute.String("nacre.causation_id", j.c.CausationID),
		))
	}
	return ctx, func(err error) {
		if span != nil {
			if err != nil {
				span.RecordError(err)
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}
		if s.metered {
			s.dispatches.Add(ctx, 1, s.manager, metric.WithAttributes(attribute.String("nacre.outcome", outcomeOf(err))))
		}
	}
}

func outcomeOf(err error) string {
	switch code := nacre.CodeOf(err); {
	case err == nil:
		return "ok"
	case code == "":
		return "rejected"
	default:
		return string(code)
	}
}

// tell gives the metrics what the engine's figures have come to.
func (s *signals) tell(ctx context.Context, e *engine, head nacre.Position) {
	if !s.metered {
		return
	}
	f := e.figures
	s.reactions.Add(ctx, f.reacted+f.fired+f.rejected-s.told.reacted-s.told.fired-s.told.rejected, s.manager)
	s.retries.Add(ctx, f.retries-s.told.retries, s.manager)
	s.buried.Add(ctx, f.buried-s.told.buried, s.manager)
	s.told = f
	done := e.done()
	s.lag.Record(ctx, int64(head-min(done, head)), s.manager)
	s.letters.Record(ctx, int64(len(e.letters)), s.manager)
	s.pending.Record(ctx, int64(e.marks.total), s.manager)
}
