package consumer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a hub with the group "g", which begins with the first event.
type rig struct {
	store *nacre.Store
	hub   *delivery.Hub
	group consumer.Group
	said  lines
}

func begin(t testing.TB, p *delivery.Policy) *rig {
	t.Helper()
	r := &rig{store: memstore.Open(nil)}
	t.Cleanup(func() { _ = r.store.Close() })
	r.open(t)
	if _, _, err := r.hub.Create(t.Context(), &delivery.Spec{
		Name: "g", Kind: delivery.KindGroup, Start: delivery.Start{Earliest: true}, Policy: p,
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// open opens the hub, anew perhaps.
func (r *rig) open(t testing.TB) {
	t.Helper()
	h, err := delivery.Open(t.Context(), r.store, &delivery.Options{Name: "shop", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r.hub, r.group = h, h.Group("g")
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	if err := r.hub.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// add appends so many events to a stream, each in an append of its own.
func (r *rig) add(t testing.TB, stream nacre.StreamID, n int) {
	t.Helper()
	for i := range n {
		if _, err := r.store.Append(t.Context(), stream, nacre.Any, nacre.NewEvent("x", i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) status(t testing.TB) delivery.Status {
	t.Helper()
	st, err := r.hub.Get(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// through waits until everything up to a position is done.
func (r *rig) through(t testing.TB, p nacre.Position) {
	t.Helper()
	soon(t, fmt.Sprint("the group is through ", p), func() bool { return r.status(t).Position >= p })
}

// letters are the positions of the dead letters.
func (r *rig) letters(t testing.TB) []nacre.Position {
	t.Helper()
	list, _, err := r.hub.DeadLetters(t.Context(), "g", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := []nacre.Position{}
	for _, l := range list {
		out = append(out, l.Position)
	}
	return out
}

// running is a call of Run.
type running struct {
	stop context.CancelFunc
	done chan error
}

// run runs a consumer.
func (r *rig) run(t testing.TB, group consumer.Group, handler func(context.Context, consumer.Delivery) error, o consumer.Options) *running {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(&r.said, nil))
	ctx, stop := context.WithCancel(t.Context())
	c := &running{stop, make(chan error, 1)}
	go func() { c.done <- consumer.Run(ctx, group, handler, &o) }()
	return c
}

// end stops a consumer, which has to go without an error.
func (c *running) end(t testing.TB) {
	t.Helper()
	c.stop()
	if err := <-c.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// notes is what a handler saw: "stream/position#attempt", in order.
type notes struct {
	mu  sync.Mutex
	got []string
}

func (n *notes) add(d consumer.Delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, fmt.Sprintf("%s/%d#%d", d.Event.StreamID, d.Event.StreamPosition, d.Attempt))
}

// all gives what there is, of one stream where one is given.
func (n *notes) all(stream string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := []string{}
	for _, note := range n.got {
		if stream == "" || len(note) > len(stream) && note[:len(stream)+1] == stream+"/" {
			out = append(out, note)
		}
	}
	return out
}

// soon waits until something is so, by a clock that may be a test's own.
func soon(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 120_000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("it never came to this: %s", what)
}

func equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
