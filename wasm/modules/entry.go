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
	h     *Host
	name  string
	busy  chan struct{} // held by whoever publishes, or makes a version ready
	ended chan struct{} // closed when nothing is executed any more

	mu       sync.Mutex // of what follows
	known    Module
	bad      error // why known is not to be trusted
	run      *running
	outdated bool // run is of a log that was set back
	closed   bool
	users    int           // of run: who has commands executed
	next     chan struct{} // not nil while another version takes over: closed when it has
	idle     chan struct{} // not nil where somebody waits until users is 0
}

// running is a version that is ready to execute commands.
type running struct {
	number int
	module *wasm.Module
	repo   *repository
	bus    *aggregate.Bus
	looks  sync.WaitGroup // at states, which another version takes over beside; none begins when it has
}

func newEntry(h *Host, name string) *entry {
	return &entry{
		h: h, name: name, busy: make(chan struct{}, 1), ended: make(chan struct{}), known: Module{Name: name, at: -1},
	}
}

// learn takes in what was read of the companion log, unless that is older than what is known. What is damaged is out
// of use; any other error is about the moment, and says nothing of the module.
func (e *entry) learn(m Module, err error) {
	damaged := nacre.CodeOf(err) == nacre.CodeDamaged
	if err != nil && !damaged {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.at >= e.known.at || damaged {
		e.known, e.bad = m, err
	}
}

// relearn is learn where the companion log is another one: nothing counts of what was known.
func (e *entry) relearn(m Module, damaged error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known, e.bad, e.outdated = m, damaged, true
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
	case <-e.ended:
		return errClosed
	default:
	}
	select {
	case e.busy <- struct{}{}:
		return nil
	default:
	}
	select {
	case e.busy <- struct{}{}:
		return nil
	case <-e.ended:
		return errClosed
	case <-ctx.Done():
		return late(ctx, "module %q is being made ready", e.name)
	}
}

func (e *entry) unlock() { <-e.busy }

// late is the error of a wait that a context has ended.
func late(ctx context.Context, format string, args ...any) error {
	if context.Cause(ctx) == errClosed {
		return errClosed
	}
	return nacre.Errorf(nacre.CodeDeadline, format+": %w", append(args, ctx.Err())...)
}

// ready gives the version of a number where it is the one that runs, nil elsewhere. The mutex is held.
func (e *entry) ready(number int) *running {
	if r := e.run; r != nil && r.number == number && !e.outdated {
		return r
	}
	return nil
}

// enter gives the active version, which is not taken away before leave. A look does not keep the next version from taking
// over: it goes on with the one that it has.
func (e *entry) enter(ctx context.Context, look bool) (*running, func(), error) {
	for {
		e.mu.Lock()
		r, wait, active, bad, closed := e.ready(e.known.Active), e.next, e.known.Active, e.bad, e.closed
		if bad == nil && wait == nil && r != nil && !closed {
			leave := e.leave
			if look {
				r.looks.Add(1)
				leave = r.looks.Done
			} else {
				e.users++
			}
			e.mu.Unlock()
			return r, leave, nil
		}
		e.mu.Unlock()
		switch {
		case closed:
			return nil, nil, errClosed
		case bad != nil:
			return nil, nil, bad
		case active == 0:
			return nil, nil, nacre.Errorf(aggregate.CodeUnknownCommand, "the module %q is retired: publish it again", e.name)
		case wait != nil:
			select {
			case <-wait:
			case <-e.ended:
			case <-ctx.Done():
				return nil, nil, late(ctx, "another version of module %q is taking over: nothing was written", e.name)
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
	ctx, done := e.h.within(ctx)
	defer done()
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	m, err := e.seen()
	if err != nil || m.Active == 0 {
		return err
	}
	e.mu.Lock()
	there := e.ready(m.Active) != nil
	e.mu.Unlock()
	if there {
		return nil
	}
	v, _ := m.Version(m.Active)
	r, err := e.h.ready(ctx, e.name, v)
	if err != nil {
		return err
	}
	return e.takeOver(ctx, r, nil)
}

// takeOver lets the commands end that were begun, while later ones wait, and puts another version in the place of the
// one that executed them; nil is none. first, where it is not nil, is called in between, while no command of this process
// runs, and an error of it leaves everything as it was. The entry is locked. A version that did not come into place is
// closed.
func (e *entry) takeOver(ctx context.Context, r *running, first func() error) error {
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
			err = late(ctx, "commands of module %q that were begun did not end", e.name)
		}
	}
	if err == nil && first != nil {
		err = first()
	}
	e.mu.Lock()
	if err == nil && e.closed && r != nil {
		err = errClosed
	}
	old := r
	if err == nil {
		old, e.run, e.outdated = e.run, r, false
	}
	e.idle = nil
	close(e.next)
	e.next = nil
	e.mu.Unlock()
	if old != nil {
		e.h.dispose(e.name, old)
	}
	return err
}

// dispose closes a version that executes nothing any more. Its snapshots may take a while, at most until the host is
// closed.
func (h *Host) dispose(name string, r *running) {
	end := func() {
		if err := r.close(h.life); err != nil {
			h.o.Logger.Warn("a version of a module was closed before its snapshots were kept", "module", name, "version", r.number, "error", err)
		}
	}
	h.mu.Lock()
	counted := !h.ending
	if counted {
		h.working.Go(end)
	}
	h.mu.Unlock()
	if !counted {
		end()
	}
}

// close lets the looks end first, until ctx does.
func (r *running) close(ctx context.Context) error {
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		r.looks.Wait()
	}()
	select {
	case <-looked:
	case <-ctx.Done():
	}
	return errors.Join(r.repo.Close(ctx), r.module.Close(ctx))
}

