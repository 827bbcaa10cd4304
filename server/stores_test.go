package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestStores(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		r := h.post("/event-stores", `{"name":"orders","description":"What the shop did","region":"eu","settings":{"retentionPeriodDays":30}}`).is(201)
		r.has("orders", "name").has("What the shop did", "description").has("eu", "region").has(30, "settings", "retentionPeriodDays").
			has("active", "status").has(0, "statistics", "totalEvents")
		h.post("/event-stores", `{"name":"orders"}`).refused(wire.CodeStoreExists)
		h.post("/event-stores", `{"name":"default"}`).refused(wire.CodeStoreExists)
		for name, words := range map[string]string{"Or": "name", "a": "name", "-ab": "name", "a b c": "name", strings.Repeat("a", 64): "name"} {
			h.post("/event-stores", fmt.Sprintf(`{"name":%q}`, name)).refused(nacre.CodeInvalid, words)
		}
		h.post("/event-stores", `{"name":"abc","colour":1}`).refused(nacre.CodeInvalid, "colour")

		h.post("/event-stores/orders/streams/order-1", `{"events":[{"type":"a","data":1}]}`).is(201)
		got := h.get("/event-stores/orders").is(200).has(1, "statistics", "totalEvents").has(1, "statistics", "totalStreams").has("What the shop did", "description")
		oldest, err := time.Parse(time.RFC3339, got.json()["statistics"].(map[string]any)["oldestEventTimestamp"].(string))
		if err != nil || oldest.IsZero() {
			t.Errorf("the oldest event is of %v: %v", oldest, err)
		}
		h.get("/event-stores/none").refused(wire.CodeStoreNotFound, "none")
		h.get("/event-stores/none/events").refused(wire.CodeStoreNotFound)
		h.get("/event-stores/N").refused(nacre.CodeInvalid, "name")
		h.get("/event-stores/default").is(200).has(nil, "description")

		// Settings are events; what is left out stays.
		h.do("PATCH", "/event-stores/orders/settings", `{"settings":{"maxStreamSizeBytes":1000}}`).is(200).
			has(30, "settings", "retentionPeriodDays").has(1000, "settings", "maxStreamSizeBytes").has("What the shop did", "description")
		h.do("PATCH", "/event-stores/orders/settings", `{"description":""}`).is(200).has(nil, "description").has("eu", "region")
		h.do("PATCH", "/event-stores/orders/settings", `{}`).refused(nacre.CodeInvalid, "changes nothing")
		h.do("PATCH", "/event-stores/orders/settings", `{"settings":{}}`).refused(nacre.CodeInvalid, "changes nothing")
		h.do("PATCH", "/event-stores/orders/settings", `{"name":"x"}`).refused(nacre.CodeInvalid, "name")
		h.get("/event-stores/orders/system/streams/store").is(200).has(2, "currentStreamVersion").has(storeChanged, "events", 1, "type")

		// The list.
		for _, name := range []string{"apples", "order-2", "pears"} {
			h.post("/event-stores", `{"name":"`+name+`"}`).is(201)
		}
		h.get("/event-stores").is(200).has(5, "totalCount").has("apples", "eventStores", 0, "name").has("eu", "eventStores", 3, "region").has(false, "pagination", "hasMore")
		h.get("/event-stores?filter=order").has(2, "totalCount").has("order-2", "eventStores", 0, "name").has("orders", "eventStores", 1, "name")
		h.get("/event-stores?limit=2&offset=1").has(5, "totalCount").has("default", "eventStores", 0, "name").has(true, "pagination", "hasMore").has(1, "pagination", "offset")
		h.get("/event-stores?limit=0").refused(nacre.CodeInvalid, "limit")

		// The end of one.
		h.do("DELETE", "/event-stores/orders", "").refused(wire.CodeConfirmationRequired)
		h.do("DELETE", "/event-stores/orders?confirm=false", "").refused(wire.CodeConfirmationRequired)
		h.do("DELETE", "/event-stores/orders?confirm=true", "").is(200).has(true, "success")
		h.do("DELETE", "/event-stores/orders?confirm=true", "").refused(wire.CodeStoreNotFound)
		h.get("/event-stores/orders/events").refused(wire.CodeStoreNotFound)
		h.post("/event-stores", `{"name":"orders"}`).is(201).has(nil, "description")
		h.get("/event-stores/orders/events").is(200).has(0, "lastPosition")
	})
}

