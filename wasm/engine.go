package wasm

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre"
)

// EngineOptions: nil is the defaults.
type EngineOptions struct {
	// Cache is a folder for what modules were compiled to, which is made where it is not there. Only this program
	// may write to it: what it has is run. By default modules are compiled each time the program starts.
	Cache string
	// Memory is what all instances of all modules may have together, in bytes; those of one module have at most a
	// quarter of that, or as much as one may have. The last quarter is for modules that have less than a thirty-second
	// part each. Default 1 GiB.
	Memory int64
	// SlowAfter is after how much running time a call counts as slow; slow calls run one at a time. Default 2 ms.
	SlowAfter time.Duration
	// StartSlowAfter is the same for the start of an instance. Default 50 ms.
	StartSlowAfter time.Duration
	// Quantum is how long a slow call runs before the next one does. Default 1 ms.
	Quantum time.Duration
	// Logger is told what guests log. Default slog.Default.
	Logger *slog.Logger
	// Clock measures how long calls take. Default time.Now.
	Clock func() time.Time
}

func (o *EngineOptions) withDefaults() (EngineOptions, error) {
	var d EngineOptions
	if o != nil {
		d = *o
	}
	defaults(&d.Memory, 1<<30)
	defaults(&d.SlowAfter, 2*time.Millisecond)
	defaults(&d.StartSlowAfter, 50*time.Millisecond)
	defaults(&d.Quantum, time.Millisecond)
	defaults(&d.Logger, slog.Default())
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d, d.validate()
}

func (o *EngineOptions) validate() error {
	switch {
	case o.Memory < page:
		return invalid("Memory", "is %d: give %d or more, or 0 for the default", o.Memory, page)
	case o.SlowAfter < 0:
		return invalid("SlowAfter", "is negative: give more, or 0 for the default")
	case o.StartSlowAfter < 0:
		return invalid("StartSlowAfter", "is negative: give more, or 0 for the default")
	case o.Quantum < 0:
		return invalid("Quantum", "is negative: give more, or 0 for the default")
	}
	return nil
}

// moduleShare is the part of an engine's memory that one module's instances may have together.
const moduleShare = 4

// Engine runs modules; a program has one. It is made by [NewEngine].
type Engine struct {
	o       EngineOptions
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	lane    lane
	memory  budget

	mu      sync.Mutex
	modules map[*Module]struct{}
	closed  bool
	making  sync.WaitGroup // modules that are being compiled
}

// NewEngine makes an engine. Options that make no sense are nacre.CodeInvalid, and so is a folder that cannot be
// written to.
func NewEngine(ctx context.Context, o *EngineOptions) (*Engine, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{o: options, modules: map[*Module]struct{}{}}
	e.memory.most = options.Memory
	e.lane = lane{quantum: options.Quantum, clock: options.Clock}
	e.cache = wazero.NewCompilationCache()
	if options.Cache != "" {
		if e.cache, err = wazero.NewCompilationCacheWithDir(options.Cache); err != nil {
			return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "Cache", Message: "cannot be used", Err: err}
		}
	}
	features := api.CoreFeaturesV2
	e.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCompilationCache(e.cache).WithCoreFeatures(features).WithDebugInfoEnabled(false))
	if err := provide(ctx, e.runtime); err != nil {
		return nil, errors.Join(err, e.runtime.Close(ctx), e.cache.Close(ctx))
	}
	return e, nil
}

// Close closes the modules that are still open, as [Module.Close] does, and the engine. A second Close does
// nothing.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.making.Wait()
	e.mu.Lock()
	open := make([]*Module, 0, len(e.modules))
	for m := range e.modules {
		open = append(open, m)
	}
	e.mu.Unlock()
	var errs []error
	for _, m := range open {
		errs = append(errs, m.Close(ctx))
	}
	background := context.WithoutCancel(ctx)
	return errors.Join(append(errs, e.runtime.Close(background), e.cache.Close(background))...)
}

// begin counts a module that is being compiled, unless the engine has been closed.
func (e *Engine) begin() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nacre.Errorf(nacre.CodeClosed, "the engine has been closed")
	}
	e.making.Add(1)
	return nil
}

func (e *Engine) add(m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.modules[m] = struct{}{}
}

func (e *Engine) remove(m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.modules, m)
}

// evictOne lets the instance go that was idle for the longest, of all modules; it is false where none is idle.
func (e *Engine) evictOne() bool {
	var oldest *Module
	var since time.Time
	e.mu.Lock()
	for m := range e.modules {
		if used, ok := m.pool.oldest(); ok && (oldest == nil || used.Before(since)) {
			oldest, since = m, used
		}
	}
	e.mu.Unlock()
	if oldest != nil {
		oldest.pool.evictUsed(since)
	}
	return oldest != nil
}

// Memory is what all instances have at present, in bytes.
func (e *Engine) Memory() int64 { return e.memory.used.Load() }
