package query

import "slices"

// maxHops is how many references a path may follow.
const maxHops = 4

// field looks a path up.
func (c *checker) field(p *Path) *field {
	text := p.String()
	if f, ok := c.fields[text]; ok {
		return f
	}
	f := &field{at: p.At, text: text}
	c.fields[text] = f
	schema, collection := c.schema, ""
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Index >= 0 {
			c.fail(wrong(s.At, "a property", s.text(), "an index leads into json only"))
			return f
		}
		property, ok := Property{Type: TypeText}, s.Name == idName
		if !ok {
			property, ok = schema.Property(s.Name)
		}
		if !ok {
			c.fail(c.unknown(s, schema, collection))
			return f
		}
		f.name, f.typ = s.Name, property.Type
		rest := p.Steps[i+1:]
		if len(rest) == 0 {
			return f
		}
		if property.Type == TypeJSON {
			f.steps = rest
			return f
		}
		if property.Type != TypeRef {
			c.fail(wrong(rest[0].At, "nothing behind "+shown(s.Name), rest[0].text(), "it is of type "+property.Type.String()+": only json and references have something behind them"))
			return f
		}
		if len(f.refs) == maxHops {
			c.fail(wrong(s.At, "a path of at most 4 references", "", ""))
			return f
		}
		f.refs = append(f.refs, hop{from: collection, property: s.Name, collection: property.Collection})
		if schema, ok = schema.Collection(property.Collection); !ok {
			c.fail(wrong(s.At, "a reference to a collection that is there", shown(property.Collection), ""))
			return f
		}
		collection = property.Collection
	}
	return f
}

// text is a step as an error tells it.
func (s *Step) text() string {
	p := Path{Steps: []Step{*s}}
	return shown(p.String())
}

func (c *checker) unknown(s *Step, schema Schema, collection string) error {
	var names []string
	if n, ok := schema.(Named); ok {
		names = slices.Sorted(slices.Values(n.Names()))
	}
	expected := "a property"
	if collection != "" {
		expected += " of " + collection
	}
	hint := hintNear(s.Name, names, "", "")
	if hint == "" {
		hint = "the schema does not have it; text stands in single quotes: '" + shown(s.Name) + "'"
	}
	return wrong(s.At, expected, s.text(), hint)
}
