package storagetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

var appendCases = []testCase{
	{"OneEvent", appendOneEvent},
	{"ManyEvents", appendManyEvents},
	{"PositionsAreGapless", appendPositionsAreGapless},
	{"EveryField", appendEveryField},
	{"DataIsKeptByteForByte", appendDataIsKept},
	{"Binary", appendBinary},
	{"IDsAreMade", appendIDsAreMade},
	{"TimesNeverDecrease", appendTimesNeverDecrease},
	{"InputIsNotChanged", appendInputIsNotChanged},
	{"OutputIsTheCallers", appendOutputIsTheCallers},
	{"InputMayBeUsedAgain", appendInputMayBeUsedAgain},
	{"EndedContext", appendEndedContext},
	{"RefusedLeavesNothing", appendRefusedLeavesNothing},
	{"Import", appendImport},
}

func appendOneEvent(x *trial) {
	before := time.Now().Add(-time.Hour)
	a := x.append("order-1", nacre.Any, fact("order.placed", 1, "customer:7"))
	if a.Version != 0 || a.Duplicate || a.Position() != 1 || len(a.Events) != 1 {
		x.Fatalf("the outcome of the first append is %+v, want version 0 at position 1", a)
	}
	e := a.Events[0]
	if e.StreamID != "order-1" || e.GlobalPosition != 1 || e.StreamPosition != 0 || e.ID == "" || e.TransactionID != "" {
		x.Fatalf("the store gave %s", describe(&e))
	}
	if e.CreatedAt.Before(before) || e.CreatedAt.Location() != time.UTC || e.CreatedAt.Nanosecond()%1000 != 0 {
		x.Fatalf("CreatedAt is %v, want the present in UTC, to the microsecond", e.CreatedAt)
	}
	expectEvents(x, "what was read", x.all(), a.Events)
	expectEvents(x, "the stream", x.read(stream("order-1"), nil), a.Events)
}

func appendManyEvents(x *trial) {
	a := x.append("order-1", nacre.NoStream, facts("order.placed", 5)...)
	if a.Version != 4 || a.Position() != 5 || len(a.Events) != 5 {
		x.Fatalf("the outcome is version %d at %d with %d events, want 4, 5, 5", a.Version, a.Position(), len(a.Events))
	}
	b := x.append("order-1", nacre.Exactly(4), facts("order.changed", 3)...)
	if b.Version != 7 || b.Position() != 8 {
		x.Fatalf("the outcome is version %d at %d, want 7 at 8", b.Version, b.Position())
	}
	if a.Events[0].TransactionID == "" || a.Events[0].TransactionID == b.Events[0].TransactionID {
		x.Fatalf("the transactions are %q and %q, want two", a.Events[0].TransactionID, b.Events[0].TransactionID)
	}
	for _, e := range append(a.Events[1:], b.Events[1:]...) {
		if want := [2]string{a.Events[0].TransactionID, b.Events[0].TransactionID}[e.StreamPosition/5]; e.TransactionID != want {
			x.Fatalf("%s: the transaction is %q, want %q", describe(&e), e.TransactionID, want)
		}
	}
	expectEvents(x, "the log", x.all(), append(a.Events, b.Events...))
}

func appendPositionsAreGapless(x *trial) {
	var want []nacre.Event
	for i := range 60 {
		id := nacre.StreamID(fmt.Sprintf("thing-%d", i*i%7))
		a := x.append(id, nacre.Any, facts("thing.seen", 1+i%3)...)
		if a.Events[0].GlobalPosition != nacre.Position(len(want)+1) {
			x.Fatalf("append %d went to position %d, want %d", i, a.Events[0].GlobalPosition, len(want)+1)
		}
		if a.Version != a.Events[len(a.Events)-1].StreamPosition {
			x.Fatalf("append %d: version %d, the last event's position is %d", i, a.Version, a.Events[len(a.Events)-1].StreamPosition)
		}
		want = append(want, a.Events...)
	}
	expectEvents(x, "the log", x.all(), want)
}

