package nats

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
	"github.com/nats-io/nats.go/jetstream"

	client "github.com/nats-io/nats.go"
)

// The headers of a message, beside jetstream.MsgIDHeader. Control characters in their values are escaped as in subjects.
const (
	HeaderEventID        = "Nacre-Event-Id"
	HeaderType           = "Nacre-Type"
	HeaderStore          = "Nacre-Store"
	HeaderStreamID       = "Nacre-Stream-Id"
	HeaderStreamPosition = "Nacre-Stream-Position"
	HeaderPosition       = "Nacre-Position"
	HeaderCorrelationID  = "Nacre-Correlation-Id"
)

// sample is an event that a template is tried with.
var sample = &nacre.Event{StreamID: "x", Type: "x"}

// messages are those of a batch.
func (s *sender) messages(b *delivery.Batch) ([]*client.Msg, error) {
	out := make([]*client.Msg, len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		line, err := e.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("event %q at position %d: %w", e.ID, e.GlobalPosition, err)
		}
		subject := s.subject.Name(b.Store, e, token)
		if len(subject) > mostSubject {
			return nil, fmt.Errorf("event %q at position %d: its subject has %d bytes, more than %d: use fewer placeholders",
				e.ID, e.GlobalPosition, len(subject), mostSubject)
		}
		out[i] = &client.Msg{Subject: subject, Data: line, Header: client.Header{
			jetstream.MsgIDHeader: {header(relay.MessageID(b.Store, b.Subscription, e))},
			HeaderEventID:         {header(e.ID)},
			HeaderType:            {header(e.Type)},
			HeaderStore:           {header(b.Store)},
			HeaderStreamID:        {header(string(e.StreamID))},
			HeaderStreamPosition:  {strconv.FormatInt(e.StreamPosition, 10)},
			HeaderPosition:        {strconv.FormatUint(uint64(e.GlobalPosition), 10)},
			HeaderCorrelationID:   {header(correlation(e))},
		}}
	}
	return out, nil
}

// mostCorrelation is how much of a correlation id stands in a header: it is of any length.
const mostCorrelation = 1024

func correlation(e *nacre.Event) string {
	id := e.CorrelationID()
	return id[:min(len(id), mostCorrelation)]
}

// header is a value without what would end a header's line, or begin or end with what is trimmed.
func header(value string) string {
	awkward := func(r rune) bool { return r < ' ' || r == 0x7f || r == '%' || r == '�' }
	if strings.ContainsFunc(value, awkward) || strings.TrimSpace(value) != value {
		var out strings.Builder
		for i := range len(value) {
			if c := value[i]; c <= ' ' || c >= 0x7f || c == '%' {
				fmt.Fprintf(&out, "%%%02X", c)
			} else {
				out.WriteByte(c)
			}
		}
		return out.String()
	}
	return value
}
