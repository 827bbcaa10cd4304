package access

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// The parameters of an address that may hold a credential, where the caller takes them: browsers cannot set
// headers on event streams and sockets.
const (
	ParameterKey   = "apiKey"
	ParameterToken = "authToken"
)

// headerKey holds an API key.
const headerKey = "X-API-Key"

// AuthenticatorOptions say what lets somebody in. With nothing given, everybody may do everything.
type AuthenticatorOptions struct {
	// Keys are the API keys. Nil takes none. While their file does not exist they count as nothing.
	Keys *Keys
	// JWT are the tokens that are believed. Nil takes none.
	JWT *JWT
	// Certificates are the client certificates that let somebody in, the first that fits counting. They
	// work on a listener with [TLSConfig] and a file of client CAs only.
	Certificates []Certificate
	// AnyHost lets an open server on the loopback answer requests that name it by any host: for one that
	// stands behind a proxy, and was told to be insecure. Default false.
	AnyHost bool
	// Clock tells the time. Default the machine's.
	Clock Clock
}

// Authenticator knows who sent a request.
type Authenticator struct {
	keys         *Keys
	jwt          *JWT
	certificates []certificateRule
	anyHost      bool
	clock        Clock
}

// NewAuthenticator checks the certificates' grants. Keys and JWT stay the caller's.
func NewAuthenticator(opts *AuthenticatorOptions) (*Authenticator, error) {
	if opts == nil {
		opts = &AuthenticatorOptions{}
	}
	a := &Authenticator{keys: opts.Keys, jwt: opts.JWT, anyHost: opts.AnyHost, clock: opts.Clock.orMachine()}
	for i := range opts.Certificates {
		rule, err := opts.Certificates[i].rule()
		if err != nil {
			return nil, fmt.Errorf("the client certificate %d of the configuration: %w", i+1, err)
		}
		a.certificates = append(a.certificates, rule)
	}
	return a, nil
}

// Open tells that no credentials are configured, so that everybody may do everything. It ends while the
// server runs when the first key is made, and does not come back.
func (a *Authenticator) Open() bool {
	return a.jwt == nil && len(a.certificates) == 0 && (a.keys == nil || !a.keys.Configured())
}

// openGrant is everybody's in open mode.
var openGrant = &Grant{
	Kind: KindOpen, Subject: "anybody", Permissions: []Permission{Everything}, Stores: []string{anyStore},
}

// errNoCredentials is the refusal for want of credentials.
var errNoCredentials = nacre.Errorf(wire.CodeUnauthorized,
	"the request has no credentials: send an API key as X-API-Key or as Authorization: Bearer")

// Authenticate knows who sent a request: by X-API-Key, by "Authorization: Bearer" with a key or a token, by
// the parameters apiKey and authToken where query says that they may be used (event streams and sockets,
// opened by GET), or by the client's certificate. Two that differ are refused: which of them decides could
// not be seen from the request. In open mode whatever is presented is not looked at.
//
// It is UNAUTHORIZED, CROSS_ORIGIN for a foreign page's way into an open server, or INTERNAL where
// credentials cannot be judged at present.
func (a *Authenticator) Authenticate(r *http.Request, query bool) (*Grant, error) {
	if a.Open() {
		if err := a.checkHost(r); err != nil {
			return nil, err
		}
		return openGrant, nil
	}
	given, err := credentials(r, query)
	if err != nil {
		return nil, err
	}
	certified, unmapped := a.certified(r)
	switch {
	case given.text != "" && certified != nil:
		return nil, nacre.Errorf(wire.CodeUnauthorized,
			"the request has a client certificate, which is %s, and %s: present one of them", certified, given.where)
	case given.text != "":
		return a.take(r, given)
	case certified != nil:
		if certified.expired(a.clock()) {
			return nil, nacre.Errorf(wire.CodeUnauthorized, "the client's %s expired at %s", certified, certified.Expires.UTC().Format(time.RFC3339))
		}
		return certified, nil
	case unmapped != "":
		return nil, nacre.Errorf(wire.CodeUnauthorized,
			"the client certificate of %q is not one that this server lets in, and there is no other credential", unmapped)
	}
	return nil, errNoCredentials
}

