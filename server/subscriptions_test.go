package server

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/webhook"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

const subscriptionsPath = logPath + "/subscriptions"

// delivering is a server with a kind of the tests' own, and webhooks.
func delivering(t *testing.T, o *Options) (*harness, *probe) {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	p := newProbe()
	hook, err := webhook.New(&webhook.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	o.Kinds = []delivery.Kind{p, hook}
	return newHarness(t, o), p
}

func TestSubscriptionLife(t *testing.T) {
	t.Parallel()
	h, p := delivering(t, nil)
	h.fill()
	h.get(subscriptionsPath).is(200).has(0, "totalCount")
	made := h.post(subscriptionsPath, `{"name":"orders","kind":"probe","eventFilter":["order.*","x"],"start":"earliest","config":{"to":"a","secret":"hush"},
		"policy":{"batch":1,"retry":{"maxAttempts":2,"strategy":"fixed","initialDelayMs":1,"jitterPercent":0}}}`).is(201)
	if at := made.header.Get("Location"); at != subscriptionsPath+"/orders" {
		t.Errorf("it is said to be at %q", at)
	}
	made.has("orders", "name").has("orders", "subscriptionId").has("orders", "id").has("probe", "kind").has("probe", "subscriberType").
		has("default", "eventStoreName").has("order.*", "eventFilter", 0).has("order.*", "filter", "items", 0, "types", 0).
		has(6, "head").has(0, "after").has(2, "policy", "retry", "maxAttempts").has(1000, "policy", "window").has("a", "config", "to").
		has(nil, "config", "secret").has(nil, "isExistingSubscription").has(nil, "secret")
	p.got(t, "a", 1, 3, 4, 5)
	one := subscriptionsPath + "/orders"
	h.until(one, 6, "position").has(0, "lag").has("ACTIVE", "status").has(4, "delivered").has(6, "lastProcessedEventGlobalPosition")

	// The same once more; by another name, prefix, or none.
	h.at("/api").post(subscriptionsPath, `{"name":"orders","kind":"probe","eventFilter":["order.*","x"],"start":"latest","config":{"to":"a","secret":"hush"},
		"policy":{"retry":{"maxAttempts":2,"strategy":"fixed","initialDelayMs":1,"jitterPercent":0}}}`).is(200).has("orders", "name")
	h.post(subscriptionsPath, `{"name":"orders","kind":"probe","config":{"to":"b"}}`).refused(wire.CodeSubscriptionExists, "orders")
	b := h.at("/api").post(subscriptionsPath, `{"kind":"probe","config":{"to":"b"}}`).is(201)
	if at := b.header.Get("Location"); !strings.HasPrefix(at, "/api/event-stores/default/subscriptions/probe-") {
		t.Errorf("it is said to be at %q", at)
	}
	h.post(subscriptionsPath, `{"kind":"probe","config":{"to":"b"},"filter":{"items":[]}}`).is(200).has(b.json()["name"], "name").has("*", "eventFilter")
	h.post(subscriptionsPath, `{"name":"third","kind":"probe","config":{"to":"c"},"start":4,"filter":{"streamId":"order-2"}}`).is(201).
		has("order-2", "filter", "items", 0, "streams", 0).has(4, "after").has(nil, "eventFilter")
	p.got(t, "c", 5)

	// Lists.
	h.get(subscriptionsPath).has(3, "totalCount").has("orders", "subscriptions", 0, "name").has(false, "pagination", "hasMore")
	h.get(subscriptionsPath+"?limit=1&offset=1").has(3, "totalCount").has(b.json()["name"], "subscriptions", 0, "name").has(true, "pagination", "hasMore")
	h.get(subscriptionsPath+"?eventFilter=x").has(1, "totalCount").has("orders", "subscriptions", 0, "name")
	h.get(subscriptionsPath+"?kind=group").has(0, "totalCount")
	h.get(subscriptionsPath+"?subscriberType=probe&status=PAUSED").has(0, "totalCount")
	h.get(subscriptionsPath+"?status=ACTIVE&limit=2&offset=9").has(3, "totalCount")

	// Pause, a change, resume, replay.
	h.post(one+"/pause", "").is(200).has("PAUSED", "status")
	h.post(one+"/pause", "{}").is(200).has("PAUSED", "status")
	h.get(subscriptionsPath+"?status=PAUSED").has(1, "totalCount")
	h.post(logPath+"/streams/order-3", `{"events":[{"type":"order.placed","data":1},{"type":"other","data":1}]}`).is(201)
	h.do("PATCH", one, `{"filter":{"items":[{"types":["other"]}]},"policy":{"batch":10}}`).is(200).
		has("other", "eventFilter").has(10, "policy", "batch").has(20, "policy", "retry", "maxAttempts").has("PAUSED", "status")
	h.do("PATCH", one, `{"config":{"to":"d"}}`).is(200).has("d", "config", "to").has("other", "eventFilter")
	h.post("/api"+one+"/resume", "").is(200)
	p.got(t, "d", 8)
	h.post(one+"/replay?from=1", "").is(200)
	p.got(t, "d", 8, 8)
	h.post(one+"/replay", `{"from":8}`).is(200).has(7, "after")
	p.got(t, "d", 8, 8, 8)
	h.post(one+"/replay?from=0", `{"from":0}`).is(200).has(0, "after")
	h.until(one, 8, "position")

	// Attempts.
	attempts := h.get(one + "/deliveries?limit=2").is(200)
	attempts.has(8, "deliveries", 0, "position").has(200, "deliveries", 0, "status").has(1, "deliveries", 0, "attempt").has(2, "pagination", "limit")

	h.do("DELETE", one, "").is(200).has(true, "success")
	h.get(one).refused(wire.CodeSubscriptionNotFound, "orders")
	h.do("DELETE", one, "").refused(wire.CodeSubscriptionNotFound)
	h.get(subscriptionsPath).has(2, "totalCount")
	if strings.Contains(h.log.String(), "hush") {
		t.Error("the log has a secret")
	}
}

func TestSubscriptionLetters(t *testing.T) {
	t.Parallel()
	h, p := delivering(t, nil)
	h.fill()
	p.fail("a", errRefused)
	h.post(subscriptionsPath, `{"name":"s","kind":"probe","eventFilter":"order.*","start":"earliest","config":{"to":"a"},
		"policy":{"retry":{"maxAttempts":2,"strategy":"fixed","initialDelayMs":1}}}`).is(201)
	one := subscriptionsPath + "/s"
	// They are listed in the order in which they were given up: of order-1 and of order-2, which is the fourth event here.
	h.until(one+"/dead-letters", 4, "totalCount").has(2, "deadLetters", 0, "attempts").has("the probe refuses", "deadLetters", 0, "message")
	letters := func(n int) {
		t.Helper()
		want := fmt.Sprintf("nacre_subscription_dead_letters{name=\"s\",store=\"default\"} %d\n", n)
		if told := string(h.get("/metrics").is(200).body); !strings.Contains(told, want) {
			t.Errorf("the figures have no %s", want)
		}
	}
	letters(4)
	second := h.get(one+"/dead-letters?limit=1&offset=1").has(4, "totalCount").has(true, "pagination", "hasMore")
	if id, _ := second.json()["deadLetters"].([]any)[0].(map[string]any)["id"].(string); !strings.HasPrefix(id, "event-") {
		t.Errorf("a dead letter is called %q", id)
	}
	h.until(one, 6, "position").has(8, "failed").has("the probe refuses", "lastError", "message").has("the probe refuses", "statusDetails", "lastError")
	h.get(one+"/deliveries").has("the probe refuses", "deliveries", 0, "error").has("no", "deliveries", 0, "response").has(500, "deliveries", 0, "status").
		has(2, "deliveries", 0, "attempt").has(8, "totalCount")
	h.get(logPath+"/dead-letters").is(200).has(4, "totalCount").has("subscription", "deadLetters", 0, "kind").has("s", "deadLetters", 0, "name")
	h.get(logPath+"/dead-letters?kind=subscription&name=s&id=event-3").has(1, "totalCount")

	p.fail("a", nil)
	h.post(one+"/dead-letters/retry", `{"ids":["event-1"]}`).is(200).has(1, "retried")
	p.got(t, "a", 1)
	h.until(one+"/dead-letters", 3, "totalCount")
	h.post(one+"/dead-letters/discard", `{"ids":["event-3"]}`).is(200).has(1, "discarded")
	letters(2)
	h.post(one+"/dead-letters/retry", "").is(200).has(2, "retried")
	p.got(t, "a", 1, 4, 5)
	h.until(one+"/dead-letters", 0, "totalCount")
	h.post(one+"/dead-letters/discard", `{}`).is(200).has(0, "discarded")
	letters(0)

	h.post(one+"/dead-letters/retry", `{"ids":["event-9"]}`).refused(nacre.CodeNotFound, "event-9")
	h.post(one+"/dead-letters/retry", `{"ids":[]}`).refused(nacre.CodeInvalid, "ids")
	h.post(one+"/dead-letters/discard", `{"id":"x"}`).refused(nacre.CodeInvalid, "id")
	h.post(one+"/pause", "").is(200)
	h.post(one+"/dead-letters/retry", "").refused(wire.CodeSubscriptionHalted, "paused")

	// One that stops at a failure.
	p.fail("b", errRefused)
	h.post(subscriptionsPath, `{"name":"b","kind":"probe","start":"earliest","config":{"to":"b"},
		"policy":{"onExhausted":"suspend","order":"global","retry":{"maxAttempts":1}}}`).is(201)
	got := h.until(subscriptionsPath+"/b", "SUSPENDED", "status").has(0, "position")
	if reason, _ := got.json()["reason"].(string); !strings.Contains(reason, "position 1") {
		t.Errorf("it is suspended for %q", reason)
	}
	told := string(h.get("/metrics").is(200).body)
	for _, want := range []string{
		`nacre_subscription_lag{name="b",store="default"} 6`, `nacre_subscription_failed_total{name="s",store="default"} 8`,
		`nacre_subscription_status{name="b",status="SUSPENDED",store="default"} 1`, `nacre_subscriptions{store="default"} 2`,
		`nacre_subscription_errors_total{store="default"} 5`, `nacre_subscription_delivered_total{name="s",store="default"} 3`,
	} {
		if !strings.Contains(told, want+"\n") {
			t.Errorf("the figures have no %s", want)
		}
	}
	p.fail("b", nil)
	h.post(subscriptionsPath+"/b/resume", "").is(200)
	p.got(t, "b", 1, 2, 3, 4, 5, 6)
}

func TestBadSubscriptions(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, nil)
	h.fill()
	h.post(subscriptionsPath, `{"name":"s","kind":"probe","config":{"to":"a"}}`).is(201)
	for body, field := range map[string]string{
		``:                                  "body",
		`[]`:                                "body",
		`{}`:                                "kind",
		`{"kind":7}`:                        "kind",
		`{"kind":""}`:                       "kind",
		`{"kind":"pigeon"}`:                 "kind",
		`{"kind":"probe"}`:                  "config.to",
		`{"kind":"probe","config":[]}`:      "config",
		`{"kind":"probe","config":"x"}`:     "config",
		`{"kind":"probe","config":{"to":}}`: "config",
		`{"kind":"group"}`:                  "name",
		`{"kind":"group","name":"a b"}`:     "name",
		`{"kind":"group","name":""}`:        "name",
		`{"kind":"group","name":"` + strings.Repeat("a", 65) + `"}`:                  "name",
		`{"kind":"group","name":"g","config":{"a":1}}`:                               "config",
		`{"kind":"group","name":"g","filter":"x"}`:                                   "filter",
		`{"kind":"group","name":"g","filter":{"items":[{"types":[""]}]}}`:            "filter.items[0].types[0]",
		`{"kind":"group","name":"g","filter":{"items":[{"colours":[]}]}}`:            "filter.items[0].colours",
		`{"kind":"group","name":"g","eventFilter":[]}`:                               "eventFilter",
		`{"kind":"group","name":"g","eventFilter":7}`:                                "eventFilter",
		`{"kind":"group","name":"g","eventFilter":"a","filter":{"items":[]}}`:        "filter",
		`{"kind":"group","name":"g","start":"soon"}`:                                 "start",
		`{"kind":"group","name":"g","start":7}`:                                      "start",
		`{"kind":"group","name":"g","start":-1}`:                                     "start",
		`{"kind":"group","name":"g","start":{}}`:                                     "start",
		`{"kind":"group","name":"g","policy":7}`:                                     "policy",
		`{"kind":"group","name":"g","policy":{"order":"none"}}`:                      "policy.order",
		`{"kind":"group","name":"g","policy":{"window":0}}`:                          "policy.window",
		`{"kind":"group","name":"g","policy":{"window":100001}}`:                     "policy.window",
		`{"kind":"group","name":"g","policy":{"batch":1.5}}`:                         "policy.batch",
		`{"kind":"group","name":"g","policy":{"parallel":4}}`:                        "policy.parallel",
		`{"kind":"group","name":"g","policy":{"pinned":1}}`:                          "policy.pinned",
		`{"kind":"group","name":"g","policy":{"colour":1}}`:                          "policy.colour",
		`{"kind":"group","name":"g","policy":{"ackDeadlineMs":1}}`:                   "policy.ackDeadlineMs",
		`{"kind":"group","name":"g","policy":{"onExhausted":"cry"}}`:                 "policy.onExhausted",
		`{"kind":"group","name":"g","policy":{"retry":{"maxAttempts":0}}}`:           "policy.retry.maxAttempts",
		`{"kind":"group","name":"g","policy":{"retry":{"strategy":"wild"}}}`:         "policy.retry.strategy",
		`{"kind":"group","name":"g","policy":{"retry":{"multiplier":"2"}}}`:          "policy.retry.multiplier",
		`{"kind":"group","name":"g","policy":{"retry":{"multiplier":101}}}`:          "policy.retry.multiplier",
		`{"kind":"group","name":"g","policy":{"retry":{"jitterPercent":-1}}}`:        "policy.retry.jitterPercent",
		`{"kind":"group","name":"g","policy":{"retry":{"initialDelayMs":86400001}}}`: "policy.retry.initialDelayMs",
		`{"kind":"group","name":"g","colour":"red"}`:                                 "colour",
		`{"kind":"group","kind":"group","name":"g"}`:                                 "kind",
		`{"kind":"webhook","config":{"url":"ftp://x"}}`:                              "config.url",
		`{"kind":"webhook","config":{"url":"http://x.example","pace":1}}`:            "config.pace",
	} {
		got := h.post(subscriptionsPath, body).refused(nacre.CodeInvalid)
		if got.Details == nil || got.Details.Field != field {
			t.Errorf("%s is refused with %+v %s, want the field %s", body, got.Details, got.Message, field)
		}
	}
	one := subscriptionsPath + "/s"
	for body, field := range map[string]string{
		`{}`: "body", ``: "body", `{"kind":"group"}`: "kind", `{"filter":null}`: "filter", `{"config":{}}`: "config.to",
		`{"policy":{"pinned":true}}`: "policy.pinned", `{"eventFilter":"a","filter":{"items":[]}}`: "filter", `{"name":"x"}`: "name",
	} {
		got := h.do("PATCH", one, body).refused(nacre.CodeInvalid)
		if got.Details == nil || got.Details.Field != field {
			t.Errorf("the change %s is refused with %+v, want the field %s", body, got.Details, field)
		}
	}
	for path, field := range map[string]string{
		"?limit=0": "limit", "?status=DEAD": "status", "?colour=red": "colour", "?kind=a&subscriberType=b": "subscriberType", "?eventFilter=": "eventFilter",
		"/s?limit=1": "limit", "/s/deliveries?offset=-1": "offset", "/s/dead-letters?id=x": "id", "/a%20b": "name",
	} {
		h.get(subscriptionsPath+path).refused(nacre.CodeInvalid, `"field":"`+field)
	}
	h.post(one+"/replay", "").refused(nacre.CodeInvalid, "from")
	h.post(one+"/replay?from=x", "").refused(nacre.CodeInvalid, "from")
	h.post(one+"/replay?from=9", "").refused(nacre.CodeInvalid, "from")
	h.post(one+"/replay?from=1", `{"from":2}`).refused(nacre.CodeInvalid, "from")
	h.post(one+"/pause", `{"by":"ann"}`).refused(nacre.CodeInvalid, "by")
	h.post(one+"/resume?now=true", "").refused(nacre.CodeInvalid, "now")
	h.post(one+"/poll", `{"consumer":"c"}`).refused(wire.CodeSubscriptionWrongKind)
	h.post(one+"/ack", `{"ack":[]}`).refused(wire.CodeSubscriptionWrongKind)
	h.post(one+"/leave", `{"consumer":"c"}`).refused(wire.CodeSubscriptionWrongKind)
	for method, path := range map[string]string{
		"GET": "/none", "PATCH": "/none", "DELETE": "/none", "POST": "/none/pause",
	} {
		body := ""
		if method == "PATCH" {
			body = `{"policy":{}}`
		}
		h.do(method, subscriptionsPath+path, body).refused(wire.CodeSubscriptionNotFound, "none")
	}
	for path, body := range map[string]string{
		"resume": "", "replay?from=1": "", "dead-letters/retry": "", "dead-letters/discard": "", "poll": `{"consumer":"c"}`,
		"ack": `{"ack":[]}`, "leave": `{"consumer":"c"}`,
	} {
		h.post(subscriptionsPath+"/none/"+path, body).refused(wire.CodeSubscriptionNotFound, "none")
	}
	h.get(subscriptionsPath + "/none/deliveries").refused(wire.CodeSubscriptionNotFound)
	h.get(subscriptionsPath + "/none/dead-letters").refused(wire.CodeSubscriptionNotFound)
	h.get("/event-stores/nowhere/subscriptions").refused(wire.CodeStoreNotFound)
	h.do("PUT", one, "{}").refused(wire.CodeMethodNotAllowed)
}

