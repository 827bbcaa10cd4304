package client

import (
	"context"
	"testing"
)

// TestPollEndsWaits has a store closed between two polls: who waits for the next one is told all the same.
func TestPollEndsWaits(t *testing.T) {
	var f follower
	f.init(&log{life: context.Background()})
	next := f.next
	f.waiters, f.active = 1, true
	f.stop()
	f.poll()
	select {
	case <-next.come:
	default:
		t.Error("who waits for the poll that never comes waits for ever")
	}
}
