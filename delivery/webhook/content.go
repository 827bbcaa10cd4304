package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// content makes the body of events, and the headers that belong to it.
func (s *sender) content(b *delivery.Batch, events []nacre.Event) ([]byte, http.Header, error) {
	if len(events) == 0 {
		return nil, nil, errors.New("a batch without events cannot be sent")
	}
	store := s.config.EventStoreName
	if store == "" {
		store = b.Store
	}
	header := make(http.Header, 16)
	switch s.config.Format {
	case formatStructured:
		if len(events) == 1 {
			header["Content-Type"] = []string{"application/cloudevents+json; charset=utf-8"}
			body, err := newCloudEvent(store, &events[0]).appendJSON(nil)
			return body, header, err
		}
		header["Content-Type"] = []string{"application/cloudevents-batch+json; charset=utf-8"}
		body := []byte{'['}
		for i := range events {
			if i > 0 {
				body = append(body, ',')
			}
			var err error
			if body, err = newCloudEvent(store, &events[i]).appendJSON(body); err != nil {
				return nil, nil, err
			}
		}
		return append(body, ']'), header, nil
	case formatBinary:
		body := newCloudEvent(store, &events[0]).writeHeader(header)
		return body, header, nil
	}
	header["Content-Type"] = []string{"application/json"}
	body, err := envelope(store, b, events)
	return body, header, err
}

// envelope is the format "event": the events' lines, byte for byte, and where they come from.
func envelope(store string, b *delivery.Batch, events []nacre.Event) ([]byte, error) {
	size := 256
	for i := range events {
		size += events[i].BodySize() + 128
	}
	out := make([]byte, 0, size)
	if len(events) == 1 {
		out = append(out, `{"event":`...)
	} else {
		out = append(out, `{"events":[`...)
	}
	for i := range events {
		if i > 0 {
			out = append(out, ',')
		}
		line, err := events[i].MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("the event at position %d has no line: %w", events[i].GlobalPosition, err)
		}
		out = append(out, line...)
	}
	if len(events) > 1 {
		out = append(out, ']')
	}
	out = appendString(append(out, `,"eventStoreName":`...), store)
	out = appendString(append(out, `,"eventStoreId":`...), "nacre:"+b.Store)
	out = appendString(append(out, `,"subscriptionId":`...), b.Subscription)
	return append(out, '}'), nil
}

// cloudEvent is an event as CloudEvents has it: attributes that are all texts, and data.
type cloudEvent struct {
	attributes  []attribute
	contentType string // "" where there is no data
	data        []byte // JSON unless binary
	binary      bool
}

type attribute struct{ name, value string }

// newCloudEvent maps an event.
func newCloudEvent(store string, e *nacre.Event) *cloudEvent {
	c := &cloudEvent{attributes: make([]attribute, 0, 14)}
	add := func(name, value string) {
		if value != "" && !strings.ContainsFunc(value, forbidden) {
			c.attributes = append(c.attributes, attribute{name, value})
		}
	}
	meta := metadataOf(e)
	add("specversion", "1.0")
	add("id", e.ID)
	add("source", "/event-stores/"+url.PathEscape(store)+"/streams/"+url.PathEscape(string(e.StreamID)))
	// It has to be there, also of an event whose type CloudEvents does not take.
	add("type", strings.Map(func(r rune) rune {
		if forbidden(r) {
			return '\uFFFD'
		}
		return r
	}, e.Type))
	add("time", e.CreatedAt.UTC().Format(nacre.TimeFormat))
	add("subject", string(e.StreamID))
	add("globalposition", strconv.FormatUint(uint64(e.GlobalPosition), 10))
	add("streamposition", strconv.FormatInt(e.StreamPosition, 10))
	add("correlationid", meta["correlationId"])
	add("causationid", meta["causationId"])
	add("transactionid", e.TransactionID)
	switch {
	case e.DataHash != "":
		add("datahash", e.DataHash)
	case e.Binary != nil:
		c.binary, c.data = true, e.Binary
		c.contentType = contentType(meta["contentType"], false, "application/octet-stream")
	default:
		c.data = e.Data
		c.contentType = contentType(meta["contentType"], true, "application/json")
	}
	return c
}

// metadataOf has the texts of an event's metadata.
func metadataOf(e *nacre.Event) map[string]string {
	var members map[string]json.RawMessage
	if len(e.Metadata) == 0 || json.Unmarshal(e.Metadata, &members) != nil {
		return nil
	}
	out := make(map[string]string, 3)
	for _, name := range []string{"correlationId", "causationId", "contentType"} {
		var text string
		if json.Unmarshal(members[name], &text) == nil {
			out[name] = text
		}
	}
	return out
}

// contentType is what an event's author says that its data is, where that can stand in a header, and is not what tells
// a CloudEvent in another format.
func contentType(said string, isJSON bool, otherwise string) string {
	kind, _, err := mime.ParseMediaType(said)
	switch {
	case err != nil, !validValue(said), strings.HasPrefix(kind, "application/cloudevents"), !strings.Contains(kind, "/"):
		return otherwise
	case isJSON && !strings.HasSuffix(kind, "/json") && !strings.HasSuffix(kind, "+json"):
		return otherwise
	}
	return said
}

// appendJSON appends the event in CloudEvents' JSON format.
func (c *cloudEvent) appendJSON(out []byte) ([]byte, error) {
	for i, a := range c.attributes {
		if i == 0 {
			out = append(out, '{')
		} else {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), a.name...), `":`...)
		out = appendString(out, a.value)
	}
	if c.contentType != "" {
		out = appendString(append(out, `,"datacontenttype":`...), c.contentType)
	}
	switch {
	case c.binary:
		out = append(out, `,"data_base64":"`...)
		out = base64.StdEncoding.AppendEncode(out, c.data)
		out = append(out, '"')
	case c.contentType != "":
		if len(c.data) == 0 {
			return nil, errors.New("an event without data cannot be sent")
		}
		out = append(append(out, `,"data":`...), c.data...)
	}
	return append(out, '}'), nil
}

// writeHeader has the attributes in a header, and gives the body, as CloudEvents' binary mode has it.
func (c *cloudEvent) writeHeader(h http.Header) []byte {
	for _, a := range c.attributes {
		h["Ce-"+strings.ToUpper(a.name[:1])+a.name[1:]] = []string{percent(a.value)}
	}
	if c.contentType != "" {
		h["Content-Type"] = []string{c.contentType}
	}
	return c.data
}

// percent encodes what a header's value cannot have, as CloudEvents' HTTP binding says.
func percent(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		if b := text[i]; b <= ' ' || b == '"' || b == '%' || b > '~' {
			out.WriteString(string([]byte{'%', hex[b>>4], hex[b&15]}))
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}

// forbidden is a character that CloudEvents' texts cannot have: a control character, or what Unicode keeps free.
func forbidden(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
}

// appendString appends a text as JSON, without the escapes that only HTML needs.
func appendString(out []byte, text string) []byte {
	plain := !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
	if plain {
		return append(append(append(out, '"'), text...), '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil { // a text always encodes
		return append(out, `""`...)
	}
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