func TestDeltaBaseSubscribe(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, nil)
	h.fill()
	const body = `{"eventFilter":"user.*","subscriber":{"type":"webhook","config":{"url":"http://127.0.0.1:1/in","headers":{"X-Key":"k"},"timeoutMs":500,
		"retryPolicy":{"maxAttempts":3,"strategy":"linear","initialDelayMs":10,"maxDelayMs":100,"multiplier":2,"jitterPercent":0}}},"initialPosition":"earliest"}`
	first := h.post(logPath+"/subscribe", body).is(201).has("ACTIVE", "status").has(false, "isExistingSubscription").has("webhook", "subscriberType").
		has("user.*", "eventFilter").has(3, "policy", "retry", "maxAttempts").has("linear", "policy", "retry", "strategy").
		has(0, "policy", "retry", "jitterPercent").has(0, "after").has("[hidden]", "config", "headers", "X-Key")
	if secret, _ := first.json()["secret"].(string); !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("a webhook's secret is told as %q", secret)
	}
	name := first.json()["subscriptionId"].(string)
	again := h.at("/api").post(logPath+"/subscribe", body).is(200).has(true, "isExistingSubscription").has(name, "subscriberId").has(nil, "secret")
	if again.json()["message"] == "" {
		t.Error("nothing is said of one that was there")
	}
	one := subscriptionsPath + "/" + name
	h.get(one).has(nil, "secret").has(nil, "isExistingSubscription")
	// A new secret is shown once as well.
	changed := h.do("PATCH", one, `{"config":{"url":"http://127.0.0.1:1/in","secrets":["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]}}`).is(200)
	changed.has("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "secret")
	h.do("PATCH", one, `{"config":{"url":"http://127.0.0.1:1/there"}}`).is(200).has(nil, "secret")
	rotated := h.do("PATCH", one, `{"config":{"url":"http://127.0.0.1:1/there","rotateSeconds":3600}}`).is(200)
	if secret, _ := rotated.json()["secret"].(string); !strings.HasPrefix(secret, "whsec_") || secret == "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz" {
		t.Errorf("the new secret is told as %q", secret)
	}

	for form, want := range map[string][3]any{
		`{"maxAttempts":4,"backoffMinutes":0.5}`:  {4, "fixed", 30000},
		`{"maxRetries":2,"backoffMultiplier":3}`:  {3, "exponential", 1000},
		`{"maxAttempts":7}`:                       {7, "exponential", 1000},
		`{"strategy":"fixed","initialDelayMs":5}`: {20, "fixed", 5},
	} {
		got := h.post(logPath+"/subscribe", `{"eventFilter":["a.*","b"],"id":"s`+fmt.Sprint(want[0])+
			`","subscriber":{"type":"webhook","config":{"url":"http://127.0.0.1:1/x","retryPolicy":`+form+`}}}`).is(201)
		got.has(want[0], "policy", "retry", "maxAttempts").has(want[1], "policy", "retry", "strategy").
			has(want[2], "policy", "retry", "initialDelayMs").has(6, "after").has("b", "eventFilter", 1)
	}
	h.post(logPath+"/subscribe", `{"eventFilter":"*","subscriber":{"type":"group"},"id":"g"}`).is(201).has("*", "eventFilter")

	hook := func(config string) string {
		return `{"eventFilter":"a","subscriber":{"type":"webhook","config":` + config + `}}`
	}
	bad := map[string]string{
		`{}`:                                  "eventFilter",
		`{"eventFilter":"a"}`:                 "subscriber",
		`{"eventFilter":"a","subscriber":{}}`: "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"durable_object"}}`:      "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"queue","config":{}}}`:   "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"cloudflare_workflow"}}`: "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"websocket"}}`:           "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"pigeon"}}`:              "subscriber.type",
		`{"eventFilter":"a","subscriber":{"type":"group"}}`:               "id",
		`{"eventFilter":"a","initialPosition":"middle"}`:                  "initialPosition",
		`{"eventFilter":"a","subscriber":{"type":"webhook","url":"x"}}`:   "subscriber.url",
	}
	for _, c := range [][2]string{
		{`{}`, "subscriber.config.url"},
		{`{"url":"http://x.example","a":1}`, "subscriber.config.a"},
		{`{"url":"http://x.example","retryPolicy":7}`, "subscriber.config.retryPolicy"},
		{`{"url":"http://x.example","retryPolicy":{"maxAttempts":2000}}`, "subscriber.config.retryPolicy.maxAttempts"},
		{`{"url":"http://x.example","retryPolicy":{"maxAttempts":2,"maxRetries":1}}`, "subscriber.config.retryPolicy"},
		{`{"url":"http://x.example","retryPolicy":{"backoffMinutes":2,"strategy":"fixed"}}`, "subscriber.config.retryPolicy"},
		{`{"url":"http://x.example","retryPolicy":{"backoffMinutes":20000}}`, "subscriber.config.retryPolicy.backoffMinutes"},
		{`{"url":"http://x.example","retryPolicy":{"strategy":"wild"}}`, "subscriber.config.retryPolicy.strategy"},
		{`{"url":"http://x.example","retryPolicy":{},"retryPolicy":{}}`, "subscriber.config.retryPolicy"},
	} {
		bad[hook(c[0])] = c[1]
	}
	for body, field := range bad {
		got := h.post(logPath+"/subscribe", body).refused(nacre.CodeInvalid)
		if got.Details == nil || got.Details.Field != field {
			t.Errorf("%s is refused with %+v %s, want the field %s", body, got.Details, got.Message, field)
		}
	}
	h.post(logPath+"/subscribe", `{"eventFilter":"a","subscriber":{"type":"cloudflare_workflow"}}`).refused(nacre.CodeInvalid, "webhook", "Worker")
	if strings.Contains(h.log.String(), "whsec_") {
		t.Error("the log has a secret")
	}
}

// A subscription that is confined is made and seen within its streams only.
func TestConfinedSubscriptions(t *testing.T) {
	t.Parallel()
	p := newProbe()
	g := newGuarded(t, &Options{Kinds: []delivery.Kind{p}})
	confined := g.key(t, access.KeySpec{Permissions: []string{"manage:subscriptions"}, Streams: []string{"order-"}})
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events"}, Streams: []string{"order-"}})
	make := func(filter string) *result {
		return g.post(subscriptionsPath, `{"kind":"probe","config":{"to":"a"}`+filter+`}`, confined...)
	}
	make("").refused(wire.CodeForbidden, "a subscription that looks at every stream")
	make(`,"filter":{"items":[]}`).refused(wire.CodeForbidden)
	make(`,"eventFilter":"order.*"`).refused(wire.CodeForbidden)
	make(`,"filter":{"items":[{"streams":["order-1"]},{"types":["a"]}]}`).refused(wire.CodeForbidden)
	make(`,"filter":{"items":[{"streams":["order-1","payment-1"]}]}`).refused(wire.CodeForbidden, "payment-1")
	make(`,"filter":{"items":[{"categories":["order"]}]}`).refused(wire.CodeForbidden, "category")
	g.post(logPath+"/subscribe", `{"eventFilter":"*","subscriber":{"type":"probe","config":{"to":"a"}}}`, confined...).refused(wire.CodeForbidden)
	mine := make(`,"filter":{"items":[{"streams":["order-1"],"types":["a"]}]}`).is(201).json()["name"].(string)
	g.post(subscriptionsPath, `{"name":"all","kind":"probe","config":{"to":"a"}}`, g.root...).is(201)
	g.post(subscriptionsPath, `{"name":"pays","kind":"group","filter":{"items":[{"categories":["payment"]}]},"start":"earliest"}`, g.root...).is(201)
	g.post(subscriptionsPath, `{"name":"orders","kind":"group","filter":{"items":[{"streams":["order-1","order-2"]}]},"start":"earliest"}`, g.root...).is(201)

	g.get(subscriptionsPath, confined...).is(200).has(2, "totalCount").has("orders", "subscriptions", 0, "name").has(mine, "subscriptions", 1, "name")
	g.get(subscriptionsPath, g.root...).is(200).has(4, "totalCount")
	g.get(subscriptionsPath+"/"+mine, confined...).is(200)
	g.get(subscriptionsPath+"/all", confined...).refused(wire.CodeSubscriptionNotFound)
	g.do("DELETE", subscriptionsPath+"/all", "", confined...).refused(wire.CodeSubscriptionNotFound)
	g.post(subscriptionsPath+"/pays/pause", "", confined...).refused(wire.CodeSubscriptionNotFound)
	g.do("PATCH", subscriptionsPath+"/"+mine, `{"filter":{"items":[]}}`, confined...).refused(wire.CodeForbidden)
	g.do("PATCH", subscriptionsPath+"/"+mine, `{"filter":{"items":[{"streams":["order-2"]}]}}`, confined...).is(200)

	// Readers consume within theirs.
	g.post(subscriptionsPath+"/pays/poll", `{"consumer":"c"}`, reader...).refused(wire.CodeSubscriptionNotFound)
	g.post(subscriptionsPath+"/orders/poll", `{"consumer":"c","waitMs":20000}`, reader...).is(200).has("order-1", "deliveries", 0, "event", "streamId")
	g.get(subscriptionsPath+"/orders", reader...).refused(wire.CodeForbidden, "manage:subscriptions")
	writer := g.key(t, access.KeySpec{Permissions: []string{"write:events"}})
	g.post(subscriptionsPath+"/orders/poll", `{"consumer":"c"}`, writer...).refused(wire.CodeForbidden, "read:events")
}

// Subscriptions go on when the server is started again, without a request, in every store.
func TestSubscriptionsResume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := newProbe()
	start := func() (*Server, *harness) {
		h := &harness{T: t, log: &logged{}}
		s, err := New(&Options{Backend: folders{dir}, Kinds: []delivery.Kind{p}, Logger: h.log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		h.s, h.web = s, httptest.NewServer(s.Handler())
		h.client = h.web.Client()
		return s, h
	}
	stop := func(s *Server, h *harness) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		h.web.Close()
	}
	s, h := start()
	for _, name := range []string{"other", "plain"} {
		h.post("/event-stores", `{"name":"`+name+`"}`).is(201)
	}
	for _, store := range []string{"default", "other"} {
		at := "/event-stores/" + store
		h.post(at+"/subscriptions", `{"name":"s","kind":"probe","config":{"to":"`+store+`"}}`).is(201)
		h.post(at+"/streams/a-1", `{"events":[{"type":"x","data":1},{"type":"x","data":2}]}`).is(201)
		p.got(t, store, 1, 2)
		h.post(at+"/subscriptions/s/pause", "").is(200)
		h.post(at+"/streams/a-1", `{"events":[{"type":"x","data":3}]}`).is(201)
	}
	stop(s, h)

	s, h = start()
	s.waking.Wait()
	var open []string
	for _, n := range s.shelf.open() {
		open = append(open, n.name)
		s.shelf.release(n)
	}
	same(t, open, []string{"default", "other"}) // plain was looked at
	h.get("/event-stores/plain/subscriptions").is(200)
	for _, store := range open {
		h.post("/event-stores/"+store+"/subscriptions/s/resume", "").is(200).has(0, "after")
		p.got(t, store, 1, 2, 3)
	}
	p.fail("other", errRefused)
	h.post("/event-stores/other/streams/a-1", `{"events":[{"type":"x","data":4}]}`).is(201)
	h.until("/event-stores/other/subscriptions/s", "RETRYING", "status")
	stop(s, h)

	p.fail("other", nil)
	s, h = start()
	p.got(t, "other", 1, 2, 3, 4) // nobody asked for it
	stop(s, h)
	if p.open != 0 {
		t.Errorf("%d senders are open", p.open)
	}
}

// A stop lets what is being sent arrive, and cuts it off when the time for that is over.
func TestStopWhileSending(t *testing.T) {
	t.Parallel()
	for _, slow := range []bool{false, true} {
		p := newProbe()
		p.hold = make(chan struct{})
		h := &harness{T: t, log: &logged{}}
		s, err := New(&Options{Backend: newMemory(), Kinds: []delivery.Kind{p}, Logger: h.log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		h.s, h.web = s, httptest.NewServer(s.Handler())
		h.client = h.web.Client()
		h.fill()
		h.post(subscriptionsPath, `{"name":"s","kind":"probe","start":"earliest","config":{"to":"a"},"policy":{"order":"global"}}`).is(201)
		h.post(subscriptionsPath, `{"name":"g","kind":"group"}`).is(201)
		h.until(subscriptionsPath+"/s", 6, "open")
		polled := make(chan *result, 1)
		go func() {
			r, err := h.try("POST", subscriptionsPath+"/g/poll", `{"consumer":"c","waitMs":60000}`)
			if err != nil {
				t.Error(err)
			}
			polled <- r
		}()
		h.until(subscriptionsPath+"/g", "c", "consumers", 0)

		patience := time.Minute
		if slow {
			patience = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		closed := make(chan error, 1)
		go func() { closed <- s.Close(ctx) }()
		(<-polled).refused(wire.CodeShuttingDown)
		if !slow {
			close(p.hold)
		}
		if err := <-closed; err != nil {
			t.Errorf("the server closed with %v", err)
		}
		want := []int{1}
		if slow {
			want = []int{}
		}
		same(t, p.at("a"), want)
		h.web.Close()
	}
}

// Deleting a store ends its subscriptions; they do not come back with another store of the name.
func TestDeletedStoreDeliversNothing(t *testing.T) {
	t.Parallel()
	h, p := delivering(t, nil)
	h.post("/event-stores", `{"name":"orders"}`).is(201)
	const at = "/event-stores/orders"
	h.post(at+"/subscriptions", `{"name":"s","kind":"probe","config":{"to":"a"}}`).is(201)
	h.post(at+"/streams/a-1", `{"events":[{"type":"x","data":1}]}`).is(201)
	p.got(t, "a", 1)
	h.do("DELETE", at+"?confirm=true", "").is(200)
	p.closed(t)
	h.get(at + "/subscriptions").refused(wire.CodeStoreNotFound)
	h.post("/event-stores", `{"name":"orders"}`).is(201)
	h.get(at+"/subscriptions").is(200).has(0, "totalCount")
	h.post(at+"/streams/a-1", `{"events":[{"type":"x","data":1}]}`).is(201)
	if told := string(h.get("/metrics").body); strings.Contains(told, `nacre_subscriptions{store="orders"}`) {
		t.Error("there are figures of subscriptions that are gone")
	}
	same(t, p.at("a"), []int{1})
}

// Those that were made and deleted leave nothing behind.
func TestThousandSubscriptionsComeAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	h, p := delivering(t, nil)
	h.fill()
	h.post(subscriptionsPath, `{"name":"first","kind":"group"}`).is(201) // opens the hub
	plain := h.web.Client()
	h.client = plain // the document has seen these routes
	before := runtime.NumGoroutine()
	for i := range 1000 {
		kind := `"kind":"probe","config":{"to":"a"}`
		if i%2 == 0 {
			kind = `"kind":"group"`
		}
		h.post(subscriptionsPath, fmt.Sprintf(`{"name":"s%d",%s,"eventFilter":"order.placed","start":5}`, i, kind)).is(201)
	}
	h.post(logPath+"/streams/order-9", `{"events":[{"type":"order.placed","data":1}]}`).is(201)
	eventually(t, "500 are sent", func() bool { return len(p.at("a")) == 500 })
	if n := runtime.NumGoroutine() - before; n > 100 {
		t.Errorf("1,000 subscriptions that idle have %d goroutines", n)
	}
	told := string(h.get("/metrics").is(200).body)
	if n := strings.Count(told, "nacre_subscription_lag{"); n != maxSubscriptionFigures+1 {
		t.Errorf("there are figures of %d subscriptions", n)
	}
	if !strings.Contains(told, `nacre_subscription_lag{name="(others)",store="default"}`) {
		t.Error("the rest is not told together")
	}
	for i := range 1000 {
		h.do("DELETE", fmt.Sprintf("%s/s%d", subscriptionsPath, i), "").is(200)
	}
	h.get(subscriptionsPath).has(1, "totalCount")
	p.closed(t)
	plain.CloseIdleConnections()
	eventually(t, fmt.Sprintf("there are %d goroutines again", before), func() bool { return runtime.NumGoroutine() <= before+5 })
}

// A subscription of a kind that the server has no more is told, and stays.
func TestKindThatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, kinds := range [][]delivery.Kind{{newProbe()}, nil} {
		h := &harness{T: t, log: &logged{}}
		s, err := New(&Options{Backend: folders{dir}, Kinds: kinds, Logger: h.log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		h.s, h.web = s, httptest.NewServer(s.Handler())
		h.client = h.web.Client()
		if kinds != nil {
			h.post(subscriptionsPath, `{"name":"s","kind":"probe","config":{"to":"a"}}`).is(201)
		} else {
			h.get(subscriptionsPath+"/s").is(200).has("SUSPENDED", "status").has(nil, "config")
			h.do("PATCH", subscriptionsPath+"/s", `{"config":{"to":"b"}}`).refused(wire.CodeSubscriptionWrongKind)
			h.do("DELETE", subscriptionsPath+"/s", "").is(200)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.web.Close()
	}
	if _, err := New(&Options{Backend: newMemory(), Kinds: []delivery.Kind{newProbe(), newProbe()}}); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("two kinds of a name are %v", err)
	}
	if !slices.Contains(wire.Codes(), delivery.CodeHalted) || errors.Is(errShuttingDown, errRefused) {
		t.Error("the codes of deliveries are not those of the wire")
	}
}
