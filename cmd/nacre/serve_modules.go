package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/modulehost"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wire"
)

// guests runs the modules of all stores, on an engine that is made when somebody first asks for one. What modules are
// compiled to is kept beside the stores.
type guests struct {
	make func() (*wasm.Engine, error)
	log  *slog.Logger

	mu     sync.Mutex
	engine *wasm.Engine
}

func (c *serveConfig) guests(ctx context.Context, data string, lg *slog.Logger) *guests {
	return &guests{log: lg, make: func() (*wasm.Engine, error) {
		return wasm.NewEngine(ctx, &wasm.EngineOptions{Cache: moduleCache(data), Memory: int64(c.moduleMemory), Logger: lg})
	}}
}

// open opens the modules of a store.
func (g *guests) open(ctx context.Context, name string, store *nacre.Store) (server.Aggregates, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.engine == nil {
		engine, err := g.make()
		if err != nil {
			return nil, err
		}
		g.engine = engine
	}
	return modulehost.New(g.engine, &modules.Options{Logger: g.log})(ctx, name, store)
}

// close ends the engine. No store is open any more.
func (g *guests) close(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.engine == nil {
		return nil
	}
	return g.engine.Close(ctx)
}

// moduleFolder publishes the modules of a folder: each NAME.wasm under its name.
type moduleFolder struct {
	dir   string
	store string
	srv   *server.Server
	log   *slog.Logger
	seen  map[string]fileState // what needs not be looked at until it changes
	told  map[string]string    // the trouble with a file, or with all of them, as the log was told it
}

// fileState tells whether a file was changed.
type fileState struct {
	modified time.Time
	size     int64
}

// checkModuleFolder tells at once what would be told only after the server has begun.
func checkModuleFolder(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir) //nolint:gosec // the operator names it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nacre.Errorf(nacre.CodeInvalid, "modules: there is no folder %q: make it, or leave the setting out", dir)
	case err != nil:
		return nacre.Errorf(nacre.CodeInvalid, "modules: %w", err)
	case !info.IsDir():
		return nacre.Errorf(nacre.CodeInvalid, "modules: %q is a file: give the folder that modules stand in", dir)
	}
	return nil
}

// load publishes what is new or was changed. A module that is refused is told, and does not keep the others, or the server,
// from working; what failed for another reason is new the next time, too.
func (f *moduleFolder) load(ctx context.Context) {
	found, err := f.changed()
	if err != nil {
		if f.news(f.dir, err) {
			f.log.Error("the folder of modules cannot be read", "error", err)
		}
		return
	}
	if len(found) == 0 {
		return
	}
	settled := 0
	err = f.srv.WithAggregates(ctx, f.store, func(all server.Aggregates) error {
		hosted, ok := all.(server.Modules)
		if !ok {
			return nacre.Errorf(nacre.CodeUnsupported, "nothing can be published to store %q", f.store)
		}
		for _, file := range found {
			if ctx.Err() != nil {
				return nil
			}
			settled++
			if !f.publish(ctx, hosted, file) {
				delete(f.seen, file)
			}
		}
		return nil
	})
	for _, file := range found[settled:] {
		delete(f.seen, file)
	}
	if ctx.Err() == nil && f.news(f.dir, err) {
		f.log.Error("modules cannot be published", "store", f.store, "error", err)
	}
}

// news tells whether an error about a file, or about all of them, is to be told: not where the log was told it the last time.
func (f *moduleFolder) news(file string, err error) bool {
	if err == nil {
		delete(f.told, file)
		return false
	}
	if f.told == nil {
		f.told = map[string]string{}
	}
	text := err.Error()
	known := f.told[file] == text
	f.told[file] = text
	return !known
}

// publishAttempts is how often a module is published where others change it at the same time, such as another server on
// the same store with the same folder.
const publishAttempts = 3

// publish is false where it is to be tried again.
func (f *moduleFolder) publish(ctx context.Context, hosted server.Modules, file string) bool {
	name := strings.TrimSuffix(filepath.Base(file), ".wasm")
	binary, err := os.ReadFile(file)
	if err != nil {
		if f.news(file, err) {
			f.log.Error("a module cannot be read", "file", file, "error", err)
		}
		return false
	}
	before, err := hosted.Module(name)
	if err != nil && nacre.CodeOf(err) != nacre.CodeNotFound {
		if f.news(file, err) {
			f.log.Error("a module cannot be looked at", "module", name, "error", err)
		}
		return false
	}
	var done wire.PublishReply
	for range publishAttempts {
		if done, err = hosted.Publish(ctx, name, binary, "folder", &wire.PublishParams{}); nacre.CodeOf(err) != nacre.CodeVersionConflict {
			break
		}
	}
	news := f.news(file, err)
	switch {
	case err != nil:
		if news {
			f.log.Error("a module was not published", "file", file, "error", err)
		}
		code := nacre.CodeOf(err)
		return code == wire.CodeModuleRefused || code == nacre.CodeInvalid
	case done.New:
		f.log.Info("a module was published", "module", name, "version", done.Version.Version, "active", done.Version.Active)
	case !done.Version.Active:
		f.log.Info("a module of the folder is not active: another version is pinned", "module", name,
			"version", done.Version.Version, "active", done.Module.Active)
	case done.Version.Version != before.Active:
		f.log.Info("a version that was there already is active again, as it stands in the folder", "module", name,
			"version", done.Version.Version, "before", before.Active)
	default:
		f.log.Debug("a module is there already", "module", name, "version", done.Version.Version)
	}
	return true
}

// changed gives the files that are new, or other ones than before, by name.
func (f *moduleFolder) changed() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	now := map[string]fileState{}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".wasm" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it went
		}
		now[filepath.Join(f.dir, e.Name())] = fileState{info.ModTime(), info.Size()}
	}
	var out []string
	for _, file := range slices.Sorted(maps.Keys(now)) {
		if f.seen[file] != now[file] {
			out = append(out, file)
		}
	}
	f.seen = now
	return out, nil
}

// watchModules is how often the folder is looked at.
const watchModules = time.Second

// watch loads what changes, until ctx ends. A file that is being written is looked at again.
func (f *moduleFolder) watch(ctx context.Context) {
	tick := time.NewTicker(watchModules)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.load(ctx)
		}
	}
}
