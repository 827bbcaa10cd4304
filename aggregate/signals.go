package aggregate

import (
	"context"
	"iter"
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
	s.waiting, e = o.Meter.Int64UpDownCounter("nacre.aggregate.queue", metric.WithDescription("Commands, and looks at the state, that wait for their turn."))
	set(e)
	s.latency, e = o.Meter.Float64Histogram("nacre.aggregate.duration", metric.WithUnit("s"), metric.WithDescription("From a command to its durable events."))
	set(e)
	s.loading, e = o.Meter.Float64Histogram("nacre.aggregate.load", metric.WithUnit("s"), metric.WithDescription("Loading of an instance."))
	set(e)
	return s, err
}

func nothing(error) {}

// identity is what tells a command in traces.
func identity(c *decider.Context) []attribute.KeyValue {
	var all [3]attribute.KeyValue
	known := all[:0]
	for _, a := range []struct{ name, value string }{
		{"nacre.command_id", c.CommandID}, {"nacre.correlation_id", c.CorrelationID}, {"nacre.causation_id", c.CausationID},
	} {
		if a.value != "" {
			known = append(known, attribute.String(a.name, a.value))
		}
	}
	return known
}

// command begins a command, and gives its span's context.
func (s *signals) command(ctx context.Context, category string, stream nacre.StreamID) (context.Context, func(error)) {
	if s.tracer == nil && !s.metered {
		return ctx, nothing
	}
	begun := time.Now()
	var span trace.Span
	if s.tracer != nil {
		c := decider.From(ctx)
		ctx, span = s.tracer.Start(ctx, "command "+category, trace.WithAttributes(attribute.String("nacre.stream", string(stream))),
			trace.WithAttributes(identity(&c)...))
	}
	return ctx, func(err error) {
		if span != nil {
			finish(span, err)
		}
		if s.metered {
			outcome := "ok"
			switch code := nacre.CodeOf(err); {
			case err != nil && code == "":
				outcome = "refused"
			case err != nil:
				outcome = string(code)
			}
			s.commands.Add(ctx, 1, s.category, metric.WithAttributes(attribute.String("nacre.outcome", outcome)))
			s.latency.Record(ctx, time.Since(begun).Seconds(), s.category)
		}
	}
}

// finish ends a span. A domain error is an outcome, and no failure.
func finish(span trace.Span, err error) {
	switch {
	case err != nil && nacre.CodeOf(err) == "":
		span.SetAttributes(attribute.String("nacre.refused", err.Error()))
	case err != nil:
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

func (s *signals) decide(ctx context.Context) func(error) {
	if s.tracer == nil {
		return nothing
	}
	c := decider.From(ctx)
	_, span := s.tracer.Start(ctx, "decide", trace.WithAttributes(identity(&c)...))
	return func(err error) { finish(span, err) }
}

// append begins the append of a group, which is one span, below the first command's and linked to the others'.
func (s *signals) append(ctx context.Context, stream nacre.StreamID, events int, commands iter.Seq2[context.Context, *decider.Context]) (context.Context, func(error)) {
	if s.tracer == nil {
		return ctx, nothing
	}
	var links []trace.Link
	var first *decider.Context
	n := 0
	for of, c := range commands {
		if n++; n == 1 {
			first = c
			continue
		}
		links = append(links, trace.Link{SpanContext: trace.SpanContextFromContext(of), Attributes: identity(c)})
	}
	ctx, span := s.tracer.Start(ctx, "append", trace.WithLinks(links...), trace.WithAttributes(identity(first)...),
		trace.WithAttributes(attribute.String("nacre.stream", string(stream)), attribute.Int("nacre.events", events), attribute.Int("nacre.commands", n)))
	return ctx, func(err error) { finish(span, err) }
}

func (s *signals) queued(ctx context.Context, n int) {
	if s.metered {
		s.waiting.Add(ctx, int64(n), s.category)
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
