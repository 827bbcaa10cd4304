package modules

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
)

// Options: nil is the defaults.
type Options struct {
	// Aggregate are the options of the repositories that run modules. Its Codec is not looked at: a module's
	// description says what it reads. Default: those of package aggregate.
	Aggregate *aggregate.Options
	// Limits are those of a version for which others were not given; zero members are package wasm's defaults.
	Limits wasm.Limits
	// SampleStreams and SampleEvents are how many streams, and events in all, a new version is compared on.
	// Default 100 and 20,000.
	SampleStreams, SampleEvents int
	// Logger is told what becomes of modules where nobody waits for an answer. Default slog.Default.
	Logger *slog.Logger
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.SampleStreams == 0 {
		d.SampleStreams = 100
	}
	if d.SampleEvents == 0 {
		d.SampleEvents = 20_000
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.SampleStreams < 0 || d.SampleEvents < 0 {
		return d, invalid("SampleStreams", "and SampleEvents are at least 0: they are %d and %d", d.SampleStreams, d.SampleEvents)
	}
	return d, nil
}

// Host runs the modules of a store. It is made by [Open].
type Host struct {
	store   *nacre.Store
	system  *nacre.Store
	blobs   nacre.BlobKeeper
	engine  *wasm.Engine
	o       Options
	life    context.Context    // of what goes on behind callers, and of what they began: until the host is closed
	die     context.CancelFunc // ends it
	end     context.CancelFunc // ends the following
	working sync.WaitGroup

	mu      sync.Mutex // of what follows
	entries map[string]*entry
	closed  bool
	ending  bool // nothing is added to working any more
}

// Open reads which modules a store has, and follows what becomes of them. It compiles none: a module is made ready
// when it is first asked for. The store and the engine stay open when the host is closed.
func Open(ctx context.Context, store *nacre.Store, engine *wasm.Engine, o *Options) (*Host, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	blobs, err := store.Blobs()
	if err != nil {
		return nil, err
	}
	h := &Host{store: store, system: store.System(), blobs: blobs, engine: engine, o: options, entries: map[string]*entry{}}
	if h.system == nil {
		return nil, nacre.Errorf(nacre.CodeUnsupported, "the store has no companion log, where it would stand which modules there are")
	}
	head, err := h.system.Head(ctx)
	if err != nil {
		return nil, err
	}
	for info, err := range h.system.Streams(ctx, nacre.StreamQuery{Category: category, Prefix: category + "-"}) {
		if err != nil {
			return nil, err
		}
		if err := h.refresh(ctx, info.ID.Rest()); err != nil {
			return nil, err
		}
	}
	life, die := context.WithCancel(context.WithoutCancel(ctx))
	following, end := context.WithCancel(life)
	h.life, h.die, h.end = life, die, end
	h.working.Go(func() { h.follow(following, head) })
	return h, nil
}

// Present tells whether anything was ever published to a store.
func Present(ctx context.Context, store *nacre.Store) (bool, error) {
	if store.System() == nil {
		return false, nil
	}
	for _, err := range store.System().Streams(ctx, nacre.StreamQuery{Category: category, Prefix: category + "-", Limit: 1}) {
		return err == nil, err
	}
	return false, nil
}

// patience is how long the host waits before it looks again at a log that could not be read.
const patience = time.Second

// follow takes in what becomes of modules, in this process and in others.
func (h *Host) follow(ctx context.Context, head nacre.Head) {
	filter := nacre.Filter{{Categories: []string{category}}}
	for ctx.Err() == nil {
		for e, err := range h.system.Subscribe(ctx, filter, &nacre.SubscribeOptions{After: head.Position, Epoch: head.Epoch}) {
			if err == nil {
				err = h.refresh(ctx, e.StreamID.Rest())
			}
			if err != nil {
				if ctx.Err() == nil && err != errClosed {
					h.o.Logger.Error("what becomes of a store's modules cannot be followed; it is tried again", "error", err)
				}
				break
			}
			head.Position = e.GlobalPosition
		}
		select {
		case <-ctx.Done():
		case <-time.After(patience):
			// A log that was set back has another epoch: everything is read again.
			if now, err := h.system.Head(ctx); err == nil && now.Epoch != head.Epoch && h.rewound(ctx) {
				head = nacre.Head{Epoch: now.Epoch}
			}
		}
	}
}

// rewound reads anew what is known of a log that was set back. It is false where that did not work.
func (h *Host) rewound(ctx context.Context) bool {
	h.mu.Lock()
	entries := slices.Collect(maps.Values(h.entries))
	h.mu.Unlock()
	for _, e := range entries {
		m, err := read(ctx, h.system, e.name)
		if err != nil && nacre.CodeOf(err) != nacre.CodeDamaged {
			return false
		}
		e.relearn(m, err)
	}
	return true
}

// refresh reads a module anew.
func (h *Host) refresh(ctx context.Context, name string) error {
	e, err := h.entry(name)
	if err != nil {
		return err
	}
	m, err := read(ctx, h.system, name)
	if err != nil {
		// One damaged module does not keep the others from running.
		if nacre.CodeOf(err) != nacre.CodeDamaged {
			return err
		}
		h.o.Logger.Error("a module is out of use", "module", name, "error", err)
	}
	e.learn(m, err)
	return nil
}

// entry is that of a name, made where there is none.
func (h *Host) entry(name string) (*entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	e := h.entries[name]
	if e == nil {
		e = newEntry(h, name)
		h.entries[name] = e
	}
	return e, nil
}

var errClosed = nacre.Errorf(nacre.CodeClosed, "the modules of the store have been closed")

// known is the entry of a module that was published.
func (h *Host) known(name string) (*entry, Module, error) {
	h.mu.Lock()
	e, closed := h.entries[name], h.closed
	h.mu.Unlock()
	if closed {
		return nil, Module{}, errClosed
	}
	if e != nil {
		if m, err := e.seen(); err != nil || len(m.Versions) > 0 {
			return e, m, err
		}
	}
	return nil, Module{}, nacre.Errorf(nacre.CodeNotFound, "there is no module %q: nothing was published under that name", name)
}

// List are the modules, those that are retired among them, in the order of their names.
func (h *Host) List() []Module {
	h.mu.Lock()
	entries := slices.Collect(maps.Values(h.entries))
	h.mu.Unlock()
	var list []Module
	for _, e := range entries {
		if m, err := e.seen(); err == nil && len(m.Versions) > 0 {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b Module) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Module is one, CodeNotFound where nothing was published under the name.
func (h *Host) Module(name string) (Module, error) {
	_, m, err := h.known(name)
	return m, err
}

// Binary is what was published as a version.
func (h *Host) Binary(ctx context.Context, name string, number int) ([]byte, error) {
	_, m, err := h.known(name)
	if err != nil {
		return nil, err
	}
	v, ok := m.Version(number)
	if !ok {
		return nil, noVersion(&m, number)
	}
	return h.binary(ctx, v)
}

func noVersion(m *Module, number int) error {
	return nacre.Errorf(nacre.CodeNotFound, "module %q has no version %d: it has 1 to %d", m.Name, number, len(m.Versions))
}

// ExecuteNamed has a command executed by the active version of the module that is called like the category. A
// category without one, and a command that it does not know, are aggregate.CodeUnknownCommand. An error of the
// module's own is a [*wasm.DomainError].
func (h *Host) ExecuteNamed(ctx context.Context, category, id, name string, payload []byte) (aggregate.Outcome, error) {
	if payload == nil {
		payload = []byte("null")
	}
	var out aggregate.Outcome
	err := h.with(ctx, category, false, func(r *running) (err error) {
		out, err = r.bus.ExecuteNamed(ctx, category, id, name, payload)
		if err == nil && out.Version < 0 {
			// There was nothing to do, and the state before the first event is known to the guest only.
			if state, err := r.module.StateJSON(ctx, nil); err == nil {
				out = out.WithState(state)
			}
		}
		return err
	})
	return out, err
}

// View is a state, as the active version folds it.
func (h *Host) View(ctx context.Context, category, id string, of aggregate.Moment) (aggregate.View, error) {
	var v aggregate.View
	err := h.with(ctx, category, true, func(r *running) (err error) {
		if !r.module.KeepsState() {
			_, err = r.module.StateJSON(ctx, nil) // which says why
			return err
		}
		if v, err = r.bus.View(ctx, category, id, of); err == nil && v.Version < 0 {
			v.State, err = r.module.StateJSON(ctx, nil)
		}
		return err
	})
	return v, err
}

// with calls use with the active version of a module, which stays ready meanwhile; unless it is only for a look, it
// also stays active.
func (h *Host) with(ctx context.Context, name string, look bool, use func(*running) error) error {
	e, m, err := h.known(name)
	switch {
	case nacre.CodeOf(err) == nacre.CodeNotFound:
		return nacre.Errorf(aggregate.CodeUnknownCommand, "there is no aggregate %q: no module was published under that name", name)
	case err != nil:
		return err
	case m.Active == 0:
		return nacre.Errorf(aggregate.CodeUnknownCommand, "the module %q is retired: publish it again", name)
	}
	r, leave, err := e.enter(ctx, look)
	if err != nil {
		return err
	}
	defer leave()
	return use(r)
}

// within gives a context that ends with the host as well.
func (h *Host) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.life, func() { cancel(errClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Close ends the host: what was begun may end until ctx does, and is ended then, as CodeClosed. Whatever is asked
// afterwards is CodeClosed. A second Close does nothing.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	entries := slices.Collect(maps.Values(h.entries))
	h.mu.Unlock()
	if closed {
		return nil
	}
	h.end()
	errs := make([]error, len(entries)+1)
	var closing sync.WaitGroup
	for i, e := range entries {
		closing.Go(func() { errs[i] = e.close(ctx) })
	}
	closing.Wait()
	h.mu.Lock()
	h.ending = true
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.working.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs[len(entries)] = late(ctx, "versions that were replaced are still being closed")
	}
	h.die()
	<-done
	return errors.Join(errs...)
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
