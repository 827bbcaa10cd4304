package delivery

import (
	"math"
	"math/rand/v2"
	"time"
)

// Strategy is how the pause between two attempts grows.
type Strategy string

// The strategies.
const (
	Exponential Strategy = "exponential" // times Multiplier each time; the default
	Linear      Strategy = "linear"      // by InitialDelayMS each time
	Fixed       Strategy = "fixed"       // not at all
)

// Retry is how often an event is tried, and how long is waited in between. Fields that are zero have their default,
// which comes to about ten hours; for a group, five attempts and no pause.
type Retry struct {
	// MaxAttempts is how often at most, the first time included. Default 20, of a group 5; at most 1,000.
	MaxAttempts int `json:"maxAttempts,omitempty"`
	// Strategy is how the pause grows. Default Exponential.
	Strategy Strategy `json:"strategy,omitempty"`
	// InitialDelayMS is the first pause, in milliseconds. Default 1,000, of a group 0.
	InitialDelayMS int64 `json:"initialDelayMs,omitempty"`
	// MaxDelayMS is the longest pause, in milliseconds, jitter included. Default an hour, at most a day.
	MaxDelayMS int64 `json:"maxDelayMs,omitempty"`
	// Multiplier is what an exponential pause grows by. Default 2.5, 1 to 100.
	Multiplier float64 `json:"multiplier,omitempty"`
	// JitterPercent is by how much a pause is changed at random, up or down, 0 to 100. Nil is 20.
	JitterPercent *float64 `json:"jitterPercent,omitempty"`
}

func (r *Retry) fill(kind string) {
	if kind == KindGroup {
		set(&r.MaxAttempts, 5)
	} else {
		set(&r.MaxAttempts, 20)
		set(&r.InitialDelayMS, 1000)
	}
	set(&r.Strategy, Exponential)
	set(&r.MaxDelayMS, time.Hour.Milliseconds())
	set(&r.Multiplier, 2.5)
}

func (r *Retry) check() error {
	switch {
	case r.MaxAttempts < 1 || r.MaxAttempts > maxAttempts:
		return invalid("policy.retry.maxAttempts", "is %d: give 1 to %d", r.MaxAttempts, maxAttempts)
	case r.Strategy != Exponential && r.Strategy != Linear && r.Strategy != Fixed:
		return invalid("policy.retry.strategy", `is %q: give "exponential", "linear" or "fixed"`, r.Strategy)
	case r.InitialDelayMS < 0 || r.InitialDelayMS > maxDeadline.Milliseconds():
		return invalid("policy.retry.initialDelayMs", "is %d: give 0 to %d", r.InitialDelayMS, maxDeadline.Milliseconds())
	case r.MaxDelayMS < 1 || r.MaxDelayMS > maxDeadline.Milliseconds():
		return invalid("policy.retry.maxDelayMs", "is %d: give 1 to %d", r.MaxDelayMS, maxDeadline.Milliseconds())
	case math.IsNaN(r.Multiplier) || r.Multiplier < 1 || r.Multiplier > 100:
		return invalid("policy.retry.multiplier", "is %v: give 1 to 100", r.Multiplier)
	case r.JitterPercent != nil && (math.IsNaN(*r.JitterPercent) || *r.JitterPercent < 0 || *r.JitterPercent > 100):
		return invalid("policy.retry.jitterPercent", "is %v: give 0 to 100", *r.JitterPercent)
	}
	return nil
}

// pause is how long to wait after so many attempts.
func (r *Retry) pause(attempts int) time.Duration {
	ms, longest := float64(r.InitialDelayMS), float64(r.MaxDelayMS)
	if ms == 0 {
		return 0
	}
	switch r.Strategy {
	case Linear:
		ms *= float64(attempts)
	case Exponential:
		ms *= math.Pow(r.Multiplier, float64(attempts-1))
	case Fixed:
	}
	ms = min(ms, longest)
	jitter := 20.0
	if r.JitterPercent != nil {
		jitter = *r.JitterPercent
	}
	if ms *= 1 + jitter/100*(2*rand.Float64()-1); ms > longest {
		ms = 2*longest - ms // rather than the longest for half of all, which would come at once
	}
	return time.Duration(ms * float64(time.Millisecond))
}
