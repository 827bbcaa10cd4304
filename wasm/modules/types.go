package modules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
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

// lostTypes tells which events the active version reads and the next one does not.
func lostTypes(active, next *wasm.Description) (reasons []string) {
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
			reasons = append(reasons, fmt.Sprintf("it no longer knows the event %q: list it in events, reads or skip", name))
		case was == 0 || is == was:
		case is > 0 && is < was:
			reasons = append(reasons, fmt.Sprintf("it writes schemaVersion %d of the event %q, below the %d that is in the log", is, name, was))
		case !readsVersion(next, name, is, was):
			reasons = append(reasons, fmt.Sprintf("it writes schemaVersion %d of the event %q, and does not upcast %d: list %q in upcasts", is, name, was, step(name, was)))
		}
	}
	return reasons
}
