package modules_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// light describes an aggregate of one command and one event.
func light(members string) string {
	return `{"name":"light","commands":{"on":{}},"events":{"light.on":{}}` + members + `}`
}

// rig is a store with a host.
type rig struct {
	*testing.T
	store  *nacre.Store
	engine *wasm.Engine
	o      modules.Options
	h      *modules.Host
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, nil)
}

func newRigWith(t *testing.T, o *modules.Options) *rig {
	t.Helper()
	return newRigOn(t, memstore.Open(nil), o)
}

// newRigOn has a host of a store, which is closed in the end; the options' logger is not looked at.
func newRigOn(t *testing.T, store *nacre.Store, o *modules.Options) *rig {
	t.Helper()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	engine, err := wasm.NewEngine(t.Context(), &wasm.EngineOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, engine.Close) })
	r := &rig{T: t, store: store, engine: engine}
	if o != nil {
		r.o = *o
	}
	r.o.Logger = slog.New(slog.DiscardHandler)
	r.h = r.open()
	return r
}

// open gives another host of the same store, as another process has it.
func (r *rig) open() *modules.Host {
	r.Helper()
	h, err := modules.Open(r.Context(), r.store, r.engine, &r.o)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { finish(r.T, h.Close) })
	return h
}

func finish(t *testing.T, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

// publish wants a guest to be taken.
func (r *rig) publish(g wasmtest.Guest) modules.Published {
	r.Helper()
	done, err := r.h.Publish(r.Context(), "light", g.Build(r), nil)
	if err != nil {
		r.Fatal(err)
	}
	return done
}

// refuse wants a guest not to be taken, for reasons with these words.
func (r *rig) refuse(g wasmtest.Guest, words ...string) {
	r.Helper()
	before, _ := r.h.Module("light")
	_, err := r.h.Publish(r.Context(), "light", g.Build(r), nil)
	refused, ok := err.(*modules.Refusal)
	if !ok {
		r.Fatalf("got %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			r.Errorf("the reasons are %q, want %q among them", refused.Reasons, w)
		}
	}
	if after, _ := r.h.Module("light"); len(after.Versions) != len(before.Versions) || after.Active != before.Active {
		r.Errorf("something was written: %+v", after)
	}
}

// on has the command executed, and gives the state afterwards.
func (r *rig) on(id string) string { return r.onOf(r.h, id) }

func (r *rig) onOf(h *modules.Host, id string) string {
	r.Helper()
	out, err := h.ExecuteNamed(r.Context(), "light", id, "on", []byte("{}"))
	if err != nil {
		r.Fatal(err)
	}
	state, err := out.State()
	if err != nil {
		r.Fatal(err)
	}
	return string(state)
}

func (r *rig) code(what string, err error, want nacre.Code) {
	r.Helper()
	if nacre.CodeOf(err) != want {
		r.Errorf("%s: %v, want %s", what, err, want)
	}
}

func (r *rig) active(want int) modules.Module {
	r.Helper()
	m, err := r.h.Module("light")
	if err != nil || m.Active != want {
		r.Errorf("version %d is active, want %d: %v", m.Active, want, err)
	}
	return m
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
