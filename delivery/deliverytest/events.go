package deliverytest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// began is when the first event was created.
var began = time.Date(2026, 11, 20, 18, 55, 20, 471_204_000, time.UTC)

// Events makes n events behind a position, in streams of the category "order", one after the other.
func Events(after nacre.Position, n, streams int) []nacre.Event {
	events := make([]nacre.Event, n)
	for i := range events {
		at := int(after) + i
		events[i] = nacre.Event{
			GlobalPosition: nacre.Position(at + 1),
			StreamPosition: int64(at / streams),
			StreamID:       nacre.StreamID(fmt.Sprintf("order-%d", at%streams)),
			ID:             fmt.Sprintf("01JD3Y%020d", at+1),
			Type:           "order.placed",
			CreatedAt:      began.Add(time.Duration(at) * time.Millisecond),
			Data:           json.RawMessage(fmt.Sprintf(`{"n":%d}`, at)),
			Metadata:       json.RawMessage(fmt.Sprintf(`{"correlationId":"c-%d"}`, at)),
			Tags:           []string{"customer:7"},
		}
	}
	return events
}

// Batches cuts events into batches of a store "shop" and a subscription "relay".
func Batches(events []nacre.Event, size int) []*delivery.Batch {
	var out []*delivery.Batch
	for len(events) > 0 {
		n := min(size, len(events))
		out = append(out, &delivery.Batch{
			ID:    fmt.Sprintf("relay-%d", events[0].GlobalPosition),
			Store: "shop", Subscription: "relay", Attempt: 1, Events: events[:n:n],
		})
		events = events[n:]
	}
	return out
}

// odd are events that are hard on whoever makes names, headers or lines of them.
func odd() []nacre.Event {
	events := Events(0, 12, 1)
	change := func(i int, to func(e *nacre.Event)) { to(&events[i]) }
	change(1, func(e *nacre.Event) { e.Data = json.RawMessage(`"two\nlines, \u2028 and a tab\t"`) })
	change(2, func(e *nacre.Event) { e.Data, e.Binary = nil, []byte{0, 255, '\n', 1} })
	change(3, func(e *nacre.Event) { e.Data, e.DataHash = nil, "sha256:00" })
	change(4, func(e *nacre.Event) { e.StreamID, e.Type = "with space.and > dots-1", "order..placed >.$x" })
	change(5, func(e *nacre.Event) { e.StreamID, e.Type = "prüfung-ß", "geprüft 🐚" })
	change(6, func(e *nacre.Event) { e.StreamID, e.Type = "a:b:c-{1}", "%2E.{type}" })
	change(7, func(e *nacre.Event) { e.Metadata = json.RawMessage(`{"correlationId":"a\r\nb: c"}`) })
	change(8, func(e *nacre.Event) { e.Metadata, e.Tags = nil, nil })
	change(9, func(e *nacre.Event) { e.Data = json.RawMessage(`"` + long + `"`) })
	change(10, func(e *nacre.Event) { e.ID = "id-<such>&%" })
	change(11, func(e *nacre.Event) { e.Data = json.RawMessage(`12345678901234567890.10`) })
	return events
}
