package client

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// Options: nil is the store "default" of a server that is open to everybody.
type Options struct {
	// Store is the event store's name on the server. Default "default".
	Store string
	// APIKey is sent with every request, as X-API-Key. Default "", none. Give it or Token.
	APIKey string
	// Token, a JWT, is sent with every request as Authorization: Bearer. One that has to be made anew from
	// time to time is better set by a Transport. Default "", none.
	Token string
	// TLS says which certificates are trusted, and the client's own, for a URL with https. Default: what
	// the system trusts. It cannot stand beside Transport.
	TLS *tls.Config
	// Transport carries the requests instead of a pool of connections of the store's own; Close leaves it
	// as it is. It must not repeat a request whose first byte was sent. Default: a pool that speaks
	// HTTP/1.1, keeps as many idle connections as there can be appends, and goes through the proxy that
	// the environment names.
	Transport http.RoundTripper
	// Timeout is the longest that one attempt at a request takes, and the longest that a stream of events
	// stands still. A backup may take longer to begin. Default 30 s, at least 1 ms.
	Timeout time.Duration
	// Retries is how often a request is repeated that failed in a way that may pass: the connection is
	// refused or breaks off, the server is busy or restarts. The waits between grow from at most 100 ms to
	// at most 5 s, at random, and are as long as a server asks for, up to a minute. Default 6, which is
	// some 3 s; negative is none.
	Retries int
	// Appends is how many appends may be on their way at once, each on a connection; more wait for their
	// turn. Default 256.
	Appends int
	// Limits bound what an append may hold, before it is sent; the server has limits of its own. Default:
	// those of nacre.Limits.
	Limits *nacre.Limits
	// UserAgent is how the server's logs call this program. Default "nacre-client".
	UserAgent string

	firstWait time.Duration // before the first retry, at most; tests shorten it
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Store == "" {
		out.Store = "default"
	}
	if out.Timeout == 0 {
		out.Timeout = 30 * time.Second
	}
	switch {
	case out.Retries == 0:
		out.Retries = 6
	case out.Retries < 0:
		out.Retries = 0
	}
	if out.Appends == 0 {
		out.Appends = 256
	}
	if out.firstWait == 0 {
		out.firstWait = 100 * time.Millisecond
	}
	if out.UserAgent == "" {
		out.UserAgent = "nacre-client"
	}
	return out
}

// validate is for options that have their defaults.
func (o *Options) validate(base *url.URL) error {
	if err := wire.CheckStoreName(o.Store); err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "Options.Store: %w", err)
	}
	for _, h := range []struct{ name, value string }{
		{"APIKey", o.APIKey}, {"Token", o.Token}, {"UserAgent", o.UserAgent},
	} {
		if !printable(h.value) {
			// The value may be a secret, so it is not told.
			return nacre.Errorf(nacre.CodeInvalid, "Options.%s has white space at an end, or a character that is not printable ASCII", h.name)
		}
	}
	switch {
	case o.APIKey != "" && o.Token != "":
		return nacre.Errorf(nacre.CodeInvalid, "Options has an APIKey and a Token: give one of them")
	case o.TLS != nil && o.Transport != nil:
		return nacre.Errorf(nacre.CodeInvalid, "Options has TLS and a Transport: give the Transport its certificates")
	case o.TLS != nil && base.Scheme != "https":
		return nacre.Errorf(nacre.CodeInvalid, "Options has TLS, and the URL %s is not encrypted: give it with https", base)
	case o.Timeout < time.Millisecond:
		return nacre.Errorf(nacre.CodeInvalid, "Options.Timeout is %v: give at least 1 ms", o.Timeout)
	case o.Appends < 0:
		return nacre.Errorf(nacre.CodeInvalid, "Options.Appends is %d: give 0 for 256, or a number from 1", o.Appends)
	}
	return nil
}

func printable(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] >= 0x7f {
			return false
		}
	}
	return strings.TrimSpace(value) == value
}

// parseBase reads the URL of a server.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error's own text repeats the URL, which may have a password.
		return nil, nacre.Errorf(nacre.CodeInvalid, "the server's URL cannot be read: give one such as http://127.0.0.1:4321")
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, nacre.Errorf(nacre.CodeInvalid, "the server's URL has a user, parameters or a fragment: "+
			"give the address alone, and a key or token in the Options")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return nil, nacre.Errorf(nacre.CodeInvalid, "%.200q is not the URL of a server: give one such as http://127.0.0.1:4321", text)
	}
	u.Path, u.RawPath, u.ForceQuery = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/"), false
	return u, nil
}

// below is the URL of a path, of characters that need no escape, below another.
func below(base *url.URL, path string) *url.URL {
	u := *base
	if u.RawPath != "" {
		u.RawPath += path
	}
	u.Path += path
	return &u
}

// Sizes of the buffers of a connection: what one system call moves.
const connectionBuffer = 32 << 10

// transport is the pool of connections that a store has by default.
func (o *Options) transport() *http.Transport {
	// HTTP/1.1 repeats nothing by itself whose first byte was sent, which the outcome of an append depends
	// on, and many connections are faster than one.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := net.Dialer{Timeout: min(o.Timeout, 10*time.Second)}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     o.TLS.Clone(),
		TLSHandshakeTimeout: min(o.Timeout, 10*time.Second),
		Protocols:           protocols,
		DisableCompression:  true,
		MaxIdleConnsPerHost: o.Appends + 64, // the others are for reads
		IdleConnTimeout:     90 * time.Second,
		WriteBufferSize:     connectionBuffer,
		ReadBufferSize:      connectionBuffer,
	}
}

// header is what every request has.
func (o *Options) header() http.Header {
	h := http.Header{"User-Agent": {o.UserAgent}}
	if o.APIKey != "" {
		h[http.CanonicalHeaderKey(wire.HeaderAPIKey)] = []string{o.APIKey}
	}
	if o.Token != "" {
		h["Authorization"] = []string{"Bearer " + o.Token}
	}
	return h
}
