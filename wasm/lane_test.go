package wasm

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newLane() *lane { return &lane{quantum: time.Millisecond, clock: time.Now} }

var far = time.Now().Add(200 * 365 * 24 * time.Hour)

// slow is a call that works for so long in ticks of a quarter of a millisecond, and gives how long it took.
func slow(l *lane, work time.Duration, mine func(delta int)) time.Duration {
	begun := time.Now()
	var have *turn
	of := &share{}
	for done := time.Duration(0); done < work; done += 250 * time.Microsecond {
		have = l.keep(have, of, far, nil, nil)
		mine(1)
		time.Sleep(250 * time.Microsecond) // what the guest does until its next tick
		mine(-1)
	}
	l.end(have)
	return time.Since(begun)
}

func TestSlowCallsRunOneAtATimeAndInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		var mu sync.Mutex
		running, most := 0, 0
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				took := slow(l, 10*time.Millisecond, func(delta int) {
					mu.Lock()
					defer mu.Unlock()
					running += delta
					most = max(most, running)
				})
				if took < 36*time.Millisecond || took > 41*time.Millisecond {
					t.Errorf("one of four that want 10 ms took %v: they do not take turns", took)
				}
			})
		}
		all.Wait()
		if most != 1 {
			t.Errorf("%d ran at once", most)
		}
	})
}

func TestTheLaneRestsWhileQuickCallsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		if took := slow(l, 10*time.Millisecond, func(int) {}); took != 10*time.Millisecond {
			t.Errorf("alone, 10 ms took %v", took)
		}
		took := slow(l, 10*time.Millisecond, func(int) { l.quick.Add(1) })
		if took < 36*time.Millisecond || took > 41*time.Millisecond {
			t.Errorf("beside quick calls, 10 ms took %v: it should have rested three times as long as it ran", took)
		}
		time.Sleep(time.Second) // the last rest
	})
}

func TestWhoLeavesTheLaneHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		holder := l.keep(nil, &share{}, far, nil, nil)
		caller, module := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			if l.keep(nil, &share{}, far, caller, nil) != nil {
				t.Error("a caller that left got a turn")
			}
		})
		all.Go(func() {
			if l.keep(nil, &share{}, far, nil, module) != nil {
				t.Error("a module that left got a turn")
			}
		})
		all.Go(func() {
			if l.keep(nil, &share{}, time.Now().Add(time.Second), nil, nil) != nil {
				t.Error("a call whose time was up got a turn")
			}
		})
		synctest.Wait()
		close(caller)
		close(module)
		all.Wait()
		l.end(holder)
		if next := l.keep(nil, &share{}, far, nil, nil); next == nil {
			t.Error("the slot is lost")
		} else {
			l.end(next)
		}
		if len(l.waiting) != 0 || l.holder != nil {
			t.Errorf("%d wait, %v has it", len(l.waiting), l.holder)
		}
	})
}

func TestWhoIsSlowNowAndThenDoesNotWaitForAllThatAlwaysAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { slow(l, 100*time.Millisecond, func(int) {}) })
		}
		time.Sleep(time.Second)
		rare := &share{}
		for range 20 {
			begun := time.Now()
			l.end(l.keep(nil, rare, far, nil, nil))
			if took := time.Since(begun); took > l.quantum {
				t.Errorf("it waited for %v, where a turn is %v", took, l.quantum)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// Whoever takes much is one of them before long.
		if took := slow(l, 100*time.Millisecond, func(int) {}); took < time.Second {
			t.Errorf("100 ms beside 50 others took %v", took)
		}
		all.Wait()
	})
}

func TestAShareFades(t *testing.T) {
	begun := time.Now()
	s := &share{used: 8 * time.Second, at: begun}
	if got := s.lately(begun.Add(fade / 2)); got != 8*time.Second {
		t.Errorf("before its time it is %v", got)
	}
	if got := s.lately(begun.Add(2*fade + fade/2)); got != 2*time.Second {
		t.Errorf("after two and a half times as long it is %v", got)
	}
	if got := s.lately(begun.Add(3 * fade)); got != time.Second {
		t.Errorf("after three times as long it is %v", got)
	}
	if got := s.lately(begun.Add(1000 * fade)); got != 0 {
		t.Errorf("after an age it is %v", got)
	}
}

func TestAModuleThatWentWrongIsSlowFromTheBeginning(t *testing.T) {
	m := &Module{}
	if got := m.patience(time.Second); got != time.Second {
		t.Errorf("a module that did nothing wrong has %v", got)
	}
	m.distrust()
	for range suspect {
		if got := m.patience(time.Second); got != 0 {
			t.Errorf("it has %v", got)
		}
		m.trust()
	}
	if got := m.patience(time.Second); got != time.Second {
		t.Errorf("after %d calls that went well it has %v", suspect, got)
	}
}
