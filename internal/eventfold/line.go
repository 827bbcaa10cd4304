package eventfold

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// written is an event as eventfold writes it into a line. Its raw parts are those of the line.
type written struct {
	Type string
	Data jsontext.Value
	TS   uint64
	// ID and Actor are nil where they are absent or null.
	ID, Actor *string
	// Meta is nil where it is absent or null.
	Meta jsontext.Value
	// More are members that eventfold does not know, and passes over.
	More []member
}

// member is a member of an object, its name and value.
type member struct {
	name  string
	value jsontext.Value
}

// lineParser reads events out of lines. It belongs to one goroutine.
type lineParser struct {
	decoder *jsontext.Decoder
	text    bytes.Buffer
}

func newLineParser() *lineParser {
	p := new(lineParser)
	p.decoder = jsontext.NewDecoder(&p.text)
	return p
}

// event reads the event that the text begins with, and tells how many bytes it has. What it gives is
// valid until the next call.
func (p *lineParser) event(text []byte) (w written, size int, err error) {
	p.text.Reset()
	p.text.Write(text)
	p.decoder.Reset(&p.text)
	members, err := objectMembers(p.decoder)
	if err != nil {
		return w, 0, err
	}
	seen := 0
	for _, m := range members {
		switch m.name {
		case "type":
			w.Type, err = textOf(m.value)
			seen++
		case "data":
			w.Data = m.value
			seen++
		case "ts":
			w.TS, err = strconv.ParseUint(string(m.value), 10, 64)
			if err != nil {
				err = errors.New("is no number of seconds")
			}
			seen++
		case "id":
			w.ID, err = optionalText(m.value)
		case "actor":
			w.Actor, err = optionalText(m.value)
		case "meta":
			if m.value.Kind() != 'n' {
				w.Meta = m.value
			}
		default:
			w.More = append(w.More, m)
		}
		if err != nil {
			return w, 0, fmt.Errorf("its member %q %w", m.name, err)
		}
	}
	if seen < 3 {
		return w, 0, errors.New("it has not all of type, data and ts")
	}
	return w, int(p.decoder.InputOffset()), nil
}

// objectMembers reads an object; no name stands in it twice, in it or below. The values are copies.
func objectMembers(d *jsontext.Decoder) ([]member, error) {
	first, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if first.Kind() != '{' {
		return nil, errors.New("it is no JSON object")
	}
	var members []member
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = value.Clone()
		members = append(members, m)
	}
	_, err = d.ReadToken()
	return members, err
}

var errNoText = errors.New("is no text")

func textOf(v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return "", errNoText
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err
}

func optionalText(v jsontext.Value) (*string, error) {
	if v.Kind() == 'n' {
		return nil, nil
	}
	text, err := textOf(v)
	return &text, err
}

// eventStart is how every line begins that eventfold writes.
var eventStart = []byte(`{"type":`)

// salvageBudget bounds the work on one line that is no event, in bytes looked at.
const salvageBudget = 64 << 20

// split is what a line that is not one event has: events that stand in it whole, and what is left of
// others between them.
//
// A write that was torn leaves the beginning of an event, and the next append goes on behind it. So a line
// is any number of beginnings, each of which may be an event that lacks only its line feed, and then an
// event with its line feed. Where the whole rest of the line, from a brace on, is an event, it is that last
// one: a smaller object in it, or one in a torn beginning, has something behind it, and a brace inside of a
// text leaves an odd number of quotes.
func (p *lineParser) split(text []byte) (events [][]byte, torn []byte) {
	rest := text
	for len(rest) > 0 {
		_, size, err := p.event(rest)
		if err != nil {
			break
		}
		events = append(events, rest[:size])
		rest = bytes.TrimLeft(rest[size:], " \t\r")
	}
	if len(rest) == 0 {
		return events, nil
	}
	budget := salvageBudget
	for at := 1; at < len(rest) && budget > 0; at++ {
		i := bytes.Index(rest[at:], eventStart)
		if i < 0 {
			break
		}
		at += i
		_, size, err := p.event(rest[at:])
		if err == nil && at+size == len(rest) {
			return append(events, rest[at:]), rest[:at]
		}
		budget -= max(int(p.decoder.InputOffset()), 4<<10)
	}
	return events, rest
}
