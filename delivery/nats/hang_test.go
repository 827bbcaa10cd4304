//go:build unix

package nats_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/nacredb/nacre/delivery/deliverytest"
)

// TestHangs: a server that does not answer holds neither a send nor a close, and goes on afterwards.
func TestHangs(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := open(t, `{"url":%q,"stream":"S","create":true,"timeoutMs":300}`, b.url)
	batches := deliverytest.Batches(deliverytest.Events(0, 4, 1), 2)
	// The machine may be busy for longer than the sender waits, which has a connection once this is there.
	if _, err := deliverytest.Deliver(t.Context(), s, batches[0]); err != nil {
		t.Fatal(err)
	}
	deliverytest.Halt(t, b.process.Process.Pid)
	if _, err := s.Send(t.Context(), batches[1]); err == nil {
		t.Error("a server that hangs took a batch")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Send(ctx, batches[1]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	fresh := open(t, `{"url":%q,"timeoutMs":300}`, b.url)
	if _, err := fresh.Send(t.Context(), batches[1]); err == nil {
		t.Error("a server that hangs took a batch")
	}
	b.signal(t, syscall.SIGCONT)
	if _, err := deliverytest.Deliver(t.Context(), s, batches[1]); err != nil {
		t.Error(err)
	}
	if got := len(b.events(t, "S")); got != 4 {
		t.Errorf("%d events are there", got)
	}
}
