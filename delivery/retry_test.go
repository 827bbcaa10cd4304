package delivery

import (
	"testing"
	"time"
)

// Pauses grow as the strategy says, and are never longer than the longest, whatever the jitter and however many attempts.
func TestPauses(t *testing.T) {
	t.Parallel()
	whole, none := 100.0, 0.0
	for _, strategy := range []Strategy{Exponential, Linear, Fixed} {
		for _, jitter := range []*float64{nil, &none, &whole} {
			for _, initial := range []int64{0, 1, 86_400_000} {
				r := Retry{MaxAttempts: 1000, Strategy: strategy, InitialDelayMS: initial, MaxDelayMS: 60_000, Multiplier: 100, JitterPercent: jitter}
				for attempts := range 1000 {
					if got := r.pause(attempts + 1); got < 0 || got > time.Minute || initial == 0 && got != 0 {
						t.Fatalf("%+v: %v after %d attempts", r, got, attempts+1)
					}
				}
			}
		}
		r := Retry{Strategy: strategy, InitialDelayMS: 100, MaxDelayMS: 1000, Multiplier: 2, JitterPercent: &none}
		want := map[Strategy][5]int{Exponential: {100, 200, 400, 800, 1000}, Linear: {100, 200, 300, 400, 500}, Fixed: {100, 100, 100, 100, 100}}[strategy]
		for i, ms := range want {
			if got := r.pause(i + 1); got != time.Duration(ms)*time.Millisecond {
				t.Errorf("%s: %v after %d attempts, want %d ms", strategy, got, i+1, ms)
			}
		}
	}
}

// By the defaults, a receiver may be away for about ten hours.
func TestDefaultPausesComeToTenHours(t *testing.T) {
	t.Parallel()
	var r Retry
	r.fill("webhook")
	var none float64
	r.JitterPercent = &none
	var all time.Duration
	for attempts := 1; attempts < r.MaxAttempts; attempts++ {
		all += r.pause(attempts)
	}
	if all < 10*time.Hour || all > 11*time.Hour {
		t.Errorf("they come to %v", all)
	}
}