// What is remembered of a store is there after the server was started again.
func TestStoresAreRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHarness(t, &Options{Backend: folders{dir}})
	h.post("/event-stores", `{"name":"orders","description":"kept"}`).is(201)
	h.do("PATCH", "/event-stores/orders/settings", `{"settings":{"retentionPeriodDays":3}}`).is(200)
	h.post("/event-stores/orders/streams/s-1", `{"events":[{"type":"a","data":1}]}`).is(201)
	created := h.get("/event-stores/orders").json()["createdAt"]
	if err := h.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := newHarness(t, &Options{Backend: folders{dir}})
	again.get("/event-stores/orders").is(200).has("kept", "description").has(3, "settings", "retentionPeriodDays").
		has(created, "createdAt").has(1, "statistics", "totalEvents")
}

// A store that does not open is told as such; the others are listed, and it can be deleted.
func TestStoresThatDoNotOpen(t *testing.T) {
	t.Parallel()
	b := newMemory("broken", "held", "whole")
	b.fail["broken"] = &nacre.DamageError{File: "manifest", Reason: "is not one"}
	b.fail["held"] = nacre.Errorf(nacre.CodeLocked, "process 7 writes to it")
	h := newHarness(t, &Options{Backend: b})
	h.get("/event-stores/broken/events").refused(nacre.CodeDamaged, "manifest")
	h.get("/event-stores/held/events").refused(nacre.CodeLocked)
	h.get("/event-stores").is(200).has("failed", "eventStores", 0, "status").has("active", "eventStores", 1, "status").
		has("failed", "eventStores", 2, "status").has("active", "eventStores", 3, "status")
	h.do("DELETE", "/event-stores/held?confirm=true", "").refused(nacre.CodeLocked)
	h.do("DELETE", "/event-stores/broken?confirm=true", "").is(200)
	h.get("/event-stores/broken").refused(wire.CodeStoreNotFound)
	h.get("/readyz").is(200)
	// Opening is tried again each time.
	b.mu.Lock()
	delete(b.fail, "held")
	b.mu.Unlock()
	h.get("/event-stores/held/events").is(200)
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	held := newMemory("default")
	held.fail["default"] = nacre.Errorf(nacre.CodeLocked, "process 7 writes to it")
	for _, c := range []struct {
		o    *Options
		code nacre.Code
	}{
		{nil, nacre.CodeInvalid},
		{&Options{}, nacre.CodeInvalid},
		{&Options{Backend: newMemory(), MaxBodyBytes: -1}, nacre.CodeInvalid},
		{&Options{Backend: newMemory(), WriteTimeout: -1}, nacre.CodeInvalid},
		{&Options{Backend: newMemory(), TrustedOrigins: []string{"example.com"}}, nacre.CodeInvalid},
		{&Options{Backend: newMemory(), TrustedOrigins: []string{"https://example.com/path"}}, nacre.CodeInvalid},
		{&Options{Backend: held}, nacre.CodeLocked},
	} {
		if _, err := New(c.o); nacre.CodeOf(err) != c.code {
			t.Errorf("%+v: %v, want %s", c.o, err, c.code)
		}
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		for _, id := range []string{"order-1", "order-10", "order-2", "payment-1", "order", "zebra-1"} {
			h.post(logPath+"/streams/"+id, `{"events":[{"type":"a","data":1},{"type":"a","data":2}]}`).is(201)
		}
		ids := func(r *result) (out []string) {
			r.is(200)
			for _, s := range r.json()["streams"].([]any) {
				out = append(out, s.(map[string]any)["streamId"].(string))
			}
			return out
		}
		for query, want := range map[string][]string{
			"/streams":                                           {"order", "order-1", "order-10", "order-2", "payment-1", "zebra-1"},
			"/streams?category=order":                            {"order", "order-1", "order-10", "order-2"},
			"/streams?streamType=payment":                        {"payment-1"},
			"/streams?prefix=order-1":                            {"order-1", "order-10"},
			"/streams?streamIdPattern=order-1*":                  {"order-1", "order-10"},
			"/streams?streamIdPattern=order-1":                   {"order-1"},
			"/streams?streamId=order-1":                          {"order-1"},
			"/streams?streamId=order-1&category=payment":         nil,
			"/streams?streamId=order-1&prefix=pay":               nil,
			"/streams?streamId=ord":                              nil,
			"/streams?limit=2":                                   {"order", "order-1"},
			"/streams?after=order-10&limit=2":                    {"order-2", "payment-1"},
			"/streams?offset=4":                                  {"payment-1", "zebra-1"},
			"/streams?offset=1&limit=1":                          {"order-1"},
			"/stream-types/order/streams":                        {"order", "order-1", "order-10", "order-2"},
			"/stream-types/order/streams?prefix=order-":          {"order-1", "order-10", "order-2"},
			"/stream-types/none/streams":                         nil,
			"/streams?sortBy=streamId&sortDirection=asc&limit=1": {"order"},
		} {
			same(t, ids(h.get(logPath+query)), want)
		}
		r := h.get(logPath+"/streams?limit=2&includeCount=true").has(true, "hasMore").has("order-1", "nextCursor").has(6, "pagination", "total")
		r.has("order", "streams", 0, "streamType").has(1, "streams", 0, "version").has(2, "streams", 0, "eventCount").has(9, "streams", 0, "firstPosition").has(10, "streams", 0, "lastPosition")
		h.get(logPath+"/streams?limit=6").has(false, "hasMore").has(nil, "nextCursor")
		h.get(logPath+"/streams?sortBy=createdAt").refused(nacre.CodeUnsupported, "sortBy")
		h.get(logPath+"/stream-types/order/streams?category=payment").refused(nacre.CodeInvalid, "category")
		same(t, ids(h.get(logPath+"/system/streams")), []string{"store"})
	})
}

