// Package modulehost lets a server run WebAssembly modules: [New] gives what server.Options.Aggregates takes.
//
// It translates between package wasm/modules and package wire, and adds nothing. Its methods may be called from many
// goroutines; errors are those of wasm/modules, refusals being a wire.ModuleError. A package of its own keeps WebAssembly out
// of programs whose server runs none.
package modulehost

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wire"
)

// New opens the modules of each store that is asked for, on one engine, which stays the caller's. o may be nil.
func New(engine *wasm.Engine, o *modules.Options) func(context.Context, string, *nacre.Store) (server.Aggregates, error) {
	return func(ctx context.Context, _ string, store *nacre.Store) (server.Aggregates, error) {
		return Open(ctx, store, engine, o)
	}
}

// Open opens the modules of one store, as a server's routes show them.
func Open(ctx context.Context, store *nacre.Store, engine *wasm.Engine, o *modules.Options) (server.Modules, error) {
	h, err := modules.Open(ctx, store, engine, o)
	if err != nil {
		return nil, err
	}
	return host{h}, nil
}

var _ server.Modules = host{}

type host struct{ h *modules.Host }

// ExecuteNamed has a command executed. The logs of a guest that failed are told to the server's log by the engine.
func (s host) ExecuteNamed(ctx context.Context, category, id, name string, payload []byte) (aggregate.Outcome, error) {
	return s.h.ExecuteNamed(ctx, category, id, name, payload)
}

// View is a state.
func (s host) View(ctx context.Context, category, id string, of aggregate.Moment) (aggregate.View, error) {
	return s.h.View(ctx, category, id, of)
}

// Close ends the host.
func (s host) Close(ctx context.Context) error { return s.h.Close(ctx) }

// List are all modules.
func (s host) List() []wire.ModuleReply {
	list := []wire.ModuleReply{}
	for _, m := range s.h.List() {
		list = append(list, tell(&m))
	}
	return list
}

// Module is one.
func (s host) Module(name string) (wire.ModuleReply, error) { return told(s.h.Module(name)) }

// Versions are those of a module.
func (s host) Versions(name string) ([]wire.ModuleVersionReply, error) {
	m, err := s.h.Module(name)
	if err != nil {
		return nil, err
	}
	list := make([]wire.ModuleVersionReply, len(m.Versions))
	for i := range m.Versions {
		list[i] = tellVersion(&m, &m.Versions[i])
	}
	return list, nil
}

// Binary is what was published.
func (s host) Binary(ctx context.Context, name string, version int) ([]byte, error) {
	return s.h.Binary(ctx, name, version)
}

// Diff tells what differs between two versions.
func (s host) Diff(name string, from, to int) (wire.ModuleDiffReply, error) {
	changes, before, after, err := s.h.Diff(name, from, to)
	if err != nil {
		return wire.ModuleDiffReply{}, err
	}
	r := wire.ModuleDiffReply{From: before.Number, To: after.Number, Changes: make([]wire.ModuleChange, len(changes))}
	for i, c := range changes {
		r.Changes[i] = wire.ModuleChange(c)
	}
	return r, nil
}

// Publish takes a binary.
func (s host) Publish(ctx context.Context, name string, binary []byte, actor string, p *wire.PublishParams) (wire.PublishReply, error) {
	done, err := s.h.Publish(ctx, name, binary, &modules.PublishOptions{
		Actor: actor, DryRun: p.DryRun,
		Limits: wasm.Limits{
			Memory: p.Limits.Memory, Depth: p.Limits.Depth, Reply: p.Limits.Reply,
			Running: time.Duration(p.Limits.RunningMS) * time.Millisecond, Call: time.Duration(p.Limits.CallMS) * time.Millisecond,
		},
	})
	if err != nil {
		return wire.PublishReply{}, refusal(name, err)
	}
	return wire.PublishReply{Module: tell(&done.Module), Version: tellVersion(&done.Module, &done.Version), New: done.New, DryRun: p.DryRun}, nil
}

// Pin makes a version the active one, and keeps it.
func (s host) Pin(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return s.changed(name)(s.h.Pin(ctx, name, version))
}

// Unpin lets the highest version be the active one.
func (s host) Unpin(ctx context.Context, name string) (wire.ModuleReply, error) {
	return s.changed(name)(s.h.Unpin(ctx, name))
}

// Rollback goes back.
func (s host) Rollback(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return s.changed(name)(s.h.Rollback(ctx, name, version))
}

// Retire ends a category's commands.
func (s host) Retire(ctx context.Context, name string) (wire.ModuleReply, error) {
	return s.changed(name)(s.h.Retire(ctx, name))
}

func (s host) changed(name string) func(modules.Module, error) (wire.ModuleReply, error) {
	return func(m modules.Module, err error) (wire.ModuleReply, error) { return told(m, refusal(name, err)) }
}

// refusal is err in the form in which a server tells it.
func refusal(name string, err error) error {
	var refused *modules.Refusal
	switch {
	case errors.As(err, &refused):
		return &wire.ModuleError{Name: refused.Name, Reasons: refused.Reasons}
	case nacre.CodeOf(err) == wasm.CodeRefused:
		return &wire.ModuleError{Name: name, Reasons: []string{strings.TrimPrefix(err.Error(), "nacre: ")}}
	}
	return err
}

func told(m modules.Module, err error) (wire.ModuleReply, error) {
	if err != nil {
		return wire.ModuleReply{}, err
	}
	return tell(&m), nil
}

func tell(m *modules.Module) wire.ModuleReply {
	r := wire.ModuleReply{Name: m.Name, Active: m.Active, Pinned: m.Pinned, Retired: m.Retired, Versions: len(m.Versions), ChangedAt: m.ChangedAt}
	if v, ok := m.Version(m.Active); ok {
		current := tellVersion(m, &v)
		r.Current = &current
	}
	return r
}

func tellVersion(m *modules.Module, v *modules.Version) wire.ModuleVersionReply {
	description, err := codec.Marshal(&v.Description)
	if err != nil {
		description = json.RawMessage("{}") // it came as JSON
	}
	r := wire.ModuleVersionReply{
		Version: v.Number, Hash: v.Hash, Size: v.Size, Active: v.Number == m.Active, Actor: v.Actor, PublishedAt: v.PublishedAt,
		Description: description,
	}
	if l := v.Limits; l != (wasm.Limits{}) {
		r.Limits = &wire.ModuleLimits{
			Memory: l.Memory, Depth: l.Depth, Reply: l.Reply, RunningMS: l.Running.Milliseconds(), CallMS: l.Call.Milliseconds(),
		}
	}
	return r
}
