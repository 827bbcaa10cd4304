package wasm

import (
	"strings"
	"testing"
)

func TestReachLearnsHowLongStatesAreKept(t *testing.T) {
	var r reach
	keeps := uint64(100)
	asked := func(rounds int) (missed int) {
		for i := range rounds {
			age := uint64(i) * 7919 % 300
			switch {
			case !r.worth(age, 10):
			case age < keeps:
				r.found(age)
			default:
				r.missed(age)
				missed++
			}
		}
		return missed
	}
	asked(1000)
	if calls := r.calls.Load() - 1; calls != keeps {
		t.Errorf("states are kept for %d calls, and %d is believed", keeps, calls)
	}
	if missed := asked(3000); missed > 3000/tryAgain+1 {
		t.Errorf("%d of 3000 were asked for in vain", missed)
	}
	if !r.worth(200, cheap+1) {
		t.Error("a large state is given again without being asked for")
	}
	keeps = 200 // the guest has room again
	asked(100_000)
	if calls := r.calls.Load() - 1; calls != keeps {
		t.Errorf("states are kept for %d calls now, and %d is believed", keeps, calls)
	}
}

func TestAGuestThatKeepsNothingIsGivenStates(t *testing.T) {
	t.Parallel()
	m := teller(t, one, `{"missing":true}`, `{"state":null}`)
	s := decideOn(t, m, nil)
	before := m.pool.idle[0].kept
	const commands = 10
	for range commands {
		s = decideOn(t, m, s)
	}
	if calls := m.pool.idle[0].kept - before; calls > commands+1 {
		t.Errorf("%d commands took %d calls", commands, calls)
	}
	if got := said(m); strings.Contains(got, `"held"`) || !strings.Contains(got, `"events":[`) {
		t.Errorf("it is not given the events: %s", got)
	}
}
