package entity

import (
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// Schemas finds collections' schemas; nil where there is none.
type Schemas func(collection string) *merge.Schema

// QuerySchema is a collection's schema as queries need it: typed by what is declared; sets, maps and lists are json.
func QuerySchema(collection string, schemas Schemas) (query.Schema, bool) {
	s := schemas(collection)
	if s == nil {
		return nil, false
	}
	return querySchema{s, schemas}, true
}

type querySchema struct {
	*merge.Schema
	schemas Schemas
}

// Property implements query.Schema.
func (s querySchema) Property(name string) (query.Property, bool) {
	p, ok := s.Properties[name]
	if !ok {
		return query.Property{}, false
	}
	return query.Property{Type: ColumnType(&p), Collection: p.Of}, true
}

// Collection implements query.Schema.
func (s querySchema) Collection(name string) (query.Schema, bool) {
	return QuerySchema(name, s.schemas)
}

// Names implements query.Named.
func (s querySchema) Names() []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	return names
}

// ColumnType is the type of a property as queries and tables see it: sets, maps and lists are JSON.
func ColumnType(p *merge.SchemaProperty) query.Type {
	switch p.Kind {
	case "set", "map", "list":
		return query.TypeJSON
	}
	t, _ := query.ParseType(p.Type)
	return t
}
