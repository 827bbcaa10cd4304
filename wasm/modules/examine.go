package modules

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
)

// Refusal has the code MODULE_REFUSED: a version does not become active, and nothing was written.
type Refusal struct {
	Name    string
	Reasons []string // at least one
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("modules: %q is refused: %s", r.Name, strings.Join(r.Reasons, "; "))
}

// ErrorCode is what [nacre.CodeOf] finds.
func (r *Refusal) ErrorCode() nacre.Code { return wasm.CodeRefused }

// mostReasons of one kind are told.
const mostReasons = 10

// examine makes a version ready, and gives it only if it may become active: see spec/modules.md. The entry is locked.
func (h *Host) examine(ctx context.Context, e *entry, m *Module, v Version, binary []byte) (*running, error) {
	compiled, err := h.engine.CompileAs(ctx, e.name, binary, h.limits(v.Limits))
	if err != nil {
		if nacre.CodeOf(err) == wasm.CodeRefused {
			err = &Refusal{Name: e.name, Reasons: []string{strings.TrimPrefix(err.Error(), "nacre: ")}}
		}
		return nil, err
	}
	r, err := h.examineCompiled(ctx, e, m, v, compiled)
	if err != nil {
		if closed := compiled.Close(ctx); closed != nil {
			return nil, errors.Join(err, closed)
		}
		return nil, err
	}
	return r, nil
}

func (h *Host) examineCompiled(ctx context.Context, e *entry, m *Module, v Version, compiled *wasm.Module) (*running, error) {
	next := compiled.Description()
	if next.Name != e.name {
		return nil, &Refusal{Name: e.name, Reasons: []string{fmt.Sprintf("the module calls itself %q: publish it under that name", next.Name)}}
	}
	var reasons []string
	failures, err := compiled.RunCases(ctx, compiled.Tests())
	if err != nil {
		return nil, err
	}
	for i, f := range failures {
		if i == mostReasons {
			reasons = append(reasons, fmt.Sprintf("and %d of its tests more", len(failures)-i))
			break
		}
		reasons = append(reasons, "its test fails: "+f.String())
	}
	active, hasActive := m.Version(m.Active)
	if hasActive {
		reasons = append(reasons, lostTypes(&active.Description, next)...)
	}
	r := h.runningOf(v.Number, compiled)
	if len(reasons) == 0 {
		if reasons, err = h.compare(ctx, e, active, r); err != nil {
			return nil, err
		}
	}
	if len(reasons) > 0 {
		return nil, &Refusal{Name: e.name, Reasons: reasons}
	}
	return r, nil
}

// compare folds a sample of the category's streams with the next version, and with the active one where there is one.
func (h *Host) compare(ctx context.Context, e *entry, active Version, next *running) ([]string, error) {
	sample, err := h.sample(ctx, e.name)
	if err != nil || len(sample) == 0 {
		return nil, err
	}
	var before *aggregate.Repository[*wasm.State, wasm.Command, wasm.Event]
	if active.Number > 0 {
		old, leave, err := e.present(ctx, active)
		if err != nil {
			return nil, err
		}
		defer leave()
		before = h.repository(old, false)
		defer before.Close(ctx) //nolint:errcheck // it began nothing
	}
	after := h.repository(next.module, false)
	defer after.Close(ctx) //nolint:errcheck // it began nothing
	same := active.Number == 0 || next.module.Description().SchemaVersion <= active.Description.SchemaVersion
	var reasons []string
	for _, s := range sample {
		reason, err := h.compareOne(ctx, s, before, after, same)
		if err != nil {
			return nil, err
		}
		if reason == "" {
			continue
		}
		if reasons = append(reasons, reason); len(reasons) == mostReasons {
			return append(reasons, "and perhaps more: the rest of the sample was not looked at"), nil
		}
	}
	return reasons, nil
}

// part is the beginning of a stream.
type part struct {
	stream nacre.StreamID
	until  int64 // the stream position of the last event that counts
}

// wide is how many streams a sample is taken of, by the number of its streams.
const wide = 20

// sample chooses streams, evenly among the first of the category.
func (h *Host) sample(ctx context.Context, name string) ([]part, error) {
	var all []part
	for info, err := range h.store.Streams(ctx, nacre.StreamQuery{Category: name, Prefix: name + "-", Limit: wide * h.o.SampleStreams}) {
		if err != nil {
			return nil, err
		}
		all = append(all, part{stream: info.ID, until: info.Version})
	}
	n := min(len(all), h.o.SampleStreams)
	var chosen []part
	for i, budget := 0, int64(h.o.SampleEvents); i < n && budget > 0; i++ {
		p := all[i*len(all)/n]
		p.until = min(p.until, budget-1)
		budget -= p.until + 1
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// compareOne tells what is wrong with the next version's reading of a stream, "" where it is right.
func (h *Host) compareOne(ctx context.Context, p part, before, after *aggregate.Repository[*wasm.State, wasm.Command, wasm.Event], same bool) (string, error) {
	id := p.stream.Rest()
	var was *wasm.State
	if before != nil {
		var err error
		was, err = before.Get(id).StateAtVersion(ctx, p.until)
		if err == nil {
			same, err = comes(ctx, was, id, same)
		}
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			return "", nil // the active version does not read it either
		}
	}
	is, err := after.Get(id).StateAtVersion(ctx, p.until)
	if err == nil {
		same, err = comes(ctx, is, id, same)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("it does not read stream %q: %v", p.stream, err), nil
	case before != nil && same && !is.Equal(was): //nolint:contextcheck // both were made JSON before, under ctx
		return fmt.Sprintf("the state of stream %q after version %d is another one: it was %s, and is %s; where that is meant, raise schemaVersion",
			p.stream, p.until, excerpt(ctx, was), excerpt(ctx, is)), nil
	}
	return "", nil
}

// comes has a guest come to a state, and tells whether it is to be compared: not where the guest does not show it.
func comes(ctx context.Context, s *wasm.State, id string, same bool) (bool, error) {
	_, err := s.JSON(ctx)
	if nacre.CodeOf(err) == wasm.CodeNoState {
		return false, s.Replay(ctx, id)
	}
	return same, err
}

// shown is how much of a state a refusal shows, in bytes.
const shown = 200

func excerpt(ctx context.Context, s *wasm.State) string {
	text, err := s.JSON(ctx)
	if err != nil {
		return err.Error()
	}
	if len(text) > shown {
		return strings.ToValidUTF8(string(text[:shown]), "") + "…"
	}
	return string(text)
}

// present gives the module of the active version, compiled, until leave. The entry is locked.
func (e *entry) present(ctx context.Context, v Version) (*wasm.Module, func(), error) {
	e.mu.Lock()
	if r := e.run; r != nil && r.number == v.Number && e.next == nil {
		e.users++
		e.mu.Unlock()
		return r.module, e.leave, nil
	}
	e.mu.Unlock()
	r, err := e.h.ready(ctx, e.name, v)
	if err != nil {
		return nil, nil, err
	}
	if err := e.takeOver(ctx, r); err != nil {
		return nil, nil, err
	}
	return e.present(ctx, v)
}
