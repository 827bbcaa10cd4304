package guest

import (
	"maps"
	"slices"
	"strings"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

func (a *aggregate[S, C, E]) describe() []byte {
	if a.description != nil {
		return a.description
	}
	a.link()
	var w jsontext.Writer
	w.Raw(`{"name":`)
	w.String(a.d.Category)
	w.Raw(`,"schemaVersion":`)
	w.Int(int64(max(1, a.d.SchemaVersion)))
	w.Raw(`,"commands":{`)
	for _, name := range slices.Sorted(maps.Keys(a.d.Commands)) {
		w.Comma()
		w.String(name)
		w.Byte(':')
		writeAbout(&w, 1, a.o.Commands[name])
	}
	w.Raw(`},"events":{`)
	for _, name := range slices.Sorted(maps.Keys(a.d.Events)) {
		w.Comma()
		w.String(name)
		w.Byte(':')
		writeAbout(&w, a.o.version(name), a.o.Events[name])
	}
	w.Byte('}')
	upcasts := slices.Sorted(maps.Keys(a.o.Upcast))
	var reads []string
	for _, key := range upcasts {
		name, _, _ := strings.Cut(key, "@")
		if _, writes := a.d.Events[name]; !writes {
			reads = append(reads, name)
		}
	}
	writeTexts(&w, "reads", slices.Compact(reads))
	writeTexts(&w, "upcasts", upcasts)
	writeTexts(&w, "skip", a.o.Skip)
	w.Raw(`,"sdk":"go"}`)
	if err := w.Err(); err != nil {
		panic("guest: the description of " + a.d.Category + ": " + err.Error())
	}
	a.description = w.Bytes()
	return a.description
}

func writeAbout(w *jsontext.Writer, version int, about About) {
	w.Byte('{')
	if version > 1 {
		w.Raw(`"schemaVersion":`)
		w.Int(int64(version))
	}
	if about.Description != "" {
		w.Comma()
		w.Raw(`"description":`)
		w.String(about.Description)
	}
	if about.Schema != "" {
		w.Comma()
		w.Raw(`"schema":`)
		w.Value([]byte(about.Schema))
	}
	w.Byte('}')
}

func writeTexts(w *jsontext.Writer, name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	w.Raw(`,"` + name + `":[`)
	for _, text := range texts {
		w.Comma()
		w.String(text)
	}
	w.Byte(']')
}
