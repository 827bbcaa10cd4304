package merge

import (
	"slices"
)

// Patch edits a draft in a user's terms, by names: {"set":{…},"add":{…},"remove":{…}}, each by property, as spec/merge.md
// says for each kind. Where it fails, the draft has what came before.
func (s *Schema) Patch(d *Draft, patch []byte) error {
	canonical, err := Canonical(patch)
	if err != nil {
		return err
	}
	verbs, ok := membersOf(canonical)
	if !ok || !only(verbs, "add", "remove", "set") {
		return invalid("patch", `is an object with set, add and remove, each {"property":…}`)
	}
	// What is set as a whole stands below what is added and removed.
	slices.SortFunc(verbs, func(a, b Member) int { return verbOrder(a.Name) - verbOrder(b.Name) })
	for _, verb := range verbs {
		members, ok := membersOf(verb.Value)
		if !ok {
			return invalid(verb.Name, `is an object: {"property":…}`)
		}
		for _, m := range members {
			if err := s.edit(d, verb.Name, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func verbOrder(verb string) int { return slices.Index([]string{"set", "add", "remove"}, verb) }

// edit does one verb to one property. Values are canonical.
func (s *Schema) edit(d *Draft, verb string, m Member) error {
	field := verb + "." + m.Name
	p, there := s.Properties[m.Name]
	if !there {
		return invalid(field, "there is no such property in the schema")
	}
	value, err := p.given(verb, m.Value)
	if err == nil {
		var kind Kind
		var c Change
		if kind, err = KindOf(p.Kind); err == nil {
			if c, err = d.Change(p.ID, kind); err == nil {
				switch verb {
				case "set":
					err = c.Set(value)
				case "add":
					err = c.Add(value)
				default:
					err = c.Remove(value)
				}
			}
		}
	}
	if err != nil {
		return invalid(field, problemOf(err))
	}
	return nil
}

// given checks the type of what a user gives, and makes it what the kind takes.
func (p *SchemaProperty) given(verb string, value []byte) ([]byte, error) {
	if p.Type == "time" && (verb != "remove" || p.Kind == "set") {
		value = datesToTimes(value)
	}
	wrong := func(v []byte) error {
		if p.Type == "time" {
			return shape("%.100s is not of the type time: give it as \"2030-01-02T15:04:05Z\", or a date alone", v)
		}
		return shape("%.100s is not of the type %s", v, p.Type)
	}
	switch p.Kind {
	case "register", "reference":
		if verb == "set" && !ofType(p.Type, value) {
			return nil, wrong(value)
		}
		return value, nil
	case "counter":
		return p.amount(value)
	}
	if verb == "remove" && p.Kind != "set" {
		return value, nil // keys or indexes
	}
	elements := value
	if members, ok := membersOf(value); ok && p.Kind == "list" {
		if one, ok := find(members, "value"); ok {
			elements = slices.Concat([]byte{'['}, one, []byte{']'})
		} else if list, ok := find(members, "values"); ok {
			elements = list
		}
	}
	if el := p.wrongElement(elements); el != nil {
		return nil, wrong(el)
	}
	return value, nil
}

// amount is what a counter takes: an integer, or a decimal as a string, which a user may give as a number.
func (p *SchemaProperty) amount(value []byte) ([]byte, error) {
	text, isText := textOf(value)
	switch {
	case p.Type == "decimal" && !isText:
		return appendString(nil, string(value)), nil
	case p.Type == "int64" && isText:
		return nil, shape("%.100q is a string, and the counter is of int64: give a number", text)
	case p.Type == "int64" && (value[0] == '-' || value[0] >= '0' && value[0] <= '9') && !ofType("int64", value):
		return nil, shape("%.100s is not of the type int64", value)
	}
	return value, nil
}
