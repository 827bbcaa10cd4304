package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestRoutesAreFound(t *testing.T) {
	t.Parallel()
	table := newTable(newRoutes())
	for path, want := range map[string]struct {
		pattern string
		p       params
	}{
		"/":                                      {pattern: "/"},
		"/api":                                   {pattern: "/"},
		"/healthz/":                              {pattern: "/healthz"},
		"/api/healthz":                           {pattern: "/healthz"},
		"/event-stores":                          {pattern: "/event-stores"},
		"/event-stores/":                         {pattern: "/event-stores"},
		"/event-stores/a-b":                      {"/event-stores/{store}", params{store: "a-b"}},
		"/event-stores/api/streams":              {"/event-stores/{store}/streams", params{store: "api"}},
		"/api/event-stores/abc/streams/o-1/":     {"/event-stores/{store}/streams/{stream}", params{store: "abc", stream: "o-1"}},
		"/event-stores/abc/streams/a%2Fb/events": {"/event-stores/{store}/streams/{stream}/events", params{store: "abc", stream: "a/b"}},
		"/event-stores/abc/streams/a%2Fb/events/c%2Fd%25/": {"/event-stores/{store}/streams/{stream}/events/{eventId}", params{store: "abc", stream: "a/b", event: "c/d%"}},
		"/api/event-stores/abc/streams/s/events/..":        {"/event-stores/{store}/streams/{stream}/events/{eventId}", params{store: "abc", stream: "s", event: ".."}},
		"/event-stores/abc/system/streams/s/events/more":   {"/event-stores/{store}/system/streams/{stream}/events/{eventId}", params{store: "abc", stream: "s", event: "more"}},
		"/event-stores/abc/streams/s/events/e/f":           {},
		"/event-stores/abc/streams//events/e":              {},
		"/event-stores/abc/streams/%E2%82%AC":              {"/event-stores/{store}/streams/{stream}", params{store: "abc", stream: "€"}},
		"/event-stores/abc/streams/..":                     {"/event-stores/{store}/streams/{stream}", params{store: "abc", stream: ".."}},
		"/event-stores/abc/streams/events":                 {"/event-stores/{store}/streams/{stream}", params{store: "abc", stream: "events"}},
		"/event-stores/abc/events/ws":                      {"/event-stores/{store}/events/ws", params{store: "abc"}},
		"/event-stores/abc/system/streams/s/events":        {"/event-stores/{store}/system/streams/{stream}/events", params{store: "abc", stream: "s"}},
		"/event-stores/abc/stream-types/o/streams":         {"/event-stores/{store}/stream-types/{category}/streams", params{store: "abc", category: "o"}},
		"/event-stores/abc/blobs":                          {"/event-stores/{store}/blobs", params{store: "abc"}},
		"/event-stores/abc/blobs/a":                        {"/event-stores/{store}/blobs/{key...}", params{store: "abc", key: "a"}},
		"/event-stores/abc/blobs/a/b/c/d/e/f/g":            {"/event-stores/{store}/blobs/{key...}", params{store: "abc", key: "a/b/c/d/e/f/g"}},
		"/api/event-stores/abc/blobs/snapshots%2Forder":    {"/event-stores/{store}/blobs/{key...}", params{store: "abc", key: "snapshots/order"}},
		"/event-stores/abc/nothing":                        {},
		"/event-stores//streams":                           {},
		"/event-stores/abc/streams//events":                {},
		"/event-stores/abc/streams/a/b":                    {},
		"/event-stores/abc/system":                         {},
		"/apievent-stores":                                 {},
		"/a/b/c/d/e/f/g/h/i":                               {},
		"/event-stores/abc/system/streams/s/events/e/f":    {},
	} {
		var p params
		r, err := table.find(path, &p)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := ""
		if r != nil {
			got = r.pattern
		}
		if got != want.pattern || p != want.p {
			t.Errorf("%s is %q with %+v, want %q with %+v", path, got, p, want.pattern, want.p)
		}
	}
	var p params
	if _, err := table.find("/event-stores/abc/streams/a%zz", &p); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("a wrong escape: %v", err)
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	for path, hint := range map[string]string{
		"/nothing":                       "/openapi.yaml",
		"/stores":                        "/event-stores",
		"/streams/order-1":               "/event-stores/default/streams",
		"/api/events":                    "/event-stores/default/events",
		"/event-stores/default/stream/a": "/event-stores/{store}/streams/{stream}",
	} {
		h.get(path).refused(nacre.CodeNotFound, hint)
	}
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", "/event-stores", "GET, HEAD, POST, OPTIONS"},
		{"PUT", logPath + "/streams/order-1", "GET, HEAD, POST, OPTIONS"},
		{"GET", logPath + "/query", "POST, OPTIONS"},
		{"HEAD", logPath + "/events/ws", "GET, OPTIONS"},
		{"POST", "/healthz", "GET, HEAD, OPTIONS"},
		{"PATCH", logPath, "GET, HEAD, DELETE, OPTIONS"},
	} {
		r := h.do(c.method, c.path, "")
		if c.method != http.MethodHead {
			r.refused(wire.CodeMethodNotAllowed, c.allow)
		}
		if r.is(405).header.Get("Allow") != c.allow {
			t.Errorf("%s %s allows %q, want %q", c.method, c.path, r.header.Get("Allow"), c.allow)
		}
	}
	r := h.do("OPTIONS", logPath+"/events", "").is(204)
	if r.header.Get("Allow") != "GET, HEAD, POST, OPTIONS" || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("OPTIONS answers %v", r.header)
	}
}

