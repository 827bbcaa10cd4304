package server

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// guarded is a server with keys.
type guarded struct {
	*harness
	keys *access.Keys
	root []string // the header of a key for everything
}

func newGuarded(t *testing.T, o *Options) *guarded {
	t.Helper()
	keys, err := access.OpenKeys(filepath.Join(t.TempDir(), "keys.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{keys: keys}
	g.root = g.key(t, access.KeySpec{Permissions: []string{"*"}})
	auth, err := access.NewAuthenticator(&access.AuthenticatorOptions{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		o = &Options{}
	}
	o.Access = auth
	g.harness = newHarness(t, o)
	g.post("/event-stores", `{"name":"other"}`, g.root...).is(201)
	for _, id := range []string{"order-1", "payment-1", "order-2"} {
		g.post(logPath+"/streams/"+id, `{"events":[{"type":"made","data":1,"tags":["t"]}]}`, g.root...).is(201)
	}
	return g
}

// key makes a key, and gives the header that presents it.
func (g *guarded) key(t *testing.T, spec access.KeySpec) []string {
	t.Helper()
	spec.Name = "test"
	secret, _, err := g.keys.Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	return []string{wire.HeaderAPIKey, secret}
}

// Every route asks for its permission: with all others it is refused, with its own it is not.
func TestEveryRouteHasItsPermission(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	all := []string{"read:events", "write:events", "manage:stores", "manage:subscriptions", "manage:modules", "manage:collections", "entities", "raw"}
	with, without := map[string][]string{}, map[string][]string{}
	for _, p := range all {
		with[p] = g.key(t, access.KeySpec{Permissions: []string{p}})
		without[p] = g.key(t, access.KeySpec{Permissions: slices.DeleteFunc(slices.Clone(all), func(o string) bool { return o == p })})
	}
	for _, r := range newRoutes() {
		path := strings.NewReplacer("{store}", "default", "{stream}", "order-1", "{category}", "order", restName, "key", "{clientId}", "c",
			"{name}", "n", "{id}", "i", "{eventId}", "e", "{type}", "order", "{command}", "c", "{version}", "1",
			"{collection}", "order", "{entity}", "e", "{position}", "1").Replace(r.pattern)
		for _, a := range r.actions {
			if a.permission == "" {
				g.do(a.method, path, "").is(200)
				continue
			}
			refused := g.do(a.method, path, `{}`)
			refused.refused(wire.CodeUnauthorized)
			if refused.header.Get("WWW-Authenticate") != `Bearer realm="nacre"` {
				t.Errorf("%s %s: the challenge is %q", a.method, path, refused.header.Get("WWW-Authenticate"))
			}
			g.do(a.method, path, `{}`, wire.HeaderAPIKey, "db_wrong").refused(wire.CodeUnauthorized)
			lacking := without[string(a.permission)]
			if len(a.or) > 0 {
				lacking = g.key(t, access.KeySpec{Permissions: slices.DeleteFunc(slices.Clone(all), func(o string) bool {
					return o == string(a.permission) || slices.Contains(a.or, access.Permission(o))
				})})
			}
			forbidden := g.do(a.method, path, `{}`, lacking...)
			forbidden.refused(wire.CodeForbidden, string(a.permission))
			if !strings.Contains(forbidden.header.Get("WWW-Authenticate"), "insufficient_scope") {
				t.Errorf("%s %s: the challenge is %q", a.method, path, forbidden.header.Get("WWW-Authenticate"))
			}
			if a.socket || strings.Contains(path, "websocket") {
				continue
			}
			if got := g.do(a.method, path, `{}`, with[string(a.permission)]...); got.status == 401 || got.status == 403 {
				t.Errorf("%s %s with %s: %s", a.method, path, a.permission, got.body)
			}
			for _, or := range a.or {
				if got := g.do(a.method, path, `{}`, with[string(or)]...); got.status == 401 || got.status == 403 {
					t.Errorf("%s %s with %s: %s", a.method, path, or, got.body)
				}
			}
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	secret := g.key(t, access.KeySpec{Permissions: []string{"read:events"}})[1]
	g.get(logPath+"/events", "Authorization", "Bearer "+secret).is(200)
	g.get(logPath+"/events", "Authorization", "Basic x").refused(wire.CodeUnauthorized)
	g.get(logPath+"/events?apiKey="+secret).refused(wire.CodeUnauthorized, "apiKey")
	g.get(logPath+"/events?authToken="+secret).refused(wire.CodeUnauthorized, "authToken")
	g.get("/healthz").is(200)
	if strings.Contains(g.log.String(), secret) {
		t.Error("the log has the secret")
	}
}

func TestGrantsOfStores(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	one := g.key(t, access.KeySpec{Permissions: []string{"*"}, Stores: []string{"other"}})
	g.get("/event-stores/other/events", one...).is(200)
	g.get(logPath+"/events", one...).refused(wire.CodeForbidden, "default")
	g.do("DELETE", logPath+"?confirm=true", "", one...).refused(wire.CodeForbidden)
	g.post("/event-stores", `{"name":"third"}`, one...).refused(wire.CodeForbidden, "third")
	g.get("/event-stores", one...).is(200).has(1, "totalCount").has("other", "eventStores", 0, "name")
	g.get("/metrics", one...).refused(wire.CodeForbidden)
	// Whether a store exists is nobody's business who may not use it.
	g.get("/event-stores/none", one...).refused(wire.CodeForbidden)
}

func TestGrantsOfStreams(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	orders := g.key(t, access.KeySpec{Permissions: []string{"*"}, Streams: []string{"order-", "order-1", "invoice"}})
	event := `{"events":[{"type":"a","data":1}]}`

	// Writing.
	g.post(logPath+"/streams/order-1", event, orders...).is(201)
	g.post(logPath+"/streams/payment-1", event, orders...).refused(wire.CodeForbidden, "payment-1")
	g.post(logPath+"/events", `{"appends":[{"streamId":"order-1",`+event[1:]+`,{"streamId":"payment-9",`+event[1:]+`]}`, orders...).
		refused(wire.CodeForbidden, "payment-9")
	g.post(logPath+"/events", event, orders...).refused(wire.CodeForbidden, "__dcb__")

	// Conditions.
	condition := func(items string) *result {
		return g.post(logPath+"/events", `{"appends":[{"streamId":"order-7",`+event[1:]+`],"condition":{"failIfEventsMatch":{"items":[`+items+`]},"after":0}}`, orders...)
	}
	condition(`{"streams":["order-7"],"tags":["t"]}`).is(201)
	condition(`{"categories":["invoice"]}`).is(201)
	condition(`{"categories":["order"]}`).refused(wire.CodeForbidden, "order") // there may be a stream "order"
	condition(`{"tags":["t"]}`).refused(wire.CodeForbidden)
	condition(``).refused(wire.CodeForbidden)
	condition(`{"streams":["order-7","payment-1"]}`).refused(wire.CodeForbidden, "payment-1")
	condition(`{"streams":["order-8"]},{"types":["x"]}`).refused(wire.CodeForbidden)

	// Reading.
	g.get(logPath+"/streams/order-1", orders...).is(200).has(1, "currentStreamVersion")
	g.get(logPath+"/streams/payment-1", orders...).refused(wire.CodeForbidden)
	g.get(logPath+"/events?streamId=payment-1", orders...).refused(wire.CodeForbidden)
	for _, stream := range []string{"order-1", "payment-1"} {
		e := g.get(logPath+"/streams/"+stream, g.root...).is(200).events()[0]
		path := logPath + "/streams/" + stream + "/events/"
		if stream == "order-1" {
			g.get(path+e.ID, orders...).is(200).has(e.ID, "eventId")
			g.get(path+"none", orders...).refused(nacre.CodeNotFound, "none")
			g.get(logPath+"/streams/order-2/events/"+e.ID, orders...).refused(nacre.CodeNotFound)
			continue
		}
		// What is there and what is not look the same.
		there, absent := g.get(path+e.ID, orders...), g.get(path+"none", orders...)
		there.refused(wire.CodeForbidden, "payment-1")
		if absent.refused(wire.CodeForbidden); string(there.body) != string(absent.body) {
			t.Errorf("an event of another stream that is there is %s, one that is not %s", there.body, absent.body)
		}
		g.get(logPath+"/system/streams/"+stream+"/events/"+e.ID, orders...).refused(wire.CodeForbidden)
	}
	ndjson := append([]string{"Accept", wire.TypeNDJSON}, orders...)
	want := []int{1, 3, 4, 5, 6}
	same(t, positions(g.get(logPath+"/events", orders...).is(200).events()), want)
	same(t, positions(g.get(logPath+"/events?streamId=payment-1&streamId=order-2", orders...).is(200).events()), []int{3})
	same(t, positions(g.get(logPath+"/events", ndjson...).is(200).lines()), want)
	same(t, positions(g.get(logPath+"/events?tag=t&limit=1&offset=1", ndjson...).is(200).lines()), []int{3})
	same(t, positions(g.post(logPath+"/query", `{}`, orders...).is(200).events()), want)
	same(t, positions(g.post(logPath+"/read", `{"limit":2,"backwards":true}`, orders...).is(200).lines()), []int{6, 5})
	g.get(logPath+"/events?limit=2&includeCount=true", orders...).has(5, "pagination", "total").has(true, "hasMore")
	r := g.get(logPath+"/streams", orders...).is(200)
	if n := len(r.json()["streams"].([]any)); n != 3 {
		t.Errorf("%d streams are listed: %s", n, r.body)
	}
	g.get(logPath+"/streams?prefix=order-2", orders...).has("order-2", "streams", 0, "streamId")
	for _, query := range []string{"prefix=payment", "streamId=payment-1", "category=payment"} {
		if n := len(g.get(logPath+"/streams?"+query, orders...).is(200).json()["streams"].([]any)); n != 0 {
			t.Errorf("%s lists %d streams", query, n)
		}
	}

	// What cannot be narrowed.
	g.get(logPath, orders...).is(200).has(nil, "statistics")
	g.get(logPath+"/head", orders...).is(200)
	for _, path := range []string{"/system/events", "/blobs", "/blobs/a", "/system/head"} {
		g.get(logPath+path, orders...).refused(wire.CodeForbidden)
	}
	g.post(logPath+"/backup", "", orders...).refused(wire.CodeForbidden)
	g.do("DELETE", logPath+"?confirm=true", "", orders...).refused(wire.CodeForbidden)
	g.get("/metrics", orders...).refused(wire.CodeForbidden)
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grant, want []string
		prefix      string
	}{
		{[]string{"order-"}, []string{"order-"}, ""},
		{[]string{"b", "a-1", "a", "a-"}, []string{"a", "b"}, ""},
		{[]string{"order-1", "order-2", "x"}, []string{"order-1", "order-2"}, "order-"},
		{[]string{"order"}, []string{"order-1"}, "order-1"},
		{[]string{"order-1"}, nil, "order-2"},
	} {
		x := exchange{grant: &access.Grant{Streams: c.grant}}
		if got := x.prefixes(c.prefix); !slices.Equal(got, c.want) {
			t.Errorf("%q within %q is %q, want %q", c.prefix, c.grant, got, c.want)
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	limiter, err := access.NewLimiter(&access.LimiterOptions{PerSecond: 0.1, Burst: 2, Clock: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, &Options{Limiter: limiter})
	h.get(logPath + "/head").is(200)
	h.get(logPath + "/head").is(200)
	r := h.get(logPath + "/head")
	r.refused(wire.CodeRateLimited)
	r.has(10, "details", "retryAfter")
	if r.header.Get(wire.HeaderRetryAfter) != "10" {
		t.Errorf("Retry-After is %q", r.header.Get(wire.HeaderRetryAfter))
	}
	h.get("/healthz").is(200)
	mu.Lock()
	now = now.Add(10 * time.Second)
	mu.Unlock()
	h.get(logPath + "/head").is(200)
}

func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{TrustedOrigins: []string{"https://Console.example"}})
	event := `{"events":[{"type":"a","data":1}]}`
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"},
	} {
		h.post(logPath+"/streams/s-1", event, headers...).refused(wire.CodeCrossOrigin)
		h.do("DELETE", logPath+"?confirm=true", "", headers...).refused(wire.CodeCrossOrigin)
		if r := h.get(logPath+"/events", headers...).is(200); r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v may read", headers)
		}
	}
	h.get(logPath+"/events/ws", "Origin", "https://evil.example").refused(wire.CodeCrossOrigin)
	h.post(logPath+"/streams/s-1", event, "Origin", h.web.URL).is(201)
	h.post(logPath+"/streams/s-1", event, "Origin", "https://console.example").is(201)
	r := h.get(logPath+"/events", "Origin", "https://console.example").is(200)
	if r.header.Get("Access-Control-Allow-Origin") != "https://console.example" || r.header.Get("Vary") == "" {
		t.Errorf("a trusted page gets %v", r.header)
	}
	if r := h.get("/nothing", "Origin", "https://console.example").is(404); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an unknown route allows %v", r.header)
	}
	r = h.do("OPTIONS", logPath+"/events", "", "Origin", "https://console.example", "Access-Control-Request-Method", "GET").is(204)
	if r.header.Get("Access-Control-Allow-Methods") != "GET, HEAD" || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), wire.HeaderAPIKey) {
		t.Errorf("the preflight is answered with %v", r.header)
	}
}

// A page whose own name was pointed to the server is of the same origin, and bears that name.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	for _, host := range []string{"localhost:4321", "127.0.0.1", "[::1]:1", "app.localhost"} {
		h.get(logPath+"/head", "Host", host).is(200)
	}
	h.get(logPath+"/head", "Host", "evil.example").refused(wire.CodeCrossOrigin, "evil.example")

	auth, err := access.NewAuthenticator(&access.AuthenticatorOptions{AnyHost: true})
	if err != nil {
		t.Fatal(err)
	}
	h = newHarness(t, &Options{Access: auth, Hosts: []string{"nacre.lan"}})
	for _, host := range []string{"nacre.lan", "NACRE.lan.:4321", "10.0.0.7:4321", "localhost"} {
		h.get(logPath+"/head", "Host", host).is(200)
	}
	h.get(logPath+"/head", "Host", "evil.example").refused(wire.CodeCrossOrigin, "evil.example")
	h.get("/healthz", "Host", "evil.example").is(200)
}
