package nacre

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Position is a place in a store's log, from 1, gapless, in commit order; 0 stands before everything.
type Position uint64

// StreamID names a stream: "category-rest". Without a "-" all of it is the category. It is 1 to 256
// bytes of UTF-8 without quotes, backslashes and control characters, and does not begin with "$" or "-", but for
// the ordered streams "$schema-…" and "$policy-…", whose events are of the types "$schema" and "$policy".
type StreamID string

// Category is the text before the first "-".
func (id StreamID) Category() string {
	category, _, _ := strings.Cut(string(id), "-")
	return category
}

// Rest is the text behind the first "-": what names one thing of its category. It is "" where there is none.
func (id StreamID) Rest() string {
	_, rest, _ := strings.Cut(string(id), "-")
	return rest
}

// Event is an immutable fact. Whoever appends it gives Type and Data, and ID, Metadata and Tags where
// wanted; the rest is the store's, and an append that sets it is refused.
//
// An Event that a store returned is the caller's to keep, unless it was read with
// [ReadOptions.Borrowed]; nobody changes it.
type Event struct {
	// GlobalPosition is the event's place in the log, from 1.
	GlobalPosition Position
	// StreamPosition is the event's index in its stream, from 0.
	StreamPosition int64
	// StreamID is the stream that the event stands in.
	StreamID StreamID
	// ID is a ULID made by the store unless given: 1 to 64 printable ASCII characters. Appending an id
	// to the stream that holds it already changes nothing. In a merge stream it is always given, a ULID in
	// canonical text that is greater than the parents'.
	ID string
	// Type says what happened, in the past tense: "order.shipped". 1 to 256 bytes, no "*", no "$" at its beginning
	// but for "$void" in merge streams.
	Type string
	// CreatedAt is when the store took the event, in UTC, to the microsecond.
	CreatedAt time.Time
	// Data is any JSON value, kept byte for byte apart from insignificant white space.
	Data json.RawMessage
	// Binary is a payload that is not JSON, in place of Data; metadata's contentType should say what it is.
	Binary []byte
	// DataHash stands in place of Data where the payload has been erased.
	DataHash string
	// Metadata is a JSON object, or empty. Reserved names: correlationId, causationId, actor,
	// schemaVersion, occurredAt.
	Metadata json.RawMessage
	// Tags are what conditions and filters can ask for besides stream and type; at most 64.
	Tags []string
	// Parents are the ids of the events that this one's author had seen, in a merge stream, where whoever appends
	// gives them and they are never nil, empty for a genesis; nil in an ordered stream. At most 1,024, each once,
	// each in the stream.
	Parents []string
	// TransactionID is common to the events that were committed together, where they were several. In merge
	// streams it is the least of their ids, from which theirs are counted up.
	TransactionID string
	// TransactionSize is the number of events of a merge stream's transaction, 2 to 1,000; 0 elsewhere.
	TransactionSize int

	err *Error // what did not encode, for the append to tell
}

// NewEvent makes an event of anything that encodes as JSON. What does not encode is told by the append.
func NewEvent(eventType string, data any) Event {
	raw, err := json.Marshal(data)
	return Event{Type: eventType, Data: raw, err: notJSON("data", err)}
}

// WithID returns the event with an id of the caller's, which makes its append idempotent.
func (e Event) WithID(id string) Event { e.ID = id; return e }

// WithTags returns the event with these tags added.
func (e Event) WithTags(tags ...string) Event {
	e.Tags = append(slices.Clip(e.Tags), tags...)
	return e
}

// WithMetadata returns the event with metadata that encodes as a JSON object.
func (e Event) WithMetadata(metadata any) Event {
	raw, err := json.Marshal(metadata)
	if e.err == nil {
		e.err = notJSON("metadata", err)
	}
	e.Metadata = raw
	return e
}

func notJSON(field string, err error) *Error {
	if err == nil {
		return nil
	}
	return &Error{Code: CodeInvalid, Field: field, Message: "does not encode as JSON", Err: err}
}

// CorrelationID is the metadata's, or the event's own id where a chain begins.
func (e *Event) CorrelationID() string {
	var m struct {
		CorrelationID string `json:"correlationId"`
	}
	if len(e.Metadata) > 0 && json.Unmarshal(e.Metadata, &m) == nil && m.CorrelationID != "" {
		return m.CorrelationID
	}
	return e.ID
}

// Erased tells whether the event's payload has been erased.
func (e *Event) Erased() bool { return e.DataHash != "" }

// Clone returns a copy that shares no memory with e: what to do with a borrowed event that is to be kept.
func (e *Event) Clone() Event {
	c := *e
	c.StreamID = StreamID(strings.Clone(string(e.StreamID)))
	c.ID = strings.Clone(e.ID)
	c.Type = strings.Clone(e.Type)
	c.Data = slices.Clone(e.Data)
	c.Binary = slices.Clone(e.Binary)
	c.DataHash = strings.Clone(e.DataHash)
	c.Metadata = slices.Clone(e.Metadata)
	c.Tags = cloneStrings(e.Tags)
	c.Parents = cloneStrings(e.Parents)
	c.TransactionID = strings.Clone(e.TransactionID)
	return c
}

func cloneStrings(in []string) []string {
	out := slices.Clone(in)
	for i := range out {
		out[i] = strings.Clone(out[i])
	}
	return out
}

// eventJSON is the event's line as clients see it: members that they do not know are ignored.
type eventJSON struct {
	StreamID        StreamID        `json:"streamId"`
	ID              string          `json:"eventId"`
	Type            string          `json:"type"`
	Data            json.RawMessage `json:"data"`
	Binary          []byte          `json:"dataBase64"`
	DataHash        string          `json:"dataHash"`
	Metadata        json.RawMessage `json:"metadata"`
	Tags            []string        `json:"tags"`
	Parents         []string        `json:"parents"`
	TransactionID   string          `json:"transactionId"`
	TransactionSize int             `json:"transactionSize"`
	GlobalPosition  Position        `json:"globalPosition"`
	StreamPosition  int64           `json:"streamPosition"`
	CreatedAt       time.Time       `json:"createdAt"`
}

// UnmarshalJSON reads an event's line, as it stands in a log, an export, a reply or a webhook. It does
// not check the line's checksum.
func (e *Event) UnmarshalJSON(line []byte) error {
	var j eventJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return err
	}
	*e = Event{
		GlobalPosition: j.GlobalPosition, StreamPosition: j.StreamPosition, StreamID: j.StreamID, ID: j.ID,
		Type: j.Type, CreatedAt: j.CreatedAt, Data: j.Data, Binary: j.Binary, DataHash: j.DataHash,
		Metadata: j.Metadata, Tags: j.Tags, Parents: j.Parents,
		TransactionID: j.TransactionID, TransactionSize: j.TransactionSize,
	}
	return nil
}

// MarshalJSON writes the event's line: its body, and the positions and time that the store gave.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	if len(e.Data) == 0 && e.Binary == nil && e.DataHash == "" {
		return nil, errors.New("nacre: an event without data")
	}
	out := e.AppendBody(make([]byte, 0, e.BodySize()+128))
	if e.GlobalPosition > 0 {
		out = fmt.Appendf(out, `,"globalPosition":%d,"streamPosition":%d,"createdAt":"%s"`,
			e.GlobalPosition, e.StreamPosition, e.CreatedAt.UTC().Format(TimeFormat))
	}
	return append(out, '}'), nil
}
