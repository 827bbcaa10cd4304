package relay

import (
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// Value is what a template's placeholder stands for.
type Value string

// The placeholders, as they stand in a template in braces.
const (
	Store    Value = "store"    // the store's name
	Category Value = "category" // of the event's stream
	Stream   Value = "stream"   // the whole stream id
	Type     Value = "type"     // the event's type
)

// Template makes a name of an event: "nacre.{store}.{category}".
type Template struct {
	parts []part
}

// part is a text, or a placeholder where it has a value.
type part struct {
	text  string
	value Value
}

// ParseTemplate reads a template. field is what errors call it.
func ParseTemplate(field, text string) (*Template, error) {
	t := &Template{}
	for rest := text; rest != ""; {
		before, behind, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return nil, Invalid(field, `has a "}" without a "{"`)
		}
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			break
		}
		name, next, closed := strings.Cut(behind, "}")
		if !closed {
			return nil, Invalid(field, `has a "{" without a "}"`)
		}
		switch v := Value(name); v {
		case Store, Category, Stream, Type:
			t.parts = append(t.parts, part{value: v})
		default:
			return nil, Invalid(field, "has {%s}: give {store}, {category}, {stream} or {type}", name)
		}
		rest = next
	}
	return t, nil
}

// Name is the name for an event of a store, its values escaped.
func (t *Template) Name(store string, e *nacre.Event, escape func(Value, string) string) string {
	var out strings.Builder
	for _, p := range t.parts {
		switch p.value {
		case Store:
			out.WriteString(escape(p.value, store))
		case Category:
			out.WriteString(escape(p.value, e.StreamID.Category()))
		case Stream:
			out.WriteString(escape(p.value, string(e.StreamID)))
		case Type:
			out.WriteString(escape(p.value, e.Type))
		default:
			out.WriteString(p.text)
		}
	}
	return out.String()
}

// Constant is the beginning of all names for a store, and whether that is all of them.
func (t *Template) Constant(store string, escape func(Value, string) string) (begin string, all bool) {
	var out strings.Builder
	for _, p := range t.parts {
		switch p.value {
		case "":
			out.WriteString(p.text)
		case Store:
			out.WriteString(escape(p.value, store))
		default:
			return out.String(), false
		}
	}
	return out.String(), true
}

// Escape writes the bytes of a value that are not plain as "%" and two hexadecimal digits. Plain are ASCII letters and
// digits, "-", "_", and those of also; never "%".
func Escape(value, also string) string {
	var out strings.Builder
	for i := range len(value) {
		c := value[i]
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '_' || c != '%' && strings.IndexByte(also, c) >= 0
		if plain {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
