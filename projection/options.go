package projection

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// OnFailure is what becomes of an event that fails for good.
type OnFailure int

// What can become of it.
const (
	// Stop leaves the projection where it is, as FAILED, until it is resumed, reset or rebuilt.
	Stop OnFailure = iota
	// Park makes a dead letter of the event, and goes on.
	Park
)

// Options: nil is the defaults.
type Options struct {
	// Batch is the most events that commit together. Default 1,000.
	Batch int
	// OnFailure is what becomes of an event that fails for good. Default Stop.
	OnFailure OnFailure
	// Retries is how often an event that failed, or a commit, is tried again first. Default 3; negative is
	// never.
	Retries int
	// RetryAfter is the first pause before that; it doubles, up to a minute, with jitter. Default 100 ms.
	RetryAfter time.Duration
	// CheckpointEvery is how often a position is stored where no events are to be written. Default 5 s.
	CheckpointEvery time.Duration
	// Lease is how long another process that runs it is waited for after its last sign of life. Default 15 s.
	Lease time.Duration
	// Logger is told of failures, and of rebuilds. Default slog.Default.
	Logger *slog.Logger
	// Tracer gets a span for each batch. Default none.
	Tracer trace.Tracer
	// Meter counts events, failures and dead letters, and measures lag. Default none.
	Meter metric.Meter
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Batch == 0 {
		d.Batch = 1000
	}
	if d.Retries == 0 {
		d.Retries = 3
	}
	if d.RetryAfter == 0 {
		d.RetryAfter = 100 * time.Millisecond
	}
	if d.CheckpointEvery == 0 {
		d.CheckpointEvery = 5 * time.Second
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Batch < 0 || d.RetryAfter < 0 || d.CheckpointEvery < 0 || d.Lease < 0 {
		return d, invalid("Options", "Batch, RetryAfter, CheckpointEvery or Lease is negative")
	}
	return d, nil
}
