package modules

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	lost, err := h.happened(ctx, m, m.losses(next))
	if err != nil {
		return nil, err
	}
	reasons = append(reasons, lost...)
	r := h.runningOf(v.Number, compiled)
	if len(reasons) == 0 {
		if reasons, err = h.compare(ctx, e, m, v, r); err != nil {
			return nil, err
		}
	}
	if len(reasons) > 0 {
		return nil, &Refusal{Name: e.name, Reasons: reasons}
	}
	return r, nil
}

// judges are what a sample of streams is folded by, beside the next version; nil where there is none.
type judges struct {
	// reads is the active version: what it reads, the next one has to read.
	reads *repository
	// states is the one that the next version has to have the same states as, and number which one it is.
	states *repository
	number int
}

type repository = aggregate.Repository[*wasm.State, wasm.Command, wasm.Event]

// compare folds a sample of the category's streams with the next version, and with those that were before.
func (h *Host) compare(ctx context.Context, e *entry, m *Module, v Version, next *running) ([]string, error) {
	sample, err := h.sample(ctx, e.name)
	if err != nil || len(sample) == 0 {
		return nil, err
	}
	var by judges
	active, hasActive := m.Version(m.Active)
	if hasActive {
		old, leave, err := e.present(ctx, active)
		if err != nil {
			return unable(err, "version %d, which is active, cannot be compared with; retire the module first", active.Number)
		}
		defer leave()
		by.reads = h.repository(old, false)
		defer by.reads.Close(ctx) //nolint:errcheck // it began nothing
	}
	if by.number = m.equal(v, next.module.Description().SchemaVersion); by.number == m.Active {
		by.states = by.reads
	} else if by.number > 0 {
		like, _ := m.Version(by.number)
		twin, err := h.ready(ctx, e.name, like)
		if err != nil {
			return unable(err, "the states cannot be compared with those of version %d, which has the same schemaVersion: raise it", like.Number)
		}
		defer twin.close(ctx) //nolint:errcheck // it began nothing
		by.states = h.repository(twin.module, false)
		defer by.states.Close(ctx) //nolint:errcheck // it began nothing
	}
	after := h.repository(next.module, false)
	defer after.Close(ctx) //nolint:errcheck // it began nothing
	var reasons []string
	for _, s := range sample {
		reason, err := h.compareOne(ctx, s, by, after)
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

// equal gives the number of the version that has to have the same states as one that is to become active, 0 where
// there is none. Versions of one schemaVersion read each other's snapshots. So the active one counts where it has
// the same, and for one that is new the last that has the same; what was published before was compared then. A new one may
// not go back behind the active one with other states.
func (m *Module) equal(v Version, schema int) int {
	active, hasActive := m.Version(m.Active)
	if hasActive && active.Description.SchemaVersion == schema {
		return active.Number
	}
	if v.Number <= len(m.Versions) {
		return 0
	}
	for _, other := range slices.Backward(m.Versions) {
		if other.Description.SchemaVersion == schema {
			return other.Number
		}
	}
	if hasActive && schema < active.Description.SchemaVersion {
		return active.Number
	}
	return 0
}

// unable makes a reason of a version that cannot be made ready, where that is its own fault.
func unable(err error, format string, args ...any) ([]string, error) {
	switch nacre.CodeOf(err) {
	case nacre.CodeDamaged, wasm.CodeRefused, wasm.CodeTrapped, wasm.CodeMemory, wasm.CodeDepth, wasm.CodeReply, wasm.CodeFailed:
		return []string{fmt.Sprintf(format+": %v", append(args, err)...)}, nil
	}
	return nil, err
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
func (h *Host) compareOne(ctx context.Context, p part, by judges, after *repository) (string, error) {
	var was *wasm.State
	var shown bool
	if by.reads != nil {
		var err error
		if was, shown, err = p.fold(ctx, by.reads); err != nil {
			return "", ctx.Err() // the active version does not read it either
		}
	}
	is, comparable, err := p.fold(ctx, after)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("it does not read stream %q: %v", p.stream, err), nil
	case by.states == nil:
		return "", nil
	}
	whose := ""
	if by.states != by.reads {
		whose = fmt.Sprintf(" than version %d has, of the same schemaVersion", by.number)
		if was, shown, err = p.fold(ctx, by.states); err != nil {
			return "", ctx.Err()
		}
	}
	if !shown || !comparable || is.Equal(was) { //nolint:contextcheck // both were made JSON before, under ctx
		return "", nil
	}
	return fmt.Sprintf("the state of stream %q after version %d is another one%s: it was %s, and is %s; where that is meant, raise schemaVersion",
		p.stream, p.until, whose, excerpt(ctx, was), excerpt(ctx, is)), nil
}

// fold has a version come to the state behind a part, and tells whether the state can be looked at: not where the guest
// does not show it.
func (p part) fold(ctx context.Context, by *repository) (s *wasm.State, shown bool, err error) {
	id := p.stream.Rest()
	if s, err = by.Get(id).StateAtVersion(ctx, p.until); err != nil {
		return s, false, err
	}
	if _, err = s.JSON(ctx); nacre.CodeOf(err) == wasm.CodeNoState {
		return s, false, s.Replay(ctx, id)
	}
	return s, true, err
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
	if r := e.ready(v.Number); r != nil && e.next == nil {
		e.users++
		e.mu.Unlock()
		return r.module, e.leave, nil
	}
	e.mu.Unlock()
	r, err := e.h.ready(ctx, e.name, v)
	if err != nil {
		return nil, nil, err
	}
	if err := e.takeOver(ctx, r, nil); err != nil {
		return nil, nil, err
	}
	return e.present(ctx, v)
}
