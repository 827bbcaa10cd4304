package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// action is what a route does for one method.
type action struct {
	method     string
	permission access.Permission // "" lets everybody in, credentials or not
	// or are other permissions, each of which is enough as well.
	or []access.Permission
	do func(*Server, *exchange) error
	// bare says that the handler itself looks for the store, if any.
	bare bool
	// socket says that a page of another origin must not open it, though it is a GET, and that browsers may
	// give their credentials as a parameter.
	socket bool
	// instead is what gives the same as a socket over HTTP.
	instead string

	figures routeFigures
}

// route is a path of spec/openapi.yaml, with the same names in braces. {key...} is the rest of the path.
type route struct {
	pattern string
	parts   []string
	system  bool // of the companion log
	actions []*action
	allow   string // for the header Allow
}

// params are what the braces of a route stand for.
type params struct {
	store    string
	stream   nacre.StreamID
	event    string
	key      string
	category string
	client   string
	runner   string
	letter   string

	aggregate, command, version string

	collection, entity, position string
}

const storePath = "/event-stores/{store}"

// newRoutes are all routes of the server; /api/… are the same.
func newRoutes() []*route {
	const read, write, manage, raw = access.ReadEvents, access.WriteEvents, access.ManageStores, access.Raw
	list := []*route{
		at("/", everybody((*Server).index)),
		at("/healthz", everybody((*Server).health)),
		at("/readyz", everybody((*Server).ready)),
		at("/openapi.yaml", everybody((*Server).openAPI)),
		at("/metrics", bare("GET", read, (*Server).figures)),

		at("/event-stores", bare("GET", manage, (*Server).listStores), bare("POST", manage, (*Server).createStore)),
		at(storePath, does("GET", read, (*Server).getStore), bare("DELETE", manage, (*Server).deleteStore)),
		at(storePath+"/settings", does("PATCH", manage, (*Server).changeStore)),
		at(storePath+"/backup", does("POST", manage, (*Server).backup)),
		at(storePath+"/websocket-connections", does("GET", access.ManageSubscriptions, (*Server).listConnections)),
		at(storePath+"/websocket-connections/{clientId}", does("DELETE", access.ManageSubscriptions, (*Server).closeConnections)),
		at(storePath+"/blobs", does("GET", raw, (*Server).listBlobs)),
		at(storePath+"/blobs/{key...}", does("GET", raw, (*Server).getBlob), does("PUT", raw, (*Server).putBlob),
			does("DELETE", raw, (*Server).deleteBlob)),
	}
	list = append(list, runnerRoutes()...)
	list = append(list, subscriptionRoutes()...)
	list = append(list, aggregateRoutes()...)
	list = append(list, moduleRoutes()...)
	list = append(list, entityRoutes()...)
	list = append(list, logRoutes(storePath, read, write)...)
	for _, r := range logRoutes(storePath+"/system", raw, raw) {
		r.system = true
		list = append(list, r)
	}
	return list
}

// logRoutes are those of a log, be it the store's or its companion log.
func logRoutes(path string, read, write access.Permission) []*route {
	stream := []*action{does("GET", read, (*Server).readStream), does("POST", write, (*Server).appendToStream)}
	follow := does("GET", read, (*Server).followWebSocket)
	follow.socket, follow.instead = true, "GET …/events with Accept: "+wire.TypeSSE+" gives the same over HTTP"
	return []*route{
		at(path+"/streams", does("GET", read, (*Server).listStreams)),
		at(path+"/streams/{stream}", stream...),
		at(path+"/streams/{stream}/events", does("GET", read, (*Server).readStream), does("POST", write, (*Server).appendToStream)),
		at(path+"/streams/{stream}/events/{eventId}", does("GET", read, (*Server).findEvent)),
		at(path+"/stream-types/{category}/streams", does("GET", read, (*Server).listStreams)),
		at(path+"/events", does("GET", read, (*Server).readEvents), does("POST", write, (*Server).commit)),
		at(path+"/events/ws", follow),
		at(path+"/query", does("POST", read, (*Server).queryEvents)),
		at(path+"/read", does("POST", read, (*Server).readLines)),
		at(path+"/head", does("GET", read, (*Server).head)),
	}
}

func does(method string, p access.Permission, do func(*Server, *exchange) error) *action {
	return &action{method: method, permission: p, do: do}
}

func bare(method string, p access.Permission, do func(*Server, *exchange) error) *action {
	return &action{method: method, permission: p, do: do, bare: true}
}

func everybody(do func(*Server, *exchange) error) *action {
	return bare(http.MethodGet, "", do)
}

func at(pattern string, actions ...*action) *route {
	r := &route{pattern: pattern, actions: actions}
	if trimmed := strings.Trim(pattern, "/"); trimmed != "" {
		r.parts = strings.Split(trimmed, "/")
	}
	var allow []string
	for _, a := range actions {
		allow = append(allow, a.method)
		if a.method == http.MethodGet && !a.socket {
			allow = append(allow, http.MethodHead)
		}
	}
	r.allow = strings.Join(append(allow, http.MethodOptions), ", ")
	return r
}

