package query

import "fmt"

// Type is what a property holds.
type Type uint8

// The types, by spec/query.md.
const (
	TypeJSON Type = iota // anything, compared by what stands there
	TypeText
	TypeBool
	TypeInt64
	TypeFloat64
	TypeDecimal
	TypeTime
	TypeBytes
	TypeRef // the id of an entity
)

var typeNames = [...]string{"json", "text", "bool", "int64", "float64", "decimal", "time", "bytes", "ref"}

// String is the type's name, as schemas spell it.
func (t Type) String() string {
	if int(t) >= len(typeNames) {
		return fmt.Sprintf("Type(%d)", t)
	}
	return typeNames[t]
}

// ParseType is the type of a name.
func ParseType(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// Property is what a schema says of a property.
type Property struct {
	Type Type
	// Collection is where the entity is that a TypeRef refers to.
	Collection string
}

// Schema says what a collection's entities have. The property id is there without being asked for.
type Schema interface {
	// Property is the property of a name. Where a schema is open, it answers for any name with type TypeJSON.
	Property(name string) (Property, bool)
	// Collection is the schema of another collection, for references.
	Collection(name string) (Schema, bool)
}

// Named is what a [Schema] may have as well, for hints in errors.
type Named interface {
	// Names are the names of its properties.
	Names() []string
}

// idName is the property that every row has.
const idName = "id"

// class is which types compare with each other.
type class uint8

const (
	classJSON class = iota
	classText
	classBool
	classNumber
	classDecimal
	classTime
	classBytes
)

func (t Type) class() class {
	switch t {
	case TypeText, TypeRef:
		return classText
	case TypeBool:
		return classBool
	case TypeInt64, TypeFloat64:
		return classNumber
	case TypeDecimal:
		return classDecimal
	case TypeTime:
		return classTime
	case TypeBytes:
		return classBytes
	}
	return classJSON
}
