package projection

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nacredb/nacre"
)

// signals are the spans and metrics of a projection. Without a tracer and a meter its methods do nothing.
type signals struct {
	tracer   trace.Tracer
	metered  bool
	name     metric.MeasurementOption
	events   metric.Int64Counter
	failures metric.Int64Counter
	lag      metric.Int64Gauge
}

func newSignals(o *Options, name string) (*signals, error) {
	s := &signals{tracer: o.Tracer, metered: o.Meter != nil}
	if !s.metered {
		return s, nil
	}
	s.name = metric.WithAttributeSet(attribute.NewSet(attribute.String("nacre.projection", name)))
	var err error
	if s.events, err = o.Meter.Int64Counter("nacre.projection.events", metric.WithDescription("Events that were applied.")); err != nil {
		return nil, err
	}
	if s.failures, err = o.Meter.Int64Counter("nacre.projection.failures", metric.WithDescription("Events that failed for good.")); err != nil {
		return nil, err
	}
	s.lag, err = o.Meter.Int64Gauge("nacre.projection.lag", metric.WithDescription("Positions between the projection and the log's end."))
	return s, err
}

func nothingOf(error) {}

func (s *signals) batch(ctx context.Context, name string, events int, to nacre.Position) (context.Context, func(error)) {
	if s.tracer == nil {
		return ctx, nothingOf
	}
	ctx, span := s.tracer.Start(ctx, "projection "+name, trace.WithAttributes(
		attribute.Int("nacre.events", events), attribute.Int64("nacre.position", int64(to)),
	))
	return ctx, func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

func (s *signals) applied(ctx context.Context, events int) {
	if s.metered && events > 0 {
		s.events.Add(ctx, int64(events), s.name)
	}
}

func (s *signals) failed(ctx context.Context) {
	if s.metered {
		s.failures.Add(ctx, 1, s.name)
	}
}

func (s *signals) behind(ctx context.Context, lag nacre.Position) {
	if s.metered {
		s.lag.Record(ctx, int64(lag), s.name)
	}
}
