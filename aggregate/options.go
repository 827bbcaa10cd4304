package aggregate

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Options: nil is the defaults.
type Options struct {
	// IdleAfter is how long an instance stays in memory that nobody asks for. Default 5 minutes; negative is
	// for ever.
	IdleAfter time.Duration
	// MaxInstances is how many instances stay in memory; beyond that, those leave early that were not asked
	// for the longest, roughly. Default 100,000.
	MaxInstances int
	// SnapshotEvery is after how many events a snapshot of the state is kept; later where writing snapshots would
	// take more than a tenth of the time. Default 1,000; negative is never.
	SnapshotEvery int
	// SnapshotAfter keeps a snapshot also where loading an instance took longer. Default 100 ms; negative is
	// never.
	SnapshotAfter time.Duration
	// Retries is how often a command is decided again because others wrote to its stream meanwhile. Two
	// processes that write to one instance without pause lose one command in some thousands with the default;
	// the middleware Retry gives those again. Default 10.
	Retries int
	// Codec has the upcasters and schema versions of events.
	Codec *codec.Options
	// Logger is told of panics, with their stacks, and of snapshots that could not be kept. Default
	// slog.Default.
	Logger *slog.Logger
	// Tracer gets a span for each command, decision and append. Default none.
	Tracer trace.Tracer
	// Meter counts commands, conflicts and reloads, and measures queues and latencies. Default none.
	Meter metric.Meter
	// Clock gives commands their time, unless their context has one. Default time.Now.
	Clock func() time.Time
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.IdleAfter == 0 {
		d.IdleAfter = 5 * time.Minute
	}
	if d.MaxInstances == 0 {
		d.MaxInstances = 100_000
	}
	if d.SnapshotEvery == 0 {
		d.SnapshotEvery = 1000
	}
	if d.SnapshotAfter == 0 {
		d.SnapshotAfter = 100 * time.Millisecond
	}
	if d.Retries == 0 {
		d.Retries = 10
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	switch {
	case d.MaxInstances < 0:
		return d, invalid("MaxInstances", "is negative: give 1 or more")
	case d.Retries < 0:
		return d, invalid("Retries", "is negative: give 1 or more")
	}
	return d, nil
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
