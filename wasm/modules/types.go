package modules

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/wasm"
)

// known are the types that a module reads, with the schema version that it writes; 0 is one that it only reads.
func known(d *wasm.Description) map[string]int {
	all := make(map[string]int, len(d.Events)+len(d.Reads))
	for name, e := range d.Events {
		all[name] = max(1, e.SchemaVersion)
	}
	for _, name := range d.Reads {
		all[name] = 0
	}
	return all
}

func skips(d *wasm.Description, name string) bool {
	return slices.ContainsFunc(d.Skip, func(pattern string) bool { return nacre.MatchType(pattern, name) })
}

// readsVersion tells whether a module takes data of a version of a type that it knows.
func readsVersion(d *wasm.Description, name string, present, version int) bool {
	return present == version || slices.Contains(d.Upcasts, name) || slices.Contains(d.Upcasts, step(name, version)) ||
		present == 0 && !slices.ContainsFunc(d.Upcasts, func(s string) bool { return strings.HasPrefix(s, name+"@") })
}

// step is how an upcast from one version is written.
func step(name string, version int) string { return name + "@" + strconv.Itoa(version) }

// loss is something that the active version reads and the next one does not. It counts if the log has it.
type loss struct {
	event  string // the type
	above  int    // of schema versions above this one
	reason string
}

// lostTypes tells which events the active version reads and the next one does not.
func lostTypes(active, next *wasm.Description) (losses []loss) {
	if next.Open {
		return nil // it takes any name, and the sample tells
	}
	before, after := known(active), known(next)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		was := before[name]
		is, there := after[name]
		switch {
		case skips(next, name) && !there:
		case !there:
			losses = append(losses, loss{name, 0, fmt.Sprintf("it no longer knows the event %q: list it in events, reads or skip", name)})
		case was == 0 || is == was:
		case is > 0 && is < was:
			losses = append(losses, loss{name, is, fmt.Sprintf("it writes schemaVersion %d of the event %q, below the %d that is in the log", is, name, was)})
		case !readsVersion(next, name, is, was):
			losses = append(losses, loss{name, 0, fmt.Sprintf("it writes schemaVersion %d of the event %q, and does not upcast %d: list %q in upcasts", is, name, was, step(name, was))})
		}
	}
	return losses
}

// losses are what a version would lose against the active one; none where there is no active one.
func (m *Module) losses(next *wasm.Description) []loss {
	active, ok := m.Version(m.Active)
	if !ok {
		return nil
	}
	return lostTypes(&active.Description, next)
}

// happened tells of which losses the log has something.
func (h *Host) happened(ctx context.Context, m *Module, losses []loss) (reasons []string, err error) {
	for i := range losses {
		there, err := h.has(ctx, m, &losses[i])
		if err != nil {
			return nil, err
		}
		if there {
			reasons = append(reasons, losses[i].reason)
		}
	}
	return reasons, nil
}

// has tells whether the log has what would be lost. Newer schema versions are looked for back to when the first version
// that writes them was published.
func (h *Host) has(ctx context.Context, m *Module, l *loss) (bool, error) {
	var since time.Time
	if l.above > 0 {
		for i := range m.Versions {
			v := &m.Versions[i]
			if v.Description.Events[l.event].SchemaVersion > l.above && (since.IsZero() || v.PublishedAt.Before(since)) {
				since = v.PublishedAt
			}
		}
	}
	filter := nacre.Filter{{Categories: []string{m.Name}, Types: []string{l.event}}}
	for e, err := range h.store.Read(ctx, filter, &nacre.ReadOptions{Backwards: true, Borrowed: true}) {
		if err != nil {
			return false, err
		}
		version, err := codec.SchemaVersionOf(e.Metadata)
		if err != nil || version > l.above {
			return true, nil
		}
		if e.CreatedAt.Before(since) {
			return false, nil
		}
	}
	return false, nil
}
