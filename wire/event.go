package wire

import (
	"bytes"
	"math"
	"strings"

	"github.com/nacredb/nacre"
)

var eventMembers = []string{
	"type", "data", "dataBase64", "metadata", "tags", "eventId", "schemaVersion", "parents",
	"createdAt", "transactionId", "transactionSize",
}

const (
	eventType = iota
	eventData
	eventBinary
	eventMetadata
	eventTags
	eventID
	eventSchema
	eventParents
	eventCreatedAt
	eventTransaction
	eventSize
	eventGiven = eventCreatedAt // from here on the store gives them, except in an import
)

// events reads a list of events; it is never nil where there was no error.
func (d *appendDecoder) events() []nacre.Event {
	var out []nacre.Event
	for d.list(); d.element(); {
		if d.taken == d.max {
			d.tooMany("events")
			break
		}
		d.taken++
		begin := d.at
		out = append(out, nacre.Event{})
		d.event(&out[len(out)-1])
		if len(out) == 1 {
			out = d.room(out, d.at-begin)
		}
	}
	if len(out) == 0 {
		d.fail("is empty: give at least one event")
	}
	return out
}

// room makes room for as many events of this size as the rest of the body can have.
func (d *appendDecoder) room(events []nacre.Event, size int) []nacre.Event {
	left := min((len(d.src)-d.at)/max(size, 1), d.max-d.taken, 255)
	if d.err != nil || left == 0 {
		return events
	}
	return append(make([]nacre.Event, 0, left+1), events...)
}

func (d *appendDecoder) event(e *nacre.Event) {
	var schema []byte
	for d.object(); d.member(); {
		member := d.known(eventMembers)
		if member >= eventGiven && !d.imported {
			d.fail("is given by the store: leave it out, unless this is an import")
			break
		}
		switch member {
		case eventType:
			e.Type = d.eventType()
		case eventData:
			e.Data = d.raw()
		case eventBinary:
			e.Binary = d.binary()
		case eventMetadata:
			e.Metadata = d.metadata()
		case eventTags:
			e.Tags = d.tagList()
		case eventID:
			if !d.null() {
				e.ID = d.given()
			}
		case eventSchema:
			schema = d.schemaVersion()
		case eventParents:
			e.Parents = d.parents()
		case eventCreatedAt:
			e.CreatedAt = d.time()
		case eventTransaction:
			e.TransactionID = strings.Clone(d.given())
		case eventSize:
			e.TransactionSize = int(d.integer(1, math.MaxInt32))
		}
	}
	if schema != nil && d.err == nil {
		e.Metadata = withSchema(schema, e.Metadata)
	}
}

// parents is nil where they are null: the event is one of an ordered stream.
func (d *appendDecoder) parents() []string {
	if d.null() {
		return nil
	}
	out := []string{}
	for d.list(); d.element(); {
		if len(out) > maxParents {
			d.fail("has more than %d ids, the most that are taken", maxParents)
			break
		}
		out = append(out, d.given())
	}
	return out
}

// maxParents bounds the memory that a small body can ask for; a store takes no more.
const maxParents = 1024

// metadata is nil where it is null or not there.
func (d *appendDecoder) metadata() []byte {
	switch {
	case d.null():
		return nil
	case d.err == nil && d.peek() != '{':
		d.wrongKind("an object")
		return nil
	}
	return d.raw()
}

func (d *appendDecoder) schemaVersion() []byte {
	if d.null() || d.err != nil {
		return nil
	}
	if b := d.peek(); b != '"' && b != '-' && b-'0' > 9 {
		d.wrongKind("text or a number")
		return nil
	}
	return d.raw()
}

// withSchema puts DeltaBase's schemaVersion where it stands here: into the metadata. The store refuses
// metadata that has one already.
func withSchema(schema, metadata []byte) []byte {
	const name = `{"schemaVersion":`
	out := make([]byte, 0, len(name)+len(schema)+1+len(metadata))
	out = append(append(out, name...), schema...)
	if len(metadata) == 0 {
		return append(out, '}')
	}
	rest := bytes.TrimLeft(metadata[1:], " \t\r\n")
	if len(rest) > 0 && rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// tagList is a part of the list of all tags of the request.
func (d *appendDecoder) tagList() []string {
	if d.null() {
		return nil
	}
	from := len(d.tags)
	for d.list(); d.element(); {
		d.tags = append(d.tags, d.text())
	}
	if len(d.tags) == from {
		return nil
	}
	return d.tags[from:len(d.tags):len(d.tags)]
}

// EncodeAppend appends the body that DecodeAppend reads. imported writes createdAt, transactionId and
// transactionSize too.
func EncodeAppend(dst []byte, a *nacre.Append, imported bool) []byte {
	return append(appendToStream(append(dst, '{'), a, imported), '}')
}

// EncodeCommit appends the body that DecodeCommit reads, with appends; c may be nil.
func EncodeCommit(dst []byte, batch []nacre.Append, c *nacre.Condition, imported bool) []byte {
	dst = append(dst, `{"appends":[`...)
	for i := range batch {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(append(dst, `{"streamId":`...), batch[i].Stream)
		dst = appendToStream(append(dst, ','), &batch[i], imported)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if c != nil {
		dst = AppendFilter(append(dst, `,"condition":{"failIfEventsMatch":`...), c.FailIfEventsMatch)
		dst = appendNumber(append(dst, `,"after":`...), c.After)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// appendToStream appends an append's members that every form has.
func appendToStream(dst []byte, a *nacre.Append, imported bool) []byte {
	if v, exact := a.Expected.Version(); exact {
		dst = append(appendNumber(append(dst, `"expectedStreamVersion":`...), v), ',')
	} else if a.Expected != nacre.Any {
		dst = append(appendText(append(dst, `"expectedStreamVersion":`...), a.Expected.String()), ',')
	}
	dst = append(dst, `"events":[`...)
	for i := range a.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = encodeEvent(dst, &a.Events[i], imported)
	}
	return append(dst, ']')
}

func encodeEvent(dst []byte, e *nacre.Event, imported bool) []byte {
	dst = appendText(append(dst, `{"type":`...), e.Type)
	if e.Binary != nil {
		dst = appendBase64(append(dst, `,"dataBase64":`...), e.Binary)
	}
	if len(e.Data) > 0 {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	if len(e.Metadata) > 0 {
		dst = append(append(dst, `,"metadata":`...), e.Metadata...)
	}
	if len(e.Tags) > 0 {
		dst = appendTexts(append(dst, `,"tags":`...), e.Tags)
	}
	if e.ID != "" {
		dst = appendText(append(dst, `,"eventId":`...), e.ID)
	}
	if e.Parents != nil {
		dst = appendTexts(append(dst, `,"parents":`...), e.Parents)
	}
	if imported && !e.CreatedAt.IsZero() {
		dst = appendTime(append(dst, `,"createdAt":`...), e.CreatedAt)
	}
	if imported && e.TransactionID != "" {
		dst = appendText(append(dst, `,"transactionId":`...), e.TransactionID)
	}
	if imported && e.TransactionSize > 0 {
		dst = appendNumber(append(dst, `,"transactionSize":`...), e.TransactionSize)
	}
	return append(dst, '}')
}
