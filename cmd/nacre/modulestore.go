package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/modulehost"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wire"
)

// moduleStore is a store to which modules are published, here or on a server.
type moduleStore interface {
	list(ctx context.Context) ([]wire.ModuleReply, error)
	module(ctx context.Context, name string) (wire.ModuleReply, error)
	versions(ctx context.Context, name string) ([]wire.ModuleVersionReply, error)
	diff(ctx context.Context, name string, from, to int) (wire.ModuleDiffReply, error)
	publish(ctx context.Context, name string, binary []byte, p *wire.PublishParams) (wire.PublishReply, error)
	pin(ctx context.Context, name string, version int) (wire.ModuleReply, error)
	unpin(ctx context.Context, name string) (wire.ModuleReply, error)
	rollback(ctx context.Context, name string, version int) (wire.ModuleReply, error)
	retire(ctx context.Context, name string) (wire.ModuleReply, error)
	execute(ctx context.Context, name, id, command string, body []byte) (wire.CommandReply, error)
	view(ctx context.Context, name, id string, of url.Values) (wire.StateReply, error)
}

// modulesOf calls use with the store's modules: of the server that is named, or of the directory, which is written to.
func (p *program) modulesOf(ctx context.Context, toMake bool, use func(context.Context, moduleStore) error) error {
	if p.remote.url != "" {
		return p.onRoutes(ctx, func(ctx context.Context, r *routes) error {
			r.patience = publishTime
			return use(ctx, moduleRoutes{r})
		})
	}
	dir, err := p.present()
	if toMake {
		dir, err = p.folder()
	}
	if err != nil {
		return err
	}
	return p.using(ctx, dir, &filestore.Options{}, func(ctx context.Context, store *nacre.Store) (err error) {
		logger := slog.New(&warnings{to: p, level: p.level()})
		engine, err := wasm.NewEngine(ctx, &wasm.EngineOptions{Cache: moduleCache(p.data), Logger: logger})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
		hosted, err := modulehost.Open(ctx, store, engine, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, hosted.Close(context.WithoutCancel(ctx))) }()
		return use(ctx, localModules{hosted})
	})
}

// publishTime is how long a server may take to look at a module.
const publishTime = 5 * time.Minute

// moduleCache is where compiled modules are kept, beside the stores of a directory.
func moduleCache(data string) string { return filepath.Join(data, ".cache", "wasm") }

// localModules are those of a store that is open here.
type localModules struct{ h server.Modules }

func (l localModules) list(context.Context) ([]wire.ModuleReply, error) { return l.h.List(), nil }

func (l localModules) module(_ context.Context, name string) (wire.ModuleReply, error) {
	return l.h.Module(name)
}

func (l localModules) versions(_ context.Context, name string) ([]wire.ModuleVersionReply, error) {
	return l.h.Versions(name)
}

func (l localModules) diff(_ context.Context, name string, from, to int) (wire.ModuleDiffReply, error) {
	return l.h.Diff(name, from, to)
}

func (l localModules) publish(ctx context.Context, name string, binary []byte, p *wire.PublishParams) (wire.PublishReply, error) {
	return l.h.Publish(ctx, name, binary, os.Getenv("USER"), p)
}

func (l localModules) pin(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return l.h.Pin(ctx, name, version)
}

func (l localModules) unpin(ctx context.Context, name string) (wire.ModuleReply, error) {
	return l.h.Unpin(ctx, name)
}

func (l localModules) rollback(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return l.h.Rollback(ctx, name, version)
}

func (l localModules) retire(ctx context.Context, name string) (wire.ModuleReply, error) {
	return l.h.Retire(ctx, name)
}

// execute does what the server's route does.
func (l localModules) execute(ctx context.Context, name, id, command string, body []byte) (reply wire.CommandReply, err error) {
	r, err := wire.DecodeCommand(body)
	if err != nil {
		return reply, err
	}
	ctx = decider.With(aggregate.Expecting(ctx, r.Expected), server.ContextOf(&r))
	out, err := l.h.ExecuteNamed(ctx, name, id, command, r.Payload)
	if err != nil {
		return reply, server.Refusal(err)
	}
	reply = wire.CommandReply{StreamID: out.Stream, Version: out.Version, GlobalPosition: out.Position, Duplicate: out.Duplicate, Events: out.Events}
	if reply.State, err = out.State(); nacre.CodeOf(err) == wire.CodeStateNotAvailable {
		err = nil
	}
	return reply, err
}

