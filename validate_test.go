package nacre

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func plain(n int) Event { return NewEvent("thing.seen", n) }

func with(change func(*Event)) Event {
	e := plain(1)
	change(&e)
	return e
}

func manyTags(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("tag:%d", i)
	}
	return tags
}

// badEvents are refused, with the code and the field.
var badEvents = []struct {
	name  string
	event Event
	code  Code
	field string
}{
	{"no type", with(func(e *Event) { e.Type = "" }), CodeInvalid, "type"},
	{"a type too long", with(func(e *Event) { e.Type = strings.Repeat("t", 257) }), CodeInvalid, "type"},
	{"a reserved type", with(func(e *Event) { e.Type = "$void" }), CodeInvalid, "type"},
	{"a reserved category's type", with(func(e *Event) { e.Type = "$schema" }), CodeInvalid, "type"},
	{"a type with a star", with(func(e *Event) { e.Type = "order.*" }), CodeInvalid, "type"},
	{"a type with a quote", with(func(e *Event) { e.Type = `a"b` }), CodeInvalid, "type"},
	{"a type with a backslash", with(func(e *Event) { e.Type = `a\b` }), CodeInvalid, "type"},
	{"a type with a line end", with(func(e *Event) { e.Type = "a\nb" }), CodeInvalid, "type"},
	{"a type with a NUL", with(func(e *Event) { e.Type = "a\x00" }), CodeInvalid, "type"},
	{"a type with DEL", with(func(e *Event) { e.Type = "a\x7f" }), CodeInvalid, "type"},
	{"a type with a C1 control", with(func(e *Event) { e.Type = "a\u0085b" }), CodeInvalid, "type"},
	{"a type with U+2028", with(func(e *Event) { e.Type = "a\u2028b" }), CodeInvalid, "type"},
	{"a type with U+2029", with(func(e *Event) { e.Type = "a\u2029b" }), CodeInvalid, "type"},
	{"a type that is not UTF-8", with(func(e *Event) { e.Type = "a\xff" }), CodeInvalid, "type"},
	{"an id too long", with(func(e *Event) { e.ID = strings.Repeat("i", 65) }), CodeInvalid, "eventId"},
	{"an id with a space", with(func(e *Event) { e.ID = "a b" }), CodeInvalid, "eventId"},
	{"an id with a quote", with(func(e *Event) { e.ID = `a"` }), CodeInvalid, "eventId"},
	{"an id with a backslash", with(func(e *Event) { e.ID = `a\` }), CodeInvalid, "eventId"},
	{"an id beyond ASCII", with(func(e *Event) { e.ID = "ä" }), CodeInvalid, "eventId"},
	{"an id with a control", with(func(e *Event) { e.ID = "a\t" }), CodeInvalid, "eventId"},
	{"an id with DEL", with(func(e *Event) { e.ID = "a\x7f" }), CodeInvalid, "eventId"},
	{"an empty tag", with(func(e *Event) { e.Tags = []string{"a", ""} }), CodeInvalid, "tags[1]"},
	{"a tag twice", with(func(e *Event) { e.Tags = []string{"a", "b", "a"} }), CodeInvalid, "tags[2]"},
	{"a reserved tag", with(func(e *Event) { e.Tags = []string{"$a"} }), CodeInvalid, "tags[0]"},
	{"a tag with a quote", with(func(e *Event) { e.Tags = []string{`a"b`} }), CodeInvalid, "tags[0]"},
	{"a tag too long", with(func(e *Event) { e.Tags = []string{strings.Repeat("t", 257)} }), CodeInvalid, "tags[0]"},
	{"too many tags", with(func(e *Event) { e.Tags = manyTags(65) }), CodeInvalid, "tags"},
	{"no data", with(func(e *Event) { e.Data = nil }), CodeInvalid, "data"},
	{"empty data", with(func(e *Event) { e.Data = []byte{} }), CodeInvalid, "data"},
	{"white space for data", with(func(e *Event) { e.Data = []byte(" ") }), CodeInvalid, "data"},
	{"data that is not JSON", with(func(e *Event) { e.Data = []byte(`{"a":}`) }), CodeInvalid, "data"},
	{"data with a name twice", with(func(e *Event) { e.Data = []byte(`{"a":1,"a":1}`) }), CodeInvalid, "data"},
	{"data too deep", with(func(e *Event) { e.Data = []byte(strings.Repeat("[", 129) + strings.Repeat("]", 129)) }), CodeInvalid, "data"},
	{"data with a lone surrogate", with(func(e *Event) { e.Data = []byte(`"\ud800"`) }), CodeInvalid, "data"},
	{"data that does not encode", NewEvent("t", math.NaN()), CodeInvalid, "data"},
	{"data and a payload", with(func(e *Event) { e.Binary = []byte{} }), CodeInvalid, "data"},
	{"metadata that is not JSON", with(func(e *Event) { e.Metadata = []byte(`{`) }), CodeInvalid, "metadata"},
	{"metadata that is no object", with(func(e *Event) { e.Metadata = []byte(`[1]`) }), CodeInvalid, "metadata"},
	{"metadata null", plain(1).WithMetadata(nil), CodeInvalid, "metadata"},
	{"metadata that does not encode", plain(1).WithMetadata(make(chan int)), CodeInvalid, "metadata"},
	{"a global position", with(func(e *Event) { e.GlobalPosition = 1 }), CodeInvalid, "globalPosition"},
	{"a stream position", with(func(e *Event) { e.StreamPosition = 1 }), CodeInvalid, "streamPosition"},
	{"another stream", with(func(e *Event) { e.StreamID = "thing-2" }), CodeInvalid, "streamId"},
	{"a data hash", with(func(e *Event) { e.DataHash = "0f"; e.Data = nil }), CodeInvalid, "dataHash"},
	{"a transaction's size", with(func(e *Event) { e.TransactionSize = 2 }), CodeInvalid, "transactionSize"},
	{"a time", with(func(e *Event) { e.CreatedAt = time.Unix(1, 0) }), CodeInvalid, "createdAt"},
	{"a transaction", with(func(e *Event) { e.TransactionID = "a" }), CodeInvalid, "transactionId"},
	{"too many bytes", with(func(e *Event) { e.Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`) }), CodeTooLarge, ""},
}

// expectRefused checks an error and that the driver saw nothing.
func expectRefused(t *testing.T, name string, d *fakeDriver, err error, code Code, field string) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Code != code || e.Field != field || e.Message == "" && e.Err == nil {
		t.Errorf("%s: the error is %#v, want the code %s and the field %q", name, err, code, field)
	}
	if len(d.batches) > 0 {
		t.Errorf("%s: the driver was given %+v", name, d.batches)
		d.batches = nil
	}
}

func TestBadEventsAreRefused(t *testing.T) {
	ctx, d := t.Context(), newFake()
	s := NewStore(d, nil)
	under := func(at, field string) string {
		if field == "" {
			return at
		}
		return at + "." + field
	}
	for _, c := range badEvents {
		// Twice: an error that an event carries must not be spoiled by its first refusal.
		for range 2 {
			_, err := s.Append(ctx, "thing-1", Any, plain(0), c.event)
			expectRefused(t, c.name, d, err, c.code, under("events[1]", c.field))
			_, err = s.Commit(ctx, nil, Append{Stream: "a", Events: []Event{plain(0)}}, Append{Stream: "thing-1", Events: []Event{c.event}})
			expectRefused(t, c.name+", in a batch", d, err, c.code, under("batch[1].events[0]", c.field))
		}
		if c.field == "createdAt" || c.field == "transactionId" {
			continue
		}
		_, err := s.Import(ctx, Append{Stream: "thing-1", Events: []Event{c.event}})
		expectRefused(t, c.name+", imported", d, err, c.code, under("events[0]", c.field))
	}
}

func TestBadBatchesAreRefused(t *testing.T) {
	ctx, d := t.Context(), newFake()
	s := NewStore(d, nil)
	one := []Event{plain(1)}
	many := make([]Event, 1001)
	for i := range many {
		many[i] = plain(i)
	}
	large := make([]Event, 17)
	for i := range large {
		large[i] = NewEvent("t", strings.Repeat("x", 1<<20-200))
	}
	for _, c := range []struct {
		name  string
		batch []Append
		code  Code
		field string
	}{
		{"nothing", nil, CodeInvalid, "batch"},
		{"no events", []Append{{Stream: "a"}}, CodeInvalid, "events"},
		{"no events in the second", []Append{{Stream: "a", Events: one}, {Stream: "b"}}, CodeInvalid, "batch[1].events"},
		{"no stream", []Append{{Events: one}}, CodeInvalid, "streamId"},
		{"a reserved stream", []Append{{Stream: "$a", Events: one}}, CodeInvalid, "streamId"},
		{"a stream without category", []Append{{Stream: "-1", Events: one}}, CodeInvalid, "streamId"},
		{"a stream with a quote", []Append{{Stream: `a"`, Events: one}}, CodeInvalid, "streamId"},
		{"a stream too long", []Append{{Stream: StreamID(strings.Repeat("s", 257)), Events: one}}, CodeInvalid, "streamId"},
		{"a bad stream in the second", []Append{{Stream: "a", Events: one}, {Stream: "a\x00", Events: one}}, CodeInvalid, "batch[1].streamId"},
		{"a stream twice", []Append{{Stream: "a", Events: one}, {Stream: "b", Events: one}, {Stream: "a", Events: one}}, CodeInvalid, "batch[2].streamId"},
		{"a version below -1", []Append{{Stream: "a", Expected: Exactly(-2), Events: one}}, CodeInvalid, "expectedStreamVersion"},
		{"a version far below", []Append{{Stream: "b", Events: one}, {Stream: "a", Expected: Exactly(-3), Events: one}}, CodeInvalid, "batch[1].expectedStreamVersion"},
		{"an id twice", []Append{{Stream: "a", Events: []Event{plain(1).WithID("x"), plain(2), plain(3).WithID("x")}}}, CodeInvalid, "events[2].eventId"},
		{"an id twice in the second", []Append{{Stream: "b", Events: one}, {Stream: "a", Events: []Event{plain(1).WithID("x"), plain(1).WithID("x")}}}, CodeInvalid, "batch[1].events[1].eventId"},
		{"too many events", []Append{{Stream: "a", Events: many}}, CodeTooLarge, "batch"},
		{"too many events together", []Append{{Stream: "a", Events: many[:600]}, {Stream: "b", Events: many[600:]}}, CodeTooLarge, "batch"},
		{"too many bytes together", []Append{{Stream: "a", Events: large}}, CodeTooLarge, "batch"},
	} {
		_, err := s.Commit(ctx, nil, c.batch...)
		expectRefused(t, c.name, d, err, c.code, c.field)
		_, err = s.Import(ctx, c.batch...)
		expectRefused(t, c.name+", imported", d, err, c.code, c.field)
	}
	for _, c := range []struct {
		name   string
		filter Filter
		field  string
	}{
		{"an empty stream", Filter{{Streams: []StreamID{""}}}, "condition.failIfEventsMatch[0]"},
		{"an empty tag in the second", Filter{{}, {Tags: []string{"a", ""}}}, "condition.failIfEventsMatch[1]"},
		{"too many names", Filter{{Types: strings.Split(strings.Repeat("t,", 10_000)+"t", ",")}}, "condition.failIfEventsMatch"},
		{"too many items", make(Filter, 10_001), "condition.failIfEventsMatch"},
	} {
		_, err := s.Commit(ctx, &Condition{FailIfEventsMatch: c.filter}, Append{Stream: "a", Events: one})
		expectRefused(t, "a condition with "+c.name, d, err, CodeInvalid, c.field)
	}
	bad := plain(1)
	bad.CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := s.Import(ctx, Append{Stream: "a", Events: []Event{bad}})
	expectRefused(t, "an imported time in the year 10000", d, err, CodeInvalid, "events[0].createdAt")
	bad = plain(1)
	bad.TransactionID = "a b"
	_, err = s.Import(ctx, Append{Stream: "a", Events: []Event{bad}})
	expectRefused(t, "an imported transaction with a space", d, err, CodeInvalid, "events[0].transactionId")
}

func TestBadReadsAreRefused(t *testing.T) {
	d := newFake()
	s := NewStore(&fullDriver{fakeDriver: d}, nil)
	one := Filter{{Streams: []StreamID{"a"}}}
	for _, c := range []struct {
		name  string
		f     Filter
		o     *ReadOptions
		field string
	}{
		{"an empty type", Filter{{}, {Types: []string{""}}}, nil, "filter[1]"},
		{"an empty category", Filter{{Categories: []string{""}}}, nil, "filter[0]"},
		{"too many items", make(Filter, 10_001), nil, "filter"},
		{"a negative limit", nil, &ReadOptions{Limit: -1}, "limit"},
		{"a negative from", one, &ReadOptions{From: -1}, "from"},
		{"a negative until", one, &ReadOptions{Until: -1}, "until"},
		{"stream positions without a stream", nil, &ReadOptions{From: 1}, "from"},
		{"stream positions of two streams", Filter{{Streams: []StreamID{"a", "b"}}}, &ReadOptions{Until: 1}, "from"},
	} {
		for _, err := range s.Read(t.Context(), c.f, c.o) {
			expectRefused(t, "Read with "+c.name, d, err, CodeInvalid, c.field)
		}
		for _, err := range s.ReadLines(t.Context(), c.f, c.o) {
			expectRefused(t, "ReadLines with "+c.name, d, err, CodeInvalid, c.field)
		}
		if c.o == nil {
			for _, err := range s.Subscribe(t.Context(), c.f, nil) {
				expectRefused(t, "Subscribe with "+c.name, d, err, CodeInvalid, c.field)
			}
		}
	}
	for _, err := range s.Streams(t.Context(), StreamQuery{Limit: -1}) {
		expectRefused(t, "Streams with a negative limit", d, err, CodeInvalid, "limit")
	}
	if len(d.calls) > 0 {
		t.Errorf("the driver was called: %v", d.calls)
	}
}

// TestGoodInputReachesTheDriver has what is at the edge of being refused.
func TestGoodInputReachesTheDriver(t *testing.T) {
	d := newFake()
	s := NewStore(d, nil)
	for name, e := range map[string]Event{
		"the longest names": with(func(e *Event) {
			e.Type, e.ID, e.Tags = strings.Repeat("t", 256), strings.Repeat("i", 64), []string{strings.Repeat("g", 256)}
		}),
		"the most tags":    with(func(e *Event) { e.Tags = manyTags(64) }),
		"Unicode":          with(func(e *Event) { e.Type, e.Tags = "größe.人\u00a0", []string{"ä", "a\u0308"} }),
		"printable ASCII":  with(func(e *Event) { e.ID, e.Type = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#%&'()+,-./:;<=>?@[]^_`{|}~ $" }),
		"the deepest data": with(func(e *Event) { e.Data = []byte(strings.Repeat("[", 128) + strings.Repeat("]", 128)) }),
		"data null":        NewEvent("t", nil),
		"an empty payload": {Type: "t", Binary: []byte{}},
		"empty metadata":   with(func(e *Event) { e.Metadata = []byte{} }),
		"its own stream":   with(func(e *Event) { e.StreamID = "thing-1" }),
		"no tags":          with(func(e *Event) { e.Tags = []string{} }),
	} {
		if _, err := s.Append(t.Context(), "thing-1", Any, e); err != nil || len(d.batches) != 1 {
			t.Errorf("%s: %v, the driver was given %d batches", name, err, len(d.batches))
		}
		d.batches = nil
	}
}

func TestPreparedBatch(t *testing.T) {
	d := newFake()
	s := NewStore(d, nil)
	given := []Event{
		{Type: "t", Data: []byte(" [ 1 ]"), Metadata: []byte("{ }")},
		{Type: "t", Data: []byte("2"), Tags: []string{"a"}},
	}
	kept := []Event{given[0].Clone(), given[1].Clone()}
	c := &Condition{After: 7}
	if _, err := s.Commit(t.Context(), c, Append{Stream: "s-1", Expected: NoStream, Events: given}, Append{Stream: "s-2", Events: given[1:]}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(given, kept) {
		t.Errorf("the given events were changed: %+v", given)
	}
	batch := d.batches[0]
	if len(batch) != 2 || batch[0].Stream != "s-1" || batch[0].Expected != NoStream || batch[1].Stream != "s-2" || batch[1].Expected != Any {
		t.Fatalf("the driver was given %+v", batch)
	}
	transaction := batch[0].Events[0].TransactionID
	for _, e := range append(batch[0].Events, batch[1].Events...) {
		if len(transaction) != 26 || e.TransactionID != transaction {
			t.Errorf("the transactions are %q and %q, want one ULID", transaction, e.TransactionID)
		}
	}
	if e := batch[0].Events[0]; string(e.Data) != "[1]" || string(e.Metadata) != "{}" {
		t.Errorf("the driver was given data %s and metadata %s, want them compact", e.Data, e.Metadata)
	}
	batch[0].Events = append(batch[0].Events, Event{Type: "other"}) // must not reach into the next append's
	if batch[1].Events[0].Type != "t" {
		t.Errorf("the appends' events share their slice")
	}

	_, err := s.Append(t.Context(), "s-1", Any, plain(1))
	if e := d.batches[1][0].Events[0]; err != nil || e.TransactionID != "" {
		t.Errorf("one event alone has the transaction %q, %v", e.TransactionID, err)
	}

	imported := []Event{plain(1), plain(2)}
	imported[0].CreatedAt = time.Date(2020, 1, 2, 3, 4, 5, 6789, time.FixedZone("", 7200))
	imported[0].TransactionID = "elsewhere"
	if _, err := s.Import(t.Context(), Append{Stream: "s-1", Events: imported}); err != nil {
		t.Fatal(err)
	}
	got := d.batches[2][0].Events
	if want := time.Date(2020, 1, 2, 1, 4, 5, 6000, time.UTC); got[0].CreatedAt != want || got[0].TransactionID != "elsewhere" {
		t.Errorf("the imported event has %v and %q", got[0].CreatedAt, got[0].TransactionID)
	}
	if !got[1].CreatedAt.IsZero() || got[1].TransactionID != "" {
		t.Errorf("the other imported event has %v and %q, want what it brought", got[1].CreatedAt, got[1].TransactionID)
	}
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	body := Event{StreamID: "s-1", ID: "a", Type: "t", Data: []byte(`1`)}
	size := body.BodySize()
	for _, c := range []struct {
		limits Limits
		events []Event
		code   Code
	}{
		{Limits{EventBytes: size}, []Event{{Type: "t", ID: "a", Data: []byte(" 1 ")}}, ""}, // the stored bytes count
		{Limits{EventBytes: size - 1}, []Event{{Type: "t", ID: "a", Data: []byte("1")}}, CodeTooLarge},
		{Limits{EventBytes: size + 25}, []Event{{Type: "t", Data: []byte("1")}}, ""}, // with the id to come
		{Limits{EventBytes: size + 24}, []Event{{Type: "t", Data: []byte("1")}}, CodeTooLarge},
		{Limits{BatchEvents: 2}, []Event{plain(1), plain(2)}, ""},
		{Limits{BatchEvents: 2}, []Event{plain(1), plain(2), plain(3)}, CodeTooLarge},
		{Limits{BatchBytes: size}, []Event{{Type: "t", ID: "a", Data: []byte("1")}}, ""},
		{Limits{BatchBytes: size - 1}, []Event{{Type: "t", ID: "a", Data: []byte("1")}}, CodeTooLarge},
		{Limits{EventBytes: -1, BatchBytes: -1, BatchEvents: -1}, []Event{plain(1)}, ""}, // the defaults
	} {
		d := newFake()
		_, err := NewStore(d, &c.limits).Append(ctx, "s-1", Any, c.events...)
		if CodeOf(err) != c.code || (len(d.batches) == 1) != (c.code == "") {
			t.Errorf("with %+v: %v, the driver was given %d batches", c.limits, err, len(d.batches))
		}
	}
}
