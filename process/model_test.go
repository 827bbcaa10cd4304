package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
)

// The model: an order is placed, paid and shipped. Paying may be refused; nobody paying in time cancels it.
type (
	placed  struct{ Cents int64 }
	paid    struct{ Cents int64 }
	shipped struct{}

	pay    struct{ Cents int64 }
	ship   struct{ Order string }
	cancel struct{ Why string }

	order struct {
		Cents    int64
		Refusals int
		Steps    []string
	}
)

// broke is the domain error.
type broke struct {
	Short int64 `json:"short"`
}

func (b *broke) Error() string { return fmt.Sprintf("%d cents short", b.Short) }

var commands = map[string]any{"wallet.pay": pay{}, "depot.ship": ship{}, "order.cancel": cancel{}}

// orders is a manager of them, an instance a stream.
func orders() process.Manager[order] {
	return process.Manager[order]{
		Name:     "orders",
		Events:   map[string]any{"order.placed": placed{}, "order.paid": paid{}, "order.shipped": shipped{}},
		Commands: commands,
		Correlate: func(e codec.Event[any]) (string, bool) {
			_, begins := e.Data.(placed)
			return e.StreamID.Rest(), begins
		},
		React: func(o *order, e codec.Event[any], do *process.Effects) {
			o.Steps = append(o.Steps, e.Type)
			switch d := e.Data.(type) {
			case placed:
				o.Cents = d.Cents
				do.Send("wallet", pay(d))
				do.After(time.Hour, "unpaid")
			case paid:
				do.Cancel("unpaid")
				do.Send("depot", ship{Order: do.Instance()})
			case shipped:
				do.Done()
			}
		},
		Timeout: func(o *order, timer string, do *process.Effects) {
			o.Steps = append(o.Steps, timer)
			do.Send(do.Instance(), cancel{Why: timer})
			do.Done()
		},
		Rejected: func(o *order, command any, why error, do *process.Effects) {
			o.Refusals++
			o.Steps = append(o.Steps, "rejected")
			do.Send(do.Instance(), cancel{Why: why.Error()})
		},
	}
}

// sent is a command as it was dispatched.
type sent struct {
	to      string
	command any
	about   decider.Context
}

// desk is a dispatcher that gives a known id its first result, and remembers who asked for what.
type desk struct {
	mu     sync.Mutex
	calls  int
	first  map[string]error // by command id
	did    []sent           // what took effect, once an id
	fail   func(s sent) error
	before func(ctx context.Context, s sent) error
	then   func(s sent) // what a command leads to, in the first place
}

func newDesk() *desk { return &desk{first: map[string]error{}} }

func (d *desk) Dispatch(ctx context.Context, id string, command any) error {
	s := sent{to: id, command: command, about: decider.From(ctx)}
	if d.before != nil {
		if err := d.before(ctx, s); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if err, known := d.first[s.about.CommandID]; known {
		return err
	}
	if d.fail != nil {
		if err := d.fail(s); err != nil {
			return err
		}
	}
	d.first[s.about.CommandID] = nil
	d.did = append(d.did, s)
	if d.then != nil {
		d.then(s)
	}
	return nil
}

// done are the commands that took effect, as text, in order.
func (d *desk) done() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, s := range d.did {
		out = append(out, fmt.Sprintf("%s:%T%v", s.to, s.command, s.command))
	}
	return out
}

// called is how often a command came, whatever became of it.
func (d *desk) called() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// last is the command that took effect last.
func (d *desk) last() sent {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.did[len(d.did)-1]
}

func open(t testing.TB) *nacre.Store {
	t.Helper()
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func appendTo(t testing.TB, store *nacre.Store, stream string, events ...nacre.Event) nacre.Position {
	t.Helper()
	out, err := store.Append(t.Context(), nacre.StreamID(stream), nacre.Any, events...)
	if err != nil {
		t.Fatal(err)
	}
	return out.Position()
}

func run[S any](t testing.TB, store *nacre.Store, m process.Manager[S], to process.Dispatcher, o *process.Options) *process.Runner {
	t.Helper()
	r, err := process.Start(t.Context(), store, m, to, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop(context.Background()) })
	return r
}

func stop(t testing.TB, r *process.Runner) {
	t.Helper()
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, r *process.Runner, p nacre.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.WaitFor(ctx, p); err != nil {
		t.Fatal(err)
	}
}

func catchUp[S any](t testing.TB, store *nacre.Store, m process.Manager[S], to process.Dispatcher, o *process.Options) process.Summary {
	t.Helper()
	s, err := process.CatchUp(t.Context(), store, m, to, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// quick makes retries quick.
func quick() *process.Options {
	return &process.Options{MinDelay: time.Microsecond, MaxDelay: 10 * time.Microsecond}
}

var errWeather = nacre.Errorf(nacre.CodeInternal, "the weather is bad")

func letters(t testing.TB, r *process.Runner) []process.DeadLetter {
	t.Helper()
	list, err := r.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var errRefused = errors.New("refused")
