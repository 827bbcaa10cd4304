package webhook

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// oddEvents are events that are hard to write as CloudEvents.
func oddEvents() []nacre.Event {
	events := make([]nacre.Event, 16)
	for i := range events {
		events[i] = event(i + 1)
	}
	events[1].Data, events[1].Binary = nil, []byte{0, 255, '\n'}
	events[2].Data, events[2].Binary = nil, []byte{}
	events[3].Data, events[3].DataHash = nil, "sha256:00ff"
	events[4].StreamID, events[4].Type = "grün/ä b%2F?#-1", `typ "ä" % 🐚`
	events[5].Metadata = json.RawMessage(`{"correlationId":"a\r\nEvil: b","causationId":"ok","contentType":"text/plain"}`)
	events[6].Metadata = json.RawMessage(`{"correlationId":7,"contentType":"application/vnd.shop+json; charset=utf-8"}`)
	events[7].Metadata = nil
	events[8].Data, events[8].Binary, events[8].Metadata = nil, []byte("<xml/>"), json.RawMessage(`{"contentType":"text/xml; charset=utf-8"}`)
	events[9].Data, events[9].Binary, events[9].Metadata = nil, []byte("{}"), json.RawMessage(`{"contentType":"application/cloudevents+json"}`)
	events[10].Data, events[10].Binary, events[10].Metadata = nil, []byte("x"), json.RawMessage(`{"contentType":"text/plain\r\nX: y"}`)
	events[11].StreamID, events[11].Type = "s\uffff-\ufdd0", "t\uffff"
	events[12].Data = json.RawMessage(`null`)
	events[13].Data = json.RawMessage(`"just text"`)
	events[14].GlobalPosition, events[14].TransactionID = 1<<62, "tx1"
	events[15].Data = json.RawMessage(`12345678901234567890.10`)
	return events
}

var (
	attributeName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)
	isJSONType    = regexp.MustCompile(`^[^/]+/(json|[^/]+\+json)$`)
)

// checkAttributes holds attributes against the rules of CloudEvents 1.0.
func checkAttributes(t *testing.T, e *nacre.Event, attributes map[string]string) {
	t.Helper()
	for name, value := range attributes {
		if !attributeName.MatchString(name) || name == "data" {
			t.Errorf("an attribute has the name %q", name)
		}
		if !utf8.ValidString(value) || value == "" || strings.ContainsFunc(value, func(r rune) bool {
			return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0xfdd0 && r <= 0xfdef || r%0x10000 >= 0xfffe
		}) {
			t.Errorf("%s is %q", name, value)
		}
	}
	if attributes["specversion"] != "1.0" || attributes["id"] != e.ID || attributes["type"] == "" {
		t.Errorf("what has to be there is not: %v", attributes)
	}
	source, err := url.Parse(attributes["source"])
	if err != nil || source.String() != attributes["source"] {
		t.Fatalf("the source %q is no URI: %v", attributes["source"], err)
	}
	parts := strings.Split(source.EscapedPath(), "/")
	if len(parts) != 5 {
		t.Fatalf("the source is %q", attributes["source"])
	}
	if stream, err := url.PathUnescape(parts[4]); err != nil || stream != string(e.StreamID) {
		t.Errorf("the source %q does not tell the stream %q", attributes["source"], e.StreamID)
	}
	if when, err := time.Parse(time.RFC3339, attributes["time"]); err != nil || !when.Equal(e.CreatedAt) {
		t.Errorf("the time is %q", attributes["time"])
	}
	if attributes["globalposition"] != strconv.FormatUint(uint64(e.GlobalPosition), 10) || attributes["streamposition"] != strconv.FormatInt(e.StreamPosition, 10) {
		t.Errorf("the positions are %v", attributes)
	}
	if kind := attributes["datacontenttype"]; kind != "" {
		if _, _, err := mime.ParseMediaType(kind); err != nil {
			t.Errorf("the type of the data is %q", kind)
		}
	}
	if (attributes["datahash"] != "") != e.Erased() {
		t.Errorf("the hash of erased data is %q", attributes["datahash"])
	}
}

// checkStructured holds a CloudEvent against the JSON format's rules.
func checkStructured(t *testing.T, e *nacre.Event, raw json.RawMessage) {
	t.Helper()
	attributes := map[string]string{}
	all := members(t, raw)
	for name, value := range all {
		if name == "data" || name == "data_base64" {
			continue
		}
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			t.Errorf("%s is %s, no text", name, value)
		}
		attributes[name] = text
	}
	checkAttributes(t, e, attributes)
	data, isData := all["data"]
	encoded, isBinary := all["data_base64"]
	if isData && isBinary {
		t.Errorf("it has data twice: %s", raw)
	}
	kind, _, _ := strings.Cut(attributes["datacontenttype"], ";")
	switch {
	case e.Erased():
		if isData || isBinary || kind != "" {
			t.Errorf("erased data is there: %s", raw)
		}
	case e.Binary != nil:
		var got []byte
		if err := json.Unmarshal(encoded, &got); err != nil || string(got) != string(e.Binary) || kind == "" {
			t.Errorf("the binary data is %s: %v", encoded, err)
		}
		if string(encoded) != `"`+base64.StdEncoding.EncodeToString(e.Binary)+`"` {
			t.Errorf("the binary data is %s", encoded)
		}
	default:
		if string(data) != string(e.Data) || !isJSONType.MatchString(kind) {
			t.Errorf("the data is %s of %q, want %s", data, kind, e.Data)
		}
	}
}

