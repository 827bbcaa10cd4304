package wasm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
)

// The codes of a guest's errors that are the caller's fault.
const (
	guestDomain         = "DOMAIN"
	guestUnknownCommand = "UNKNOWN_COMMAND"
	guestDecodeCommand  = "DECODE_COMMAND"
	guestDecodeContext  = "DECODE_CONTEXT"
)

// answer is what a guest replied.
type answer struct {
	missing bool
	events  []Event
	state   []byte // nil where there is none
	err     *guestError
}

// guestError is an error as a guest says it.
type guestError struct {
	code, kind, message string
	data                []byte
}

// read reads a reply, which is the guest's memory. What it gives is a copy.
func (in *instance) read(reply []byte, q *question) (answer, error) {
	var a answer
	s := &in.scanner
	if string(reply) == "{}" && !q.wants {
		return a, nil
	}
	s.reset(bytes.Clone(reply))
	err := in.readAnswer(&a, q)
	s.src = nil
	if err == nil && s.err != nil {
		err = in.bad("its reply is not what it should be: %v", s.err)
	}
	return a, err
}

func (in *instance) readAnswer(a *answer, q *question) error {
	s := &in.scanner
	if !s.take('{') {
		return nil
	}
	f := s.enter()
	events := false
	for first := true; s.more(&first, '}'); {
		name, ok := s.member(f)
		if !ok {
			return nil
		}
		switch string(name) {
		case "events":
			events = true
			if err := in.readEvents(a, q); err != nil {
				return err
			}
		case "state":
			a.state = s.compactValue()
		case "error":
			a.err = s.guestError()
		case "missing":
			a.missing, _ = s.boolean()
		default:
			s.value()
		}
	}
	if !s.leave(f) || !s.end() {
		return nil
	}
	switch {
	case a.missing && (events || a.state != nil || a.err != nil):
		return in.bad("its reply says that the state is missing, and more")
	case a.err != nil && (events || a.state != nil):
		return in.bad("its reply has an error, and events or a state")
	case a.err == nil && !a.missing && q.wants && a.state == nil:
		return in.bad("its reply has no state, which it was asked for")
	}
	return nil
}

// compactValue reads a value, without insignificant white space.
func (s *scanner) compactValue() []byte {
	s.peek()
	s.loose = false
	value, ok := s.value()
	if ok && s.loose {
		value = compact(make([]byte, 0, len(value)), value)
	}
	return value
}

func (in *instance) readEvents(a *answer, q *question) error {
	s := &in.scanner
	if !q.decides {
		return in.bad("its reply to a request to evolve has events")
	}
	if !s.take('[') {
		return nil
	}
	most := in.m.limits.Events
	for first := true; s.more(&first, ']'); {
		if len(a.events) == most {
			return in.bad("its reply has more than %d events", most)
		}
		if a.events == nil {
			a.events = make([]Event, 0, 1)
		}
		e, err := in.readEvent()
		if err != nil || s.err != nil {
			return err
		}
		a.events = append(a.events, e)
	}
	return nil
}

func (in *instance) readEvent() (e Event, err error) {
	s := &in.scanner
	if !s.take('{') {
		return e, nil
	}
	at := s.i
	f := s.enter()
	e.SchemaVersion, e.checked = 1, true
	for first := true; s.more(&first, '}'); {
		name, ok := s.member(f)
		if !ok {
			return e, nil
		}
		switch string(name) {
		case "type":
			text, ok := s.str()
			if !ok {
				return e, nil
			}
			known := in.m.readings[string(text)]
			if known == nil || known.present == 0 {
				return e, in.bad("it gave an event of type %q, which its description does not have", trim(string(text), maxMessage))
			}
			e.Type, e.of = known.name, known
		case "data":
			e.Data = s.compactValue()
		case "tags":
			e.Tags = s.tags()
		case "schemaVersion":
			e.SchemaVersion, _ = s.integer()
		default:
			s.value()
		}
	}
	s.leave(f)
	switch {
	case s.err != nil:
	case e.Type == "" || e.Data == nil:
		s.fail(at, "an event needs a type and data")
	case e.SchemaVersion != e.of.present:
		return e, in.bad("it gave an event of type %q and schema version %d: its description says %d", e.Type, e.SchemaVersion, e.of.present)
	}
	return e, nil
}

// tags are strings; the store checks them as those of any event.
func (s *scanner) tags() []string {
	if !s.take('[') {
		return nil
	}
	var tags []string
	for first := true; s.more(&first, ']'); {
		tag, ok := s.str()
		if !ok {
			return nil
		}
		tags = append(tags, string(tag))
	}
	return tags
}

func (s *scanner) guestError() *guestError {
	e := &guestError{}
	if !s.take('{') {
		return e
	}
	at, f := s.i, s.enter()
	for first := true; s.more(&first, '}'); {
		name, ok := s.member(f)
		if !ok {
			return e
		}
		var text *string
		switch string(name) {
		case "code":
			text = &e.code
		case "type":
			text = &e.kind
		case "message":
			text = &e.message
		case "data":
			e.data = s.compactValue()
			continue
		default:
			s.value()
			continue
		}
		said, _ := s.str()
		*text = string(said)
	}
	if s.leave(f) && e.code == "" {
		s.fail(at, "an error needs a code")
	}
	return e
}

// meaning is the error of a call that the guest answered with one.
func (in *instance) meaning(e *guestError, q *question) error {
	if !q.decides {
		return in.failed(e)
	}
	switch e.code {
	case guestDomain:
		return &DomainError{Type: e.kind, Message: e.message, Data: json.RawMessage(e.data)}
	case guestUnknownCommand:
		return nacre.Errorf(aggregate.CodeUnknownCommand, "%q has no command %q", in.m.name(), q.command.Command)
	case guestDecodeCommand:
		return invalid("payload", "is not what the command %q of %q takes%s", q.command.Command, in.m.name(), because(e.message))
	case guestDecodeContext:
		return invalid("context.metadata", "is not what %q needs%s", in.m.name(), because(e.message))
	}
	return in.failed(e)
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + trim(message, maxMessage)
}

// maxMessage bounds what of a guest's message an error of the host has.
const maxMessage = 1000

func trim(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// failed is the error of a guest that says that something is wrong with itself, or with what it was given from the
// log. The instance goes on.
func (in *instance) failed(e *guestError) error {
	err := in.run.error(CodeFailed, fmt.Sprintf("it failed with %s%s", trim(e.code, 100), because(e.message)), nil)
	err.GuestCode = e.code
	err.logs, err.lost = in.run.journal.records, in.run.journal.lost
	return err
}
