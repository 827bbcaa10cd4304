package redis_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/delivery/redis"
)

// most is how many connections a sender has.
const most = 16

// crowded has a sender with as many connections as it may have, all of them idle.
func crowded(t *testing.T, server *redisServer) delivery.Sender {
	t.Helper()
	var dialed sync.WaitGroup
	dialed.Add(most)
	var mutex sync.Mutex
	left := most
	s := open(t, &redis.Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		mutex.Lock()
		if left > 0 {
			left--
			dialed.Done()
		}
		mutex.Unlock()
		dialed.Wait() // so that none is used twice before all are there
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}, `{"url":"redis://%s","key":"k"}`, server.addr)
	var sent sync.WaitGroup
	for _, b := range deliverytest.Batches(deliverytest.Events(0, most, most), 1) {
		sent.Go(func() {
			if _, err := s.Send(t.Context(), b); err != nil {
				t.Error(err)
			}
		})
	}
	sent.Wait()
	return s
}

// TestRestart: a server that was restarted, or has closed what was idle, costs an attempt at most, and not one for each
// connection that there was.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	s := crowded(t, server)
	server.stop(t)
	server.start(t)
	batches := deliverytest.Batches(deliverytest.Events(most, 2, 1), 1)
	if n, err := deliverytest.Deliver(t.Context(), s, batches[0]); err != nil || n > 2 {
		t.Errorf("after a restart, it took %d attempts: %v", n, err)
	}
	if n, err := deliverytest.Deliver(t.Context(), s, batches[1]); err != nil || n > 1 {
		t.Errorf("the next one took %d attempts: %v", n, err)
	}
}

// TestIdle: what the other side closed while nothing was sent costs no attempt.
func TestIdle(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	s := crowded(t, server)
	server.stop(t)
	server.start(t)
	time.Sleep(1100 * time.Millisecond) // from then on, connections are tried first
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(most, 1, 1), 1)[0]); err != nil {
		t.Error(err)
	}
	if got := len(server.events(t, "k")); got != most+1 {
		t.Errorf("%d events are there", got)
	}
}