func TestStructured(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	s := open(t, newKind(t, nil), configOf(t, r.URL, map[string]any{"format": formatStructured}))
	events := oddEvents()
	for i := range events {
		if _, err := s.Send(t.Context(), batchOf(events[i])); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		got := r.last(t)
		if kind := got.header.Get("Content-Type"); kind != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("the body is called %q", kind)
		}
		checkStructured(t, &events[i], got.body)
	}
	want := `{"specversion":"1.0","id":"` + events[0].ID + `","source":"/event-stores/shop/streams/order-1","type":"order.shipped",` +
		`"time":"2026-11-20T18:55:20.000000Z","subject":"order-1","globalposition":"1","streamposition":"0","correlationid":"c-1","causationid":"cause",` +
		`"datacontenttype":"application/json","data":{"n":1.10,"text":"<b>&\u2028"}}`
	if got := string(r.requests()[0].body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	if _, err := s.Send(t.Context(), batchOf(events...)); err != nil {
		t.Fatal(err)
	}
	got := r.last(t)
	if kind := got.header.Get("Content-Type"); kind != "application/cloudevents-batch+json; charset=utf-8" {
		t.Errorf("the batch is called %q", kind)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(got.body, &list); err != nil || len(list) != len(events) {
		t.Fatalf("the batch has %d: %v", len(list), err)
	}
	for i := range list {
		checkStructured(t, &events[i], list[i])
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	s := open(t, newKind(t, nil), configOf(t, r.URL, map[string]any{"format": formatBinary, "eventStoreName": "büro 1"}))
	events := oddEvents()
	for i := range events {
		if _, err := s.Send(t.Context(), batchOf(events[i])); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		got := r.last(t)
		checkBinary(t, &events[i], got)
		if id := got.header.Get("Webhook-Id"); id != "hook:0123abcd:42" {
			t.Errorf("one event has the id %q", id)
		}
	}
	if got := r.requests()[4].header.Get("Ce-Type"); got != "typ%20%22%C3%A4%22%20%25%20%F0%9F%90%9A" {
		t.Errorf("the type is %q", got)
	}
	if kind := r.requests()[8].header.Get("Content-Type"); kind != "text/xml; charset=utf-8" {
		t.Errorf("the author's type of the data became %q", kind)
	}
}

func checkBinary(t *testing.T, e *nacre.Event, got request) {
	t.Helper()
	attributes := map[string]string{}
	for name, values := range got.header {
		short, is := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !is {
			continue
		}
		if len(values) != 1 || strings.ContainsFunc(values[0], func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
			t.Errorf("%s is %q", name, values)
		}
		text, err := url.PathUnescape(values[0])
		if err != nil {
			t.Errorf("%s is %q: %v", name, values[0], err)
		}
		attributes[short] = text
	}
	if attributes["datacontenttype"] != "" || attributes["data"] != "" {
		t.Errorf("the header has %v", attributes)
	}
	kind := got.header.Get("Content-Type")
	if strings.HasPrefix(kind, "application/cloudevents") {
		t.Errorf("it looks like another format: %q", kind)
	}
	if kind != "" {
		attributes["datacontenttype"] = kind
	}
	checkAttributes(t, e, attributes)
	want := string(e.Data) + string(e.Binary)
	if string(got.body) != want || (kind == "") != e.Erased() {
		t.Errorf("the body is %q of %q, want %q", got.body, kind, want)
	}
}

// Several events in binary format go one after the other, until one is not taken.
func TestBinaryOneByOne(t *testing.T) {
	t.Parallel()
	bad := 0
	r := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == bad {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	s := open(t, newKind(t, nil), configOf(t, r.URL, map[string]any{"format": formatBinary}))
	if receipt, err := s.Send(t.Context(), batchOf(event(7), event(8), event(9))); err != nil || receipt.Status != 200 {
		t.Fatal(receipt, err)
	}
	for i, got := range r.requests() {
		want := event(7 + i)
		checkBinary(t, &want, got)
		if id := got.header.Get("Webhook-Id"); id != "hook:0123abcd:42+"+strconv.Itoa(7+i) {
			t.Errorf("the id is %q", id)
		}
	}
	bad = 5
	if receipt, err := s.Send(t.Context(), batchOf(event(7), event(8), event(9))); err == nil || receipt.Status != 500 {
		t.Errorf("got %+v, %v", receipt, err)
	}
	if n := len(r.requests()); n != 5 {
		t.Errorf("%d requests came, want 5", n)
	}
	if _, err := s.Send(t.Context(), batchOf()); err != nil {
		t.Errorf("nothing to send: %v", err)
	}
}
