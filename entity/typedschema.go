package entity

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// Collected is what a Go type is that says its collection, for [Ref]s to it, and for [Of] where that is given no name.
type Collected interface {
	EntityCollection() string
}

// declaring is a Go type on its way into a collection's schema.
type declaring struct {
	plan    *plan
	exact   bool
	targets []string // of references, by field
	now     *merge.Schema
	next    *merge.Schema
}

// targets are the collections that a type's references lead to.
func (db *DB) targets(p *plan, t reflect.Type, collection string) ([]string, error) {
	out := make([]string, len(p.fields))
	for i, f := range p.fields {
		switch out[i] = f.of; {
		case f.kind != "reference" || f.of != "":
			continue
		case f.coder.of == t:
			out[i] = collection
		default:
			out[i] = collectionOf(f.coder.of)
		}
		if out[i] == "" {
			if name, ok := db.types.Load(f.coder.of); ok {
				out[i] = name.(string)
			}
		}
		if out[i] == "" {
			return nil, invalid(f.path, "refers to %s, whose collection is not known: call Of for it first, give it a method "+
				"EntityCollection() string, or put of=COLLECTION into the field's tag", f.coder.of)
		}
		if err := CheckCollection(out[i]); err != nil {
			return nil, invalid(f.path, "%w", err)
		}
	}
	return out, nil
}

// declareType gives a collection the properties and indexes of a Go type, unless it has them.
func (db *DB) declareType(ctx context.Context, collection string, d *declaring, o *TxOptions) error {
	metadata, err := db.Begin(o).metadata()
	if err != nil {
		return err
	}
	unlock, err := db.locks.lock(ctx, []name{{collection: collection}})
	if err != nil {
		return err
	}
	defer unlock()
	stream := merge.SchemaStream(collection)
	for {
		// What is declared stands on the schema of this version, or somebody else's properties could get lost.
		version, err := db.store.Version(ctx, stream)
		if err != nil {
			return err
		}
		if err := db.current(ctx); err != nil {
			return err
		}
		if d.now, err = db.schema(collection); err != nil && nacre.CodeOf(err) != nacre.CodeNotFound {
			return err
		}
		if err := d.join(); err != nil {
			return err
		}
		text, err := json.Marshal(d.next)
		if err != nil {
			return err
		}
		data, there, err := db.declaration(collection, text)
		if err != nil || there != nil {
			return err
		}
		expected := nacre.NoStream
		if version >= 0 {
			expected = nacre.Exactly(version)
		}
		_, err = db.store.Append(ctx, stream, expected, nacre.Event{Type: merge.TypeSchema, Data: data, Metadata: metadata})
		if err != nil && nacre.CodeOf(err) != nacre.CodeVersionConflict {
			return err
		}
	}
}

// join makes the next schema of the present one and the type.
func (d *declaring) join() error {
	if d.now == nil {
		d.now = &merge.Schema{}
	}
	d.next = &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	if !d.exact {
		maps.Copy(d.next.Properties, d.now.Properties)
		for _, index := range d.now.Indexes {
			d.next.Indexes = append(d.next.Indexes, slices.Clone(index))
		}
	}
	for i, f := range d.plan.fields {
		if err := d.property(f, d.targets[i]); err != nil {
			return err
		}
	}
	for _, index := range d.plan.indexes {
		if !slices.ContainsFunc(d.next.Indexes, func(other []string) bool { return slices.Equal(index, other) }) {
			d.next.Indexes = append(d.next.Indexes, index)
		}
	}
	return nil
}

// property finds which property of the schema a field is, or which one it becomes.
func (d *declaring) property(f *field, of string) error {
	p := merge.SchemaProperty{Kind: f.kind, Type: f.coder.typ, Of: of, Default: f.fallback}
	have, there := d.now.Properties[f.name]
	renamed := false
	if !there || f.id != "" && f.id != have.ID {
		if old, known := d.earlier(f); known {
			have, there, renamed = d.now.Properties[old], true, true
			d.rename(old, f.name)
		}
	}
	switch same := there && have.Kind == p.Kind && have.Type == p.Type; {
	case same && (f.id == "" || f.id == have.ID):
		p.ID, p.From = have.ID, have.From
		if p.From == "" {
			p.From = d.from(f)
		}
		if p.From == p.ID {
			p.From = ""
		}
		if !d.exact && have.Of != p.Of {
			return invalid(f.path, "refers to %q, and the property %q to %q: change one of them, or open the collection with Exact", p.Of, f.name, have.Of)
		}
		if !d.exact && p.Default == nil {
			p.Default = have.Default
		}
	case !there || f.id != "" || f.from == have.ID || renamed && have.Kind == "register" && p.Kind == "register":
		p.ID, p.From = f.id, d.from(f)
		if p.From == "" && renamed {
			p.From = have.ID
		}
	default:
		return invalid(f.path, "is a %s of %s, and the property %q is declared as a %s of %s: change the field; or, if the property is to "+
			"change, put from=%s into the tag for what can be cast, or id=ANOTHER-ID to begin without values", p.Kind, p.Type, f.name, have.Kind, have.Type, have.ID)
	}
	d.next.Properties[f.name] = p
	return nil
}

// earlier is the name under which the schema has what a field says that it was.
func (d *declaring) earlier(f *field) (string, bool) {
	if f.id != "" {
		for name := range d.now.Properties {
			if d.now.Properties[name].ID == f.id && name != f.name {
				return name, true
			}
		}
	}
	_, there := d.now.Properties[f.was]
	return f.was, there && f.was != "" && f.id == ""
}

// rename takes a property's earlier name out of the schema.
func (d *declaring) rename(old, name string) {
	if d.plan.field(old) == nil {
		delete(d.next.Properties, old)
	}
	for _, index := range d.next.Indexes {
		for i := range index {
			if index[i] == old {
				index[i] = name
			}
		}
	}
}

// from is the id that a field's tag says it is retyped from, where the schema has it.
func (d *declaring) from(f *field) string {
	for name, p := range d.now.Properties {
		if f.from != "" && (p.ID == f.from || p.From == f.from) && (p.ID != f.from || name != f.name || p.Type != f.coder.typ) {
			return f.from
		}
	}
	return ""
}
