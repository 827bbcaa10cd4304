package server

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// whereIs is a parameter.
func whereIs(text string) string { return "where=" + url.QueryEscape(text) }

func TestReadsHaveConditions(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		for query, want := range map[string][]int{
			whereIs("data.n > 3"):                                      {4, 5, 6},
			whereIs("type LIKE 'order.%' AND data.n > 3"):              {4, 5},
			whereIs("data.n > 3") + "&type=order.*":                    {4, 5},
			whereIs("data.n > 3") + "&limit=2":                         {4, 5},
			whereIs("data.n > 3") + "&offset=1&limit=1":                {5},
			whereIs("data.n > 3") + "&direction=backwards":             {6, 5, 4},
			whereIs("data.n > 3") + "&after=5":                         {6},
			whereIs("data.n > 3") + "&toDate=2100-01-01":               {4, 5, 6},
			whereIs("tags CONTAINS 'eu' OR streamId = 'order-2'"):      {2, 5},
			whereIs("data.none = 1"):                                   {},
			whereIs("NOT data.none = 1"):                               {},
			whereIs("data.none IS NULL") + "&category=payment":         {2, 6},
			whereIs("type = 'order.paid'") + "&" + "type=order.placed": {},
		} {
			r := h.get(logPath + "/events?" + query).is(200)
			same(t, positions(r.events()), want)
			lines := h.get(logPath+"/events?"+query, "Accept", wire.TypeNDJSON).is(200)
			same(t, positions(lines.lines()), want)
		}
		h.get(logPath+"/events?"+whereIs("data.n > 3")+"&limit=2").has(true, "hasMore")
		h.get(logPath+"/events?"+whereIs("data.n > 3")+"&limit=3").has(false, "hasMore")
		h.get(logPath+"/events?"+whereIs("data.n > 3")+"&limit=1&includeCount=true").has(3, "pagination", "total")
		for query, want := range map[string][]int{
			whereIs("data.n > 1"):                       {3, 4},
			whereIs("type = 'order.paid'"):              {3},
			whereIs("type != 'order.paid'") + "&from=1": {4},
			whereIs("type = 'order.paid'") + "&from=2":  {},
			whereIs("type = 'order.paid'") + "&to=1":    {3},
			whereIs("data.n > 1") + "&type=order.s*":    {4},
		} {
			r := h.get(logPath + "/streams/order-1?" + query).is(200)
			same(t, positions(r.events()), want)
			r.has(2, "currentStreamVersion")
		}
		same(t, positions(h.post(logPath+"/query", `{"query":{"items":[{"types":["order.*"]}]},"where":"data.n > 3"}`).is(200).events()), []int{4, 5})
		same(t, positions(h.post(logPath+"/read", `{"where":"data.n > 3","limit":2}`).is(200).lines()), []int{4, 5})
	})
}

func TestBadConditionsSayWhere(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, nil)
	h.fill()
	for text, column := range map[string]int{
		"data.n >": 9, "type = 'a' LIMIT 3": 12, "type = 'a' ORDER BY type": 12, "SELECT type": 1, "typ = 'a'": 1, "type = ?": 8, " ": 2,
	} {
		body := fmt.Sprintf(`{"name":"x","kind":"group","where":%q}`, text)
		for _, r := range []*result{
			h.get(logPath + "/events?" + whereIs(text)), h.get(logPath+"/events?"+whereIs(text), "Accept", wire.TypeSSE),
			h.get(logPath+"/events?"+whereIs(text), "Accept", wire.TypeNDJSON), h.get(logPath + "/streams/order-1?" + whereIs(text)),
			h.post(logPath+"/read", fmt.Sprintf(`{"where":%q}`, text)), h.post(subscriptionsPath, body),
		} {
			e := r.is(400).refused(nacre.CodeInvalid, "where: line 1, column")
			if d := e.Details; d == nil || d.Field != "where" || d.Line != 1 || d.Column != column || d.Expected == "" {
				t.Errorf("%s gives %+v", text, e)
			}
		}
		h.refusedSocket(nacre.CodeInvalid, "?"+whereIs(text))
	}
	h.get(logPath+"/events?"+whereIs("typ = 'a'")).has("did you mean type?", "details", "hint")
	h.get(logPath+"/events?where=").refused(nacre.CodeInvalid, "where")
	h.get(logPath+"/events?where=TRUE&where=TRUE").refused(nacre.CodeInvalid, "where")
	h.socket("").say(`{"action":"subscribe","where":"data.n >"}`).ended(4400, nacre.CodeInvalid, "column 9")
}

