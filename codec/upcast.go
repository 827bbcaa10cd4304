package codec

import (
	"github.com/go-json-experiment/json"

	"github.com/nacredb/nacre"
)

// Upcaster turns an event into one or more that stand for it: of another type, or of a higher
// metadata.schemaVersion. None passes it over. Positions, id and time stay the event's own, whatever it sets.
// It must be pure: the same event gives the same result, for ever.
type Upcaster func(e nacre.Event) ([]nacre.Event, error)

// Rename is an upcaster for a type that has another name now; data and metadata stay.
func Rename(to string) Upcaster {
	return func(e nacre.Event) ([]nacre.Event, error) {
		e.Type = to
		return []nacre.Event{e}, nil
	}
}

// Reshape is an upcaster that changes an event's data, which must be a JSON object, and gives it a schema
// version. Numbers come as encoding/json's Number, with all their digits.
func Reshape(schemaVersion int, change func(data map[string]any) error) Upcaster {
	return func(e nacre.Event) ([]nacre.Event, error) {
		if e.Erased() { // there is nothing to change
			e, err := WithSchemaVersion(e, schemaVersion)
			return []nacre.Event{e}, err
		}
		var data map[string]any
		if err := json.Unmarshal(e.Data, &data, exact); err != nil {
			return nil, err
		}
		if err := change(data); err != nil {
			return nil, err
		}
		var err error
		if e.Data, err = Marshal(data); err != nil {
			return nil, err
		}
		if e, err = WithSchemaVersion(e, schemaVersion); err != nil {
			return nil, err
		}
		return []nacre.Event{e}, nil
	}
}

// WithSchemaVersion returns the event with that metadata.schemaVersion, and the rest of its metadata.
func WithSchemaVersion(e nacre.Event, version int) (nacre.Event, error) {
	metadata := map[string]any{}
	if len(e.Metadata) > 0 {
		if err := json.Unmarshal(e.Metadata, &metadata, exact); err != nil {
			return e, err
		}
	}
	metadata["schemaVersion"] = version
	var err error
	e.Metadata, err = Marshal(metadata)
	return e, err
}
