package codegen

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// field is a member of the object that a struct is.
type field struct {
	name      string // the member's
	tagged    bool
	steps     []step // from the struct to the field
	typ       reflect.Type
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

// step is a Go field on the way; the last one is the field itself.
type step struct {
	name  string
	index int
	typ   reflect.Type
}

// behindPointer tells whether an embedded pointer is on the way.
func (f *field) behindPointer() bool {
	return slices.ContainsFunc(f.steps[:len(f.steps)-1], func(s step) bool { return s.typ.Kind() == reflect.Pointer })
}

// fieldsOf are the members of a struct in the order in which they are written, by the rules of encoding/json: of
// several with one name the shallowest counts, then the one with a tag; where that does not decide, none.
func fieldsOf(t reflect.Type) ([]field, error) {
	type level struct {
		t     reflect.Type
		steps []step
	}
	var all []field
	visited := map[reflect.Type]bool{}
	next := []level{{t: t}}
	for len(next) > 0 {
		current := next
		next = nil
		counts := map[reflect.Type]int{}
		for _, l := range current {
			counts[l.t]++
		}
		entered := map[reflect.Type]bool{}
		for _, l := range current {
			if visited[l.t] || entered[l.t] {
				continue
			}
			entered[l.t] = true
			for i := range l.t.NumField() {
				f, embedded, err := memberOf(l.t.Field(i), i, l.steps)
				switch {
				case err != nil:
					return nil, fmt.Errorf("%s.%s: %w", l.t, l.t.Field(i).Name, err)
				case embedded != nil:
					next = append(next, level{t: embedded, steps: f.steps})
				case f != nil:
					all = append(all, *f)
					if counts[l.t] > 1 { // what an embedded type has twice hides itself
						all = append(all, *f)
					}
				}
			}
		}
		for t := range entered {
			visited[t] = true
		}
	}
	return dominant(all), nil
}

// memberOf is what a Go field is: a member, or a struct whose members are those of the one that it stands in, or
// neither.
func memberOf(sf reflect.StructField, index int, above []step) (f *field, embedded reflect.Type, err error) {
	inner := sf.Type
	if inner.Kind() == reflect.Pointer && inner.Name() == "" {
		inner = inner.Elem()
	}
	if sf.Anonymous {
		if !sf.IsExported() && inner.Kind() != reflect.Struct {
			return nil, nil, nil
		}
	} else if !sf.IsExported() {
		return nil, nil, nil
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return nil, nil, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	if !utf8.ValidString(name) || strings.ContainsAny(name, "'\"`\\") {
		return nil, nil, fmt.Errorf("its tag's name %q is not taken by all who read tags", name)
	}
	f = &field{
		name: name, tagged: name != "", typ: sf.Type,
		steps: append(slices.Clip(above), step{name: sf.Name, index: index, typ: sf.Type}),
	}
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "omitempty":
			f.omitEmpty = true
		case option == "omitzero":
			f.omitZero = true
		case option == "string":
			f.quoted = quotable(sf.Type)
		case option == "inline" || option == "unknown" || strings.ContainsRune(option, ':'):
			return nil, nil, fmt.Errorf("its tag has %q, which encoding/json does not know", option)
		}
	}
	if sf.Anonymous && name == "" && inner.Kind() == reflect.Struct {
		if sf.Type.Kind() == reflect.Pointer && !sf.IsExported() {
			return nil, nil, fmt.Errorf("it is embedded by a pointer, and its type is not exported, so that it cannot be decoded")
		}
		return f, inner, nil
	}
	if name == "" {
		f.name = sf.Name
	}
	return f, nil, nil
}

// quotable are the types that "string" in a tag is for.
func quotable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return basic(t.Kind())
}

// dominant leaves one field a name.
func dominant(all []field) []field {
	slices.SortStableFunc(all, func(a, b field) int {
		tagged := 0
		if a.tagged != b.tagged {
			tagged = 1
			if a.tagged {
				tagged = -1
			}
		}
		return cmp.Or(strings.Compare(a.name, b.name), len(a.steps)-len(b.steps), tagged)
	})
	var out []field
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].name == all[i].name {
			end++
		}
		if end == i+1 || len(all[i].steps) != len(all[i+1].steps) || all[i].tagged != all[i+1].tagged {
			out = append(out, all[i])
		}
		i = end
	}
	slices.SortStableFunc(out, func(a, b field) int {
		return slices.CompareFunc(a.steps, b.steps, func(s, u step) int { return s.index - u.index })
	})
	return out
}
