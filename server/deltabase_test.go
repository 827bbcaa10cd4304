package server

import (
	"testing"

	"github.com/nacredb/nacre"
)

// The forms in which DeltaBase's three generations ask, and the fields that their clients look for.

func TestDeltaBaseAppend(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/api"} {
		h := newHarness(t, nil).at(prefix)
		const path = logPath + "/streams/user-123"
		// The second generation: options, schemaVersion.
		h.post(path, `{"events":[{"type":"user.created","data":{"name":null},"metadata":{"a":1},"schemaVersion":"1.0.0"}],"options":{"expectedStreamVersion":"no_stream"}}`).
			is(201).has(true, "success").has(0, "nextExpectedStreamVersion").has(true, "createdNewStream").has(1, "eventsWritten").
			has("user-123", "events", 0, "streamId").has(0, "events", 0, "streamPosition").has("1.0.0", "events", 0, "metadata", "schemaVersion")
		// The first: the version at the top, the count of what was appended.
		h.post(path, `{"expectedStreamVersion":0,"events":[{"type":"user.renamed","data":{}}]}`, "Idempotency-Key", "k1").
			is(201).has(1, "eventsAppended").has(1, "currentStreamVersion").has(2, "globalPosition").has(false, "createdNewStream")
		// The one between them.
		h.post(path+"/events", `{"events":[{"type":"user.renamed","data":{},"tags":["t"]}]}`).is(201).has("t", "events", 0, "tags", 0)
		conflict := h.post(path, `{"events":[{"type":"a","data":1}],"options":{"expectedStreamVersion":0}}`)
		conflict.refused(nacre.CodeVersionConflict)
		conflict.has(2, "details", "currentVersion").has(0, "details", "expectedVersion")
	}
}

func TestDeltaBaseReads(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil).at("/api")
	h.fill()
	for _, path := range []string{"/streams/order-1", "/streams/order-1/events"} {
		r := h.get(logPath + path + "?fromStreamPosition=1&toStreamPosition=2&limit=1000&direction=forwards").is(200)
		same(t, positions(r.events()), []int{3, 4})
		r.has(2, "currentStreamVersion")
		same(t, positions(h.get(logPath+path+"?maxCount=1").events()), []int{1})
	}
	h.get(logPath+"/streams/nobody").is(200).has(-1, "currentStreamVersion")
	r := h.get(logPath + "/events?streamId=order-1&type=order.paid&type=order.shipped&fromPosition=1&toPosition=4&limit=1&offset=0&sortBy=globalPosition&sortDirection=asc&includeCount=true&includeArchived=false").is(200)
	r.has(1, "pagination", "limit").has(0, "pagination", "offset").has(2, "pagination", "total").has(true, "pagination", "hasMore")
	r = h.get(logPath + "/streams?streamType=order&streamIdPattern=order-*&includeMetadata=true&limit=1&includeCount=true").is(200)
	r.has("order", "streams", 0, "streamType").has(false, "streams", 0, "isArchived").has(2, "streams", 0, "streamPosition").has(2, "pagination", "total")
	h.get(logPath+"/stream-types/payment/streams").is(200).has("payment-1", "streams", 0, "streamId")
	// What cannot be answered truthfully is refused by name.
	h.get(logPath+"/events?sortBy=createdAt").refused(nacre.CodeUnsupported, "sortBy")
	h.get(logPath+"/streams?minPosition=3").refused(nacre.CodeInvalid, "minPosition")
}

func TestDeltaBaseConsistencyBoundary(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		book := func(seat, after string) *result {
			return h.post(logPath+"/events", `{"events":[{"type":"seat.booked","data":{},"tags":["seat:`+seat+`"]}],
				"condition":{"failIfEventsMatch":{"items":[{"types":["seat.booked"],"tags":["seat:`+seat+`"]}]},"after":`+after+`}}`)
		}
		book("12a", "null").is(201).has(1, "lastPosition").has("__dcb__", "events", 0, "streamId").has("__dcb__", "streamId")
		book("12b", "1").is(201).has(2, "lastPosition")
		failed := book("12a", "0")
		failed.refused(nacre.CodeConditionFailed)
		failed.has(1, "conflictingPositions", 0).has(0, "afterPosition")
		book("12a", "1").is(201)
		r := h.post(logPath+"/query", `{"query":{"items":[{"types":["seat.booked","x"],"tags":["seat:12a"]}]},"after":0,"limit":1}`).is(200)
		r.has(1, "lastPosition").has(true, "hasMore").has("seat:12a", "events", 0, "tags", 0)
		// Tagged events of ordinary streams match as well.
		h.post(logPath+"/streams/seat-9", `{"events":[{"type":"seat.booked","data":{},"tags":["seat:9c"]}]}`).is(201)
		book("9c", "0").refused(nacre.CodeConditionFailed)
	})
}

func TestDeltaBaseMultiStream(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.post(logPath+"/events", `[{"streamId":"a-1","events":[{"type":"x","data":1}],"expectedStreamVersion":"no_stream"},
		{"streamId":"b-1","events":[{"type":"y","data":2},{"type":"z","data":3}]}]`).is(201).
		has(3, "lastPosition").has(3, "eventsWritten").has("a-1", "streams", 0, "streamId").has(0, "streams", 0, "nextExpectedStreamVersion").
		has(1, "streams", 1, "nextExpectedStreamVersion").has("z", "events", 2, "type")
	h.post(logPath+"/events", `[{"streamId":"a-1","events":[{"type":"x","data":1}]},{"streamId":"a-1","events":[{"type":"x","data":1}]}]`).
		refused(nacre.CodeInvalid, "[1]")
	h.post(logPath+"/events", `[{"streamId":"c-1","events":[{"type":"","data":1}]}]`).refused(nacre.CodeInvalid, "[0].events[0].type")
}

func TestDeltaBaseStores(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil).at("/api")
	r := h.post("/event-stores", `{"name":"my_store","description":"d","region":"eu","settings":{"retentionPeriodDays":30,"maxStreamSizeBytes":1000}}`).is(201)
	r.has("my_store", "eventStoreName").has("active", "status").has(1000, "settings", "maxStreamSizeBytes")
	for _, name := range []string{"eventStoreId", "eventStoreID", "eventStoreDurableObjectId", "eventStoreDurableObjectID", "eventBusDurableObjectId", "created", "createdAt", "updatedAt", "id"} {
		if r.json()[name] == nil {
			t.Errorf("the reply has no %s: %s", name, r.body)
		}
	}
	h.get("/event-stores?limit=50&offset=0&filter=my").is(200).has(1, "totalCount").has("my_store", "eventStores", 0, "name")
	h.do("PATCH", "/event-stores/my_store/settings", `{"description":"other"}`).is(200).has("other", "description")
	h.get("/event-stores/my_store").is(200).has(0, "statistics", "totalStreams").has(nil, "statistics", "oldestEventTimestamp")
	h.do("DELETE", "/event-stores/my_store?confirm=true", "").is(200).has(true, "success")
}