func (l localModules) view(ctx context.Context, name, id string, of url.Values) (wire.StateReply, error) {
	p, err := wire.ParseMoment(of)
	if err != nil {
		return wire.StateReply{}, err
	}
	v, err := l.h.View(ctx, name, id, aggregate.Moment{Version: p.Version, Position: p.Position, Time: p.Time})
	return wire.StateReply{StreamID: v.Stream, Version: v.Version, GlobalPosition: v.Position, State: v.State}, err
}

// moduleRoutes are those of a server.
type moduleRoutes struct{ *routes }

func (r moduleRoutes) path(name string) string { return r.store + "/modules/" + url.PathEscape(name) }

// asks makes a request whose reply is a T.
func asks[T any](ctx context.Context, r moduleRoutes, method, path string, body []byte) (reply T, err error) {
	err = r.ask(ctx, method, path, body, anySuccess, &reply)
	return reply, err
}

func (r moduleRoutes) list(ctx context.Context) ([]wire.ModuleReply, error) {
	reply, err := asks[wire.ModulesReply](ctx, r, http.MethodGet, r.store+"/modules", nil)
	return reply.Modules, err
}

func (r moduleRoutes) module(ctx context.Context, name string) (wire.ModuleReply, error) {
	return asks[wire.ModuleReply](ctx, r, http.MethodGet, r.path(name), nil)
}

func (r moduleRoutes) versions(ctx context.Context, name string) ([]wire.ModuleVersionReply, error) {
	reply, err := asks[wire.ModuleVersionsReply](ctx, r, http.MethodGet, r.path(name)+"/versions", nil)
	return reply.Versions, err
}

func (r moduleRoutes) diff(ctx context.Context, name string, from, to int) (wire.ModuleDiffReply, error) {
	q := url.Values{}
	for key, n := range map[string]int{"from": from, "to": to} {
		if n > 0 {
			q.Set(key, strconv.Itoa(n))
		}
	}
	return asks[wire.ModuleDiffReply](ctx, r, http.MethodGet, r.path(name)+"/diff?"+q.Encode(), nil)
}

func (r moduleRoutes) publish(ctx context.Context, name string, binary []byte, p *wire.PublishParams) (wire.PublishReply, error) {
	return asks[wire.PublishReply](ctx, r, http.MethodPut, r.path(name)+"?"+p.Values().Encode(), binary)
}

func (r moduleRoutes) pin(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return asks[wire.ModuleReply](ctx, r, http.MethodPost, r.path(name)+"/pin", versionBody(version))
}

func (r moduleRoutes) unpin(ctx context.Context, name string) (wire.ModuleReply, error) {
	return asks[wire.ModuleReply](ctx, r, http.MethodDelete, r.path(name)+"/pin", nil)
}

func (r moduleRoutes) rollback(ctx context.Context, name string, version int) (wire.ModuleReply, error) {
	return asks[wire.ModuleReply](ctx, r, http.MethodPost, r.path(name)+"/rollback", versionBody(version))
}

func versionBody(version int) []byte {
	if version == 0 {
		return nil
	}
	return []byte(`{"version":` + strconv.Itoa(version) + `}`)
}

func (r moduleRoutes) retire(ctx context.Context, name string) (wire.ModuleReply, error) {
	return asks[wire.ModuleReply](ctx, r, http.MethodDelete, r.path(name), nil)
}

func (r moduleRoutes) instance(name, id string) string {
	return r.store + "/aggregates/" + url.PathEscape(name) + "/" + url.PathEscape(id)
}

func (r moduleRoutes) execute(ctx context.Context, name, id, command string, body []byte) (wire.CommandReply, error) {
	return asks[wire.CommandReply](ctx, r, http.MethodPost, r.instance(name, id)+"/commands/"+url.PathEscape(command), body)
}

func (r moduleRoutes) view(ctx context.Context, name, id string, of url.Values) (wire.StateReply, error) {
	return asks[wire.StateReply](ctx, r, http.MethodGet, r.instance(name, id)+"?"+of.Encode(), nil)
}

// commandBody is the body of a request to execute a command, as wire.DecodeCommand reads it.
type commandBody struct {
	Payload   json.RawMessage `json:"payload,omitempty"`
	Expected  json.RawMessage `json:"expectedVersion,omitempty"`
	CommandID string          `json:"commandId,omitempty"`
	Context   *commandContext `json:"context,omitempty"`
}

type commandContext struct {
	Actor         string          `json:"actor,omitempty"`
	CorrelationID string          `json:"correlationId,omitempty"`
	CausationID   string          `json:"causationId,omitempty"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
}
