package wasm

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lane is where slow calls run, one at a time and in turns, so that however many modules loop for ever, together
// they take no more than one processor, and half of one while quick calls are going on.
type lane struct {
	quantum time.Duration
	clock   func() time.Time
	quick   atomic.Int64 // calls that ended without having become slow

	mu      sync.Mutex
	holder  *turn
	since   time.Time // when holder got the slot
	before  int64     // what quick was then
	waiting []*turn   // first come, first served
	resting bool
}

// turn is a slow call's place in the lane.
type turn struct {
	granted chan struct{} // closed when the slot is its own
}

// keep is what a slow call does at each tick: it goes on while its quantum lasts, and otherwise makes room and
// waits for its next turn. It gives the turn that now has the slot; have is the one before, or nil. Where the
// caller leaves first or the module does, or until has come, it gives nil: the call must end.
func (l *lane) keep(have *turn, until time.Time, caller, module <-chan struct{}) *turn {
	l.mu.Lock()
	now := l.clock()
	if have != nil {
		used := now.Sub(l.since)
		if used < l.quantum {
			l.mu.Unlock()
			return have
		}
		l.leave(used)
	}
	t := &turn{granted: make(chan struct{})}
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
	l.leave(now.Sub(l.since))
	l.next(now)
}

// leave takes the slot from its holder. Where quick calls were going on, the slot rests for as long as it was
// used. l.mu is held.
func (l *lane) leave(used time.Duration) {
	l.holder = nil
	if used <= 0 || l.quick.Load() == l.before {
		return
	}
	l.resting = true
	time.AfterFunc(used, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.resting = false
		l.next(l.clock())
	})
}

// next gives the slot to the first that waits, where it is free. l.mu is held.
func (l *lane) next(now time.Time) {
	if l.holder != nil || l.resting || len(l.waiting) == 0 {
		return
	}
	l.holder, l.since, l.before = l.waiting[0], now, l.quick.Load()
	l.waiting = slices.Delete(l.waiting, 0, 1)
	close(l.holder.granted)
}