// action is what the route does for a method, nil where it does nothing. HEAD is as GET.
func (r *route) action(method string) *action {
	head := method == http.MethodHead
	if head {
		method = http.MethodGet
	}
	for _, a := range r.actions {
		if a.method == method && !(head && a.socket) {
			return a
		}
	}
	return nil
}

// table finds routes by path.
type table struct {
	byLength [maxParts + 1][]*route
	rests    []*route // whose last part is the rest of a path
}

const (
	maxParts = 7
	restName = "{key...}"
)

func newTable(list []*route) *table {
	t := &table{}
	for _, r := range list {
		if n := len(r.parts); n > 0 && r.parts[n-1] == restName {
			t.rests = append(t.rests, r)
			continue
		}
		t.byLength[len(r.parts)] = append(t.byLength[len(r.parts)], r)
	}
	// Of two routes that fit a path, the one that stands first in the list is found.
	return t
}

// find finds the route of an escaped path; nil where there is none. Slashes at the end do not matter.
func (t *table) find(path string, p *params) (*route, error) {
	path = strings.TrimRight(strings.TrimPrefix(path, "/"), "/")
	if rest, ok := strings.CutPrefix(path, "api"); ok && (rest == "" || rest[0] == '/') {
		path = strings.TrimPrefix(rest, "/")
	}
	var parts [maxParts]string
	n := 0
	for rest := path; rest != ""; n++ {
		part, after, _ := strings.Cut(rest, "/")
		if n < maxParts {
			parts[n] = part
		}
		rest = after
	}
	if n <= maxParts {
		for _, r := range t.byLength[n] {
			if r.fits(parts[:n]) {
				return r, r.fill(p, parts[:n])
			}
		}
	}
	for _, r := range t.rests {
		fixed := len(r.parts) - 1
		if n <= fixed || fixed > maxParts || !r.fits(parts[:fixed]) {
			continue
		}
		rest := path
		for range fixed {
			_, rest, _ = strings.Cut(rest, "/")
		}
		if err := r.fill(p, parts[:fixed]); err != nil {
			return r, err
		}
		var err error
		p.key, err = unescape("key", rest)
		return r, err
	}
	return nil, nil
}

func (r *route) fits(parts []string) bool {
	for i, part := range parts {
		want := r.parts[i]
		if want != part && (want[0] != '{' || part == "") {
			return false
		}
	}
	return true
}

// fill takes what the braces stand for.
func (r *route) fill(p *params, parts []string) (err error) {
	for i, part := range parts {
		if r.parts[i][0] != '{' {
			continue
		}
		name := strings.Trim(r.parts[i], "{}")
		text, err := unescape(name, part)
		if err != nil {
			return err
		}
		switch name {
		case "store":
			p.store = text
		case "stream":
			p.stream = nacre.StreamID(text)
		case "eventId":
			p.event = text
		case "category":
			p.category = text
		case "clientId":
			p.client = text
		case "name":
			p.runner = text
		case "id":
			p.letter = text
		case "type":
			p.aggregate = text
		case "command":
			p.command = text
		case "version":
			p.version = text
		case "collection":
			p.collection = text
		case "entity":
			p.entity = text
		case "position":
			p.position = text
		}
	}
	return nil
}

func unescape(name, part string) (string, error) {
	text, err := url.PathUnescape(part)
	if err != nil {
		return "", &nacre.Error{Code: nacre.CodeInvalid, Field: name, Message: "has a % in the path that is no escape"}
	}
	return text, nil
}

// unknownRoute is the error of a path that is none, with the nearest one as a hint. Paths stand in backquotes:
// in others, an error body leaves the folders out.
func (t *table) unknownRoute(path string) error {
	hint := "the routes are told in `/openapi.yaml`"
	switch parts := strings.Split(strings.Trim(strings.TrimPrefix(path, "/api/"), "/"), "/"); {
	case slices.Contains([]string{"stores", "event-store", "eventstores", "v1"}, parts[0]):
		hint = "event stores are at `/event-stores`; " + hint
	case slices.Contains([]string{"streams", "events", "query", "head"}, parts[0]):
		hint = "name the event store, as in `/event-stores/default/" + parts[0] + "`; " + hint
	case parts[0] == "event-stores" && len(parts) > 2 && parts[2] == "stream":
		hint = "streams are at `/event-stores/{store}/streams/{stream}`; " + hint
	}
	return nacre.Errorf(nacre.CodeNotFound, "there is no route `%.200s`: %s", path, hint)
}

func wrongMethod(method string, r *route) error {
	return nacre.Errorf(wire.CodeMethodNotAllowed, "%.20q is not taken at %s: give %s", method, r.pattern, r.allow)
}
