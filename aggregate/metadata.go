package aggregate

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// maxCommandID is the longest command id, in bytes.
const maxCommandID = 256

// reserved are the members of metadata that have a meaning of their own.
var reserved = []string{
	"actor", "causationId", "commandId", "contentType", "correlationId", "occurredAt", "schemaVersion", "sourceDevice",
}

// encodeMetadata gives the members of a command's metadata, without braces; "" where there are none.
func encodeMetadata(c *decider.Context) (string, error) {
	var b []byte
	for _, m := range []struct{ name, value string }{
		{"actor", c.Actor},
		{"causationId", c.CausationID},
		{"commandId", c.CommandID},
		{"correlationId", c.CorrelationID},
		{"sourceDevice", c.SourceDevice},
	} {
		if m.value == "" {
			continue
		}
		var err error
		if b, err = appendMember(b, m.name, m.value); err != nil {
			return "", err
		}
	}
	if len(c.Metadata) > 0 {
		names := make([]string, 0, len(c.Metadata))
		for name := range c.Metadata {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if slices.Contains(reserved, name) {
				return "", invalid("metadata."+name, "is a name with a meaning of its own: give it by the context's field, or under another name")
			}
			value, err := codec.Marshal(c.Metadata[name])
			if err != nil {
				return "", &nacre.Error{Code: nacre.CodeInvalid, Field: "metadata." + name, Message: "does not encode as JSON", Err: err}
			}
			if b, err = appendName(b, name); err != nil {
				return "", err
			}
			b = append(b, value...)
		}
	}
	return string(b), nil
}

func appendMember(b []byte, name, value string) ([]byte, error) {
	b, err := appendName(b, name)
	if err != nil {
		return nil, err
	}
	return appendText(b, name, value)
}

func appendName(b []byte, name string) ([]byte, error) {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b, err := appendText(b, name, name)
	return append(b, ':'), err
}

// appendText appends a JSON string; almost all need no escape.
func appendText(b []byte, field, value string) ([]byte, error) {
	plain := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' })
	if plain {
		return append(append(append(b, '"'), value...), '"'), nil
	}
	text, err := codec.Marshal(value)
	if err != nil {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: "is no text", Err: err}
	}
	return append(b, text...), nil
}

// metadataOf is the metadata of an event: its command's, and its schema version where that is not 1.
func metadataOf(command string, schemaVersion int) []byte {
	if schemaVersion > 1 {
		version := `"schemaVersion":` + strconv.Itoa(schemaVersion)
		if command == "" {
			return []byte("{" + version + "}")
		}
		return []byte("{" + command + "," + version + "}")
	}
	if command == "" {
		return nil
	}
	return []byte("{" + command + "}")
}

// commandIDs are the ids of a command's events, but for their index: spec/aggregates.md.
func commandIDs(stream nacre.StreamID, commandID string) string {
	h := sha256.New()
	h.Write([]byte(stream))
	h.Write([]byte{0})
	h.Write([]byte(commandID))
	return "cmd-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:16])) + "-"
}
