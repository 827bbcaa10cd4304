package server

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// Who may only read works a group off, and neither sees nor steers what subscriptions are.
func TestSubscriptionsForWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Kinds: []delivery.Kind{newProbe()}})
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events"}})
	g.post(subscriptionsPath, `{"name":"g","kind":"group","start":"earliest","policy":{"retry":{"maxAttempts":1}}}`, g.root...).is(201)
	var before string
	eventually(t, "the events are read", func() bool {
		before = string(g.get(groupPath, g.root...).is(200).body)
		return strings.Contains(before, `"open":3`)
	})
	for _, c := range [][3]string{
		{"GET", subscriptionsPath},
		{"POST", subscriptionsPath, `{"name":"mine","kind":"group"}`},
		{"POST", logPath + "/subscribe", `{"eventFilter":"*","subscriber":{"type":"probe","config":{"to":"me"}}}`},
		{"GET", groupPath},
		{"PATCH", groupPath, `{"filter":{"items":[]}}`},
		{"DELETE", groupPath},
		{"POST", groupPath + "/pause"},
		{"POST", groupPath + "/resume"},
		{"POST", groupPath + "/replay?from=1"},
		{"GET", groupPath + "/deliveries"},
		{"GET", groupPath + "/dead-letters"},
		{"POST", groupPath + "/dead-letters/retry"},
		{"POST", groupPath + "/dead-letters/discard"},
	} {
		g.do(c[0], c[1], c[2], reader...).refused(wire.CodeForbidden, "manage:subscriptions")
		// Whether it is there makes no difference.
		g.do(c[0], strings.Replace(c[1], "/g", "/none", 1), c[2], reader...).refused(wire.CodeForbidden, "manage:subscriptions")
	}
	if after := string(g.get(groupPath, g.root...).is(200).body); after != before {
		t.Errorf("it was %s, and is %s", before, after)
	}
	g.get(subscriptionsPath, g.root...).has(1, "totalCount")

	list := g.post(groupPath+"/poll", `{"consumer":"c","max":2}`, reader...).delivered()
	same(t, places(list), []int{1, 2})
	g.post(groupPath+"/ack", `{"ack":["`+list[0].DeliveryID+`"],"nack":[{"deliveryId":"`+list[1].DeliveryID+`","action":"skip"}]}`, reader...).has(2, "done")
	g.consume("?consumer=d&apiKey=" + reader[1]).say(`{"poll":{"max":10}}`).gets(3)
	g.post(groupPath+"/leave", `{"consumer":"c"}`, reader...).is(200)

	// For keys without either, a group is as closed as all the rest.
	writer := g.key(t, access.KeySpec{Permissions: []string{"write:events", "manage:stores", "raw"}})
	for path, body := range map[string]string{"poll": `{"consumer":"c"}`, "ack": `{"ack":[]}`, "leave": `{"consumer":"c"}`} {
		g.post(groupPath+"/"+path, body, writer...).refused(wire.CodeForbidden, "read:events")
	}
	g.get(groupPath+"/ws", writer...).refused(wire.CodeForbidden, "read:events")
	// One that is for another store has none of this.
	other := g.key(t, access.KeySpec{Permissions: []string{"*"}, Stores: []string{"other"}})
	g.get(groupPath, other...).refused(wire.CodeForbidden, "default")
	g.post(groupPath+"/poll", `{"consumer":"c"}`, other...).refused(wire.CodeForbidden, "default")
}

// What DeltaBase's clients see of a failure says how often that very event has failed, and not how much ever did.
func TestRetryCount(t *testing.T) {
	t.Parallel()
	h, p := delivering(t, nil)
	h.fill()
	one := subscriptionsPath + "/s"
	h.post(subscriptionsPath, `{"name":"s","kind":"probe","start":"earliest","config":{"to":"a"},
		"policy":{"order":"global","retry":{"strategy":"fixed","initialDelayMs":1}}}`).is(201).has(nil, "statusDetails").has(nil, "tried")
	p.got(t, "a", 1, 2, 3, 4, 5, 6)
	p.fail("a", errRefused)
	h.do("PATCH", one, `{"policy":{"order":"global","retry":{"maxAttempts":2,"strategy":"fixed","initialDelayMs":3600000}}}`).is(200)
	h.post(logPath+"/streams/a-1", `{"events":[{"type":"x","data":1},{"type":"x","data":2}]}`).is(201)
	got := h.until(one, "RETRYING", "status").has(1, "tried").has(1, "statusDetails", "retryCount").has(1, "failed")
	if next := got.json()["nextAttempt"]; next == nil || next != got.json()["statusDetails"].(map[string]any)["nextRetryAt"] {
		t.Errorf("the next attempt is told otherwise: %s", got.body)
	}
	// It is given up: nothing waits, and what failed is told still.
	h.do("PATCH", one, `{"policy":{"order":"global","retry":{"maxAttempts":1}}}`).is(200)
	h.until(one+"/dead-letters", 2, "totalCount")
	h.until(one, 0, "open").has(nil, "tried").has(0, "statusDetails", "retryCount").has(nil, "statusDetails", "nextRetryAt").
		has("the probe refuses", "statusDetails", "lastError")
}