func appendEveryField(x *trial) {
	long := strings.Repeat("n", 255)
	many := make([]string, 64)
	for i := range many {
		many[i] = fmt.Sprintf("tag:%d", i)
	}
	for i, given := range []nacre.Append{
		{Stream: "a", Events: []nacre.Event{nacre.NewEvent("t", nil)}},
		{Stream: "größe-Ω-人", Events: []nacre.Event{nacre.NewEvent("größe.geändert", "Ωμέγα 人").WithTags("größe:XL", "人")}},
		{Stream: "a--b/c d?e#f%20&'<>", Events: []nacre.Event{nacre.NewEvent("a.b.c:d/e f", 1).WithTags("a b", "a,b", "a=b&c", "'<>'", "-$", "*")}},
		{Stream: nacre.StreamID("s" + long), Events: []nacre.Event{nacre.NewEvent("t"+long, 1).WithTags("g" + long)}},
		{Stream: "id-1", Events: []nacre.Event{nacre.NewEvent("t", 1).WithID("x")}},
		{Stream: "id-2", Events: []nacre.Event{nacre.NewEvent("t", 1).WithID(strings.Repeat("!~", 32))}},
		{Stream: "id-3", Events: []nacre.Event{nacre.NewEvent("t", 1).WithID("01JD3Y8Q0V3M8S2Z6T5N9K4RWE")}},
		{Stream: "tags-1", Events: []nacre.Event{nacre.NewEvent("t", 1).WithTags(many...)}},
		{Stream: "meta-1", Events: []nacre.Event{nacre.NewEvent("t", 1).WithMetadata(map[string]any{
			"correlationId": "c", "causationId": "a", "actor": "u", "schemaVersion": 3, "occurredAt": "2026-01-01T00:00:00Z",
		})}},
		{Stream: "meta-2", Events: []nacre.Event{nacre.NewEvent("t", 1).WithMetadata(map[string]any{})}},
	} {
		a := x.append(given.Stream, nacre.NoStream, given.Events...)
		want, got := given.Events[0], a.Events[0]
		want.StreamID, want.GlobalPosition, want.CreatedAt = given.Stream, nacre.Position(i+1), got.CreatedAt
		if want.ID == "" {
			want.ID = got.ID
		}
		expectEvents(x, "the outcome", a.Events, []nacre.Event{want})
		expectEvents(x, "what was read", x.read(stream(given.Stream), nil), a.Events)
		for _, tag := range want.Tags {
			if n := len(x.read(nacre.Filter{{Tags: []string{tag}, Streams: []nacre.StreamID{given.Stream}}}, nil)); n != 1 {
				x.Fatalf("%d events found by the tag %q, want 1", n, tag)
			}
		}
	}
}

