package wire

import "github.com/nacredb/nacre"

// EventsReply writes a reply that has events, one after the other: lines as they were stored, or events.
// It is begun with [BeginEvents] and ended with one of the End methods.
type EventsReply struct {
	Bytes []byte // what is written so far; may be taken, and cut to Bytes[:0], between two calls
	Count int    // how many events
	// Last is the global position of the event that was added last.
	Last nacre.Position
}

// BeginEvents begins a reply behind dst.
func BeginEvents(dst []byte) *EventsReply {
	return &EventsReply{Bytes: append(dst, `{"events":[`...)}
}

// Line adds a stored line.
func (r *EventsReply) Line(l nacre.Line) {
	r.next(l.Position)
	r.Bytes = append(r.Bytes, l.Bytes...)
}

// Event adds an event.
func (r *EventsReply) Event(e *nacre.Event) {
	r.next(e.GlobalPosition)
	r.Bytes = AppendEvent(r.Bytes, e)
}

func (r *EventsReply) next(at nacre.Position) {
	if r.Count > 0 {
		r.Bytes = append(r.Bytes, ',')
	}
	r.Count++
	r.Last = at
}

// StreamPage is what a reply says behind a stream's events.
type StreamPage struct {
	Stream  nacre.StreamID
	Version int64 // current, -1 where the stream does not exist
	HasMore bool
	// Limit and Offset are the request's.
	Limit, Offset int
	// Total is how many events there are without limit and offset; nil where it was not asked for.
	Total *int64
}

// EndStream ends the reply to a read of one stream, and returns its bytes.
func (r *EventsReply) EndStream(p StreamPage) []byte {
	dst := appendText(append(r.Bytes, `],"streamId":`...), p.Stream)
	dst = appendNumber(append(dst, `,"currentStreamVersion":`...), p.Version)
	return appendPage(dst, p.HasMore, p.Limit, p.Offset, p.Total)
}

// EventsPage is what a reply says behind events of many streams.
type EventsPage struct {
	// LastPosition is what to give as after for the next page, as before where the direction is backwards.
	LastPosition nacre.Position
	HasMore      bool
	// Limit and Offset are the request's.
	Limit, Offset int
	// Total is how many events there are without limit and offset; nil where it was not asked for.
	Total *int64
}

// EndEvents ends the reply to a read of many streams, and returns its bytes.
func (r *EventsReply) EndEvents(p EventsPage) []byte {
	dst := appendNumber(append(r.Bytes, `],"lastPosition":`...), p.LastPosition)
	return appendPage(dst, p.HasMore, p.Limit, p.Offset, p.Total)
}

// appendPage appends where a page stands, twice: as it is documented, and as DeltaBase tells it.
func appendPage(dst []byte, more bool, limit, offset int, total *int64) []byte {
	dst = appendBool(append(dst, `,"hasMore":`...), more)
	dst = appendNumber(append(dst, `,"pagination":{"limit":`...), limit)
	dst = appendNumber(append(dst, `,"offset":`...), offset)
	if total != nil {
		dst = appendNumber(append(dst, `,"total":`...), *total)
	}
	return append(appendBool(append(dst, `,"hasMore":`...), more), '}', '}')
}
