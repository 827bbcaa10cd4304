package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestAppendToStream(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		const path = logPath + "/streams/order-1001"
		h.post(path, `{"events":[{"type":"order.placed","data":{"total":99.990},"metadata":{"actor":"ann"},"tags":["customer:7"]}],"expectedStreamVersion":"no_stream"}`).
			is(201).has("order-1001", "streamId").has(1, "eventsAppended").has(0, "currentStreamVersion").
			has(0, "nextExpectedStreamVersion").has(1, "globalPosition").has("order.placed", "events", 0, "type").
			has("customer:7", "events", 0, "tags", 0).has("ann", "events", 0, "metadata", "actor")
		// As text, in options, twice the same, and under the alias; what the body is called does not matter.
		h.post(path, `{"events":[{"type":"a","data":1}],"expectedStreamVersion":"0"}`, "Content-Type", "text/plain").is(201).has(1, "currentStreamVersion")
		h.post(path+"/events", `{"events":[{"type":"a","data":null}],"options":{"expectedStreamVersion":1}}`).is(201).has(2, "currentStreamVersion")
		h.post(path, `{"events":[{"type":"a","data":"x"},{"type":"b","data":[1]}],"expectedStreamVersion":2,"options":{"expectedStreamVersion":2}}`).
			is(201).has(4, "currentStreamVersion").has(5, "globalPosition").has(2, "eventsAppended")
		h.post(path, `{"events":[{"type":"a","data":1}],"expectedStreamVersion":"stream_exists"}`).is(201)
		h.post(path, `{"events":[{"type":"a","data":1}]}`).is(201).has(6, "currentStreamVersion")

		conflict := h.post(path, `{"events":[{"type":"a","data":1}],"expectedStreamVersion":2}`)
		conflict.refused(nacre.CodeVersionConflict)
		conflict.has("order-1001", "details", "streamId").has(2, "details", "expectedStreamVersion").has(6, "details", "currentStreamVersion")
		h.post(path, `{"events":[{"type":"a","data":1}],"expectedStreamVersion":"no_stream"}`).refused(nacre.CodeVersionConflict)
		h.post(logPath+"/streams/none", `{"events":[{"type":"a","data":1}],"expectedStreamVersion":"stream_exists"}`).
			has(-1, "details", "currentStreamVersion").refused(nacre.CodeVersionConflict)
	})
}

func TestAppendAgainGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		const path = logPath + "/streams/order-1"
		body := `{"events":[{"type":"a","data":1,"eventId":"e-1"},{"type":"b","data":2,"eventId":"e-2"}],"expectedStreamVersion":"no_stream"}`
		first := h.post(path, body).is(201).has(nil, "duplicate")
		again := h.post(path, body).is(200).has(true, "duplicate")
		if fmt.Sprint(first.json()["events"]) != fmt.Sprint(again.json()["events"]) {
			t.Errorf("again: %s, first: %s", again.body, first.body)
		}
		h.post(path, `{"events":[{"type":"a","data":3,"eventId":"e-1"}]}`).has("e-1", "details", "eventId").
			has(1, "details", "globalPosition").refused(nacre.CodeEventIDConflict)

		keyed := `{"events":[{"type":"c","data":1},{"type":"d","data":2}]}`
		first = h.post(path, keyed, wire.HeaderIdempotencyKey, "order 77").is(201).has(wire.EventID("order 77", 1), "events", 1, "eventId")
		again = h.post(path, keyed, wire.HeaderIdempotencyKey, "order 77").is(200).has(true, "duplicate")
		if fmt.Sprint(first.json()["events"]) != fmt.Sprint(again.json()["events"]) {
			t.Errorf("again: %s, first: %s", again.body, first.body)
		}
		h.post(path, `{"events":[{"type":"c","data":9}]}`, wire.HeaderIdempotencyKey, "order 77").refused(nacre.CodeEventIDConflict)
		h.post(path, keyed, wire.HeaderIdempotencyKey, "").refused(nacre.CodeInvalid, wire.HeaderIdempotencyKey)
		h.post(path, keyed, wire.HeaderIdempotencyKey, strings.Repeat("k", 257)).refused(nacre.CodeInvalid, wire.HeaderIdempotencyKey)
		h.post(path, keyed, wire.HeaderIdempotencyKey, "a", wire.HeaderIdempotencyKey, "b").refused(nacre.CodeInvalid, wire.HeaderIdempotencyKey)
	})
}

