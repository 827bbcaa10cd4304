package modules

import (
	"context"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/wasm"
)

// PublishOptions: nil is the defaults.
type PublishOptions struct {
	// Limits are the version's own: Memory, Depth, Reply, and, in whole milliseconds, Running and Call. Zero members are
	// the host's, and so are all others, which are not set here.
	Limits wasm.Limits
	// Actor is who publishes.
	Actor string
	// DryRun looks at everything, and writes nothing.
	DryRun bool
}

// Published is what became of a binary.
type Published struct {
	Module  Module
	Version Version
	// New says that it is a version that was not there before.
	New bool
	// Active says that it executes the category's commands now; it does not where the module is pinned.
	Active bool
}

// Publish makes a binary a version of a module, and lets it execute the category's commands from then on, unless the
// module is pinned: see spec/modules.md for what is looked at before. A refusal is a [*Refusal].
//
// Commands that come meanwhile are executed by the version before. Where ctx ends after the version was written, it
// takes over all the same, when it is first asked for something.
func (h *Host) Publish(ctx context.Context, name string, binary []byte, o *PublishOptions) (Published, error) {
	if o == nil {
		o = &PublishOptions{}
	}
	if err := checkName(name); err != nil {
		return Published{}, err
	}
	limits, err := checkLimits(o.Limits)
	if err != nil {
		return Published{}, err
	}
	e, err := h.entry(name)
	if err != nil {
		return Published{}, err
	}
	ctx, done := h.within(ctx)
	defer done()
	if err := e.lock(ctx); err != nil {
		return Published{}, err
	}
	defer e.unlock()
	return h.publish(ctx, e, binary, limits, o)
}

// publish is Publish with the entry locked.
func (h *Host) publish(ctx context.Context, e *entry, binary []byte, limits wasm.Limits, o *PublishOptions) (Published, error) {
	m, err := e.current(ctx)
	if err != nil {
		return Published{}, err
	}
	v := Version{Number: len(m.Versions) + 1, Hash: hashOf(binary), Size: len(binary), Limits: limits, Actor: o.Actor}
	i := slices.IndexFunc(m.Versions, func(have Version) bool { return have.Hash == v.Hash && have.Limits == v.Limits })
	fresh := i < 0
	if !fresh {
		v = m.Versions[i]
		if !o.DryRun {
			if err := h.keep(ctx, v, binary); err != nil {
				return Published{}, err
			}
		}
		if m.Active == v.Number || m.Pinned {
			return Published{Module: m, Version: v, Active: m.Active == v.Number}, nil
		}
	}
	r, err := h.examine(ctx, e, &m, v, binary)
	if err != nil {
		return Published{}, err
	}
	v.Description = *r.module.Description()
	done := Published{Module: m, Version: v, New: fresh, Active: !m.Pinned}
	if o.DryRun {
		done.Active = false
		return done, r.close(ctx)
	}
	var events []nacre.Event
	description, err := codec.Marshal(r.module.Description())
	if err != nil {
		h.dispose(e.name, r)
		return Published{}, err
	}
	if fresh {
		if err := h.blobs.PutBlob(ctx, blobOf(v.Hash), binary); err != nil {
			h.dispose(e.name, r)
			return Published{}, err
		}
		events = append(events, nacre.NewEvent(typePublished, publishedData{
			Version: v.Number, Hash: v.Hash, Size: v.Size, Description: description, Limits: dataOf(v.Limits), Actor: v.Actor,
		}))
	}
	if !m.Pinned {
		events = append(events, nacre.NewEvent(typeActivated, activatedData{Version: v.Number, By: byPublish}))
	}
	write := func() error {
		changed, err := e.write(ctx, m, events...)
		if err == nil {
			done.Module = changed
			done.Version, _ = changed.Version(v.Number)
		}
		return err
	}
	if m.Pinned {
		h.dispose(e.name, r)
		return done, write()
	}
	return done, h.exchange(ctx, e, &m, r, write)
}

// exchange writes that a version is active and lets it take over. One that does not know all that the active version may
// write is looked at once more, and is written, while no command of this process runs.
func (h *Host) exchange(ctx context.Context, e *entry, m *Module, r *running, write func() error) error {
	if losses := m.losses(r.module.Description()); len(losses) > 0 {
		return e.takeOver(ctx, r, func() error {
			reasons, err := h.happened(ctx, m, losses)
			switch {
			case err != nil:
				return err
			case len(reasons) > 0:
				return &Refusal{Name: m.Name, Reasons: reasons}
			}
			return write()
		})
	}
	if err := write(); err != nil {
		h.dispose(e.name, r)
		return err
	}
	return e.takeOver(ctx, r, nil)
}

// current is the module as the companion log has it.
func (e *entry) current(ctx context.Context) (Module, error) {
	m, err := read(ctx, e.h.system, e.name)
	e.learn(m, err)
	return m, err
}

// write appends to what is known of a module, and gives what it is then. Where somebody else was faster, that is a
// conflict.
func (e *entry) write(ctx context.Context, m Module, events ...nacre.Event) (Module, error) {
	if _, err := e.h.system.Append(ctx, streamOf(e.name), nacre.Exactly(m.at), events...); err != nil {
		if nacre.CodeOf(err) == nacre.CodeVersionConflict {
			return m, nacre.Errorf(nacre.CodeVersionConflict, "somebody else changed module %q meanwhile: look at it, and try again: %w", e.name, err)
		}
		return m, err
	}
	ctx, done := e.h.within(context.WithoutCancel(ctx)) // it is written, whoever has left
	defer done()
	return e.current(ctx)
}

