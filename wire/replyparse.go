package wire

import (
	"math"
	"time"

	"github.com/nacredb/nacre"
)

var (
	lineMembers = []string{
		"streamId", "eventId", "type", "data", "metadata", "tags", "globalPosition", "streamPosition",
		"createdAt", "transactionId", "dataBase64", "dataHash", "parents", "transactionSize",
	}
	outcomeMembers = []string{
		"streamId", "currentStreamVersion", "duplicate", "events", "firstStreamPosition", "firstGlobalPosition",
		"createdAt", "transactionId", "transactionSize",
	}
	commitReplyMembers = []string{"appends"}
)

// ParseEvent reads an event's line: a stored one, a reply's or a frame's. Members that are not known are
// passed over, and no checksum is looked at. Data and Metadata are parts of text.
func ParseEvent(text []byte) (nacre.Event, error) {
	var d appendDecoder
	d.init(text, "event")
	var e nacre.Event
	d.line(&e)
	if err := d.end(); err != nil {
		return nacre.Event{}, err
	}
	return e, nil
}

// line reads an event as a server tells it.
func (d *appendDecoder) line(e *nacre.Event) {
	for d.object(); d.member(); {
		switch d.find(lineMembers) {
		case 0:
			e.StreamID = nacre.StreamID(d.text())
		case 1:
			e.ID = d.text()
		case 2:
			e.Type = d.eventType()
		case 3:
			e.Data = d.raw()
		case 4:
			e.Metadata = d.metadata()
		case 5:
			e.Tags = d.tagList()
		case 6:
			e.GlobalPosition = d.position()
		case 7:
			e.StreamPosition = d.integer(0, math.MaxInt64)
		case 8:
			e.CreatedAt = d.time()
		case 9:
			e.TransactionID = d.text()
		case 10:
			e.Binary = d.binary()
		case 11:
			e.DataHash = d.text()
		case 12:
			e.Parents = []string{}
			for d.list(); d.element(); {
				e.Parents = append(e.Parents, d.text())
			}
		case 13:
			e.TransactionSize = int(d.integer(0, math.MaxInt32))
		default:
			d.raw()
		}
	}
}

// lines reads a list of events as a server tells them.
func (d *appendDecoder) lines() []nacre.Event {
	out := []nacre.Event{}
	for d.list(); d.element(); {
		begin := d.at
		out = append(out, nacre.Event{})
		d.line(&out[len(out)-1])
		if len(out) == 1 {
			out = d.room(out, d.at-begin)
		}
	}
	return out
}

// ParseStreamReply reads AppendStreamReply's answer to sent, whose events must have ids. Where the answer
// is minimal, the events are those that were sent, completed, with their bytes; else Data and Metadata
// are parts of body.
func ParseStreamReply(body []byte, sent *nacre.Append) (nacre.Appended, error) {
	var d appendDecoder
	d.init(body, "reply")
	d.max = math.MaxInt
	out := d.outcome(sent)
	if err := d.end(); err != nil {
		return nacre.Appended{}, misfit(err)
	}
	return out, nil
}

// ParseCommitReply is ParseStreamReply for a batch.
func ParseCommitReply(body []byte, sent []nacre.Append) ([]nacre.Appended, error) {
	var d appendDecoder
	d.init(body, "reply")
	d.max = math.MaxInt
	out := make([]nacre.Appended, 0, len(sent))
	for d.object(); d.member(); {
		if d.find(commitReplyMembers) != 0 {
			d.raw()
			continue
		}
		for d.list(); d.element(); {
			if len(out) == len(sent) {
				d.fail("is more than was sent")
				break
			}
			out = append(out, d.outcome(&sent[len(out)]))
		}
	}
	if d.err == nil && len(out) != len(sent) {
		d.fail("has %d appends, %d were sent", len(out), len(sent))
	}
	if err := d.end(); err != nil {
		return nil, misfit(err)
	}
	return out, nil
}

// misfit is the error of a reply that no server of this project gives.
func misfit(err error) error {
	return nacre.Errorf(nacre.CodeInternal, "the server's reply is not an answer to the append, which may have taken place: %w", err)
}

// outcome reads the answer to one append.
func (d *appendDecoder) outcome(sent *nacre.Append) (a nacre.Appended) {
	version, first, global := int64(-2), int64(-1), nacre.Position(0)
	var stream nacre.StreamID
	var created time.Time
	var transaction string
	var size int
	for d.object(); d.member(); {
		switch d.find(outcomeMembers) {
		case 0:
			stream = nacre.StreamID(d.text())
		case 1:
			version = d.integer(-1, math.MaxInt64)
		case 2:
			a.Duplicate = d.boolean()
		case 3:
			a.Events = d.lines()
		case 4:
			first = d.integer(0, math.MaxInt64)
		case 5:
			global = d.position()
		case 6:
			created = d.time()
		case 7:
			transaction = d.text()
		case 8:
			size = int(d.integer(0, math.MaxInt32))
		default:
			d.raw()
		}
	}
	a.Version = version
	switch {
	case d.err != nil:
	case stream != sent.Stream:
		d.failAt("streamId", "is %q, appended was to %q", stream, sent.Stream)
	case version < -1:
		d.missing("currentStreamVersion", "it is in every answer")
	case a.Events == nil && (first < 0 || global == 0 || created.IsZero()):
		d.missing("events", "neither they are told nor what stands for them")
	case a.Events == nil && version-first != int64(len(sent.Events))-1:
		d.failAt("firstStreamPosition", "is %d where the stream is at version %d and %d events were sent", first, version, len(sent.Events))
	case a.Events == nil:
		a.Events = make([]nacre.Event, len(sent.Events))
		for i := range sent.Events {
			e := &a.Events[i]
			*e = sent.Events[i]
			if e.ID == "" {
				d.fail("leaves the events out, and those that were sent had no ids")
				break
			}
			e.StreamID, e.StreamPosition = sent.Stream, first+int64(i)
			e.GlobalPosition, e.CreatedAt = global+nacre.Position(i), created
			e.TransactionID, e.TransactionSize = transaction, size
		}
	case len(a.Events) != len(sent.Events):
		d.failAt("events", "has %d events, %d were sent", len(a.Events), len(sent.Events))
	}
	return a
}