func TestAppendMinimal(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	body := `{"events":[{"type":"a","data":1,"eventId":"e-1"},{"type":"b","data":2,"eventId":"e-2"}]}`
	r := h.post(logPath+"/streams/s-1", body, wire.HeaderPrefer, "wait=5, Return=minimal").is(201)
	r.has(nil, "events").has(0, "firstStreamPosition").has(1, "firstGlobalPosition").has(1, "currentStreamVersion")
	if r.json()["createdAt"] == nil || r.json()["transactionId"] == nil {
		t.Errorf("the reply is %s", r.body)
	}
	h.post(logPath+"/streams/s-1", body, wire.HeaderPrefer, "return=minimal").is(200).has("e-1", "events", 0, "eventId")
	h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`, wire.HeaderPrefer, "return=representation").is(201).has("a", "events", 0, "type")
	h.post(logPath+"/events", `{"appends":[{"streamId":"s-2","events":[{"type":"a","data":1}]}]}`, wire.HeaderPrefer, "return=minimal").
		is(201).has(nil, "appends", 0, "events").has(4, "appends", 0, "firstGlobalPosition")
}

func TestCommit(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		batch := `{"appends":[
			{"streamId":"order-2","expectedStreamVersion":0,"events":[{"type":"order.paid","data":{}}]},
			{"streamId":"payment-3","expectedStreamVersion":"no_stream","events":[{"type":"payment.taken","data":{}},{"type":"payment.booked","data":{}}]}],
			"condition":{"failIfEventsMatch":{"items":[{"types":["order.cancelled"],"streams":["order-2"]}]},"after":0}}`
		r := h.post(logPath+"/events", batch).is(201).has(9, "globalPosition").has("order-2", "appends", 0, "streamId").
			has(1, "appends", 0, "currentStreamVersion").has(1, "appends", 1, "nextExpectedStreamVersion").
			has("payment.booked", "appends", 1, "events", 1, "type")
		if id := r.json()["transactionId"]; id == nil || id != r.events2(0)["transactionId"] {
			t.Errorf("the transaction is %v", id)
		}
		// All or nothing: the second append is stale.
		h.post(logPath+"/events", `{"appends":[{"streamId":"order-9","events":[{"type":"a","data":1}]},
			{"streamId":"order-2","expectedStreamVersion":0,"events":[{"type":"a","data":1}]}]}`).
			has("order-2", "details", "streamId").has(1, "details", "currentStreamVersion").refused(nacre.CodeVersionConflict)
		h.get(logPath+"/streams/order-9").is(200).has(-1, "currentStreamVersion")

		failed := h.post(logPath+"/events", `{"appends":[{"streamId":"order-9","events":[{"type":"a","data":1}]}],
			"condition":{"failIfEventsMatch":{"items":[{"tags":["customer:7"]},{"categories":["order"],"types":["order.paid"]}]},"after":1}}`)
		failed.refused(nacre.CodeConditionFailed)
		failed.has(2, "details", "conflictingPositions", 0).has(3, "details", "conflictingPositions", 1).has(7, "details", "conflictingPositions", 2).
			has(1, "details", "after").has(2, "conflictingPositions", 0).has(1, "afterPosition")
	})
}

// events2 is the first event of an append of a batch.
func (r *result) events2(i int) map[string]any {
	return r.json()["appends"].([]any)[i].(map[string]any)["events"].([]any)[0].(map[string]any)
}

func TestImport(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	const at = "2020-01-02T03:04:05.678901Z"
	body := `{"appends":[{"streamId":"old-1","events":[{"type":"a","data":1,"eventId":"e1","createdAt":"` + at + `","transactionId":"t9"}]}]}`
	h.post(logPath+"/events", body).refused(nacre.CodeInvalid, "appends[0].events[0].createdAt")
	h.post(logPath+"/events?import=false", body).refused(nacre.CodeInvalid)
	h.post(logPath+"/events?import=yes", body).refused(nacre.CodeInvalid, "import")
	h.post(logPath+"/events?import=true", body).is(201).has(at, "appends", 0, "events", 0, "createdAt").has("t9", "appends", 0, "events", 0, "transactionId")
	h.post(logPath+"/events?import=true", body).is(200).has(true, "duplicate")
	h.post(logPath+"/events?import=true", `{"appends":[{"streamId":"old-1","events":[{"type":"a","data":1}]}],"condition":{"failIfEventsMatch":{"items":[]}}}`).
		refused(nacre.CodeInvalid, "condition")
	h.post(logPath+"/streams/old-1?import=true", `{}`).refused(nacre.CodeInvalid, "import")
}

func TestAppendRefusals(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{MaxBodyBytes: 4 << 10})
	event := `{"type":"a","data":1}`
	for _, c := range []struct {
		path, body string
		code       nacre.Code
		words      string
	}{
		{"/streams/s-1", ``, nacre.CodeInvalid, "body"},
		{"/streams/s-1", `{"events":[` + event + `]} x`, nacre.CodeInvalid, "byte"},
		{"/streams/s-1", `{"events":[]}`, nacre.CodeInvalid, "events"},
		{"/streams/s-1", `{"events":[{"typ":"a","data":1}]}`, nacre.CodeInvalid, "events[0].typ"},
		{"/streams/s-1", `{"events":[` + event + `],"condition":{}}`, nacre.CodeInvalid, "condition"},
		{"/streams/s-1", `{"events":[{"type":"","data":1}]}`, nacre.CodeInvalid, "events[0].type"},
		{"/streams/s-1", `{"events":[{"type":"a","data":{"a":1,"a":2}}]}`, nacre.CodeInvalid, "events[0].data"},
		{"/streams/$s", `{"events":[` + event + `]}`, nacre.CodeInvalid, "stream"},
		{"/streams/$schema-albums", `{"events":[{"type":"$schema","data":1}]}`, nacre.CodeInvalid, "streamId: begins with"},
		{"/events", `{"appends":[{"streamId":"a","events":[` + event + `]},{"streamId":"$policy-albums","events":[{"type":"$policy","data":1}]}]}`, nacre.CodeInvalid, "appends[1].streamId"},
		{"/events", `{"appends":[{"streamId":"m-1","events":[{"type":"$void","data":1,"eventId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE","parents":[]}]}]}`, nacre.CodeInvalid, "appends[0].events[0].type: begins with"},
		{"/events?import=true", `{"appends":[{"streamId":"m-1","events":[{"type":"$void","data":1,"eventId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE","parents":[]}]}]}`, nacre.CodeInvalid, "appends[0].events[0].type: begins with"},
		{"/streams/m-1", `{"events":[{"type":"a","data":1,"parents":[]}]}`, nacre.CodeInvalid, "events[0].eventId"},
		{"/streams/m-1", `{"events":[{"type":"a","data":1,"eventId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE","parents":[]},` + event + `]}`, nacre.CodeInvalid, "events[1].parents"},
		{"/streams/s-1", `{"events":[` + event + `],"expectedStreamVersion":-2}`, nacre.CodeInvalid, "expectedStreamVersion"},
		{"/streams/s-1", `{"events":[` + event + `],"expectedStreamVersion":1,"options":{"expectedStreamVersion":2}}`, nacre.CodeInvalid, "expectedStreamVersion"},
		{"/events", `{"appends":[{"events":[` + event + `]}]}`, nacre.CodeInvalid, "appends[0].streamId"},
		{"/events", `{"appends":[{"streamId":"a","events":[` + event + `]},{"streamId":"a","events":[` + event + `]}]}`, nacre.CodeInvalid, "appends[1]"},
		{"/events", `{"appends":[{"streamId":"a","events":[` + event + `,{"type":"a","data":1,"tags":[""]}]}]}`, nacre.CodeInvalid, "appends[0].events[1].tags[0]"},
		{"/events", `{"events":[` + event + `],"condition":{"failIfEventsMatch":{"items":[{"types":[""]}]}}}`, nacre.CodeInvalid, "condition.failIfEventsMatch"},
		{"/streams/s-1", `{"events":[{"type":"a","data":"` + strings.Repeat("x", 4<<10) + `"}]}`, nacre.CodeTooLarge, "body"},
	} {
		h.post(logPath+c.path, c.body).refused(c.code, c.words)
	}
	// The same without a length: the body is read, and no further than the bound.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.web.URL+logPath+"/streams/s-1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = readOnly{strings.NewReader(`{"events":[{"type":"a","data":"` + strings.Repeat("x", 64<<10) + `"}]}`)}
	r.ContentLength = -1
	reply, err := h.web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body without length beyond the bound: %d", reply.StatusCode)
	}
	h.get(logPath+"/head").has(0, "globalPosition")
}

type readOnly struct{ *strings.Reader }

func (readOnly) Close() error { return nil }

// Two writers that both saw nothing: one wins, whatever each of them calls nothing, except by the number 0,
// which is a version that a stream without events does not have.
func TestTwoFirstWriters(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		for i, nothing := range []string{`-1`, `"no_stream"`, `"-1"`} {
			path := fmt.Sprintf("%s/streams/race-%d", logPath, i)
			h.get(path).is(200).has(-1, "currentStreamVersion")
			var wg sync.WaitGroup
			statuses := make([]int, 8)
			for w := range statuses {
				wg.Go(func() {
					r, err := h.try("POST", path, fmt.Sprintf(`{"events":[{"type":"a","data":%d}],"expectedStreamVersion":%s}`, w, nothing))
					if err == nil {
						statuses[w] = r.status
					}
				})
			}
			wg.Wait()
			won := 0
			for _, status := range statuses {
				switch status {
				case 201:
					won++
				case 409:
				default:
					t.Errorf("a first writer with %s got %d", nothing, status)
				}
			}
			if won != 1 {
				t.Errorf("%d first writers with %s won", won, nothing)
			}
		}
		h.post(logPath+"/streams/zero", `{"events":[{"type":"a","data":1}],"expectedStreamVersion":0}`).refused(nacre.CodeVersionConflict)
	})
}
