package wasm

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Description is what a module says of itself.
type Description struct {
	// Name is the aggregate's, which is the category of its streams.
	Name string `json:"name"`
	// SchemaVersion is that of the state, from 1.
	SchemaVersion int `json:"schemaVersion,omitzero"`
	// Commands are known by name.
	Commands map[string]CommandDescription `json:"commands"`
	// Events are what it writes, and reads, by type.
	Events map[string]EventDescription `json:"events"`
	// Reads are types that it reads and no longer writes.
	Reads []string `json:"reads,omitempty"`
	// Upcasts are what it reads in an older form: "type", or "type@schemaVersion" for one version of it.
	Upcasts []string `json:"upcasts,omitempty"`
	// Skip are types to pass over; "*" as in filters.
	Skip []string `json:"skip,omitempty"`
	// Open is true for a module that does not list its commands and events, as components made for Thalo do not: any
	// name is taken.
	Open bool `json:"open,omitzero"`
	// SDK is what made the module, for people.
	SDK string `json:"sdk,omitempty"`
}

// CommandDescription is what is known of a command, for people.
type CommandDescription struct {
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"` // a JSON Schema of the payload
}

// EventDescription is what is known of a type of event.
type EventDescription struct {
	SchemaVersion int             `json:"schemaVersion,omitzero"` // of the data, from 1
	Description   string          `json:"description,omitempty"`
	Schema        json.RawMessage `json:"schema,omitempty"` // a JSON Schema of the data
}

// maxNames bounds the commands, events and patterns of a module, of each.
const maxNames = 10_000

// readDescription reads what a guest gave, and checks it. Versions that were not said are 1 afterwards.
func readDescription(text []byte) (*Description, error) {
	if _, err := checkJSON(text); err != nil {
		return nil, refused("its description is no JSON: %v", err)
	}
	d := &Description{}
	if err := codec.Unmarshal(text, d); err != nil {
		return nil, &nacre.Error{Code: CodeRefused, Message: "its description has another shape than spec/wasm-abi.md says", Err: err}
	}
	d.Open = false // a guest has no say in it
	if d.SchemaVersion == 0 {
		d.SchemaVersion = 1
	}
	for name, e := range d.Events {
		if e.SchemaVersion == 0 {
			e.SchemaVersion = 1
			d.Events[name] = e
		}
	}
	return d, d.check()
}

func (d *Description) check() error {
	switch {
	case !validName(d.Name):
		return refused(`its name %q cannot be a category: it takes 1 to 64 of "A-Z a-z 0-9 . _", beginning with a letter or digit`, d.Name)
	case d.SchemaVersion < 1:
		return refused("the schemaVersion of its state is %d: it begins with 1", d.SchemaVersion)
	case len(d.Commands) == 0:
		return refused("its description has no commands")
	case len(d.Events) == 0:
		return refused("its description has no events")
	case max(len(d.Commands), len(d.Events), len(d.Reads), len(d.Upcasts), len(d.Skip)) > maxNames:
		return refused("its description has more than %d commands, events, or others", maxNames)
	}
	for name := range d.Commands {
		if !validType(name) {
			return refused("the command %q: a name has 1 to 256 bytes of UTF-8, no \"*\", quotes, backslashes and control characters", name)
		}
	}
	for name, e := range d.Events {
		if !validType(name) {
			return refused("the event %q: a type has 1 to 256 bytes of UTF-8, no \"*\", quotes, backslashes and control characters", name)
		}
		if e.SchemaVersion < 1 || e.SchemaVersion > 1_000_000 {
			return refused("the event %q: its schemaVersion is %d, which is not from 1 to 1000000", name, e.SchemaVersion)
		}
	}
	for _, name := range d.Reads {
		if _, written := d.Events[name]; written || !validType(name) {
			return refused("reads: %q is a type that it writes, or none", name)
		}
	}
	for _, pattern := range d.Skip {
		if pattern == "" || len(pattern) > 256 || !utf8.ValidString(pattern) {
			return refused("skip: %q is no pattern of types", pattern)
		}
	}
	for _, step := range d.Upcasts {
		if err := d.checkUpcast(step); err != nil {
			return err
		}
	}
	return nil
}

func (d *Description) checkUpcast(step string) error {
	name, version, numbered := strings.Cut(step, "@")
	e, written := d.Events[name]
	if !written && !slices.Contains(d.Reads, name) {
		return refused("upcasts: %q is about a type that stands neither in events nor in reads", step)
	}
	if !numbered {
		return nil
	}
	if n, err := strconv.Atoi(version); err != nil || n < 1 || written && n >= e.SchemaVersion {
		return refused("upcasts: %q needs a schema version behind its \"@\", from 1 and below the one that it writes", step)
	}
	return nil
}

func validName(name string) bool {
	if name == "" || len(name) > 64 || name[0] == '.' || name[0] == '_' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// validType tells whether a store takes a type of event; names of commands are no different.
func validType(name string) bool {
	return name != "" && len(name) <= 256 && utf8.ValidString(name) && name[0] != '$' && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == '*' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029'
	})
}

// reading is what a module does with a type of event.
type reading struct {
	name    string
	present int          // the version that it writes; 0 where it only reads
	any     bool         // all versions below that
	older   map[int]bool // single ones
}

// readings are those of all types that are read.
func (d *Description) readings() map[string]*reading {
	all := map[string]*reading{}
	for name, e := range d.Events {
		all[name] = &reading{name: name, present: e.SchemaVersion}
	}
	for _, name := range d.Reads {
		all[name] = &reading{name: name, any: true}
	}
	for _, step := range d.Upcasts {
		name, version, numbered := strings.Cut(step, "@")
		r := all[name]
		if !numbered {
			r.any = true
			continue
		}
		if r.older == nil {
			r.older = map[int]bool{}
		}
		n, _ := strconv.Atoi(version) // was checked
		r.older[n] = true
	}
	return all
}

// reads tells whether a version of the type is read.
func (r *reading) reads(version int) bool {
	return version == r.present || (r.present == 0 || version < r.present) && (r.any || r.older[version])
}
