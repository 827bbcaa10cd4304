package modules

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/wasm"
)

// Change is something in which two versions differ.
type Change struct {
	// What is "schemaVersion", "command", "event", "reads", "upcasts", "skip", "sdk", "size" or "limits".
	What string
	// Name is of a command, a type of event, an upcast or a pattern; "" for what there is only one of.
	Name string
	// Before is "" where it was added, After where it was removed.
	Before, After string
}

// Diff are the differences between two versions, with their numbers: 0 is the active version for to, and the one that was
// active before to for from.
func (h *Host) Diff(name string, from, to int) (changes []Change, before, after Version, err error) {
	_, m, err := h.known(name)
	if err != nil {
		return nil, before, after, err
	}
	if to == 0 {
		to = cmp.Or(m.Active, len(m.Versions))
	}
	if from == 0 {
		from = max(1, to-1)
		if n := len(m.earlier); n > 0 && m.earlier[n-1] != to {
			from = m.earlier[n-1]
		}
	}
	before, ok := m.Version(from)
	if !ok {
		return nil, before, after, noVersion(&m, from)
	}
	if after, ok = m.Version(to); !ok {
		return nil, before, after, noVersion(&m, to)
	}
	return differences(&before, &after), before, after, nil
}

func differences(before, after *Version) []Change {
	var out []Change
	one := func(what, name, a, b string) {
		if a != b {
			out = append(out, Change{What: what, Name: name, Before: a, After: b})
		}
	}
	all := func(what string, a, b map[string]string) {
		names := maps.Clone(a)
		if names == nil {
			names = map[string]string{}
		}
		maps.Copy(names, b)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			one(what, name, a[name], b[name])
		}
	}
	a, b := &before.Description, &after.Description
	one("schemaVersion", "", strconv.Itoa(a.SchemaVersion), strconv.Itoa(b.SchemaVersion))
	all("command", commandsOf(a), commandsOf(b))
	all("event", eventsOf(a), eventsOf(b))
	all("reads", listed(a.Reads), listed(b.Reads))
	all("upcasts", listed(a.Upcasts), listed(b.Upcasts))
	all("skip", listed(a.Skip), listed(b.Skip))
	one("sdk", "", a.SDK, b.SDK)
	one("size", "", strconv.Itoa(before.Size), strconv.Itoa(after.Size))
	one("limits", "", limitsText(before.Limits), limitsText(after.Limits))
	return out
}

// commandsOf tells each command's description and schema, so that a difference shows.
func commandsOf(d *wasm.Description) map[string]string {
	out := map[string]string{}
	for name, c := range d.Commands {
		out[name] = told(c.Description, string(c.Schema))
	}
	return out
}

func eventsOf(d *wasm.Description) map[string]string {
	out := map[string]string{}
	for name, e := range d.Events {
		out[name] = "schemaVersion " + strconv.Itoa(max(1, e.SchemaVersion))
		if more := told(e.Description, string(e.Schema)); more != there {
			out[name] += ", " + more
		}
	}
	return out
}

// there is the text of what has nothing to tell but that it is there.
const there = "there"

func told(description, schema string) string {
	switch {
	case description != "" && schema != "":
		return description + " " + schema
	default:
		return cmp.Or(description, schema, there)
	}
}

func listed(names []string) map[string]string {
	out := map[string]string{}
	for _, name := range names {
		out[name] = there
	}
	return out
}

func limitsText(l wasm.Limits) string {
	text, err := codec.Marshal(dataOf(l))
	if err != nil || string(text) == "{}" {
		return ""
	}
	return string(text)
}
