package query

import (
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

func TestEventsAreRows(t *testing.T) {
	event := &nacre.Event{
		GlobalPosition: 1042, StreamPosition: 2, StreamID: "order-456", ID: "01JD3Y", Type: "order.shipped",
		CreatedAt: time.Date(2026, 11, 20, 18, 55, 20, 471204000, time.UTC),
		Data:      []byte(`{"total":120.5,"items":["a","b"]}`), Metadata: []byte(`{"actor":"ann"}`),
		Tags: []string{"customer:7", `"quoted"`},
	}
	var row Event
	row.Reset(event)
	for text, want := range map[string]Truth{
		"type LIKE 'order.%' AND data.total > 100":                   True,
		"type LIKE 'order.%' AND data.total > 200":                   False,
		"category = 'order' AND streamId = 'order-456'":              True,
		"data.items CONTAINS 'b' AND tags CONTAINS 'customer:7'":     True,
		`tags CONTAINS '"quoted"' AND tags[2] IS NULL`:               True,
		"metadata.actor = 'bob'":                                     False,
		"createdAt >= '2026-11-20T18:55:20.471204Z'":                 True,
		"globalPosition = 1042 AND streamPosition < 3 AND id != 'x'": True,
		"transactionId = 'x'":                                        Unknown,
		"parents IS NULL AND eventId = '01JD3Y'":                     True,
		"metadata.none = 1":                                          Unknown,
	} {
		p, err := planOf(Events, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		row.Reset(event)
		if got := p.Truth(&row, nil); got != want {
			t.Errorf("%s is %v and should be %v", text, got, want)
		}
	}
	if _, err := planOf(Events, "typ = 'x'", nil); err == nil || err.Error() != "query: line 1, column 1: expected a property, found typ: did you mean type?" {
		t.Errorf("an unknown property gives %v", err)
	}
	if got := string(row.Get("tags")); got != `["customer:7","\"quoted\""]` {
		t.Errorf("the tags are %s", got)
	}
	event.Parents, event.TransactionID = []string{}, "t1"
	p, err := planOf(Events, "parents IS NOT NULL AND transactionId = 't1'", nil)
	if err != nil || !p.Match(&row, nil) {
		t.Errorf("an event of a merge stream does not match: %v", err)
	}
}

func TestMatchingEventsDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p, err := planOf(Events, "type LIKE 'order.%' AND data.total > 100 AND tags CONTAINS 'x' AND createdAt > '2026-01-01'", nil)
	if err != nil {
		t.Fatal(err)
	}
	event := &nacre.Event{Type: "order.shipped", Data: []byte(`{"total":120}`), Tags: []string{"x"}, CreatedAt: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	var row Event
	if n := testing.AllocsPerRun(200, func() {
		row.Reset(event)
		if !p.Match(&row, nil) {
			t.Error("it does not match")
		}
	}); n != 0 {
		t.Errorf("a match allocates %v times", n)
	}
}
