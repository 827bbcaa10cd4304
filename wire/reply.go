package wire

import (
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// AppendEvent appends an event's line as [nacre.Event.MarshalJSON] writes it, without its cost. The event
// must have come from a store.
func AppendEvent(dst []byte, e *nacre.Event) []byte {
	dst = e.AppendBody(dst)
	if e.GlobalPosition > 0 {
		dst = appendNumber(append(dst, `,"globalPosition":`...), e.GlobalPosition)
		dst = appendNumber(append(dst, `,"streamPosition":`...), e.StreamPosition)
		dst = append(dst, `,"createdAt":"`...)
		dst = append(line.AppendTime(dst, e.CreatedAt.UnixMicro()), '"')
	}
	return append(dst, '}')
}

// AppendStreamReply appends the answer to an append to one stream. minimal leaves the events out and gives
// what a client that knows them needs (Prefer: return=minimal); it is ignored where that would not be
// enough: for duplicates, and where the events differ in time or transaction.
func AppendStreamReply(dst []byte, a *nacre.Appended, minimal bool) []byte {
	dst = append(dst, `{"success":true,`...)
	dst = appendAppended(dst, a)
	dst = appendOutcome(dst, a, minimal)
	return append(dst, '}')
}

// AppendCommitReply appends the answer to a POST to all streams, with the fields of the request's form.
func AppendCommitReply(dst []byte, form Form, out []nacre.Appended, minimal bool) []byte {
	if form == FormTagged && len(out) == 1 {
		return AppendStreamReply(dst, &out[0], minimal)
	}
	events, duplicate, last, transaction := 0, len(out) > 0, nacre.Position(0), ""
	for i := range out {
		events += len(out[i].Events)
		duplicate = duplicate && out[i].Duplicate
		last = max(last, out[i].Position())
		if len(out[i].Events) > 0 {
			transaction = out[i].Events[0].TransactionID
		}
	}
	dst = append(dst, `{"success":true,`...)
	dst = appendNumber(append(dst, `"globalPosition":`...), last)
	dst = appendNumber(append(dst, `,"lastPosition":`...), last)
	dst = appendNumber(append(dst, `,"eventsAppended":`...), events)
	dst = appendNumber(append(dst, `,"eventsWritten":`...), events)
	if transaction != "" {
		dst = appendText(append(dst, `,"transactionId":`...), transaction)
	}
	if duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	dst = append(dst, `,"appends":[`...)
	for i := range out {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendAppended(append(dst, '{'), &out[i])
		if form != FormStreams {
			dst = appendOutcome(dst, &out[i], minimal)
		}
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if form == FormStreams {
		dst = appendStreams(dst, out)
	}
	return append(dst, '}')
}

// appendStreams appends what DeltaBase's clients look for behind an append to many streams.
func appendStreams(dst []byte, out []nacre.Appended) []byte {
	dst = append(dst, `,"streams":[`...)
	for i := range out {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(append(dst, `{"streamId":`...), streamOf(&out[i]))
		dst = appendNumber(append(dst, `,"nextExpectedStreamVersion":`...), out[i].Version)
		dst = append(dst, '}')
	}
	dst = append(dst, `],"events":[`...)
	more := false
	for i := range out {
		for j := range out[i].Events {
			if more {
				dst = append(dst, ',')
			}
			dst, more = AppendEvent(dst, &out[i].Events[j]), true
		}
	}
	return append(dst, ']')
}

func streamOf(a *nacre.Appended) nacre.StreamID {
	if len(a.Events) == 0 {
		return ""
	}
	return a.Events[0].StreamID
}

// appendAppended appends the members that every answer to one append has.
func appendAppended(dst []byte, a *nacre.Appended) []byte {
	dst = appendText(append(dst, `"streamId":`...), streamOf(a))
	dst = appendNumber(append(dst, `,"eventsAppended":`...), len(a.Events))
	dst = appendNumber(append(dst, `,"eventsWritten":`...), len(a.Events))
	created := len(a.Events) > 0 && a.Events[0].StreamPosition == 0
	dst = appendBool(append(dst, `,"createdNewStream":`...), created)
	dst = appendNumber(append(dst, `,"currentStreamVersion":`...), a.Version)
	dst = appendNumber(append(dst, `,"nextExpectedStreamVersion":`...), a.Version)
	dst = appendNumber(append(dst, `,"globalPosition":`...), a.Position())
	dst = appendNumber(append(dst, `,"lastPosition":`...), a.Position())
	if a.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return dst
}

// appendOutcome appends the events, or what takes their place.
func appendOutcome(dst []byte, a *nacre.Appended, minimal bool) []byte {
	if minimal && uniform(a) {
		first := &a.Events[0]
		dst = appendNumber(append(dst, `,"firstStreamPosition":`...), first.StreamPosition)
		dst = appendNumber(append(dst, `,"firstGlobalPosition":`...), first.GlobalPosition)
		dst = appendTime(append(dst, `,"createdAt":`...), first.CreatedAt)
		if first.TransactionID != "" {
			dst = appendText(append(dst, `,"transactionId":`...), first.TransactionID)
		}
		if first.TransactionSize > 0 {
			dst = appendNumber(append(dst, `,"transactionSize":`...), first.TransactionSize)
		}
		return dst
	}
	dst = append(dst, `,"events":[`...)
	for i := range a.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEvent(dst, &a.Events[i])
	}
	return append(dst, ']')
}

// uniform tells whether the events follow from the first of them and from what was sent.
func uniform(a *nacre.Appended) bool {
	if a.Duplicate || len(a.Events) == 0 {
		return false
	}
	first := &a.Events[0]
	for i := range a.Events {
		e := &a.Events[i]
		if e.GlobalPosition != first.GlobalPosition+nacre.Position(i) || e.StreamPosition != first.StreamPosition+int64(i) ||
			!e.CreatedAt.Equal(first.CreatedAt) || e.TransactionID != first.TransactionID ||
			e.TransactionSize != first.TransactionSize {
			return false
		}
	}
	return true
}
