package process

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nacredb/nacre"
)

// Options: nil is the defaults.
type Options struct {
	// After is where a manager begins that never ran on the store: behind that position. Default 0, which gives it the
	// whole history. One that ran goes on where it was.
	After nacre.Position
	// Parallel is how many commands are dispatched at once, each of another instance. Default 32.
	Parallel int
	// Attempts is how often is tried what fails, before it is a dead letter. Default 10.
	Attempts int
	// MinDelay and MaxDelay bound the wait before the next attempt: drawn at random below a limit that begins with
	// MinDelay and doubles up to MaxDelay. Default 100 ms and 30 s.
	MinDelay, MaxDelay time.Duration
	// Timeout is how long one Dispatch may take, as the deadline of its context. Default 1 minute; negative is for ever.
	Timeout time.Duration
	// Instances is how many instances stay in memory that wait for nothing but events. Default 10,000.
	Instances int
	// SnapshotEvery is after how many records at least what a start has to know is kept in one piece. Default 10,000.
	SnapshotEvery int
	// Lease is how long another process that runs the manager and shows no sign of life is waited for. Default 15 s.
	Lease time.Duration
	// NoWait gives CodeHeld where another process runs the manager. By default the runner stands by, and takes
	// over when that one stops.
	NoWait bool
	// Logger is told of dead letters, panics with their stacks, and of trouble with the store. Default slog.Default.
	Logger *slog.Logger
	// Tracer gets a span for each dispatch. Default none.
	Tracer trace.Tracer
	// Meter counts reactions, dispatches and retries, and measures lag and dead letters. Default none.
	Meter metric.Meter
	// Clock tells when timers are due. Default time.Now.
	Clock func() time.Time
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	number := func(n *int, or int) {
		if *n == 0 {
			*n = or
		}
	}
	number(&d.Parallel, 32)
	number(&d.Attempts, 10)
	number(&d.Instances, 10_000)
	number(&d.SnapshotEvery, 10_000)
	span := func(t *time.Duration, or time.Duration) {
		if *t == 0 {
			*t = or
		}
	}
	span(&d.MinDelay, 100*time.Millisecond)
	span(&d.MaxDelay, max(30*time.Second, d.MinDelay))
	span(&d.Timeout, time.Minute)
	span(&d.Lease, 15*time.Second)
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d, d.validate()
}

func (o *Options) validate() error {
	switch {
	case o.Parallel < 0:
		return invalid("Parallel", "is negative: give 1 or more")
	case o.Attempts < 0:
		return invalid("Attempts", "is negative: give 1 or more")
	case o.Instances < 0:
		return invalid("Instances", "is negative: give 1 or more")
	case o.SnapshotEvery < 0:
		return invalid("SnapshotEvery", "is negative: give 1 or more")
	case o.MinDelay < 0:
		return invalid("MinDelay", "is negative: give a time to wait")
	case o.MaxDelay < o.MinDelay:
		return invalid("MaxDelay", "is below MinDelay: give more, or leave both out")
	case o.Lease < 0:
		return invalid("Lease", "is negative: give a time to wait")
	}
	return nil
}

// bounds are an engine's.
func (o *Options) bounds() bounds {
	b := defaultBounds()
	b.attempts, b.idle = o.Attempts, o.Instances
	b.delay = backoff(o.MinDelay, o.MaxDelay, rand.Float64)
	return b
}
