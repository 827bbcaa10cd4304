package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/storage/memstore"
)

// desk is a kind whose receiver is in this process, and what it received.
type desk struct {
	mu    sync.Mutex
	got   []nacre.Event
	ids   map[string]int // batches, and how often each was tried
	tries int
	fails func(b *delivery.Batch) error // nil takes everything
	open  int
}

func newDesk() *desk { return &desk{ids: map[string]int{}} }

func (*desk) Name() string { return "desk" }

func (*desk) Check(config, _ json.RawMessage) (json.RawMessage, error) {
	var c struct {
		To     string `json:"to"`
		Secret string `json:"secret,omitempty"`
	}
	if err := json.Unmarshal(config, &c); err != nil || c.To == "nowhere" {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "config.to", Message: "is nowhere"}
	}
	return json.Marshal(c)
}

func (*desk) Same(a, b json.RawMessage) bool { return string(a) == string(b) }

func (*desk) Public(config json.RawMessage) json.RawMessage {
	var c map[string]string
	_ = json.Unmarshal(config, &c)
	delete(c, "secret")
	out, _ := json.Marshal(c)
	return out
}

func (d *desk) Open(json.RawMessage) (delivery.Sender, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return drawer{d}, nil
}

type drawer struct{ *desk }

func (d drawer) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	d.mu.Lock()
	d.ids[b.ID]++
	d.tries++
	fails := d.fails
	d.mu.Unlock()
	if fails != nil {
		if err := fails(b); err != nil {
			return delivery.Receipt{Status: 500, Response: "no"}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return delivery.Receipt{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, b.Events...)
	return delivery.Receipt{Status: 200}, nil
}

func (d drawer) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	return nil
}

// set changes how the receiver is.
func (d *desk) set(fails func(b *delivery.Batch) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = fails
}

// received are the events' positions, in the order in which they came.
func (d *desk) received() []nacre.Position {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := []nacre.Position{}
	for i := range d.got {
		out = append(out, d.got[i].GlobalPosition)
	}
	return out
}

func (d *desk) tried() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tries
}

var errDown = errors.New("the receiver is down")

func newStore(t testing.TB) *nacre.Store {
	t.Helper()
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// begin opens a hub with a desk; the test closes it with end.
func begin(t testing.TB, store *nacre.Store, d *desk) *delivery.Hub {
	t.Helper()
	h, err := delivery.Open(t.Context(), store, &delivery.Options{
		Name: "shop", Kinds: []delivery.Kind{d}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func end(t testing.TB, h *delivery.Hub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, store *nacre.Store, stream nacre.StreamID, types ...string) nacre.Position {
	t.Helper()
	events := make([]nacre.Event, len(types))
	for i, name := range types {
		events[i] = nacre.NewEvent(name, i)
	}
	done, err := store.Append(t.Context(), stream, nacre.Any, events...)
	if err != nil {
		t.Fatal(err)
	}
	return done.Position()
}

func create(t testing.TB, h *delivery.Hub, s delivery.Spec) delivery.Status {
	t.Helper()
	st, existed, err := h.Create(t.Context(), &s)
	if err != nil || existed {
		t.Fatalf("%+v existed %v: %v", st, existed, err)
	}
	return st
}

func get(t testing.TB, h *delivery.Hub, name string) delivery.Status {
	t.Helper()
	st, err := h.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// soon waits until something is so, by a clock that may be a test's own.
func soon(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 60_000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("it never came to this: %s", what)
}

// through waits until a subscription is done with everything up to a position.
func through(t testing.TB, h *delivery.Hub, name string, p nacre.Position) {
	t.Helper()
	soon(t, fmt.Sprintf("%s is through %d", name, p), func() bool { return get(t, h, name).Position >= p })
}

func equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func sorted(all []nacre.Position) []nacre.Position {
	slices.Sort(all)
	return all
}

func upTo(n int) (all []nacre.Position) {
	for i := range n {
		all = append(all, nacre.Position(i+1))
	}
	return all
}

func expectCode(t testing.TB, what string, err error, code nacre.Code, field string) {
	t.Helper()
	e, _ := errors.AsType[*nacre.Error](err)
	if nacre.CodeOf(err) != code || field != "" && (e == nil || e.Field != field) {
		t.Errorf("%s: got %v (%s), want %s in %q", what, err, nacre.CodeOf(err), code, field)
	}
}

// quick retries without waiting for long, and exactly.
func quick(attempts int) *delivery.Policy {
	var none float64
	return &delivery.Policy{Retry: delivery.Retry{
		MaxAttempts: attempts, Strategy: delivery.Fixed, InitialDelayMS: 1000, JitterPercent: &none,
	}}
}