func TestSystemLogAndBlobs(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		const system = logPath + "/system"
		h.post(system+"/streams/timer-1", `{"events":[{"type":"a","data":1}],"expectedStreamVersion":"no_stream"}`).is(201).has(2, "globalPosition")
		h.post(system+"/events", `{"appends":[{"streamId":"timer-1","events":[{"type":"b","data":1}]}]}`).is(201)
		h.get(system+"/streams/timer-1/events").is(200).has(1, "currentStreamVersion")
		same(t, positions(h.get(system+"/events?category=timer").events()), []int{2, 3})
		same(t, positions(h.post(system+"/query", `{"after":2}`).is(200).events()), []int{3})
		same(t, positions(h.post(system+"/read", `{"after":1}`).is(200).lines()), []int{2, 3})
		h.get(logPath+"/head").has(0, "globalPosition")

		h.get(logPath + "/blobs/snapshots/order-1").refused(nacre.CodeNotFound)
		h.do("PUT", logPath+"/blobs/snapshots/order-1", "one\x00\xff").is(204)
		h.do("PUT", logPath+"/blobs/snapshots%2Forder-2", "two").is(204)
		h.do("PUT", logPath+"/blobs/module", "").is(204)
		if r := h.get(logPath + "/blobs/snapshots/order-1").is(200); string(r.body) != "one\x00\xff" || r.header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("the blob is %q, %v", r.body, r.header)
		}
		if n := len(h.get(logPath + "/blobs?prefix=snapshots/").is(200).json()["keys"].([]any)); n != 2 {
			t.Errorf("%d keys", n)
		}
		h.do("DELETE", logPath+"/blobs/snapshots/order-1", "").is(204)
		h.do("DELETE", logPath+"/blobs/snapshots/order-1", "").is(204)
		h.get(logPath + "/blobs/snapshots/order-1").refused(nacre.CodeNotFound)
		h.do("PUT", logPath+"/blobs/a/../b", "x").refused(nacre.CodeInvalid, "key")
		h.do("PUT", logPath+"/blobs/a%20b", "x").refused(nacre.CodeInvalid, "key")
	})
	h := newHarness(t, &Options{MaxBlobBytes: 10})
	h.do("PUT", logPath+"/blobs/a", "12345678901").refused(nacre.CodeTooLarge)
}
