package guest

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// maxSteps bounds the chain of upcasts of one event.
const maxSteps = 100

// apply reads the events of a request, and evolves its state by them.
func (a *aggregate[S, C, E]) apply(q *request[S, C]) {
	r := &a.in
	for ok := r.Array(); ok && r.Element(); {
		if !r.Object() {
			r.Fail("wants an event, which is an object")
			return
		}
		a.applyNext(q)
		if q.failed(r, codeDecodeEvent) {
			return
		}
	}
}

// applyNext applies the event whose object was begun. Where the schema version does not count, the data is read as
// soon as the type is known, which the host writes before.
func (a *aggregate[S, C, E]) applyNext(q *request[S, C]) {
	r := &a.in
	e := Event{SchemaVersion: 1}
	var known row // empty where the event has to be read as a whole first
	applied := false
	for r.Member() {
		switch string(r.Name()) {
		case "type":
			name := r.Text()
			if !a.stepped[string(name)] {
				known = a.events[string(name)]
			}
			if e.Type = known.name; known.codec == nil {
				e.Type = string(name)
			}
		case "data":
			if known.codec != nil {
				v := known.read(r)
				if r.Err() != nil {
					return
				}
				q.state.state, applied = a.d.Evolve(q.state.state, v.(E)), true
			} else {
				e.Data = r.Raw()
			}
		case "tags":
			for ok := r.Array(); ok && r.Element(); {
				e.Tags = append(e.Tags, r.String())
			}
		case "schemaVersion":
			e.SchemaVersion = int(r.Int(32))
		default:
			r.Unknown()
		}
		if r.Err() != nil {
			return
		}
	}
	if !applied && r.Err() == nil {
		e.Data = bytes.Clone(e.Data)
		a.step(q, e, 0)
	}
}

func unknownEvent(eventType string) string {
	return "the type " + quote(eventType) + " is none of the decider's: list it in Events, Upcast or Skip"
}

// step applies an event that may be an older one.
func (a *aggregate[S, C, E]) step(q *request[S, C], e Event, steps int) {
	wrong := func(message string) {
		q.fail(codeDecodeEvent, "an event of type "+quote(e.Type)+", schema version "+strconv.Itoa(e.SchemaVersion)+": "+message)
	}
	up := a.upcaster(e)
	switch {
	case q.code != "":
		return
	case up == nil:
		if present, versioned := a.o.Versions[e.Type]; versioned && e.SchemaVersion > present {
			wrong("this module knows schema version " + strconv.Itoa(present) + ": a newer one wrote it")
			return
		}
		a.applyPlain(q, e, wrong)
		return
	case steps == maxSteps:
		wrong("its upcasters come to no end")
		return
	}
	results, err := up(e)
	if err != nil {
		wrong("its upcaster failed: " + err.Error())
		return
	}
	for _, next := range results {
		next.SchemaVersion = max(1, next.SchemaVersion)
		if next.Type == e.Type && next.SchemaVersion == e.SchemaVersion {
			wrong("its upcaster gives the same type and schema version again: change one of them")
			return
		}
		a.step(q, next, steps+1)
	}
}

// upcaster is what turns an event into a later one; nil where nothing has to.
func (a *aggregate[S, C, E]) upcaster(e Event) Upcaster {
	if up := a.o.Upcast[e.Type+"@"+strconv.Itoa(e.SchemaVersion)]; up != nil {
		return up
	}
	if _, present := a.events[e.Type]; present && e.SchemaVersion >= a.o.version(e.Type) {
		return nil
	}
	return a.o.Upcast[e.Type]
}

// applyPlain applies an event that needs no upcast.
func (a *aggregate[S, C, E]) applyPlain(q *request[S, C], e Event, wrong func(string)) {
	known, ok := a.events[e.Type]
	if !ok {
		if !a.skips(e.Type) {
			q.fail(codeUnknownEvent, unknownEvent(e.Type))
		}
		return
	}
	if e.Data == nil {
		wrong("it has no data")
		return
	}
	r := jsontext.NewReader(e.Data, false)
	v := known.read(r)
	if err := r.End(); err != nil {
		wrong("its data: " + readable(err))
		return
	}
	q.state.state = a.d.Evolve(q.state.state, v.(E))
}

func (a *aggregate[S, C, E]) skips(eventType string) bool {
	for _, pattern := range a.o.Skip {
		if matches(pattern, eventType) {
			return true
		}
	}
	return false
}

// matches tells whether a filter's pattern matches an event's type: a "*" is one character or more.
func matches(pattern, eventType string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == eventType
	}
	text, ok := strings.CutPrefix(eventType, head)
	for ok {
		_, one := utf8.DecodeRuneInString(text)
		if one == 0 {
			return false
		}
		var part string
		part, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return len(text) >= one+len(part) && strings.HasSuffix(text, part)
		}
		var at int
		if at = strings.Index(text[one:], part); at < 0 {
			return false
		}
		text = text[one+at+len(part):]
	}
	return false
}