func TestFollowersHaveConditions(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.fill()
	where := whereIs("data.n > 3 AND type LIKE 'order.%'")
	sse, ws := h.listen("?"+where), h.socket("?"+where)
	said := h.socket("?clientId=said").say(`{"action":"subscribe","where":"data.n > 3 AND type LIKE 'order.%'","filter":{"items":[{"categories":["order"]}]}}`)
	sse.events(4, 5).caughtUp(6)
	ws.events(4, 5).caughtUp(6)
	said.events(4, 5).caughtUp(6)
	h.get(logPath+"/websocket-connections?clientId=said").has("data.n > 3 AND type LIKE 'order.%'", "connections", 0, "where").
		has("order", "connections", 0, "filter", "items", 0, "categories", 0).has(nil, "connections", 0, "filter", "items", 0, "types")
	h.post(logPath+"/streams/order-9", `{"events":[{"type":"order.placed","data":{"n":1}},{"type":"order.placed","data":{"n":10}},{"type":"order.placed","data":null},
		{"type":"order.placed","data":"n"},{"type":"other","data":{"n":11}},{"type":"order.placed","data":{"n":12}}]}`).is(201)
	sse.events(8, 12)
	ws.events(8, 12)
	said.events(8, 12)
}

// A condition narrows what a credential may see, and widens nothing.
func TestConditionsStayWithinTheGrant(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil) // 1 and 3 are orders', 2 a payment's
	orders := g.key(t, access.KeySpec{Permissions: []string{"read:events"}, Streams: []string{"order-"}})
	for text, want := range map[string][]int{
		"TRUE": {1, 3}, "streamId = 'payment-1'": {}, "streamId IN ('order-2', 'payment-1')": {3}, "data = 1 OR category = 'payment'": {1, 3},
		"category = 'payment'": {},
	} {
		for _, path := range []string{logPath + "/events?" + whereIs(text), logPath + "/events?category=order&category=payment&" + whereIs(text)} {
			same(t, positions(g.get(path, orders...).is(200).events()), want)
			same(t, positions(g.get(path, append([]string{"Accept", wire.TypeNDJSON}, orders...)...).is(200).lines()), want)
		}
	}
	g.get(logPath+"/events?streamId=payment-1&"+whereIs("TRUE"), orders...).refused(wire.CodeForbidden)
}

func TestASubscriptionHasACondition(t *testing.T) {
	t.Parallel()
	h, p := delivering(t, nil)
	h.fill()
	body := `{"name":"large","kind":"probe","eventFilter":"order.*","where":"data.n > 3","start":"earliest","config":{"to":"a"}}`
	h.post(subscriptionsPath, body).is(201).has("data.n > 3", "where").has(nil, "eventFilter").has("order.*", "filter", "items", 0, "types", 0)
	p.got(t, "a", 4, 5)
	one := subscriptionsPath + "/large"
	h.until(one, 6, "position").has(0, "lag").has(2, "delivered").has("data.n > 3", "where")
	h.post(subscriptionsPath, strings.Replace(body, "data.n > 3", "data.n>3", 1)).is(200).has("data.n > 3", "where")
	h.post(subscriptionsPath, strings.Replace(body, "> 3", "> 4", 1)).refused(wire.CodeSubscriptionExists, "large")
	h.get(subscriptionsPath).has("data.n > 3", "subscriptions", 0, "where")

	h.do("PATCH", one, `{"where":"data.n < 3"}`).is(200).has("data.n < 3", "where").has("order.*", "filter", "items", 0, "types", 0)
	h.do("PATCH", one, `{"where":"data.n <"}`).is(400).refused(nacre.CodeInvalid, "where: line 1, column 9")
	h.do("PATCH", one, `{"where":3}`).refused(nacre.CodeInvalid, "where")
	h.get(one).has("data.n < 3", "where")
	h.post(logPath+"/streams/order-7", `{"events":[{"type":"order.placed","data":{"n":2}},{"type":"order.placed","data":{"n":4}},{"type":"x","data":{"n":1}}]}`).is(201)
	p.got(t, "a", 4, 5, 7)
	h.do("PATCH", one, `{"where":""}`).is(200).has(nil, "where").has("order.*", "eventFilter")
	h.post(logPath+"/streams/order-7", `{"events":[{"type":"order.placed","data":{"n":4}}]}`).is(201)
	p.got(t, "a", 4, 5, 7, 10)

	// Groups, polled and over a socket.
	h.post(subscriptionsPath, `{"name":"g","kind":"group","where":"data.n = 4","start":"earliest","policy":{"batch":5}}`).is(201)
	got := []nacre.Position{}
	for len(got) < 3 {
		for _, d := range h.post(subscriptionsPath+"/g/poll", `{"consumer":"ann","max":10,"waitMs":20000}`).is(200).delivered() {
			got = append(got, d.Event.GlobalPosition)
			h.post(subscriptionsPath+"/g/ack", fmt.Sprintf(`{"consumer":"ann","ack":[%q]}`, d.DeliveryID)).is(200)
		}
	}
	slices.Sort(got)
	same(t, got, []nacre.Position{4, 8, 10})
}

