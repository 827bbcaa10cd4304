package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/component"
	"github.com/nacredb/nacre/internal/meter"
)

// testsSection is the custom section with a module's own tests.
const testsSection = "nacre:tests"

// Module is one that was compiled. It is made by [Engine.Compile], and may be used from many goroutines.
type Module struct {
	e           *Engine
	limits      Limits
	hash        string
	compiled    wazero.CompiledModule
	memoryMin   uint32
	memory      budget // of all its instances
	description *Description
	readings    map[string]*reading
	tests       []Case
	thalo       *thaloShape // of a component made for Thalo; nil elsewhere
	pool        pool
	reach       reach
	share       share        // of the slow lane, of its lock
	suspicion   atomic.Int32 // calls that have to go well before a slow one is waited for again

	aborted  chan struct{} // closed when calls are to end at their next tick
	abort    sync.Once
	closing  sync.Once
	closeErr error
}

// Compile makes a module of a binary: it checks what the module imports and exports, puts in the code that counts
// its running time, compiles it, starts an instance, and asks for its description. A binary that is no such
// module is CodeRefused; one that goes wrong while it starts or describes itself is a [*CallError]. The module's
// own tests are not run: see [Module.RunCases].
func (e *Engine) Compile(ctx context.Context, binary []byte, l *Limits) (*Module, error) {
	return e.compileAs(ctx, "", binary, l)
}

// compileAs is Compile of what may have no name of its own.
func (e *Engine) compileAs(ctx context.Context, name string, binary []byte, l *Limits) (*Module, error) {
	limits, err := l.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(binary) > limits.Binary {
		return nil, &nacre.Error{Code: CodeRefused, Message: fmt.Sprintf("the module has %d bytes, of at most %d", len(binary), limits.Binary)}
	}
	if err := e.begin(); err != nil {
		return nil, err
	}
	defer e.making.Done()
	sum := sha256.Sum256(binary)
	m := &Module{e: e, limits: limits, hash: hex.EncodeToString(sum[:]), aborted: make(chan struct{})}
	m.memory.most = max(limits.Memory, e.o.Memory/moduleShare)
	m.pool = pool{m: m, drained: make(chan struct{})}
	core := binary
	if component.Is(binary) {
		if m.description, err = describeThalo(name); err != nil {
			return nil, err
		}
		if m.thalo, err = readThalo(binary); err != nil {
			return nil, err
		}
		core = m.thalo.core
	}
	if err := m.compile(ctx, core); err != nil {
		return nil, err
	}
	start := m.start
	if m.thalo != nil {
		start = m.startThalo
	}
	if err := start(ctx); err != nil {
		return nil, closing(err, m.compiled.Close(context.WithoutCancel(ctx)))
	}
	e.add(m)
	return m, nil
}

// closing is an error that something had to be closed for.
func closing(err, closed error) error {
	if closed != nil {
		return fmt.Errorf("%w (and closing: %w)", err, closed)
	}
	return err
}

func (m *Module) compile(ctx context.Context, binary []byte) (err error) {
	// The memory's limit is kept by linear, which knows then that it was reached.
	out, info, err := meter.Instrument(binary, &meter.Options{Every: tickEvery, Depth: int64(m.limits.Depth)})
	if err != nil {
		return &nacre.Error{Code: CodeRefused, Message: "the module cannot be run", Err: err}
	}
	check := checkGuest
	if m.thalo != nil {
		check = m.thalo.checkCore
	}
	if err := check(info); err != nil {
		return err
	}
	if m.tests, err = readTests(info.Custom[testsSection]); err != nil {
		return err
	}
	m.memoryMin = info.MemoryMin
	if begins := int64(m.memoryMin) * page; begins > m.limits.Memory {
		return refused("the module begins with %d KiB of memory, of at most %d", begins>>10, m.limits.Memory>>10)
	}
	defer func() {
		if v := recover(); v != nil { // the compiler is another's, and the binary anybody's
			err = refused("the module does not compile: %v", v)
		}
	}()
	if m.compiled, err = m.e.runtime.CompileModule(ctx, out); err != nil {
		return &nacre.Error{Code: CodeRefused, Message: "the module does not compile", Err: err}
	}
	return nil
}

