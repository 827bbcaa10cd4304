package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/nacredb/nacre"
)

// Invalid is what is wrong with a field of a configuration, which begins with "config".
func Invalid(field, format string, args ...any) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Decode reads a configuration into the struct that into points to, whose fields are texts, booleans and integers with
// the names of their tags. Names are compared exactly; an empty configuration has no members.
func Decode(config json.RawMessage, into any) error {
	fields := fieldsOf(into)
	if len(bytes.TrimSpace(config)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(config))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return Invalid("config", "is no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return Invalid("config", "is no JSON object: %v", err)
		}
		name, _ := token.(string)
		field := "config." + name
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Invalid(field, "is no JSON value: %v", err)
		}
		to, known := fields[name]
		switch {
		case !known:
			return Invalid(field, "is not known: give %s", strings.Join(names(into), ", "))
		case seen[name]:
			return Invalid(field, "stands there twice")
		case string(value) == "null":
			return Invalid(field, "is null: leave it out, or give a value")
		}
		seen[name] = true
		if err := json.Unmarshal(value, to.Addr().Interface()); err != nil {
			return Invalid(field, "is %s: give %s", shortened(value), wanted(to.Kind()))
		}
	}
	if _, err := d.Token(); err != nil {
		return Invalid("config", "is no JSON object: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Invalid("config", "has something behind its end")
	}
	return nil
}

// Encode is a configuration as it is stored: the struct that Decode read into, with its defaults.
func Encode(config any) json.RawMessage {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(config); err != nil {
		// Texts, booleans and integers always encode.
		panic(fmt.Sprintf("relay: a configuration does not encode: %v", err))
	}
	return bytes.TrimSpace(out.Bytes())
}

func fieldsOf(into any) map[string]reflect.Value {
	v := reflect.ValueOf(into).Elem()
	fields := make(map[string]reflect.Value, v.NumField())
	for i, name := range names(into) {
		fields[name] = v.Field(i)
	}
	return fields
}

// names are those of the fields, in their order.
func names(into any) []string {
	t := reflect.TypeOf(into).Elem()
	out := make([]string, t.NumField())
	for i := range out {
		out[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return out
}

func wanted(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	default:
		return "a whole number"
	}
}

// shortened is a value for people. A text is not shown: it may be a secret in the wrong place.
func shortened(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "a text"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	if len(value) > 32 {
		return string(value[:32]) + "…"
	}
	return string(value)
}

// Range checks a number that was given, or 0 for what was left out, which becomes the default.
func Range(field string, value *int64, byDefault, least, most int64) error {
	if *value == 0 {
		*value = byDefault
	}
	if *value < least || *value > most {
		return Invalid(field, "is %d: give %d to %d", *value, least, most)
	}
	return nil
}