func TestAWebhookHasACondition(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, nil)
	h.fill()
	var mu sync.Mutex
	got := []int{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ Event nacre.Event }
		if body, err := io.ReadAll(r.Body); err != nil || json.Unmarshal(body, &e) != nil {
			t.Errorf("the receiver got %s, %v", body, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, int(e.Event.GlobalPosition))
	}))
	defer receiver.Close()
	h.post(subscriptionsPath, fmt.Sprintf(`{"name":"hook","kind":"webhook","where":"data.n >= 5","start":"earliest","config":{"url":%q}}`, receiver.URL)).is(201)
	h.until(subscriptionsPath+"/hook", 6, "position").has(2, "delivered")
	h.post(logPath+"/streams/order-7", `{"events":[{"type":"x","data":{"n":4}},{"type":"x","data":{"n":7}}]}`).is(201)
	h.until(subscriptionsPath+"/hook", 8, "position").has(3, "delivered")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(got)
	same(t, got, []int{5, 6, 8})
}

// TestConditionsSelectWhatTheySay has random conditions on a random log: each way to read gives what a filter of one's own
// selects.
func TestConditionsSelectWhatTheySay(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	h := newHarness(t, nil)
	type event struct {
		kind  string
		n     int
		tag   string
		place int
	}
	var all []event
	for i := range 60 {
		e := event{[]string{"a.x", "a.y", "b.x"}[rng.IntN(3)], rng.IntN(5), []string{"red", "blue"}[rng.IntN(2)], i + 1}
		all = append(all, e)
		h.post(fmt.Sprintf("%s/streams/s-%d", logPath, rng.IntN(4)), fmt.Sprintf(`{"events":[{"type":%q,"data":{"n":%d},"tags":[%q]}]}`, e.kind, e.n, e.tag)).is(201)
	}
	for range 40 {
		n, kind, tag := rng.IntN(5), []string{"a.x", "b.x"}[rng.IntN(2)], []string{"red", "blue"}[rng.IntN(2)]
		conditions := []struct {
			text string
			is   func(e *event) bool
		}{
			{fmt.Sprintf("data.n > %d", n), func(e *event) bool { return e.n > n }},
			{fmt.Sprintf("type = '%s'", kind), func(e *event) bool { return e.kind == kind }},
			{fmt.Sprintf("tags CONTAINS '%s'", tag), func(e *event) bool { return e.tag == tag }},
			{"type LIKE 'a.%'", func(e *event) bool { return strings.HasPrefix(e.kind, "a.") }},
		}
		x, y := conditions[rng.IntN(len(conditions))], conditions[rng.IntN(len(conditions))]
		text, is := x.text+" AND NOT "+y.text, func(e *event) bool { return x.is(e) && !y.is(e) }
		if rng.IntN(2) == 0 {
			text, is = x.text+" OR "+y.text, func(e *event) bool { return x.is(e) || y.is(e) }
		}
		query, filtered := whereIs(text), rng.IntN(2) == 0
		if filtered {
			query += "&type=*.x"
		}
		want := []int{}
		for i := range all {
			if is(&all[i]) && (!filtered || strings.HasSuffix(all[i].kind, ".x")) {
				want = append(want, all[i].place)
			}
		}
		got := positions(h.get(logPath + "/events?" + query).is(200).events())
		lines := positions(h.get(logPath+"/events?"+query, "Accept", wire.TypeNDJSON).is(200).lines())
		if !slices.Equal(got, want) || !slices.Equal(lines, want) {
			t.Fatalf("seed %d: %s gives %v and %v, and should give %v", seed, query, got, lines, want)
		}
	}
}
