package wasm

import (
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/nacredb/nacre/codec"
)

// maxSites bounds the places of which an instance's guest has said that it logs there, and maxSiteBytes the length of
// what it says of one.
const (
	maxSites     = 1000
	maxSiteBytes = 8 << 10
)

// tracer makes records of what a guest says by Thalo's tracing: first of each place in the program that it is there, with
// its level, and then what happens there, by the place's number. Spans are passed over.
type tracer struct {
	sites map[uint64]site
}

// site is a place that logs.
type site struct {
	level  slog.Level
	target string
}

// traced is what a guest says: one of the members is there.
type traced struct {
	Site *struct {
		ID     uint64 `json:"id"`
		Kind   string `json:"kind"`
		Target string `json:"target"`
		Level  string `json:"level"`
	} `json:"new_call_site"`
	Event *struct {
		Site   uint64                                `json:"metadata_id"`
		Values map[string]map[string]json.RawMessage `json:"values"`
	} `json:"new_event"`
}

var tracedLevels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// take reads what a guest says; the text is the guest's memory. What is of another shape is logged as a text.
func (t *tracer) take(j *journal, text []byte) {
	if len(text) > maxLogBytes {
		j.lost++
		return
	}
	var said traced
	if err := codec.Unmarshal(text, &said); err != nil {
		j.add(int32(slog.LevelInfo), text)
		return
	}
	switch {
	case said.Site != nil:
		if t.sites == nil {
			t.sites = map[uint64]site{}
		}
		if _, known := t.sites[said.Site.ID]; (known || len(t.sites) < maxSites) && len(text) <= maxSiteBytes {
			t.sites[said.Site.ID] = site{tracedLevels[said.Site.Level], strings.Clone(said.Site.Target)}
		}
	case said.Event != nil && j.room(len(text)):
		at := t.sites[said.Event.Site]
		r := Record{Level: at.level}
		for name, value := range said.Event.Values {
			for kind, v := range value { // there is one
				if name == "message" {
					r.Message = plain(v)
				} else {
					r.Fields = append(r.Fields, Field{name, tracedValue(kind, v)})
				}
			}
		}
		sortFields(r.Fields)
		if at.target != "" {
			r.Fields = append(r.Fields, Field{"target", appendText(nil, []byte(at.target))})
		}
		j.records = append(j.records, r)
	}
}

// tracedValue is the value of a field: an error's is its message.
func tracedValue(kind string, v json.RawMessage) json.RawMessage {
	if kind == "error" {
		var e struct {
			Message json.RawMessage `json:"message"`
		}
		if err := codec.Unmarshal(v, &e); err == nil && e.Message != nil {
			return e.Message
		}
	}
	return v
}

// plain is a JSON text without its quotes, and any other value as it is.
func plain(v json.RawMessage) string {
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return string(v)
	}
	return text
}
