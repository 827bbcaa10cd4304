package nacre

import (
	"encoding/base64"
	"strconv"
)

// TimeFormat is how times stand in an event's line: UTC, to the microsecond, of one width.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// AppendBody appends the event's body to dst: what its author said, from the opening brace, without
// the closing one. The same event has the same body in every driver and on every node; see
// spec/log-format.md. The event must have been checked by a [Store]: names are written as they are.
func (e *Event) AppendBody(dst []byte) []byte {
	dst = append(dst, `{"streamId":"`...)
	dst = append(dst, e.StreamID...)
	dst = append(dst, `","eventId":"`...)
	dst = append(dst, e.ID...)
	dst = append(dst, `","type":"`...)
	dst = append(dst, e.Type...)
	switch {
	case e.DataHash != "":
		dst = append(dst, `","dataHash":"`...)
		dst = append(dst, e.DataHash...)
		dst = append(dst, '"')
	case e.Binary != nil:
		dst = append(dst, `","dataBase64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, e.Binary)
		dst = append(dst, '"')
	default:
		dst = append(dst, `","data":`...)
		dst = append(dst, e.Data...)
	}
	if len(e.Metadata) > 0 {
		dst = append(dst, `,"metadata":`...)
		dst = append(dst, e.Metadata...)
	}
	if len(e.Tags) > 0 {
		dst = appendNames(append(dst, `,"tags":`...), e.Tags)
	}
	if e.Parents != nil {
		dst = appendNames(append(dst, `,"parents":`...), e.Parents)
	}
	if e.TransactionID != "" {
		dst = append(dst, `,"transactionId":"`...)
		dst = append(dst, e.TransactionID...)
		dst = append(dst, '"')
	}
	if e.TransactionSize > 0 {
		dst = append(dst, `,"transactionSize":`...)
		dst = strconv.AppendInt(dst, int64(e.TransactionSize), 10)
	}
	return dst
}

func appendNames(dst []byte, names []string) []byte {
	dst = append(dst, '[')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// BodySize is the length in bytes of what AppendBody appends: what limits count.
func (e *Event) BodySize() int {
	n := len(`{"streamId":"","eventId":"","type":"`) + len(e.StreamID) + len(e.ID) + len(e.Type)
	switch {
	case e.DataHash != "":
		n += len(`","dataHash":""`) + len(e.DataHash)
	case e.Binary != nil:
		n += len(`","dataBase64":""`) + base64.StdEncoding.EncodedLen(len(e.Binary))
	default:
		n += len(`","data":`) + len(e.Data)
	}
	if len(e.Metadata) > 0 {
		n += len(`,"metadata":`) + len(e.Metadata)
	}
	if len(e.Tags) > 0 {
		n += len(`,"tags":`) + namesSize(e.Tags)
	}
	if e.Parents != nil {
		n += len(`,"parents":`) + namesSize(e.Parents)
	}
	if e.TransactionID != "" {
		n += len(`,"transactionId":""`) + len(e.TransactionID)
	}
	if e.TransactionSize > 0 {
		n += len(`,"transactionSize":`) + len(strconv.Itoa(e.TransactionSize))
	}
	return n
}

func namesSize(names []string) int {
	n := len(`[]`) + max(0, len(names)-1)
	for _, name := range names {
		n += len(`""`) + len(name)
	}
	return n
}
