package nacre

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is the id number n, from 0 to 9: they are consecutive.
func at(n int) string { return "01JD3Y8Q0V3M8S2Z6T5N9K4" + fmt.Sprintf("%03d", n) }

// child is an event of a merge stream.
func child(id string, parents ...string) Event {
	e := plain(1).WithID(id)
	e.Parents = append([]string{}, parents...)
	return e
}

func changed(e Event, change func(*Event)) Event {
	change(&e)
	return e
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		high, low := i/32/32%32, i%1024
		const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		out[i] = "01JD3Y8Q0V3M8S2Z6T5N9K4" + string([]byte{letters[high], letters[low/32], letters[low%32]})
	}
	return out
}

const late = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

func TestNumbers(t *testing.T) {
	for id, want := range map[string]number{
		"00000000000000000000000000": {},
		"00000000000000000000000001": {0, 1},
		"0000000000000FZZZZZZZZZZZZ": {0, 1<<64 - 1},
		"0000000000000G000000000000": {1, 0},
		late:                         {1<<64 - 1, 1<<64 - 1},
	} {
		if n, ok := parseNumber(id); !ok || n != want {
			t.Errorf("%s is %x, %t, want %x", id, n, ok, want)
		}
	}
	for _, id := range []string{
		"", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
		"0000000000000000000000000a", "0000000000000000000000000I", "0000000000000000000000000L",
		"0000000000000000000000000O", "0000000000000000000000000U", "0000000000000000000000000-",
	} {
		if n, ok := parseNumber(id); ok {
			t.Errorf("%q is taken for %x", id, n)
		}
	}
	carry, _ := parseNumber("0000000000000G000000000000")
	if d, ok := carry.minus(number{0, 1<<64 - 1}); d != 1 || !ok {
		t.Errorf("over the carry: %d, %t", d, ok)
	}
	if _, ok := (number{2, 0}).minus(number{0, 1}); ok {
		t.Error("a distance of more than 64 bits fits")
	}
}

func TestMergeEventsAreChecked(t *testing.T) {
	ctx, d := t.Context(), newFake()
	s := NewStore(d, nil)
	for _, c := range []struct {
		name   string
		stream StreamID
		event  Event
		code   Code
		field  string
	}{
		{"no id", "m-1", child(""), CodeInvalid, "eventId"},
		{"an id in lower case", "m-1", child(strings.ToLower(at(1))), CodeInvalid, "eventId"},
		{"an id that is no ULID", "m-1", child("a"), CodeInvalid, "eventId"},
		{"an id beyond 128 bits", "m-1", child("8" + at(1)[1:]), CodeInvalid, "eventId"},
		{"a parent that is no ULID", "m-1", child(at(2), "a"), CodeInvalid, "parents[0]"},
		{"a parent in lower case", "m-1", child(at(2), at(0), strings.ToLower(at(1))), CodeInvalid, "parents[1]"},
		{"itself as parent", "m-1", child(at(2), at(2)), CodeInvalid, "parents[0]"},
		{"a greater parent", "m-1", child(at(2), at(1), at(3)), CodeInvalid, "parents[1]"},
		{"a parent twice", "m-1", child(at(9), at(1), at(2), at(1)), CodeInvalid, "parents[2]"},
		{"a parent twice among many", "m-1", child(late, append(ids(100), ids(7)[6])...), CodeInvalid, "parents[100]"},
		{"too many parents", "m-1", child(late, ids(1025)...), CodeInvalid, "parents"},
		{"a payload", "m-1", changed(child(at(1)), func(e *Event) { e.Data, e.Binary = nil, []byte{} }), CodeInvalid, "data"},
		{"no data", "m-1", changed(child(at(1)), func(e *Event) { e.Data = nil }), CodeInvalid, "data"},
		{"a reserved type", "m-1", changed(child(at(1)), func(e *Event) { e.Type = "$schema" }), CodeInvalid, "type"},
		{"a schema with parents", "$schema-m", changed(child(at(1)), func(e *Event) { e.Type = "$schema" }), CodeInvalid, "parents"},
		{"another type in a schema", "$schema-m", changed(plain(1), func(e *Event) { e.Type = "t" }), CodeInvalid, "type"},
		{"a policy's type in a schema", "$schema-m", changed(plain(1), func(e *Event) { e.Type = "$policy" }), CodeInvalid, "type"},
		{"a void in a policy", "$policy-m", changed(plain(1), func(e *Event) { e.Type = "$void" }), CodeInvalid, "type"},
		{"a transaction of one", "m-1", changed(child(at(1)), func(e *Event) { e.TransactionID = at(1) }), CodeInvalid, "transactionId"},
		{"a size of one", "m-1", changed(child(at(1)), func(e *Event) { e.TransactionSize = 1 }), CodeInvalid, "transactionSize"},
		{"a time", "m-1", changed(child(at(1)), func(e *Event) { e.CreatedAt = time.Unix(1, 0) }), CodeInvalid, "createdAt"},
	} {
		_, err := s.Append(ctx, c.stream, Any, c.event)
		expectRefused(t, c.name, d, err, c.code, "events[0]."+c.field)
		if c.field == "createdAt" || strings.HasPrefix(c.field, "transaction") {
			continue // an import may bring them
		}
		_, err = s.Import(ctx, Append{Stream: c.stream, Events: []Event{c.event}})
		expectRefused(t, c.name+", imported", d, err, c.code, "events[0]."+c.field)
	}
	for _, stream := range []StreamID{"$schema", "$schema-", "$policy", "$void-1", "$schemas-1", "$schema-a\"b", "$$schema-1", StreamID("$schema-" + strings.Repeat("s", 249))} {
		_, err := s.Append(ctx, stream, Any, changed(plain(1), func(e *Event) { e.Type = "$schema" }))
		expectRefused(t, string(stream), d, err, CodeInvalid, "streamId")
	}
}

