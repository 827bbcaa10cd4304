package codec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
)

// maxSteps bounds the chain of upcasts of one event.
const maxSteps = 100

// Decode gives what an event stands for: nothing where its type is skipped, several where an upcaster makes
// several of it; they all bear its positions and id.
func (c *Codec[E]) Decode(e nacre.Event) ([]Event[E], error) { return c.AppendDecoded(nil, e) }

// AppendDecoded is Decode, appending to dst. After an error, dst is as it came.
func (c *Codec[E]) AppendDecoded(dst []Event[E], e nacre.Event) ([]Event[E], error) {
	if !c.stepped[e.Type] {
		return c.appendPlain(dst, e)
	}
	before := len(dst)
	dst, err := c.appendStepped(dst, e, 0)
	if err != nil {
		return dst[:before], err
	}
	return dst, nil
}

// appendPlain decodes an event that needs no upcast.
func (c *Codec[E]) appendPlain(dst []Event[E], e nacre.Event) ([]Event[E], error) {
	k := c.kind(e.Type)
	if k == nil {
		if c.skips(e.Type) {
			return dst, nil
		}
		return dst, c.failed(e, "its type is not in the table: list it there, in Upcast or in Skip", nil)
	}
	data, err := c.value(k, &e)
	if err != nil {
		return dst, err
	}
	return append(dst, Event[E]{Event: e, Data: data}), nil
}

// appendStepped decodes an event that may be an older one.
func (c *Codec[E]) appendStepped(dst []Event[E], e nacre.Event, steps int) ([]Event[E], error) {
	version, err := SchemaVersionOf(e.Metadata)
	if err != nil {
		return dst, c.failed(e, err.Error(), nil)
	}
	up := c.upcaster(e.Type, version)
	if up == nil {
		if present, known := c.o.Versions[e.Type]; known && version > present {
			return dst, c.failed(e, fmt.Sprintf("this program knows schema version %d: a newer one wrote it", present), nil)
		}
		return c.appendPlain(dst, e)
	}
	if steps == maxSteps {
		return dst, c.failed(e, "its upcasters come to no end", nil)
	}
	results, err := up(e)
	if err != nil {
		return dst, c.failed(e, "its upcaster failed", err)
	}
	for _, r := range results {
		r.GlobalPosition, r.StreamPosition, r.StreamID, r.ID, r.CreatedAt = e.GlobalPosition, e.StreamPosition, e.StreamID, e.ID, e.CreatedAt
		if next, err := SchemaVersionOf(r.Metadata); err != nil || r.Type == e.Type && next == version {
			return dst, c.failed(e, "its upcaster gives the same type and schema version again: change one of them", err)
		}
		if dst, err = c.appendStepped(dst, r, steps+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// upcaster is what turns a type's version into a later one; nil where nothing has to.
func (c *Codec[E]) upcaster(eventType string, version int) Upcaster {
	if up := c.o.Upcast[eventType+"@"+strconv.Itoa(version)]; up != nil {
		return up
	}
	if c.kinds[eventType] != nil && version >= c.SchemaVersion(eventType) {
		return nil
	}
	return c.o.Upcast[eventType]
}

// kind is the row of a type, nil where there is none.
func (c *Codec[E]) kind(eventType string) *kind {
	if k := c.kinds[eventType]; k != nil {
		return k
	}
	for _, k := range c.patterns {
		if nacre.MatchType(k.name, eventType) {
			return k
		}
	}
	return nil
}

func (c *Codec[E]) skips(eventType string) bool {
	for _, pattern := range c.o.Skip {
		if nacre.MatchType(pattern, eventType) {
			return true
		}
	}
	return false
}

// value decodes an event's data.
func (c *Codec[E]) value(k *kind, e *nacre.Event) (E, error) {
	if e.Erased() {
		if c.o.Erased && k.named == nil {
			return k.get(reflect.New(k.value)).(E), nil
		}
		var none E
		return none, c.failed(*e, "its payload has been erased: set Erased to take its zero value", nil)
	}
	data := []byte(e.Data)
	if data == nil {
		var none E
		return none, c.failed(*e, "its payload is not JSON", nil)
	}
	version := 1
	if k.named != nil {
		var err error
		if version, err = SchemaVersionOf(e.Metadata); err != nil {
			var none E
			return none, c.failed(*e, err.Error(), nil)
		}
	}
	v, err := c.decode(k, e.Type, data, version)
	if err != nil {
		return v, c.failed(*e, "its data does not decode as "+k.value.String(), err)
	}
	if t, ok := any(v).(TagReader); ok && len(e.Tags) > 0 {
		v = t.ReadTags(e.Tags).(E)
	}
	return v, nil
}

// DecodeValue reads a value by its name and JSON: a command, say, that came over the network. An unknown
// name is CodeNotFound, data of another shape CodeInvalid.
func (c *Codec[E]) DecodeValue(name string, data []byte) (E, error) {
	k := c.kind(name)
	if k == nil || k.named == nil && c.kinds[name] == nil {
		var none E
		return none, nacre.Errorf(nacre.CodeNotFound, "there is no %q among the %d names", name, len(c.kinds))
	}
	v, err := c.decode(k, name, data, 1)
	if err != nil {
		return v, &nacre.Error{Code: nacre.CodeInvalid, Field: "data", Message: "does not decode as " + name, Err: err}
	}
	return v, nil
}

func (c *Codec[E]) decode(k *kind, name string, data []byte, version int) (E, error) {
	if k.named != nil {
		v, err := k.named.Read(name, data, version)
		if err != nil {
			var none E
			return none, err
		}
		return v.(E), nil
	}
	target := reflect.New(k.value)
	if err := unmarshal(data, target.Interface(), c.o.Strict); err != nil {
		var none E
		return none, err
	}
	return k.get(target).(E), nil
}

// get is the value that the table's type has.
func (k *kind) get(target reflect.Value) any {
	if k.pointer {
		return target.Interface()
	}
	return target.Elem().Interface()
}

// SchemaVersionOf is the schema version that an event's metadata has, 1 where it says nothing.
func SchemaVersionOf(metadata []byte) (int, error) {
	if len(metadata) == 0 || !strings.Contains(string(metadata), `"schemaVersion"`) {
		return 1, nil
	}
	var m struct {
		SchemaVersion *int `json:"schemaVersion"`
	}
	if err := Unmarshal(metadata, &m); err != nil {
		return 0, fmt.Errorf("its metadata.schemaVersion is not a whole number: %w", err)
	}
	if m.SchemaVersion == nil {
		return 1, nil
	}
	return *m.SchemaVersion, nil
}
