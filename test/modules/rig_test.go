package modules_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// note is a command of a native aggregate, and noted its event.
type (
	note  struct{ Text string }
	noted struct{ Text string }
)

var notes = decider.Decider[int, note, noted]{
	Category: "notes",
	Decide:   func(_ int, c note, _ decider.Context) ([]noted, error) { return []noted{noted(c)}, nil },
	Evolve:   func(n int, _ noted) int { return n + 1 },
	Commands: map[string]note{"note": {}},
	Events:   map[string]noted{"noted": {}},
}

// rig is a store with a native aggregate and modules on one bus.
type rig struct {
	*testing.T
	store *nacre.Store
	host  *modules.Host
	bus   *aggregate.Bus
}

var quiet = slog.New(slog.DiscardHandler)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, store: memstore.Open(nil)}
	t.Cleanup(func() { finish(t, func(context.Context) error { return r.store.Close() }) })
	engine, err := wasm.NewEngine(t.Context(), &wasm.EngineOptions{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, engine.Close) })
	if r.host, err = modules.Open(t.Context(), r.store, engine, &modules.Options{Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, r.host.Close) })
	native := aggregate.New(r.store, notes, &aggregate.Options{Logger: quiet})
	t.Cleanup(func() { finish(t, native.Close) })
	r.bus = aggregate.NewBus(native).Else(r.host)
	return r
}

func finish(t *testing.T, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

// publish publishes an aggregate of one command, "on", and one event, NAME.on, which replies to every command the same.
func (r *rig) publish(name, reply string) {
	r.Helper()
	if reply == "" {
		reply = `{"events":[{"type":"` + name + `.on","data":{"watts":60}}],"state":1}`
	}
	g := wasmtest.Guest{Description: `{"name":"` + name + `","commands":{"on":{}},"events":{"` + name + `.on":{}}}`, Decide: reply}
	if _, err := r.host.Publish(r.Context(), name, g.Build(r), nil); err != nil {
		r.Fatal(err)
	}
}

// starts runs a process manager until the test ends.
func starts[S any](r *rig, m process.Manager[S]) *process.Runner {
	r.Helper()
	p, err := process.Start(r.Context(), r.store, m, r.bus, &process.Options{
		Attempts: 3, MinDelay: time.Millisecond, MaxDelay: time.Millisecond, Logger: quiet,
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { finish(r.T, p.Stop) })
	return p
}

// on has a command executed by its name, and gives the stream's last event.
func (r *rig) on(name, id string) nacre.Event {
	r.Helper()
	out, err := r.bus.ExecuteNamed(r.Context(), name, id, "on", nil)
	if err != nil {
		r.Fatal(err)
	}
	return out.Events[0]
}

// caughtUp waits until everything that stands in the log was reacted to.
func (r *rig) caughtUp(p *process.Runner) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	head, err := r.store.Head(ctx)
	if err == nil {
		err = p.WaitFor(ctx, head.Position)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// events are those of a stream.
func (r *rig) events(stream nacre.StreamID) (out []nacre.Event) {
	r.Helper()
	for e, err := range r.store.ReadStream(r.Context(), stream, nil) {
		if err != nil {
			r.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// until waits for something that comes by itself.
func (r *rig) until(what string, holds func() bool) {
	r.Helper()
	for begun := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			r.Fatalf("%s: that does not come", what)
		}
	}
}

// settled waits until a process manager has no dead letters.
func (r *rig) settled(p *process.Runner) {
	r.Helper()
	r.until("no dead letter is left", func() bool {
		letters, err := p.DeadLetters(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		return len(letters) == 0
	})
}
