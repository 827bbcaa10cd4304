package wire

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

func TestConnectionsAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := document(t)
	reply := ConnectionsReply{EventStoreName: "default", TotalCount: 1, Connections: []ConnectionReply{{
		ConnectionID: "c", ClientID: "me", Transport: "sse", ConnectedAt: Time{time.UnixMicro(1_795_202_120_000_000)},
		Filter: []byte(`{"items":[]}`), GlobalPosition: 7, EventsSent: 3,
	}}}
	for schema, value := range map[string]any{
		"Connections": &reply, "ConnectionsClosed": ConnectionsClosedReply{Success: true, Message: "gone", Closed: 1},
	} {
		text, err := Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, doc, schema, text)
	}
}

func TestConnectionParameters(t *testing.T) {
	t.Parallel()
	p, err := ParseConnections(url.Values{"limit": {"2"}, "offset": {"4"}, "clientId": {"me"}})
	if want := (ConnectionsParams{2, 4, "me"}); err != nil || p != want {
		t.Errorf("%+v, %v, want %+v", p, err, want)
	}
	if p, err := ParseConnections(nil); err != nil || p.Limit != 50 {
		t.Errorf("%+v, %v", p, err)
	}
	if reason, err := ParseReason(url.Values{"reason": {"bye"}}); err != nil || reason != "bye" {
		t.Errorf("%q, %v", reason, err)
	}
	if id, err := ParseClientID(url.Values{"clientId": {"me"}, "type": {"a"}}); err != nil || id != "me" {
		t.Errorf("%q, %v", id, err)
	}
	if _, err := ParseFollow(url.Values{"clientId": {"me"}, "type": {"a"}}, ""); err != nil {
		t.Error(err)
	}
	long := strings.Repeat("x", 129)
	for name, err := range map[string]error{
		"limit":    second(ParseConnections(url.Values{"limit": {"0"}})),
		"nonsense": second(ParseConnections(url.Values{"nonsense": {"0"}})),
		"reason":   second(ParseReason(url.Values{"reason": {long}})),
		"clientId": second(ParseClientID(url.Values{"clientId": {long}})),
	} {
		if e, ok := err.(*nacre.Error); !ok || e.Code != nacre.CodeInvalid || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestParseLine(t *testing.T) {
	t.Parallel()
	e := nacre.Event{StreamID: "order-1", ID: "a", Type: "t", Data: []byte(`{"a":1}`), Tags: []string{"x", "y"}}
	text := line.Append(nil, &e, &line.Stamp{Position: 7, StreamPosition: 2, CreatedAt: 5})
	text = text[:len(text)-1]
	var got nacre.Event
	if err := ParseLine(text, &got); err != nil || got.StreamID != e.StreamID || got.GlobalPosition != 7 || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := ParseLine(text[:len(text)/2], &got); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Errorf("half a line: %v", err)
	}
}
