package wire

import (
	"github.com/nacredb/nacre"
)

// AppendEvent appends an event's line as [nacre.Event.MarshalJSON] writes it, without its cost. The event
// must have come from a store.
func AppendEvent(dst []byte, e *nacre.Event) []byte { panic("later") }

// ParseEvent reads an event's line: a stored one, a reply's or a frame's. Members that are not known are
// passed over; no checksum is looked at. Data, Metadata are parts of line.
func ParseEvent(line []byte) (nacre.Event, error) { panic("later") }

// AppendStreamReply appends the answer to an append to one stream. minimal leaves the events out and gives
// what a client that knows them needs (Prefer: return=minimal); it is ignored where that would not
// be enough: for duplicates, and where the events differ in time or transaction.
func AppendStreamReply(dst []byte, a *nacre.Appended, minimal bool) []byte { panic("later") }

// AppendCommitReply appends the answer to a POST to all streams, with the fields of the request's form.
func AppendCommitReply(dst []byte, form Form, out []nacre.Appended, minimal bool) []byte {
	panic("later")
}

// ParseStreamReply reads AppendStreamReply's answer to sent, whose events must have ids. Where the answer
// is minimal, the events are those that were sent, completed. Only Data of a full answer is part of body.
func ParseStreamReply(body []byte, sent *nacre.Append) (nacre.Appended, error) { panic("later") }

// ParseCommitReply is ParseStreamReply for a batch.
func ParseCommitReply(body []byte, sent []nacre.Append) ([]nacre.Appended, error) { panic("later") }

// EventsReply writes a reply that has events, one after the other: a line as it was stored or an event.
// Begin it with [BeginEvents]; end it with one of the End methods.
type EventsReply struct {
	Bytes []byte // what is written so far; may be taken and replaced by Bytes[:0] between two calls
	Count int    // how many events
	// Last is the global position of the event that was added last.
	Last nacre.Position
}

// BeginEvents begins a reply in dst.
func BeginEvents(dst []byte) *EventsReply { panic("later") }

// Line adds a stored line.
func (r *EventsReply) Line(l nacre.Line) { panic("later") }

// Event adds an event.
func (r *EventsReply) Event(e *nacre.Event) { panic("later") }

// StreamPage is what a reply says behind a stream's events.
type StreamPage struct {
	Stream  nacre.StreamID
	Version int64 // current, -1 where the stream does not exist
	HasMore bool
}

// EndStream ends the reply to a read of one stream, and returns its bytes.
func (r *EventsReply) EndStream(p StreamPage) []byte { panic("later") }

// EventsPage is what a reply says behind events of many streams.
type EventsPage struct {
	// LastPosition is what to give as after for the next page (before, where the direction is backwards).
	LastPosition nacre.Position
	HasMore      bool
	// Limit and Offset are the request's.
	Limit, Offset int
	// Total is how many events there are without limit and offset; nil where it was not asked for.
	Total *int64
}

// EndEvents ends the reply to a read of many streams, and returns its bytes.
func (r *EventsReply) EndEvents(p EventsPage) []byte { panic("later") }
