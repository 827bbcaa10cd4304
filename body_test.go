package nacre

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestBody(t *testing.T) {
	for want, e := range map[string]Event{
		`{"streamId":"s-1","eventId":"a","type":"t","data":{"n":1}`: {StreamID: "s-1", ID: "a", Type: "t", Data: []byte(`{"n":1}`)},
		`{"streamId":"s-1","eventId":"a","type":"t","data":null,"metadata":{"m":1},"tags":["x","y:1"],"transactionId":"t1"`: {
			StreamID: "s-1", ID: "a", Type: "t", Data: []byte(`null`), Metadata: []byte(`{"m":1}`), Tags: []string{"x", "y:1"}, TransactionID: "t1",
		},
		`{"streamId":"s-1","eventId":"a","type":"t","dataBase64":"AP8="`:          {StreamID: "s-1", ID: "a", Type: "t", Binary: []byte{0, 255}},
		`{"streamId":"s-1","eventId":"a","type":"t","dataBase64":""`:              {StreamID: "s-1", ID: "a", Type: "t", Binary: []byte{}},
		`{"streamId":"s-1","eventId":"a","type":"t","dataHash":"0f","tags":["x"]`: {StreamID: "s-1", ID: "a", Type: "t", DataHash: "0f", Tags: []string{"x"}},
		`{"streamId":"s-1","eventId":"a","type":"t","data":1,"parents":[]`:        {StreamID: "s-1", ID: "a", Type: "t", Data: []byte(`1`), Parents: []string{}},
		`{"streamId":"s-1","eventId":"a","type":"t","data":1,"parents":["b","c"],"transactionId":"d","transactionSize":12`: {
			StreamID: "s-1", ID: "a", Type: "t", Data: []byte(`1`), Parents: []string{"b", "c"}, TransactionID: "d", TransactionSize: 12,
		},
		`{"streamId":"größe-人","eventId":"~","type":"a.b c","data":1`: {StreamID: "größe-人", ID: "~", Type: "a.b c", Data: []byte(`1`)},
	} {
		if got := string(e.AppendBody(nil)); got != want {
			t.Errorf("the body is\n%s, want\n%s", got, want)
		}
		if got := string(e.AppendBody([]byte("before "))); got != "before "+want {
			t.Errorf("appended to something, the body is\n%s", got)
		}
		if got := e.BodySize(); got != len(want) {
			t.Errorf("the size of %s is %d, want %d", want, got, len(want))
		}
	}
}

// randomEvent has each field set or not; it is what a store would have taken.
func randomEvent(r *rand.Rand) Event {
	text := func(most int) string {
		alphabet := []string{"a", "B", "7", ".", ":", " ", "ä", "人", "😀", "-"}
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	some := func() []string {
		out := []string{}
		for range r.IntN(4) {
			out = append(out, text(9))
		}
		return out
	}
	e := Event{StreamID: StreamID("s-" + text(20)), ID: NewID()[:1+r.IntN(26)], Type: text(20)}
	g := jsonMaker{r}
	switch r.IntN(6) {
	case 0:
		e.DataHash = text(64)
	case 1:
		e.Binary = []byte(strings.Repeat("\xff", r.IntN(20)))
	default:
		for e.Data == nil { // now and then a made object has a name twice
			e.Data, _ = compactJSON(g.value(nil, 0))
		}
	}
	if r.IntN(2) == 0 {
		e.Metadata = []byte(`{"correlationId":"` + NewID() + `"}`)
	}
	if tags := some(); len(tags) > 0 {
		e.Tags = tags
	}
	if r.IntN(2) == 0 {
		e.Parents = some()
	}
	if r.IntN(2) == 0 {
		e.TransactionID, e.TransactionSize = NewID(), r.IntN(1200)
	}
	if r.IntN(2) == 0 {
		e.GlobalPosition, e.StreamPosition = Position(1+r.Int64N(1<<53)), r.Int64N(1<<53)
		e.CreatedAt = time.UnixMicro(r.Int64N(1e17) - 5e16).UTC()
	}
	return e
}

func TestBodySizeIsTheBodysLength(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		e := randomEvent(r)
		body := e.AppendBody(nil)
		if len(body) != e.BodySize() {
			t.Fatalf("BodySize is %d, the body has %d bytes: %s", e.BodySize(), len(body), body)
		}
		if !json.Valid(append(body, '}')) {
			t.Fatalf("the body is not the beginning of a JSON object: %s", body)
		}
	}
}
