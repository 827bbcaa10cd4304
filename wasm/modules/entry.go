package modules

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
)

// entry is a module in this process.
type entry struct {
	h    *Host
	name string
	busy chan struct{} // held by whoever publishes, or makes a version ready

	mu    sync.Mutex // of what follows
	known Module
	bad   error // why known is not to be trusted
	run   *running
	users int           // of run
	next  chan struct{} // not nil while another version takes over: closed when it has
	idle  chan struct{} // not nil where somebody waits until users is 0
}

// running is a version that is ready to execute commands.
type running struct {
	number int
	module *wasm.Module
	repo   *aggregate.Repository[*wasm.State, wasm.Command, wasm.Event]
	bus    *aggregate.Bus
}

func newEntry(h *Host, name string) *entry {
	return &entry{h: h, name: name, busy: make(chan struct{}, 1), known: Module{Name: name, at: -1}}
}

// learn takes in what the companion log has, unless that is older than what is known.
func (e *entry) learn(m Module, bad error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.at >= e.known.at || bad != nil {
		e.known, e.bad = m, bad
	}
}

// seen is what is known of the module.
func (e *entry) seen() (Module, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known, e.bad
}

// lock waits until nobody else publishes or makes ready.
func (e *entry) lock(ctx context.Context) error {
	select {
	case e.busy <- struct{}{}:
		return nil
	default:
	}
	select {
	case e.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return nacre.Errorf(nacre.CodeDeadline, "module %q is being made ready: %w", e.name, ctx.Err())
	}
}

func (e *entry) unlock() { <-e.busy }

// enter gives the active version, which is not taken away before leave.
func (e *entry) enter(ctx context.Context) (*running, func(), error) {
	for {
		e.mu.Lock()
		r, wait, active, bad := e.run, e.next, e.known.Active, e.bad
		if bad == nil && wait == nil && r != nil && r.number == active {
			e.users++
			e.mu.Unlock()
			return r, e.leave, nil
		}
		e.mu.Unlock()
		switch {
		case bad != nil:
			return nil, nil, bad
		case active == 0:
			return nil, nil, nacre.Errorf(aggregate.CodeUnknownCommand, "the module %q is retired: publish it again", e.name)
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, nil, nacre.Errorf(nacre.CodeDeadline, "another version of module %q is taking over: nothing was written: %w", e.name, ctx.Err())
			}
		default:
			if err := e.catchUp(ctx); err != nil {
				return nil, nil, err
			}
		}
	}
}

func (e *entry) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// catchUp makes the active version ready, where it is not.
func (e *entry) catchUp(ctx context.Context) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	m, err := e.seen()
	if err != nil || m.Active == 0 {
		return err
	}
	if e.runs(m.Active) {
		return nil
	}
	v, _ := m.Version(m.Active)
	r, err := e.h.ready(ctx, e.name, v)
	if err != nil {
		return err
	}
	return e.takeOver(ctx, r)
}

func (e *entry) runs(number int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.run != nil && e.run.number == number
}

// takeOver lets the commands end that were begun, while later ones wait, and puts another version in the place of the
// one that executed them; nil is none. The entry is locked. A version that did not come into place is closed.
func (e *entry) takeOver(ctx context.Context, r *running) error {
	e.mu.Lock()
	e.next = make(chan struct{})
	var idle chan struct{}
	if e.users > 0 {
		idle = make(chan struct{})
		e.idle = idle
	}
	e.mu.Unlock()
	var err error
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			err = nacre.Errorf(nacre.CodeDeadline, "commands of module %q that were begun did not end: %w", e.name, ctx.Err())
		}
	}
	e.mu.Lock()
	old := e.run
	if err == nil {
		e.run = r
	} else {
		old = r
	}
	e.idle = nil
	close(e.next)
	e.next = nil
	e.mu.Unlock()
	if old != nil {
		e.h.dispose(ctx, e.name, old)
	}
	return err
}

// dispose closes a version that executes nothing any more. Its snapshots may take a while.
func (h *Host) dispose(ctx context.Context, name string, r *running) {
	ctx = context.WithoutCancel(ctx)
	h.working.Go(func() {
		if err := r.close(ctx); err != nil {
			h.o.Logger.Warn("a version of a module was closed before its snapshots were kept", "module", name, "version", r.number, "error", err)
		}
	})
}

func (r *running) close(ctx context.Context) error {
	return errors.Join(r.repo.Close(ctx), r.module.Close(ctx))
}

// close ends the entry, for ever.
func (e *entry) close(ctx context.Context) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	return e.takeOver(ctx, nil) // and it stays locked
}

// ready compiles a version and gives it a repository.
func (h *Host) ready(ctx context.Context, name string, v Version) (*running, error) {
	binary, err := h.binary(ctx, v)
	if err != nil {
		return nil, err
	}
	m, err := h.engine.CompileAs(ctx, name, binary, h.limits(v.Limits))
	if err != nil {
		return nil, nacre.Errorf(cmp.Or(nacre.CodeOf(err), nacre.CodeInternal), "version %d of module %q cannot be made ready: %w", v.Number, name, err)
	}
	return h.runningOf(v.Number, m), nil
}

// runningOf gives a compiled module a repository, which it then owns.
func (h *Host) runningOf(number int, m *wasm.Module) *running {
	repo := h.repository(m, true)
	return &running{number: number, module: m, repo: repo, bus: aggregate.NewBus(repo)}
}

// repository runs a compiled module on the store.
func (h *Host) repository(m *wasm.Module, snapshots bool) *aggregate.Repository[*wasm.State, wasm.Command, wasm.Event] {
	var o aggregate.Options
	if h.o.Aggregate != nil {
		o = *h.o.Aggregate
	}
	o.Codec = m.CodecOptions()
	if o.Logger == nil {
		o.Logger = h.o.Logger
	}
	if !snapshots || !m.KeepsState() {
		o.SnapshotEvery, o.SnapshotAfter = -1, -1
	}
	return aggregate.New(h.store, m.Decider(), &o)
}

// binary reads a version's, and makes sure that it is the one that was published.
func (h *Host) binary(ctx context.Context, v Version) ([]byte, error) {
	binary, err := h.blobs.GetBlob(ctx, blobOf(v.Hash))
	if err != nil {
		return nil, nacre.Errorf(cmp.Or(nacre.CodeOf(err), nacre.CodeInternal), "the binary of version %d: %w", v.Number, err)
	}
	if hashOf(binary) != v.Hash {
		return nil, nacre.Errorf(nacre.CodeDamaged, "the blob %q is not the binary that was published: publish it again, or bring it back from a backup", blobOf(v.Hash))
	}
	return binary, nil
}

func hashOf(binary []byte) string {
	sum := sha256.Sum256(binary)
	return hex.EncodeToString(sum[:])
}

// limits are a version's own, and the host's for the rest.
func (h *Host) limits(own wasm.Limits) *wasm.Limits {
	d := h.o.Limits
	return &wasm.Limits{
		Memory: cmp.Or(own.Memory, d.Memory), Depth: cmp.Or(own.Depth, d.Depth), Reply: cmp.Or(own.Reply, d.Reply),
		Running: cmp.Or(own.Running, d.Running), Call: cmp.Or(own.Call, d.Call),
	}
}
