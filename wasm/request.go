package wasm

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// question is what a guest is asked: to decide or to evolve. Its values are no pointers, so that they stay on the stack.
type question struct {
	id      string
	decides bool
	command Command         // where it decides
	context decider.Context // where it decides
	wants   bool            // the state that it comes to
}

// write makes the request in in.request, of a state that the guest holds or that is sent whole.
func (in *instance) write(q *question, s *standing, held bool, keep uint64) error {
	b := append(in.request[:0], '{')
	if q.id != "" {
		b = append(appendText(append(b, `"id":`...), []byte(q.id)), ',')
	}
	after := s.from
	switch {
	case held:
		after = s.hold.total
		b = append(strconv.AppendUint(append(b, `"held":`...), s.hold.number, 10), ',')
	case s.base != nil:
		b = append(append(append(b, `"state":`...), s.base...), ',')
	}
	if events := in.since(s, after); len(events) > 0 || !q.decides {
		b = append(appendEvents(append(b, `"events":`...), events), ',')
	}
	if keep > 0 {
		b = append(strconv.AppendUint(append(b, `"keep":`...), keep, 10), ',')
	}
	if q.wants {
		b = append(b, `"return":true,`...)
	}
	var err error
	if q.decides {
		b = appendText(append(b, `"command":`...), []byte(q.command.Command))
		if len(q.command.Payload) > 0 {
			b = append(append(b, `,"payload":`...), q.command.Payload...)
		}
		b, err = appendContext(append(b, `,"context":`...), &q.context)
		b = append(b, ',')
	}
	b[len(b)-1] = '}'
	in.request = b
	return err
}

// since gives the last events of a state, those behind so many.
func (in *instance) since(s *standing, after int64) []*Event {
	n := int(s.total - after)
	if cap(in.events) < n {
		in.events = make([]*Event, n, 2*n)
	}
	events := in.events[:n]
	for i, node := n-1, s.tail; i >= 0; i, node = i-1, node.before {
		events[i] = &node.event
	}
	return events
}

func appendEvents(b []byte, events []*Event) []byte {
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"type":`...), []byte(e.Type))
		b = append(append(b, `,"data":`...), e.Data...)
		for i, tag := range e.Tags {
			if i == 0 {
				b = append(b, `,"tags":[`...)
			} else {
				b = append(b, ',')
			}
			b = appendText(b, []byte(tag))
		}
		if len(e.Tags) > 0 {
			b = append(b, ']')
		}
		if e.SchemaVersion > 1 {
			b = strconv.AppendInt(append(b, `,"schemaVersion":`...), int64(e.SchemaVersion), 10)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendContext(b []byte, c *decider.Context) ([]byte, error) {
	b = append(b, '{')
	b = appendMember(b, `"commandId":`, c.CommandID)
	b = c.Time.UTC().AppendFormat(append(b, `"time":"`...), time.RFC3339Nano)
	b = append(b, `",`...)
	b = appendMember(b, `"actor":`, c.Actor)
	b = appendMember(b, `"correlationId":`, c.CorrelationID)
	b = appendMember(b, `"causationId":`, c.CausationID)
	b = appendMember(b, `"sourceDevice":`, c.SourceDevice)
	if len(c.Metadata) > 0 {
		metadata, err := codec.Marshal(c.Metadata)
		if err != nil {
			return b, &nacre.Error{Code: nacre.CodeInvalid, Field: "context.metadata", Message: "does not encode as JSON", Err: err}
		}
		b = append(append(append(b, `"metadata":`...), metadata...), ',')
	}
	b[len(b)-1] = '}'
	return b, nil
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(appendText(append(b, name...), []byte(value)), ',')
}

// appendText appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendText(b, text []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	plain := 0 // where what was not appended yet begins
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, text[plain:i]...), "\uFFFD"...)
				plain = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[plain:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		plain = i
	}
	return append(append(b, text[plain:]...), '"')
}