// keptData are JSON values whose spelling must survive.
var keptData = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1.50`, `1e400`, `1E+2`, `0.10`, `123456789012345678901234567890`,
	`3.141592653589793238462643383279`, `""`, `"a"`, `"\u0000"`, `"\u00e9"`, `"é"`, `"\/"`, `"/"`, `"\ud83d\ude00"`,
	`"😀"`, `"\b\f\n\r\t\"\\"`, `"<script>&'"`, "\"\u2028\u2029\u007f\u0085\"", `[]`, `{}`, `[[],{}]`, `{"":1}`,
	`{"b":1,"a":2}`, `{"B":1,"b":2}`, `{"a":{"a":{"a":[1,2,3]}}}`, `{"\u0061":1}`, `{"crc":"00000000"}`,
	`{"a":"}\",\"globalPosition\":7,\"streamPosition\":7"}`, `",\"crc\":\"12345678\"}"`,
	`{"data":1,"metadata":{},"tags":[],"globalPosition":1,"streamPosition":2,"createdAt":"x","batch":[1,2],"synced":0}`,
}

func appendDataIsKept(x *trial) {
	values := append(keptData, strings.Repeat("[", 128)+strings.Repeat("]", 128), `"`+strings.Repeat("long ", 20_000)+`"`)
	for i, data := range values {
		e := nacre.Event{Type: "t", Data: []byte(data), Metadata: []byte(`{"of":` + data + `}`)}
		if data[0] == '[' {
			e.Metadata = nil // it would be too deep
		}
		a := x.append(nacre.StreamID(fmt.Sprintf("data-%d", i)), nacre.NoStream, e)
		got := x.read(nil, &nacre.ReadOptions{Backwards: true, Limit: 1})
		expectEvents(x, "what was read", got, a.Events)
		if string(got[0].Data) != data || string(got[0].Metadata) != string(e.Metadata) {
			x.Fatalf("data %.200s came back as %.200s, metadata %.200s as %.200s", data, got[0].Data, e.Metadata, got[0].Metadata)
		}
	}
	spaced := nacre.Event{Type: "t", Data: []byte(" { \"a b\" : [ 1 ,\n\t2 ] }\r\n"), Metadata: []byte("{ }")}
	x.append("data-spaced", nacre.Any, spaced)
	got := x.read(stream("data-spaced"), nil)[0]
	if string(got.Data) != `{"a b":[1,2]}` || string(got.Metadata) != `{}` {
		x.Fatalf("data %s and metadata %s, want them without insignificant white space", got.Data, got.Metadata)
	}
}

func appendBinary(x *trial) {
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	for i, payload := range [][]byte{{}, {0}, {0xff, 0xfe}, bytes} {
		e := nacre.Event{Type: "picture.taken", Binary: payload, Metadata: []byte(`{"contentType":"image/png"}`)}
		a := x.append("picture-1", nacre.Any, e)
		got := x.read(nil, &nacre.ReadOptions{After: nacre.Position(i)})
		expectEvents(x, "what was read", got, a.Events)
		if got[0].Binary == nil || string(got[0].Binary) != string(payload) || got[0].Data != nil {
			x.Fatalf("payload %x came back as %x with data %s", payload, got[0].Binary, got[0].Data)
		}
	}
}

func appendIDsAreMade(x *trial) {
	seen := map[string]bool{}
	for range 5 {
		for _, e := range x.append("thing-1", nacre.Any, facts("thing.seen", 20)...).Events {
			if len(e.ID) != 26 || seen[e.ID] {
				x.Fatalf("the id %q is no ULID, or was given before", e.ID)
			}
			seen[e.ID] = true
		}
	}
}

func appendTimesNeverDecrease(x *trial) {
	for i := range 50 {
		x.append(nacre.StreamID(fmt.Sprintf("thing-%d", i%4)), nacre.Any, facts("thing.seen", 1+i%2)...)
	}
	events := x.all()
	for i := range events[1:] {
		if events[i+1].CreatedAt.Before(events[i].CreatedAt) {
			x.Fatalf("%s is older than the event before it, of %v", describe(&events[i+1]), events[i].CreatedAt)
		}
	}
}

func appendInputIsNotChanged(x *trial) {
	given := []nacre.Event{fact("thing.seen", 1, "a", "b"), fact("thing.seen", 2).WithMetadata(map[string]int{"m": 1})}
	given[0].Data = []byte("{ \"n\" : 1 }")
	kept := []nacre.Event{given[0].Clone(), given[1].Clone()}
	x.append("thing-1", nacre.Any, given...)
	expectUntouched(x, given, kept)
	_, err := x.s.Append(x.ctx, "thing-1", nacre.NoStream, given...)
	expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
	expectUntouched(x, given, kept)
}

func expectUntouched(x *trial, given, kept []nacre.Event) {
	x.Helper()
	for i := range given {
		// Neither has a time, so that the location says nothing.
		given[i].CreatedAt, kept[i].CreatedAt = given[i].CreatedAt.UTC(), kept[i].CreatedAt.UTC()
	}
	expectEvents(x, "the events that were given", given, kept)
}

// appendOutputIsTheCallers: what a store returned may be changed by whoever has it, without effect on
// the store or on others.
func appendOutputIsTheCallers(x *trial) {
	x.append("thing-1", nacre.Any, fact("thing.seen", 1, "a").WithMetadata(map[string]int{"m": 1}),
		nacre.Event{Type: "thing.drawn", Binary: []byte("binary")})
	want := x.all()
	again := x.all()
	for i := range want {
		spoiled := want[i].Clone()
		want[i], spoiled = spoiled, want[i]
		spoil(&spoiled)
	}
	expectEvents(x, "what another read gave", again, want)
	a := x.append("thing-1", nacre.Any, fact("thing.seen", 2, "b"))
	want = append(want, a.Events[0].Clone())
	spoil(&a.Events[0])
	expectEvents(x, "what was read afterwards", x.all(), want)
}

func spoil(e *nacre.Event) {
	for _, b := range [][]byte{e.Data, e.Binary, e.Metadata} {
		for i := range b {
			b[i] = '#'
		}
	}
	for i := range e.Tags {
		e.Tags[i] = "spoiled"
	}
}

// appendInputMayBeUsedAgain: once the append returned, the store does not depend on the caller's slices.
func appendInputMayBeUsedAgain(x *trial) {
	batch := []nacre.Append{{Stream: "thing-1", Events: []nacre.Event{fact("thing.seen", 1), fact("thing.seen", 2)}}}
	first := x.commit(nil, batch...)
	batch[0].Stream = "thing-2"
	batch[0].Events[0] = fact("thing.gone", 3)
	second := x.commit(nil, batch...)
	want := append(first[0].Events, second[0].Events...)
	expectEvents(x, "the log", x.all(), want)
	if want[0].Type != "thing.seen" || want[2].Type != "thing.gone" {
		x.Fatalf("the types are %s and %s", want[0].Type, want[2].Type)
	}
}

func appendEndedContext(x *trial) {
	x.append("thing-1", nacre.Any, fact("thing.seen", 1))
	canceled, cancel := context.WithCancel(x.ctx)
	cancel()
	late, cancelLate := context.WithDeadline(x.ctx, time.Now().Add(-time.Hour))
	defer cancelLate()
	for _, c := range []struct {
		ctx  context.Context
		code nacre.Code
	}{{canceled, nacre.CodeCanceled}, {late, nacre.CodeDeadline}} {
		x.nothingWritten(func() {
			_, err := x.s.Append(c.ctx, "thing-1", nacre.Any, fact("thing.seen", 2))
			expectCode(x, "Append with an ended context", err, c.code)
			_, err = x.s.Driver().Append(c.ctx, []nacre.Append{{Stream: "thing-1", Events: []nacre.Event{fact("thing.seen", 2)}}}, nil)
			expectCode(x, "the driver's Append with an ended context", err, c.code)
		})
	}
}

func appendRefusedLeavesNothing(x *trial) {
	x.append("thing-1", nacre.Any, fact("thing.seen", 1))
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "thing-1", nacre.Any, fact("thing.seen", 2), fact("bad\"type", 3))
		expectCode(x, "an event with a bad type", err, nacre.CodeInvalid)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Exactly(7), facts("thing.seen", 3)...)
		expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Any)
		expectCode(x, "an append of nothing", err, nacre.CodeInvalid)
	})
	if a := x.append("thing-1", nacre.Exactly(0), fact("thing.seen", 4)); a.Position() != 2 {
		x.Fatalf("the next event is at position %d, want 2: refused appends take no positions", a.Position())
	}
}

func appendImport(x *trial) {
	x.append("thing-1", nacre.Any, fact("thing.seen", 1))
	old := time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.FixedZone("elsewhere", 3600))
	future := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	given := []nacre.Event{fact("thing.seen", 2).WithID("a"), fact("thing.seen", 3).WithID("b"), fact("thing.seen", 4).WithID("c")}
	given[0].CreatedAt, given[0].TransactionID = old, "t-1"
	given[1].CreatedAt, given[1].TransactionID = future, "t-1"
	batch := []nacre.Append{{Stream: "thing-1", Events: given}, {Stream: "thing-2", Events: []nacre.Event{fact("thing.seen", 5)}}}
	out, err := x.s.Import(x.ctx, batch...)
	if err != nil {
		x.Fatalf("Import: %v", err)
	}
	got := append(out[0].Events, out[1].Events...)
	if !got[0].CreatedAt.Equal(old.Truncate(time.Microsecond)) || !got[1].CreatedAt.Equal(future) {
		x.Fatalf("the times are %v and %v, want those that the events brought", got[0].CreatedAt, got[1].CreatedAt)
	}
	if y := got[2].CreatedAt.Year(); y == 1999 || y == 2999 || got[2].CreatedAt.IsZero() {
		x.Fatalf("an imported event without a time got %v, want the store's", got[2].CreatedAt)
	}
	if got[0].TransactionID != "t-1" || got[1].TransactionID != "t-1" || got[2].TransactionID != "" || got[3].TransactionID != "" {
		x.Fatalf("the transactions are %q, %q, %q, %q, want those that the events brought",
			got[0].TransactionID, got[1].TransactionID, got[2].TransactionID, got[3].TransactionID)
	}
	if got[0].GlobalPosition != 2 || got[0].StreamPosition != 1 || got[3].GlobalPosition != 5 {
		x.Fatalf("the positions are %s", positions(got))
	}
	expectEvents(x, "the log behind the first event", x.read(nil, &nacre.ReadOptions{After: 1}), got)

	again, err := x.s.Import(x.ctx, batch[0])
	if err != nil || !again[0].Duplicate {
		x.Fatalf("importing the same ids again: %+v, %v, want the first outcome", again, err)
	}
	expectEvents(x, "the first outcome", again[0].Events, got[:3])
	if a := x.append("thing-1", nacre.Any, fact("thing.seen", 6)); a.Events[0].CreatedAt.Year() == 2999 {
		x.Fatalf("an imported time moved the log's clock to %v", a.Events[0].CreatedAt)
	}
}