func TestMergeEventsAreTaken(t *testing.T) {
	ctx, d := t.Context(), newFake()
	s := NewStore(d, nil)
	for stream, e := range map[StreamID]Event{
		"m-1":       child(at(1)),
		"m-2":       child(late, ids(1024)...),
		"m-3":       changed(child(at(2), at(1)), func(e *Event) { e.Type = "$void" }),
		"$schema-m": changed(plain(1), func(e *Event) { e.Type = "$schema" }),
		"$policy-m": changed(plain(1), func(e *Event) { e.Type = "$policy" }),
		StreamID("$schema-" + strings.Repeat("s", 248)): changed(plain(1), func(e *Event) { e.Type = "$schema" }),
	} {
		d.batches = nil
		if _, err := s.Append(ctx, stream, Any, e); err != nil {
			t.Errorf("%s: %v", stream, err)
			continue
		}
		got := d.batches[0][0].Events[0]
		if got.TransactionID != "" || got.TransactionSize != 0 || !slices.Equal(got.Parents, e.Parents) || (got.Parents == nil) != (e.Parents == nil) {
			t.Errorf("%s: the driver was given %+v", stream, got)
		}
	}
}

func TestTransactionsOfMergeStreams(t *testing.T) {
	ctx, d := t.Context(), newFake()
	s := NewStore(d, nil)
	m := func(stream StreamID, events ...Event) Append { return Append{Stream: stream, Events: events} }
	in := func(id string, transaction string, size int, parents ...string) Event {
		return changed(child(id, parents...), func(e *Event) { e.TransactionID, e.TransactionSize = transaction, size })
	}
	many := make([]Event, 1001)
	for i, id := range ids(1001) {
		many[i] = child(id)
	}

	for _, c := range []struct {
		name  string
		batch []Append
	}{
		{"two", []Append{m("m-1", child(at(1)), child(at(2), at(1)))}},
		{"over streams", []Append{m("m-1", child(at(2)), child(at(4))), m("n-1", child(at(1)), child(at(3)))}},
		{"over a carry", []Append{m("m-1", child("0000000000000FZZZZZZZZZZZZ"), child("0000000000000G000000000000"))}},
		{"given what it is", []Append{m("m-1", in(at(1), at(1), 2), child(at(2))), m("n-1")}[:1]},
		{"a thousand", []Append{m("m-1", many[:1000]...)}},
	} {
		d.batches = nil
		if _, err := s.Commit(ctx, nil, c.batch...); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		least, size := "", 0
		for _, a := range d.batches[0] {
			for _, e := range a.Events {
				if least == "" || e.ID < least {
					least = e.ID
				}
				size++
			}
		}
		for _, a := range d.batches[0] {
			for _, e := range a.Events {
				if e.TransactionID != least || e.TransactionSize != size {
					t.Errorf("%s: %s is in the transaction %q of %d, want %s of %d", c.name, e.ID, e.TransactionID, e.TransactionSize, least, size)
				}
			}
		}
		// What a store has, another takes.
		imported := d.batches[0]
		d.batches = nil
		if _, err := s.Import(ctx, imported...); err != nil {
			t.Errorf("%s, imported: %v", c.name, err)
		}
	}

	for _, c := range []struct {
		name     string
		imported bool
		batch    []Append
		code     Code
		field    string
	}{
		{"a gap", false, []Append{m("m-1", child(at(1)), child(at(3)))}, CodeInvalid, "events[1].eventId"},
		{"an id in two streams", false, []Append{m("m-1", child(at(1))), m("m-2", child(at(1)))}, CodeInvalid, "batch[1].events[0].eventId"},
		{"descending", false, []Append{m("m-1", child(at(2)), child(at(1)))}, CodeInvalid, "events[1].eventId"},
		{"far away", false, []Append{m("m-1", child(at(1)), child(late))}, CodeInvalid, "events[1].eventId"},
		{"another transaction's id", false, []Append{m("m-1", in(at(1), at(2), 2), child(at(2)))}, CodeInvalid, "events[0].transactionId"},
		{"another size", false, []Append{m("m-1", child(at(1)), in(at(2), at(1), 3))}, CodeInvalid, "events[1].transactionSize"},
		{"beside an ordered stream", false, []Append{m("m-1", child(at(1))), m("o-1", plain(1))}, CodeInvalid, "batch[1].events[0].parents"},
		{"beside an ordered event", false, []Append{m("m-1", plain(1), child(at(1)))}, CodeInvalid, "events[1].parents"},
		{"a part", true, []Append{m("m-1", in(at(1), at(1), 2))}, CodeInvalid, "events[0].transactionId"},
		{"a part behind a whole one", true, []Append{m("m-1", in(at(1), at(1), 2), in(at(2), at(1), 2), child(at(7)), in(at(4), at(3), 2))}, CodeInvalid, "events[3].transactionId"},
		{"two sizes", true, []Append{m("m-1", in(at(1), at(1), 2), in(at(2), at(1), 3))}, CodeInvalid, "events[1].transactionSize"},
		{"beyond its size", true, []Append{m("m-1", in(at(1), at(1), 2), in(at(3), at(1), 2))}, CodeInvalid, "events[1].eventId"},
		{"before its beginning", true, []Append{m("m-1", in(at(1), at(2), 2), in(at(2), at(2), 2))}, CodeInvalid, "events[0].eventId"},
		{"descending in a stream", true, []Append{m("m-1", in(at(2), at(1), 2), in(at(1), at(1), 2))}, CodeInvalid, "events[1].eventId"},
		{"an id in two streams", true, []Append{m("m-1", in(at(1), at(1), 2)), m("m-2", in(at(1), at(1), 2))}, CodeInvalid, "batch[1].events[0].eventId"},
		{"a size alone", true, []Append{m("m-1", in(at(1), "", 2))}, CodeInvalid, "events[0].transactionId"},
		{"an id alone", true, []Append{m("m-1", in(at(1), at(1), 0))}, CodeInvalid, "events[0].transactionSize"},
		{"too great a size", true, []Append{m("m-1", in(at(1), at(1), 1001))}, CodeInvalid, "events[0].transactionSize"},
		{"a transaction that is no ULID", true, []Append{m("m-1", in(at(1), "elsewhere", 2), in(at(2), "elsewhere", 2))}, CodeInvalid, "events[0].transactionId"},
	} {
		d.batches = nil
		commit := func(batch ...Append) ([]Appended, error) { return s.Commit(ctx, nil, batch...) }
		if c.imported {
			commit = func(batch ...Append) ([]Appended, error) { return s.Import(ctx, batch...) }
		}
		_, err := commit(c.batch...)
		expectRefused(t, fmt.Sprintf("%s, imported %t", c.name, c.imported), d, err, c.code, c.field)
	}

	d.batches = nil
	several := []Append{
		m("m-1", child(at(9)), in(at(2), at(1), 2), in(at(5), at(5), 3)),
		m("m-2", in(at(1), at(1), 2), in(at(6), at(5), 3), in(at(7), at(5), 3), child(at(9))),
	}
	if _, err := s.Import(ctx, several...); err != nil {
		t.Errorf("several transactions and single events: %v", err)
	}
	wide := NewStore(d, &Limits{BatchEvents: 2000})
	d.batches = nil
	_, err := wide.Append(ctx, "m-1", Any, many...)
	expectRefused(t, "more than a transaction has, of a store that takes it", d, err, CodeTooLarge, "batch")
}

func TestMergeErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		want []string
	}{
		{&StreamKindError{Stream: "album-1", Merge: true}, CodeWrongStreamKind, []string{`"album"`, `"album-1"`, "merge streams", "give each event its parents"}},
		{&StreamKindError{Stream: "order-1"}, CodeWrongStreamKind, []string{`"order"`, `"order-1"`, "ordered streams", "leave parents out"}},
		{&ParentError{Stream: "album-1", ID: at(3), Missing: []string{at(1), at(2)}}, CodeParentMissing, []string{`"album-1"`, at(1), at(2), at(3)}},
	} {
		if CodeOf(c.err) != c.code {
			t.Errorf("%v: the code %s, want %s", c.err, CodeOf(c.err), c.code)
		}
		for _, part := range c.want {
			if !strings.Contains(c.err.Error(), part) {
				t.Errorf("%q does not tell %q", c.err, part)
			}
		}
	}
}