// take judges the one credential of a request.
func (a *Authenticator) take(r *http.Request, c credential) (*Grant, error) {
	switch {
	case c.onlyKey || IsKey(c.text):
		if a.keys == nil {
			return nil, nacre.Errorf(wire.CodeUnauthorized, "this server takes no API keys, as in %s", c.where)
		}
		return a.keys.Authenticate(c.text)
	case a.jwt == nil:
		return nil, nacre.Errorf(wire.CodeUnauthorized, "%s is not an API key, which begins with %q, and this server takes no tokens",
			c.where, KeyPrefix)
	}
	return a.jwt.Authenticate(r.Context(), c.text)
}

// Recheck asks whether a grant of an earlier Authenticate still holds: for connections that stay open
// longer than a key may be worth something. Nil means yes. It costs little; once every few seconds for each
// connection is fine.
func (a *Authenticator) Recheck(g *Grant) error {
	if g.Kind == KindOpen {
		if a.Open() {
			return nil
		}
		return nacre.Errorf(wire.CodeUnauthorized, "this server needs credentials by now: come again with an API key")
	}
	if g.Kind == KindKey && a.keys != nil {
		return a.keys.recheck(g)
	}
	if g.expired(a.clock()) {
		return nacre.Errorf(wire.CodeUnauthorized, "the %s expired at %s", g, g.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// Challenge is the text of WWW-Authenticate that belongs to an error of this package; "" where none does.
func (a *Authenticator) Challenge(err error) string {
	const realm = `Bearer realm="nacre"`
	switch nacre.CodeOf(err) {
	case wire.CodeUnauthorized:
		if errors.Is(err, errNoCredentials) {
			return realm
		}
		return realm + `, error="invalid_token"`
	case wire.CodeForbidden:
		return realm + `, error="insufficient_scope"`
	}
	return ""
}

// credential is what a request presents.
type credential struct {
	where   string
	text    string
	onlyKey bool // it stands where tokens have no place
}

// credentials gives the one credential of a request, with an empty text where there is none. The same one
// in several places is one.
func credentials(r *http.Request, query bool) (credential, error) {
	var found credential
	add := func(c credential) error {
		if c.text = strings.TrimSpace(c.text); c.text == "" {
			return nil
		}
		if found.text != "" && found.text != c.text {
			return nacre.Errorf(wire.CodeUnauthorized, "the request has two credentials that differ, in %s and in %s: present one of them",
				found.where, c.where)
		}
		c.onlyKey = c.onlyKey || found.onlyKey
		found = c
		return nil
	}
	for _, text := range r.Header.Values(headerKey) {
		if err := add(credential{where: headerKey, text: text, onlyKey: true}); err != nil {
			return credential{}, err
		}
	}
	for _, value := range r.Header.Values("Authorization") {
		scheme, text, _ := strings.Cut(strings.TrimSpace(value), " ")
		if scheme == "" {
			continue
		}
		if !strings.EqualFold(scheme, "Bearer") {
			return credential{}, nacre.Errorf(wire.CodeUnauthorized, `the header Authorization has another scheme than "Bearer", which is the one that is taken`)
		}
		if err := add(credential{where: "Authorization", text: text}); err != nil {
			return credential{}, err
		}
	}
	if r.URL.RawQuery == "" {
		return found, nil
	}
	parameters := r.URL.Query()
	for _, name := range []string{ParameterKey, ParameterToken} {
		for _, text := range parameters[name] {
			if !query {
				return credential{}, nacre.Errorf(wire.CodeUnauthorized,
					"the parameter %s is taken on event streams and sockets only, since addresses end up in logs: send the header %s or Authorization",
					name, headerKey)
			}
			if err := add(credential{where: "the parameter " + name, text: text, onlyKey: name == ParameterKey}); err != nil {
				return credential{}, err
			}
		}
	}
	return found, nil
}

// checkHost keeps web pages out of an open server on the loopback. A page whose own name was pointed to
// 127.0.0.1 after it was loaded is of the same origin for the browser, but its requests bear that name.
func (a *Authenticator) checkHost(r *http.Request) error {
	if a.anyHost {
		return nil
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !Loopback(local.String()) {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if loopbackHost(host) || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return nil
	}
	return nacre.Errorf(wire.CodeCrossOrigin,
		"this server has no keys and answers to loopback names only, not to %.100q: use http://localhost, make a key with `nacre keys create`, or start it with --insecure", host)
}