// Whatever a route's parameters are, one that is not known is refused by its name, on every route.
func TestUnknownParametersAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	for _, r := range newRoutes() {
		for _, a := range r.actions {
			if a.permission == "" || a.socket {
				continue
			}
			path := strings.NewReplacer("{store}", "default", "{stream}", "order-1", "{category}", "order", "{eventId}", "e", restName, "key").Replace(r.pattern)
			h.do(a.method, path+"?wrong=1", `{}`).refused(nacre.CodeInvalid, "wrong", "is not a parameter")
			h.do(a.method, path+"?a=%zz", `{}`).refused(nacre.CodeInvalid)
		}
	}
}

// Both prefixes, slashes at the end, and HEAD.
func TestEveryReadUnderBothPrefixes(t *testing.T) {
	t.Parallel()
	plain := newHarness(t, nil)
	plain.fill()
	first := plain.get(logPath + "/streams/order-1").events()[0]
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/openapi.yaml", "/metrics", "/event-stores", logPath, logPath + "/streams", logPath + "/streams/order-1",
		logPath + "/streams/order-1/events", logPath + "/streams/order-1/events/" + first.ID, logPath + "/stream-types/order/streams", logPath + "/events", logPath + "/head", logPath + "/blobs",
		logPath + "/system/events", logPath + "/system/streams", logPath + "/system/streams/store", logPath + "/system/head",
		logPath + "/system/stream-types/store/streams",
	} {
		for _, h := range []*harness{plain, plain.at("/api")} {
			got := h.get(path).is(200)
			slash := h.get(strings.TrimSuffix(path, "/") + "/").is(200)
			if path != "/metrics" && string(slash.body) != string(got.body) {
				t.Errorf("%s with a slash is %s, without %s", path, slash.body, got.body)
			}
			head := h.do("HEAD", path, "").is(200)
			if len(head.body) > 0 || head.header.Get("Content-Type") != got.header.Get("Content-Type") {
				t.Errorf("HEAD %s has %d bytes of %q", path, len(head.body), head.header.Get("Content-Type"))
			}
			if got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s may be sniffed", path)
			}
		}
	}
	head := plain.do("HEAD", logPath+"/events", "", "Accept", wire.TypeNDJSON).is(200)
	if head.header.Get("Content-Type") != wire.TypeNDJSON {
		t.Errorf("HEAD of lines has the type %q", head.header.Get("Content-Type"))
	}
}

func TestIndexAndHealth(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{Version: "1.2.3"})
	h.get("/").is(200).has("nacre", "name").has("1.2.3", "version").has("/openapi.yaml", "links", "openapi")
	h.get("/healthz").is(200).has("ok", "status")
	h.get("/readyz").is(200).has("ready", "status")
	if r := h.get("/openapi.yaml").is(200); r.header.Get("Content-Type") != "application/yaml" || !strings.HasPrefix(string(r.body), "openapi: 3") {
		t.Errorf("the document is %q, %.40q", r.header.Get("Content-Type"), r.body)
	}
}
