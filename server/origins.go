package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// origins keeps web pages of others away from writing and from sockets, and lets those that are trusted read.
type origins struct {
	trusted []string
	writes  *http.CrossOriginProtection
}

func newOrigins(trusted []string) (*origins, error) {
	o := &origins{writes: http.NewCrossOriginProtection()}
	for _, origin := range trusted {
		origin = strings.ToLower(origin)
		if err := o.writes.AddTrustedOrigin(origin); err != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "the trusted origin %q: %w", origin, err)
		}
		o.trusted = append(o.trusted, origin)
	}
	return o, nil
}

// check refuses what a web page of another origin must not do: to write, and to open a socket, which no CORS
// keeps it from reading.
func (o *origins) check(x *exchange) error {
	if x.action.socket && !o.mayOpenSocket(x.r) {
		return nacre.Errorf(wire.CodeCrossOrigin,
			"a web page of %.100q must not follow this server over a WebSocket: its operator may trust it, by trusted origins", x.r.Header.Get("Origin"))
	}
	if err := o.writes.Check(x.r); err != nil {
		return nacre.Errorf(wire.CodeCrossOrigin,
			"a web page of another origin must not write to this server (%w): its operator may trust it, by trusted origins", err)
	}
	return nil
}

// mayOpenSocket takes requests without an origin, which come from no browser, of the server's own pages, and
// of trusted ones.
func (o *origins) mayOpenSocket(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || o.trusts(origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

func (o *origins) trusts(origin string) bool {
	return len(o.trusted) > 0 && slices.Contains(o.trusted, strings.ToLower(origin))
}

// allowReading lets pages of trusted origins see the replies to GET and HEAD.
func (o *origins) allowReading(x *exchange) {
	if len(o.trusted) == 0 {
		return
	}
	h := x.w.Header()
	h.Add("Vary", "Origin")
	origin := x.r.Header.Get("Origin")
	if !o.trusts(origin) {
		return
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", headerRequestID+", "+wire.HeaderETag+", "+wire.HeaderRetryAfter+", "+wire.TrailerEnd+", "+wire.TrailerError)
	}
}

// answerOptions says what a route takes, and to a browser what a trusted page may send.
func (o *origins) answerOptions(x *exchange) {
	h := x.w.Header()
	h.Set("Allow", x.route.allow)
	if h.Get("Access-Control-Allow-Origin") != "" && x.r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, "+wire.HeaderAPIKey+", "+wire.HeaderIfNoneMatch+", "+wire.HeaderLastEventID+", "+headerRequestID)
		h.Set("Access-Control-Max-Age", "600")
	}
	x.w.WriteHeader(http.StatusNoContent)
}

// checkHost refuses names that the operator did not give, where he gave some and the server is open: a web page
// whose own name was pointed here would be of the same origin. Addresses are nobody's name.
func (s *Server) checkHost(host string) error {
	if len(s.o.Hosts) == 0 {
		return nil
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return nil
	}
	if slices.ContainsFunc(s.o.Hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return nil
	}
	return nacre.Errorf(wire.CodeCrossOrigin,
		"this server has no keys and does not answer to the name %.100q: its operator may give it as a host, or make a key with `nacre keys create`", name)
}
