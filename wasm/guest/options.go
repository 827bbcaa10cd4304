package guest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// Options: nil upcasts nothing, and a type of event that the decider does not list is an error.
type Options struct {
	// Upcast turns older events into what the decider knows, by "type@schemaVersion", or by "type" for all
	// versions below the present one, as in codec.Options.
	Upcast map[string]Upcaster

	// Versions are the present schema versions of types of events, where that is not 1.
	Versions map[string]int

	// Skip are types of events to pass over, where the decider does not list them; "*" as in filters.
	Skip []string

	// Commands and Events are what people should know of them, by name.
	Commands, Events map[string]About
}

// About is what people should know of a command or an event.
type About struct {
	Description string
	// Schema is a JSON Schema of the payload or data, as JSON; "" for none.
	Schema string
}

// Event is an event as the log has it, for upcasters.
type Event struct {
	Type          string
	Data          []byte // JSON
	Tags          []string
	SchemaVersion int
}

// Upcaster turns an event into one or more that stand for it: of another type, or of a higher schema version.
// None passes it over. It must be pure.
type Upcaster func(e Event) ([]Event, error)

// Rename is an upcaster for a type that has another name now; its data and schema version stay.
func Rename(to string) Upcaster {
	return func(e Event) ([]Event, error) {
		e.Type = to
		return []Event{e}, nil
	}
}

// Reshape is an upcaster that makes other data of an event's data, and gives it a schema version.
func Reshape(schemaVersion int, change func(data []byte) ([]byte, error)) Upcaster {
	return func(e Event) ([]Event, error) {
		data, err := change(e.Data)
		if err != nil {
			return nil, err
		}
		e.Data, e.SchemaVersion = data, schemaVersion
		return []Event{e}, nil
	}
}

// check tells what is wrong, and which types have versions that count.
func (o *Options) check() (stepped map[string]bool, err error) {
	stepped = map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(o.Upcast)) {
		name, version, numbered := strings.Cut(key, "@")
		if n, err := strconv.Atoi(version); numbered && (err != nil || n < 1) {
			return nil, fmt.Errorf(`guest: Upcast[%q] has no schema version behind "@": give a number from 1`, key)
		}
		if name == "" || o.Upcast[key] == nil {
			return nil, fmt.Errorf("guest: Upcast[%q] needs a type and a function", key)
		}
		stepped[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(o.Versions)) {
		if o.Versions[name] < 1 {
			return nil, fmt.Errorf("guest: Versions[%q] is %d: give a number from 1", name, o.Versions[name])
		}
		stepped[name] = true
	}
	return stepped, nil
}

// checkAbout wants what is told about names to be JSON, and about names that the decider has.
func checkAbout[T any](field string, about map[string]About, table map[string]T) error {
	for _, name := range slices.Sorted(maps.Keys(about)) {
		if _, ok := table[name]; !ok {
			return fmt.Errorf("guest: %s[%q] is about a name that the decider does not have", field, name)
		}
		if schema := about[name].Schema; schema != "" {
			r := jsontext.NewReader([]byte(schema), false)
			r.Skip()
			if err := r.End(); err != nil {
				return fmt.Errorf("guest: the schema of %s[%q] is no JSON: %w", field, name, err)
			}
		}
	}
	return nil
}

// version is the present schema version of a type.
func (o *Options) version(eventType string) int { return max(1, o.Versions[eventType]) }
