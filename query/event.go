package query

import (
	"strconv"

	"github.com/nacredb/nacre"
)

// Events is the schema of a log's events, for a subscription's where: type, streamId, category, eventId,
// transactionId, globalPosition, streamPosition, createdAt, tags, parents, data and metadata. What stands inside data
// and metadata is json: data.total > 100.
var Events Schema = events{}

type events struct{}

var eventProperties = map[string]Type{
	"type": TypeText, "streamId": TypeText, "category": TypeText, "eventId": TypeText, "transactionId": TypeText,
	"globalPosition": TypeInt64, "streamPosition": TypeInt64, "createdAt": TypeTime,
	"tags": TypeJSON, "parents": TypeJSON, "data": TypeJSON, "metadata": TypeJSON,
}

func (events) Property(name string) (Property, bool) {
	t, ok := eventProperties[name]
	return Property{Type: t}, ok
}

func (events) Collection(string) (Schema, bool) { return nil, false }

func (events) Names() []string {
	names := make([]string, 0, len(eventProperties))
	for n := range eventProperties {
		names = append(names, n)
	}
	return names
}

// Event is an event as a row of [Events]. It may be used again and again: [Event.Reset] keeps its memory. It is for
// one goroutine at a time.
type Event struct {
	event  *nacre.Event
	buffer []byte
}

// Reset makes the row that of another event, which must not change.
func (r *Event) Reset(e *nacre.Event) { r.event, r.buffer = e, r.buffer[:0] }

// ID is the event's id.
func (r *Event) ID() string { return r.event.ID }

// Get is the JSON of a property, nil where the event does not have it.
func (r *Event) Get(property string) []byte {
	e, begin := r.event, len(r.buffer)
	switch property {
	case "data":
		return e.Data
	case "metadata":
		return e.Metadata
	case "type":
		r.buffer = appendQuoted(r.buffer, e.Type)
	case "streamId":
		r.buffer = appendQuoted(r.buffer, string(e.StreamID))
	case "category":
		r.buffer = appendQuoted(r.buffer, e.StreamID.Category())
	case "eventId":
		r.buffer = appendQuoted(r.buffer, e.ID)
	case "transactionId":
		if e.TransactionID == "" {
			return nil
		}
		r.buffer = appendQuoted(r.buffer, e.TransactionID)
	case "globalPosition":
		r.buffer = strconv.AppendUint(r.buffer, uint64(e.GlobalPosition), 10)
	case "streamPosition":
		r.buffer = strconv.AppendInt(r.buffer, e.StreamPosition, 10)
	case "createdAt":
		r.buffer = append(e.CreatedAt.UTC().AppendFormat(append(r.buffer, '"'), timeLayout), '"')
	case "tags":
		r.buffer = appendTexts(r.buffer, e.Tags)
	case "parents":
		if e.Parents == nil {
			return nil
		}
		r.buffer = appendTexts(r.buffer, e.Parents)
	}
	return r.buffer[begin:len(r.buffer):len(r.buffer)]
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, s := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, s)
	}
	return append(dst, ']')
}
