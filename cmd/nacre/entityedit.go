package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/spf13/cobra"
)

// editFlags say in words what an edit does.
type editFlags struct{ set, add, remove []string }

func (e *editFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&e.set, "set", nil, "a property's value, as `NAME=VALUE`; may be repeated")
	f.StringArrayVar(&e.add, "add", nil, "what to add, as `NAME=VALUE`: to a counter, to a set, at a list's end; a map's as NAME.KEY=VALUE")
	f.StringArrayVar(&e.remove, "remove", nil, "what to take away, as `NAME=VALUE`: of a set; of a list by its index, from 0; of a map by its key; NAME alone: its value")
}

func (e *editFlags) given() bool { return len(e.set)+len(e.add)+len(e.remove) > 0 }

// patch is what the flags say, by the schema: a property of texts takes a VALUE as it is, the others take JSON.
func (e *editFlags) patch(s *merge.Schema) (json.RawMessage, error) {
	b := patchBuilder{schema: s, verbs: map[string]map[string]json.RawMessage{}}
	for _, text := range e.set {
		if err := b.setOf(text); err != nil {
			return nil, err
		}
	}
	for _, text := range e.add {
		if err := b.addOf(text); err != nil {
			return nil, err
		}
	}
	for _, text := range e.remove {
		if err := b.removeOf(text); err != nil {
			return nil, err
		}
	}
	return json.Marshal(b.verbs)
}

// patchBuilder collects values by verb and property.
type patchBuilder struct {
	schema *merge.Schema
	verbs  map[string]map[string]json.RawMessage
}

func flagError(flag, format string, args ...any) error {
	return nacre.Errorf(nacre.CodeInvalid, "--%s: %s", flag, fmt.Sprintf(format, args...))
}

// property finds what NAME or, in a map, NAME.KEY stands for.
func (b *patchBuilder) property(flag, text string) (name, key string, p merge.SchemaProperty, err error) {
	if p, there := b.schema.Properties[text]; there {
		return text, "", p, nil
	}
	name, key, dotted := strings.Cut(text, ".")
	if p, there := b.schema.Properties[name]; there && dotted && p.Kind == "map" {
		return name, key, p, nil
	} else if there && dotted {
		return "", "", p, flagError(flag, "%s is a %s, and has no keys", name, p.Kind)
	}
	names := slices.Sorted(maps.Keys(b.schema.Properties))
	return "", "", p, flagError(flag, "there is no property %q: the schema has %s", plain(text, 80), strings.Join(names, ", "))
}

// split takes NAME=VALUE apart.
func (b *patchBuilder) split(flag, text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", "", flagError(flag, "%q is no NAME=VALUE", plain(text, 80))
	}
	return name, value, nil
}

// of is a VALUE as the type of an element has it.
func (b *patchBuilder) of(flag, name string, p *merge.SchemaProperty, text string) (json.RawMessage, error) {
	switch p.Type {
	case "text", "ref", "time", "bytes":
		return jsonString(text), nil
	case "decimal":
		if p.Kind != "counter" && json.Valid([]byte(text)) && isNumeral(json.RawMessage(text)) {
			return jsonString(text), nil
		}
	}
	trimmed := strings.TrimSpace(text)
	if !json.Valid([]byte(trimmed)) {
		hint := ""
		if p.Type == "json" {
			hint = `; a text in JSON stands in quotes: '"…"'`
		}
		return nil, flagError(flag, "%s is %s, and %q is none%s", name, propertyText(p), plain(text, 80), hint)
	}
	return json.RawMessage(trimmed), nil
}

func (b *patchBuilder) put(verb, name string, value json.RawMessage) {
	if b.verbs[verb] == nil {
		b.verbs[verb] = map[string]json.RawMessage{}
	}
	b.verbs[verb][name] = value
}

// gather puts one more element into the array, or object, of a verb and property.
func (b *patchBuilder) gather(verb, name, open, shut string, part []byte) {
	before := b.verbs[verb][name]
	if before == nil {
		b.put(verb, name, json.RawMessage(open+string(part)+shut))
		return
	}
	inside := bytes.TrimSuffix(before, []byte(shut))
	b.put(verb, name, slices.Concat(inside, []byte{','}, part, []byte(shut)))
}

func (b *patchBuilder) setOf(text string) error {
	left, text, err := b.split("set", text)
	if err != nil {
		return err
	}
	name, key, p, err := b.property("set", left)
	if err != nil {
		return err
	}
	if p.Kind == "map" && name != left {
		return b.putKey("set", name, key, &p, text)
	}
	var value json.RawMessage
	switch p.Kind {
	case "set", "list", "map":
		if value = json.RawMessage(strings.TrimSpace(text)); !json.Valid(value) {
			return flagError("set", "%s is a %s: give all of it in JSON, or use --add and --remove", name, p.Kind)
		}
	default:
		if value, err = b.of("set", name, &p, text); err != nil {
			return err
		}
	}
	if _, twice := b.verbs["set"][name]; twice {
		return flagError("set", "%s is given twice", name)
	}
	b.put("set", name, value)
	return nil
}

// putKey puts a key into a map.
func (b *patchBuilder) putKey(flag, name, key string, p *merge.SchemaProperty, text string) error {
	value, err := b.of(flag, name, p, text)
	if err == nil {
		b.gather("add", name, "{", "}", slices.Concat(jsonString(key), []byte{':'}, value))
	}
	return err
}

func (b *patchBuilder) addOf(text string) error {
	left, text, err := b.split("add", text)
	if err != nil {
		return err
	}
	name, key, p, err := b.property("add", left)
	if err != nil {
		return err
	}
	switch p.Kind {
	case "map":
		if name == left {
			return flagError("add", "%s is a map: give %s.KEY=VALUE", name, name)
		}
		return b.putKey("add", name, key, &p, text)
	case "register", "reference":
		return flagError("add", "%s has one value: give --set %s=…", name, name)
	}
	value, err := b.of("add", name, &p, text)
	if err != nil {
		return err
	}
	if p.Kind == "counter" {
		if _, twice := b.verbs["add"][name]; twice {
			return flagError("add", "%s is given twice", name)
		}
		b.put("add", name, value)
		return nil
	}
	b.gather("add", name, "[", "]", value)
	return nil
}

func (b *patchBuilder) removeOf(text string) error {
	left, text, valued := strings.Cut(text, "=")
	name, key, p, err := b.property("remove", left)
	if err != nil {
		return err
	}
	switch {
	case p.Kind == "map" && name != left:
		b.gather("remove", name, "[", "]", jsonString(key))
		return nil
	case p.Kind == "map" && valued:
		b.gather("remove", name, "[", "]", jsonString(text))
		return nil
	case (p.Kind == "register" || p.Kind == "reference") && !valued:
		b.put("remove", name, json.RawMessage("null"))
		return nil
	case p.Kind == "register" || p.Kind == "reference":
		return flagError("remove", "%s has one value: give --remove %s", name, name)
	case !valued:
		return flagError("remove", "%s is a %s: say what to take away, as in %s=…", name, p.Kind, name)
	}
	if p.Kind == "list" {
		index := strings.TrimSpace(text)
		if strings.Trim(index, "0123456789") != "" || !json.Valid([]byte(index)) {
			return flagError("remove", "%s is a list, and %q is no index from 0", name, plain(text, 80))
		}
		b.gather("remove", name, "[", "]", []byte(index))
		return nil
	}
	value, err := b.of("remove", name, &p, text)
	if err != nil {
		return err
	}
	if p.Kind == "counter" {
		b.put("remove", name, value)
		return nil
	}
	b.gather("remove", name, "[", "]", value)
	return nil
}
