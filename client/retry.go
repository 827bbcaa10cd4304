package client

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/nacredb/nacre"
)

const (
	// longestWait is the most that the wait between two attempts grows to.
	longestWait = 5 * time.Second
	// longestAsked is the most that a server may ask for; a longer wait is the caller's to decide on.
	longestAsked = time.Minute
)

// backOff is the wait behind the attempt with this number, from 0: random, so that those who were cut off
// together do not come back together.
func (p *peer) backOff(attempt int) time.Duration {
	most := longestWait
	if attempt < 10 {
		most = min(most, p.firstWait<<attempt)
	}
	return rand.N(most)
}

// repeat makes attempts until one succeeds, which gives nil, or there is nothing left to try. try is told
// whether an attempt before it may have done what was asked.
func (l *log) repeat(ctx context.Context, try func(unknown bool) *failure) *failure {
	unknown := false
	for attempt := 0; ; attempt++ {
		f := try(unknown)
		if f == nil {
			return nil
		}
		unknown = unknown || f.unknown
		goOn := l.pause(ctx, attempt, f)
		f.unknown, f.tried = unknown, attempt+1
		if !goOn {
			return f
		}
	}
}

// pause waits behind a failed attempt, and tells whether to try again. Where the wait was cut short, the
// failure's error says so.
func (l *log) pause(ctx context.Context, attempt int, f *failure) bool {
	if !f.again || attempt >= l.peer.retries || f.wait > longestAsked {
		return false
	}
	timer := time.NewTimer(f.wait + l.peer.backOff(attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		f.err = nacre.Errorf(nacre.CodeOf(ctx.Err()), "%w, before it could be tried again: %v", ctx.Err(), f.err)
	case <-l.life.Done():
		f.err = nacre.Errorf(nacre.CodeClosed, "the store has been closed, before it could be tried again: %w", f.err)
	}
	return false
}