// Pin makes a version the active one, and keeps it so when others are published. It is looked at as one that is
// published.
func (h *Host) Pin(ctx context.Context, name string, number int) (Module, error) {
	return h.change(ctx, name, func(m *Module) (int, []nacre.Event, error) {
		if _, ok := m.Version(number); !ok {
			return 0, nil, noVersion(m, number)
		}
		if m.Pinned && m.Active == number {
			return number, nil, nil
		}
		return number, activating(m, number, byPin, nacre.NewEvent(typePinned, pinnedData{number})), nil
	})
}

// Unpin lets the highest version be the active one, and the next that is published.
func (h *Host) Unpin(ctx context.Context, name string) (Module, error) {
	return h.change(ctx, name, func(m *Module) (int, []nacre.Event, error) {
		if !m.Pinned {
			return m.Active, nil, nil
		}
		return len(m.Versions), activating(m, len(m.Versions), byUnpin, nacre.NewEvent(typeUnpinned, struct{}{})), nil
	})
}

// Rollback makes the version active that was so before the present one, or the one of a number that is not 0. A pinned
// module is pinned to it then.
func (h *Host) Rollback(ctx context.Context, name string, number int) (Module, error) {
	return h.change(ctx, name, func(m *Module) (int, []nacre.Event, error) {
		to := number
		if to == 0 {
			if len(m.earlier) == 0 {
				return 0, nil, nacre.Errorf(nacre.CodeInvalid, "no version of module %q was active before version %d: there is nothing to roll back to", name, m.Active)
			}
			to = m.earlier[len(m.earlier)-1]
		}
		if _, ok := m.Version(to); !ok {
			return 0, nil, noVersion(m, to)
		}
		if to == m.Active {
			return to, nil, nil
		}
		events := []nacre.Event{nacre.NewEvent(typeActivated, activatedData{Version: to, By: byRollback})}
		if m.Pinned {
			events = append(events, nacre.NewEvent(typePinned, pinnedData{to}))
		}
		return to, events, nil
	})
}

// Retire ends the category's commands, until something is published under the name again.
func (h *Host) Retire(ctx context.Context, name string) (Module, error) {
	return h.change(ctx, name, func(m *Module) (int, []nacre.Event, error) {
		if m.Active == 0 {
			return 0, nil, nil
		}
		return 0, []nacre.Event{nacre.NewEvent(typeRetired, struct{}{})}, nil
	})
}

// activating are the events of a change, with the one that activates a version where another one is active.
func activating(m *Module, number int, by string, e nacre.Event) []nacre.Event {
	if m.Active == number {
		return []nacre.Event{e}
	}
	return []nacre.Event{nacre.NewEvent(typeActivated, activatedData{Version: number, By: by}), e}
}

// change writes what decide makes of a module, and lets the version of the number that it gives take over; 0 is none.
func (h *Host) change(ctx context.Context, name string, decide func(*Module) (int, []nacre.Event, error)) (Module, error) {
	e, _, err := h.known(name)
	if err != nil {
		return Module{}, err
	}
	ctx, done := h.within(ctx)
	defer done()
	if err := e.lock(ctx); err != nil {
		return Module{}, err
	}
	defer e.unlock()
	m, err := e.current(ctx)
	if err != nil {
		return m, err
	}
	number, events, err := decide(&m)
	if err != nil || len(events) == 0 {
		return m, err
	}
	var r *running
	if number != m.Active && number > 0 {
		v, _ := m.Version(number)
		binary, err := h.binary(ctx, v)
		if err != nil {
			return m, err
		}
		if r, err = h.examine(ctx, e, &m, v, binary); err != nil {
			return m, err
		}
	}
	changed := m
	write := func() (err error) {
		changed, err = e.write(ctx, m, events...)
		return err
	}
	if r != nil {
		err = h.exchange(ctx, e, &m, r, write)
		return changed, err
	}
	if err := write(); err != nil || number == m.Active {
		return changed, err
	}
	err = e.takeOver(ctx, nil, nil)
	return changed, err
}

// checkLimits gives the limits as they are written, without parts of milliseconds.
func checkLimits(l wasm.Limits) (wasm.Limits, error) {
	if l.Memory < 0 || l.Depth < 0 || l.Reply < 0 || l.Running < 0 || l.Call < 0 {
		return l, invalid("limits", "has one below zero: give more, or 0 for the host's")
	}
	written := dataOf(l).limits()
	rest := l
	rest.Memory, rest.Depth, rest.Reply, rest.Running, rest.Call = 0, 0, 0, 0, 0
	if rest != (wasm.Limits{}) {
		return l, invalid("limits", "has one that a version cannot have of its own: those are memory, depth, reply, running and call")
	}
	return written, nil
}

// checkName wants what a description's name may be: spec/wasm-abi.md.
func checkName(name string) error {
	ok := name != "" && len(name) <= 64 && name[0] != '_'
	for _, c := range []byte(name) {
		ok = ok && (c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !ok {
		return invalid("name", "is %q: a module has a name of 1 to 64 letters, digits and \"_\", beginning with a letter or digit", name)
	}
	return nil
}
