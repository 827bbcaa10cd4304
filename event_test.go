package nacre

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCategory(t *testing.T) {
	for id, want := range map[StreamID]string{"order-1": "order", "order": "order", "order-": "order", "a-b-c": "a", "größe-1": "größe", "": ""} {
		if got := id.Category(); got != want {
			t.Errorf("the category of %q is %q, want %q", id, got, want)
		}
	}
}

func TestRest(t *testing.T) {
	for id, want := range map[StreamID]string{"order-1": "1", "order": "", "order-": "", "a-b-c": "b-c", "": ""} {
		if got := id.Rest(); got != want {
			t.Errorf("the rest of %q is %q, want %q", id, got, want)
		}
	}
}

func TestEventIsBuiltByValue(t *testing.T) {
	base := NewEvent("t", map[string]int{"n": 1}).WithTags("a")
	one, two := base.WithTags("b"), base.WithTags("c", "d")
	if got := [][]string{base.Tags, one.Tags, two.Tags}; !reflect.DeepEqual(got, [][]string{{"a"}, {"a", "b"}, {"a", "c", "d"}}) {
		t.Errorf("the tags are %q", got)
	}
	if e := base.WithID("x"); e.ID != "x" || base.ID != "" {
		t.Errorf("the ids are %q and %q", e.ID, base.ID)
	}
	if e := base.WithMetadata(map[string]string{"actor": "ann"}); string(e.Metadata) != `{"actor":"ann"}` || base.Metadata != nil {
		t.Errorf("the metadata is %s and %s", e.Metadata, base.Metadata)
	}
	if string(base.Data) != `{"n":1}` || base.Type != "t" {
		t.Errorf("NewEvent gave %+v", base)
	}
}

func TestCorrelationID(t *testing.T) {
	for metadata, want := range map[string]string{
		``: "own", `{}`: "own", `{"correlationId":""}`: "own", `{"correlationId":"c","causationId":"d"}`: "c",
		`{"correlationId":7}`: "own", `{"x":{"correlationId":"c"}}`: "own",
	} {
		e := Event{ID: "own", Metadata: []byte(metadata)}
		if got := e.CorrelationID(); got != want {
			t.Errorf("with metadata %s it is %q, want %q", metadata, got, want)
		}
	}
}

func TestEventJSON(t *testing.T) {
	r := newRand(t)
	for range 1500 {
		e := randomEvent(r)
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		var got Event
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.GlobalPosition == 0 {
			e.StreamPosition, e.CreatedAt = 0, time.Time{}
		}
		// encoding/json writes "<" and its like as escapes within data, which randomEvent has none of.
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("%s\n got %+v\nwant %+v", line, got, e)
		}
	}
}

func TestEventJSONStored(t *testing.T) {
	e := NewEvent("order.placed", map[string]int{"total": 12}).WithID("a").WithTags("customer:7")
	e.StreamID, e.GlobalPosition, e.StreamPosition = "order-1", 42, 0
	e.CreatedAt = time.Date(2026, 11, 20, 19, 55, 20, 471204999, time.FixedZone("", 3600))
	line, err := json.Marshal(&e)
	const want = `{"streamId":"order-1","eventId":"a","type":"order.placed","data":{"total":12},"tags":["customer:7"],` +
		`"globalPosition":42,"streamPosition":0,"createdAt":"2026-11-20T18:55:20.471204Z"}`
	if err != nil || string(line) != want {
		t.Errorf("got %s, %v, want %s", line, err, want)
	}
	var got Event
	withMore := strings.TrimSuffix(want, "}") + `,"batch":[42,43],"synced":41,"crc":"00000000","later":{"data":1}}`
	if err := json.Unmarshal([]byte(withMore), &got); err != nil || got.GlobalPosition != 42 || string(got.Data) != `{"total":12}` {
		t.Errorf("a line with a stamp and unknown members gave %+v, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `{"streamId":7}`, `{"data":}`, `{"globalPosition":-1}`, `{"createdAt":"yesterday"}`, `{"dataBase64":"?"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was taken as an event", bad)
		}
	}
}

func TestEventJSONRefuses(t *testing.T) {
	for name, e := range map[string]Event{
		"no data":            {StreamID: "s-1", ID: "a", Type: "t"},
		"data not encodable": NewEvent("t", math.NaN()),
		"metadata likewise":  NewEvent("t", 1).WithMetadata(make(chan int)),
		"both not encodable": NewEvent("t", math.NaN()).WithMetadata(make(chan int)),
	} {
		if line, err := json.Marshal(e); err == nil {
			t.Errorf("%s: gave %s", name, line)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	memory := []byte("stream-1 id type data binary hash metadata tag parent transaction")
	text := func(word string) string { // a string whose bytes change with memory
		at := strings.Index(string(memory), word)
		return unsafeString(memory[at : at+len(word)])
	}
	part := func(word string) []byte { return memory[strings.Index(string(memory), word):][:len(word):len(word)] }
	e := Event{
		StreamID: StreamID(text("stream-1")), ID: text("id"), Type: text("type"), Data: part("data"), Binary: part("binary"),
		DataHash: text("hash"), Metadata: part("metadata"), Tags: []string{text("tag")}, Parents: []string{text("parent")}, TransactionID: text("transaction"),
		GlobalPosition: 1, StreamPosition: 2, TransactionSize: 3, CreatedAt: time.Unix(1, 0).UTC(),
	}
	c := e.Clone()
	e.Tags[0], e.Parents[0] = "", ""
	clear(memory)
	want := Event{
		StreamID: "stream-1", ID: "id", Type: "type", Data: []byte("data"), Binary: []byte("binary"), DataHash: "hash", Metadata: []byte("metadata"),
		Tags: []string{"tag"}, Parents: []string{"parent"}, TransactionID: "transaction",
		GlobalPosition: 1, StreamPosition: 2, TransactionSize: 3, CreatedAt: time.Unix(1, 0).UTC(),
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("after the original's memory was cleared, the clone is %+v", c)
	}
	if c := (&Event{Parents: []string{}, Binary: []byte{}}).Clone(); c.Parents == nil || c.Binary == nil || c.Tags != nil || c.Data != nil {
		t.Errorf("empty and absent are mixed up: %+v", c)
	}
	// A field that Clone does not know would be shared: this test has to learn it.
	if n := reflect.TypeFor[Event]().NumField(); n != 15 {
		t.Errorf("Event has %d fields, Clone is tested with 15", n)
	}
}
