package line

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
	"unsafe"

	"github.com/nacredb/nacre"
)

// Event sets dst to the line's event. A borrowed one is made of parts of the line and of the view, and is
// valid until the line changes or the view is used again; an owned one is the caller's.
func (v *View) Event(dst *nacre.Event, borrowed bool) {
	switch {
	case borrowed:
		v.fill(dst)
		if v.Tags != nil {
			v.tags = appendNames(v.tags[:0], v.Tags)
			dst.Tags = v.tags
		}
		if v.Parents != nil {
			v.parents = appendNames(v.parents[:0], v.Parents)
			dst.Parents = v.parents
		}
		if v.Binary != nil {
			v.binary = appendDecoded(v.binary[:0], v.Binary)
			dst.Binary = v.binary
		}
	case v.Binary != nil:
		// A copy of the whole body would keep the base64 text alive.
		var e nacre.Event
		v.Event(&e, true)
		*dst = e.Clone()
	default:
		// One copy for everything. Names are not written again, and each slice ends its own capacity, so
		// whoever changes Data, or appends to it, changes nothing else.
		own := v.movedTo(bytes.Clone(v.Body))
		own.fill(dst)
		if own.Tags != nil {
			dst.Tags = appendNames(nil, own.Tags)
		}
		if own.Parents != nil {
			dst.Parents = appendNames(nil, own.Parents)
		}
	}
}

// fill sets all but what has to be decoded; the text is the view's.
func (v *View) fill(dst *nacre.Event) {
	*dst = nacre.Event{
		GlobalPosition:  v.Position,
		StreamPosition:  v.StreamPosition,
		StreamID:        nacre.StreamID(asString(v.StreamID)),
		ID:              asString(v.ID),
		Type:            asString(v.Type),
		CreatedAt:       time.UnixMicro(v.CreatedAt).UTC(),
		Data:            json.RawMessage(v.Data),
		DataHash:        asString(v.DataHash),
		Metadata:        json.RawMessage(v.Metadata),
		TransactionID:   asString(v.TransactionID),
		TransactionSize: v.TransactionSize,
	}
}

// movedTo is the view with its parts in a copy of its body.
func (v *View) movedTo(body []byte) View {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(v.Body)))
	moved := func(part []byte) []byte {
		if part == nil {
			return nil
		}
		at := int(uintptr(unsafe.Pointer(unsafe.SliceData(part))) - base)
		return body[at : at+len(part) : at+len(part)]
	}
	return View{
		StreamID: moved(v.StreamID), ID: moved(v.ID), Type: moved(v.Type),
		Data: moved(v.Data), DataHash: moved(v.DataHash), Metadata: moved(v.Metadata),
		Tags: moved(v.Tags), Parents: moved(v.Parents),
		TransactionID: moved(v.TransactionID), TransactionSize: v.TransactionSize, Stamp: v.Stamp,
	}
}

func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// appendNames appends the strings of a JSON array of plain strings. They share the array's bytes. The
// result is not nil.
func appendNames(dst []string, array []byte) []string {
	if dst == nil {
		dst = make([]string, 0, bytes.Count(array, []byte{'"'})/2)
	}
	for {
		open := bytes.IndexByte(array, '"')
		if open < 0 {
			return dst
		}
		array = array[open+1:]
		end := bytes.IndexByte(array, '"')
		if end < 0 {
			return dst
		}
		dst = append(dst, asString(array[:end]))
		array = array[end+1:]
	}
}

// appendDecoded appends what base64 text stands for. The result is not nil, which says that there is a
// payload, also an empty one.
func appendDecoded(dst, text []byte) []byte {
	dst, err := base64.StdEncoding.AppendDecode(dst, text)
	if dst == nil || err != nil {
		return make([]byte, 0)
	}
	return dst
}
