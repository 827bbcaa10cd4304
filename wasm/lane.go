package wasm

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lane is where slow calls run, one at a time and in turns, so that however many modules loop for ever, together
// they take no more than one processor, and a quarter of one while quick calls are going on.
type lane struct {
	quantum time.Duration
	clock   func() time.Time
	quick   atomic.Int64 // calls that ended without having become slow

	mu      sync.Mutex
	holder  *turn
	since   time.Time // when holder got the slot
	before  int64     // what quick was then
	waiting []*turn   // in the order in which they came
	resting bool
}

// turn is a slow call's place in the lane.
type turn struct {
	granted chan struct{} // closed when the slot is its own
	of      *share
}

// share is how long a module had the slot of late. Whoever had the least has the next turn, so that a module that is slow
// now and then does not wait for all those that always are.
type share struct {
	used time.Duration
	at   time.Time // of when that is
}

// fade is in which time what a module had of the lane counts half.
const fade = time.Second

// lately is what the share is by now. The lane's lock is held.
func (s *share) lately(now time.Time) time.Duration {
	for s.used > 0 && now.Sub(s.at) >= fade {
		s.used /= 2
		s.at = s.at.Add(fade)
	}
	if s.used == 0 {
		s.at = now
	}
	return s.used
}

// keep is what a slow call does at each tick: it goes on while its quantum lasts, and otherwise makes room and
// waits for its next turn. It gives the turn that now has the slot; have is the one before, or nil. Where the
// caller leaves first or the module does, or until has come, it gives nil: the call must end.
func (l *lane) keep(have *turn, of *share, until time.Time, caller, module <-chan struct{}) *turn {
	l.mu.Lock()
	now := l.clock()
	if have != nil {
		used := now.Sub(l.since)
		if used < l.quantum {
			l.mu.Unlock()
			return have
		}
		l.leave(now, used)
	}
	t := &turn{granted: make(chan struct{}), of: of}
	l.waiting = append(l.waiting, t)
	l.next(now)
	l.mu.Unlock()
	select { // the usual case needs no timer
	case <-t.granted:
		return t
	default:
	}
	timer := time.NewTimer(until.Sub(now))
	defer timer.Stop()
	select {
	case <-t.granted:
		return t
	case <-caller:
	case <-module:
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == t { // it was granted meanwhile
		l.holder = nil
		l.next(l.clock())
	} else {
		l.waiting = slices.DeleteFunc(l.waiting, func(w *turn) bool { return w == t })
	}
	return nil
}

// end is for a slow call that has ended.
func (l *lane) end(have *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != have {
		return
	}
	now := l.clock()
	l.leave(now, now.Sub(l.since))
	l.next(now)
}

// rest is how often as long as it was used the slot rests while quick calls are going on. What a slow call has of a
// processor, the goroutines have not that quick calls need: with a rest as long as the use, ten modules that loop for
// ever doubled how long quick commands took on two busy processors.
const rest = 3

// leave takes the slot from its holder. Where quick calls were going on, it rests. l.mu is held.
func (l *lane) leave(now time.Time, used time.Duration) {
	l.holder.of.lately(now)
	l.holder.of.used += used
	l.holder = nil
	if used <= 0 || l.quick.Load() == l.before {
		return
	}
	l.resting = true
	time.AfterFunc(rest*used, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.resting = false
		l.next(l.clock())
	})
}

// next gives the slot, where it is free, to the first of those that wait whose modules had the least of it. l.mu is held.
func (l *lane) next(now time.Time) {
	if l.holder != nil || l.resting || len(l.waiting) == 0 {
		return
	}
	first, least := 0, l.waiting[0].of.lately(now)
	for i, t := range l.waiting[1:] {
		if had := t.of.lately(now); had < least {
			first, least = i+1, had
		}
	}
	l.holder, l.since, l.before = l.waiting[first], now, l.quick.Load()
	l.waiting = slices.Delete(l.waiting, first, first+1)
	close(l.holder.granted)
}
