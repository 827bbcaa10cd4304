package reflected

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Field is a member of the object that a struct is.
type Field struct {
	Name  string // the member's
	Steps []Step // from the struct to the field
	Type  reflect.Type

	OmitEmpty, OmitZero bool
	Quoted              bool // it stands in a text

	tagged bool
}

// Step is a Go field on the way; the last one is the field itself.
type Step struct {
	Name  string
	Index int
	Type  reflect.Type
}

// BehindPointer tells whether an embedded pointer is on the way.
func (f *Field) BehindPointer() bool {
	return slices.ContainsFunc(f.Steps[:len(f.Steps)-1], func(s Step) bool { return s.Type.Kind() == reflect.Pointer })
}

// Fields are the members of a struct in the order in which they are written, by the rules of encoding/json: of
// several with one name the shallowest counts, then the one with a tag; where that does not decide, none.
func Fields(t reflect.Type) ([]Field, error) {
	type level struct {
		t     reflect.Type
		steps []Step
	}
	var all []Field
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
					next = append(next, level{t: embedded, steps: f.Steps})
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
func memberOf(sf reflect.StructField, index int, above []Step) (f *Field, embedded reflect.Type, err error) {
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
	f = &Field{
		Name: name, tagged: name != "", Type: sf.Type,
		Steps: append(slices.Clip(above), Step{Name: sf.Name, Index: index, Type: sf.Type}),
	}
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "omitempty":
			f.OmitEmpty = true
		case option == "omitzero":
			f.OmitZero = true
		case option == "string":
			f.Quoted = quotable(sf.Type)
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
		f.Name = sf.Name
	}
	return f, nil, nil
}

// quotable are the types that "string" in a tag is for.
func quotable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return Basic(t.Kind())
}

// dominant leaves one field a name.
func dominant(all []Field) []Field {
	slices.SortStableFunc(all, func(a, b Field) int {
		tagged := 0
		if a.tagged != b.tagged {
			tagged = 1
			if a.tagged {
				tagged = -1
			}
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), len(a.Steps)-len(b.Steps), tagged)
	})
	var out []Field
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].Name == all[i].Name {
			end++
		}
		if end == i+1 || len(all[i].Steps) != len(all[i+1].Steps) || all[i].tagged != all[i+1].tagged {
			out = append(out, all[i])
		}
		i = end
	}
	slices.SortStableFunc(out, func(a, b Field) int {
		return slices.CompareFunc(a.Steps, b.Steps, func(s, u Step) int { return s.Index - u.Index })
	})
	return out
}