// close ends the entry, for ever. What has not ended when ctx does is ended then.
func (e *entry) close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	close(e.ended)
	e.mu.Unlock()
	err := e.last(ctx)
	if err == nil {
		return nil
	}
	e.mu.Lock()
	r := e.run
	e.run = nil
	e.mu.Unlock()
	if r == nil {
		return err
	}
	return errors.Join(err, r.close(ctx))
}

// last lets what was begun end, and nothing come after it: the entry stays locked.
func (e *entry) last(ctx context.Context) error {
	select {
	case e.busy <- struct{}{}:
		return e.takeOver(ctx, nil, nil)
	default:
	}
	select {
	case e.busy <- struct{}{}:
		return e.takeOver(ctx, nil, nil)
	case <-ctx.Done():
		return late(ctx, "module %q is being made ready", e.name)
	}
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
func (h *Host) repository(m *wasm.Module, snapshots bool) *repository {
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
	switch {
	case nacre.CodeOf(err) == nacre.CodeNotFound:
		return nil, nacre.Errorf(nacre.CodeDamaged, "the binary of version %d, the blob %q, is lost: publish it again, or bring it back from a backup", v.Number, blobOf(v.Hash))
	case err != nil:
		return nil, nacre.Errorf(cmp.Or(nacre.CodeOf(err), nacre.CodeInternal), "the binary of version %d: %w", v.Number, err)
	case hashOf(binary) != v.Hash:
		return nil, nacre.Errorf(nacre.CodeDamaged, "the blob %q is not the binary that was published as version %d: publish it again, or bring it back from a backup", blobOf(v.Hash), v.Number)
	}
	return binary, nil
}

// keep sees to it that the binary of a version that was published before is there.
func (h *Host) keep(ctx context.Context, v Version, binary []byte) error {
	_, err := h.binary(ctx, v)
	if nacre.CodeOf(err) != nacre.CodeDamaged {
		return err
	}
	h.o.Logger.Warn("the binary of a module was lost, and is there again", "hash", v.Hash, "error", err)
	return h.blobs.PutBlob(ctx, blobOf(v.Hash), binary)
}

func hashOf(binary []byte) string {
	sum := sha256.Sum256(binary)
	return hex.EncodeToString(sum[:])
}

// limits are a version's own, and the host's for the rest.
func (h *Host) limits(own wasm.Limits) *wasm.Limits {
	l := h.o.Limits
	l.Memory, l.Depth, l.Reply = cmp.Or(own.Memory, l.Memory), cmp.Or(own.Depth, l.Depth), cmp.Or(own.Reply, l.Reply)
	l.Running, l.Call = cmp.Or(own.Running, l.Running), cmp.Or(own.Call, l.Call)
	return &l
}
