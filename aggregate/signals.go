package aggregate

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
)

// signals are the spans and metrics of a repository. Without a tracer and a meter its methods do nothing.
type signals struct {
	tracer    trace.Tracer
	metered   bool
	category  metric.MeasurementOption
	commands  metric.Int64Counter
	conflicts metric.Int64Counter
	waiting   metric.Int64UpDownCounter
	latency   metric.Float64Histogram
	loading   metric.Float64Histogram
}

func newSignals(o *Options, category string) (*signals, error) {
	s := &signals{tracer: o.Tracer, metered: o.Meter != nil}
	if !s.metered {
		return s, nil
	}
	s.category = metric.WithAttributeSet(attribute.NewSet(attribute.String("nacre.category", category)))
	var err error
	set := func(e error) {
		if err == nil {
			err = e
		}
	}
	var e error
	s.commands, e = o.Meter.Int64Counter("nacre.aggregate.commands", metric.WithDescription("Commands that ended, by outcome."))
	set(e)
	s.conflicts, e = o.Meter.Int64Counter("nacre.aggregate.conflicts", metric.WithDescription("Groups of commands that were decided again, since others had written."))
	set(e)
	s.waiting, e = o.Meter.Int64UpDownCounter("nacre.aggregate.queue", metric.WithDescription("Commands that wait for their turn."))
	set(e)
	s.latency, e = o.Meter.Float64Histogram("nacre.aggregate.duration", metric.WithUnit("s"), metric.WithDescription("From a command to its durable events."))
	set(e)
	s.loading, e = o.Meter.Float64Histogram("nacre.aggregate.load", metric.WithUnit("s"), metric.WithDescription("Loading of an instance."))
	set(e)
	return s, err
}

func nothing()        {}
func nothingOf(error) {}

// command begins a command; ctx is the span's from then on.
func (s *signals) command(ctx *context.Context, category string, stream nacre.StreamID) func(error) {
	if s.tracer == nil && !s.metered {
		return nothingOf
	}
	begun := time.Now()
	var span trace.Span
	if s.tracer != nil {
		c := decider.From(*ctx)
		*ctx, span = s.tracer.Start(*ctx, "command "+category, trace.WithAttributes(
			attribute.String("nacre.stream", string(stream)), attribute.String("nacre.command_id", c.CommandID),
			attribute.String("nacre.correlation_id", c.CorrelationID), attribute.String("nacre.causation_id", c.CausationID),
		))
	}
	within := *ctx
	return func(err error) {
		if span != nil {
			finish(span, err)
		}
		if s.metered {
			outcome := "ok"
			switch code := nacre.CodeOf(err); {
			case err != nil && code == "":
				outcome = "rejected"
			case err != nil:
				outcome = string(code)
			}
			s.commands.Add(within, 1, s.category, metric.WithAttributes(attribute.String("nacre.outcome", outcome)))
			s.latency.Record(within, time.Since(begun).Seconds(), s.category)
		}
	}
}

func finish(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

func (s *signals) decide(ctx context.Context) func() {
	if s.tracer == nil {
		return nothing
	}
	_, span := s.tracer.Start(ctx, "decide")
	return func() { span.End() }
}

func (s *signals) append(ctx context.Context, stream nacre.StreamID, events int) (context.Context, func(error)) {
	if s.tracer == nil {
		return ctx, nothingOf
	}
	ctx, span := s.tracer.Start(ctx, "append", trace.WithAttributes(attribute.String("nacre.stream", string(stream)), attribute.Int("nacre.events", events)))
	return ctx, func(err error) { finish(span, err) }
}

func (s *signals) queued(n int) {
	if s.metered {
		s.waiting.Add(context.Background(), int64(n), s.category)
	}
}

func (s *signals) conflict(ctx context.Context) {
	if s.metered {
		s.conflicts.Add(ctx, 1, s.category)
	}
}

func (s *signals) loaded(ctx context.Context, took time.Duration) {
	if s.metered {
		s.loading.Record(ctx, took.Seconds(), s.category)
	}
}