// start makes the first instance, and asks it what the module is.
func (m *Module) start(ctx context.Context) error {
	begun := m.e.o.Clock()
	in, err := m.instantiate(ctx, begun)
	if err != nil {
		return err
	}
	if err := in.abi(); err != nil {
		in.close()
		return err
	}
	text, err := in.describe()
	if err == nil {
		m.description, err = readDescription(text)
	}
	if err != nil {
		in.close()
		return err
	}
	m.readings = m.description.readings()
	m.pool.n, m.pool.users = 1, 1
	m.pool.put(in)
	return nil
}

// checkGuest tells what a module imports or exports that it should not, or not so.
func checkGuest(info *meter.Info) error {
	if err := checkImports(info.Imports); err != nil {
		return err
	}
	return checkExports(info)
}

func checkImports(imports []meter.Entry) error {
	for _, i := range imports {
		want, ok := provided(i.Module, i.Name)
		switch {
		case !ok:
			return refused("the module imports %s.%s (a %s), which is not provided: a guest may import nacre.log and the functions of %s, "+
				"and has no clock, randomness, files, network or host of another kind", i.Module, i.Name, i.Kind, wasiModule)
		case i.Kind != "func" || i.Type != want:
			return refused("the module imports %s.%s as a %s %s: it is a func %s", i.Module, i.Name, i.Kind, i.Type, want)
		}
	}
	return nil
}

// exported is what a guest has to export, and may.
var exported = []struct {
	name, kind, typ string
	optional        bool
}{
	{exportMemory, "memory", "", false},
	{exportABI, "func", "()->i32", false},
	{exportAlloc, "func", "(i32)->i32", false},
	{exportDescribe, "func", "()->i64", false},
	{exportDecide, "func", "(i32,i32)->i64", false},
	{exportEvolve, "func", "(i32,i32)->i64", false},
	{exportInitialize, "func", "()->()", true},
}

func checkExports(info *meter.Info) error {
	if _, command := info.Export("_start"); command {
		return refused(`the module exports "_start", as a program that runs once does: build it as a library (a reactor), which exports "_initialize"`)
	}
	for _, want := range exported {
		got, ok := info.Export(want.name)
		switch {
		case !ok && want.optional:
		case !ok:
			return refused("the module does not export %s (%s %s): is it made with a guest SDK?", want.name, want.kind, want.typ)
		case got.Kind != want.kind || want.typ != "" && got.Type != want.typ:
			return refused("the module exports %s as a %s %s: it has to be a %s %s", want.name, got.Kind, got.Type, want.kind, want.typ)
		}
	}
	return nil
}

// Description is what the module says of itself. It is not changed.
func (m *Module) Description() *Description { return m.description }

// Hash is the SHA-256 of the binary as it was given, in hexadecimal digits.
func (m *Module) Hash() string { return m.hash }

// Tests are the module's own, of its section "nacre:tests".
func (m *Module) Tests() []Case { return m.tests }

// Instances is how many are in memory, and how many of them are idle.
func (m *Module) Instances() (all, idle int) { return m.pool.count() }

// Close takes no more calls, waits until those that are under way have ended, and frees what the module has. When
// ctx ends, calls are ended at once, as CodeClosed. A second Close waits for the first.
func (m *Module) Close(ctx context.Context) error {
	m.pool.close(ctx, func() { m.abort.Do(func() { close(m.aborted) }) })
	m.closing.Do(func() {
		m.closeErr = m.compiled.Close(context.WithoutCancel(ctx))
		m.e.remove(m)
	})
	return m.closeErr
}

func (m *Module) name() string {
	if m.description == nil {
		return ""
	}
	return m.description.Name
}

// suspect is how many calls have to go well after one that did not.
const suspect = 3

// patience is how long a call may run before it is slow, usually: no time at all where the module's last ones were, or
// failed, since each that fails needs another instance.
func (m *Module) patience(usually time.Duration) time.Duration {
	if m.suspicion.Load() > 0 {
		return 0
	}
	return usually
}

func (m *Module) distrust() { m.suspicion.Store(suspect) }

func (m *Module) trust() {
	if n := m.suspicion.Load(); n > 0 {
		m.suspicion.CompareAndSwap(n, n-1)
	}
}
