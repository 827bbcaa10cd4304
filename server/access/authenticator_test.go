package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// verified is a request's TLS state with a client certificate that a CA has signed.
func verified(leaf *x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
}

func clientCertificate(clock *handClock, name string, uris ...string) *x509.Certificate {
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(4711), NotAfter: clock.Now().Add(time.Hour),
	}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		leaf.URIs = append(leaf.URIs, u)
	}
	return leaf
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	keys := testKeys(t, clock.Now)
	key, info := createKey(t, keys, KeySpec{})
	otherKey, _ := createKey(t, keys, KeySpec{})
	s := signers()[algHMAC]
	token := s.sign(t, nil, goodClaims(clock))
	a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{
		Keys:  keys,
		JWT:   openJWT(t, JWTOptions{SecretFile: testFile(t, "secret", testSecret), Clock: clock.Now}),
		Clock: clock.Now,
		Certificates: []Certificate{
			{URI: "spiffe://example.org/orders", Name: "orders", Permissions: []string{"read:streams"}, Streams: []string{"order-"}},
			{CommonName: "backup", Permissions: []string{"*"}},
		},
	}))
	if a.Open() {
		t.Fatal("open with keys")
	}
	keyWho, tokenWho := "key:"+info.ID, "token:ann"
	type headers = http.Header
	h := func(pairs ...string) headers {
		out := headers{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	bad := key[:len(key)-1] + "0"
	if bad == key {
		bad = key[:len(key)-1] + "1"
	}
	for name, c := range map[string]struct {
		headers headers
		query   string
		allowed bool // the query may have credentials
		tls     *tls.ConnectionState
		who     string
		words   []string
	}{
		"X-API-Key":            {h("X-API-Key", key), "", false, nil, keyWho, nil},
		"Bearer key":           {h("Authorization", "Bearer "+key), "", false, nil, keyWho, nil},
		"bearer, any case":     {h("Authorization", "bEARER  "+key+" "), "", false, nil, keyWho, nil},
		"Bearer token":         {h("Authorization", "Bearer "+token), "", false, nil, tokenWho, nil},
		"apiKey":               {nil, "apiKey=" + key, true, nil, keyWho, nil},
		"authToken, token":     {nil, "authToken=" + token, true, nil, tokenWho, nil},
		"authToken, key":       {nil, "authToken=" + key, true, nil, keyWho, nil},
		"the same twice":       {h("X-API-Key", key, "Authorization", "Bearer "+key), "apiKey=" + key + "&authToken=" + key, true, nil, keyWho, nil},
		"the same header":      {h("X-API-Key", key, "X-API-Key", key), "", false, nil, keyWho, nil},
		"empty beside key":     {h("X-API-Key", "", "Authorization", "Bearer "+key), "", false, nil, keyWho, nil},
		"other parameters":     {h("X-API-Key", key), "type=a&apikey=x", false, nil, keyWho, nil},
		"certificate by URI":   {nil, "", false, verified(clientCertificate(clock, "x", "spiffe://example.org/orders")), "certificate:spiffe://example.org/orders", nil},
		"certificate by name":  {nil, "", false, verified(clientCertificate(clock, "backup")), "certificate:backup", nil},
		"first rule":           {nil, "", false, verified(clientCertificate(clock, "backup", "spiffe://example.org/orders")), "certificate:spiffe://example.org/orders", nil},
		"key, other certified": {h("X-API-Key", key), "", false, verified(clientCertificate(clock, "somebody")), keyWho, nil},

		"nothing":              {nil, "", false, nil, "", []string{"has no credentials"}},
		"empty":                {h("X-API-Key", " ", "Authorization", ""), "apiKey=", true, nil, "", []string{"has no credentials"}},
		"Bearer alone":         {h("Authorization", "Bearer"), "", false, nil, "", []string{"has no credentials"}},
		"Basic":                {h("Authorization", "Basic YTpi"), "", false, nil, "", []string{"another scheme"}},
		"mistyped":             {h("X-API-Key", bad), "", false, nil, "", []string{"mistyped"}},
		"unknown key":          {h("X-API-Key", newKey(info.ID)), "", false, nil, "", []string{"there is no API key"}},
		"token as X-API-Key":   {h("X-API-Key", token), "", false, nil, "", []string{"not an API key"}},
		"token as apiKey":      {nil, "apiKey=" + token, true, nil, "", []string{"not an API key"}},
		"token in both":        {h("X-API-Key", token, "Authorization", "Bearer "+token), "", false, nil, "", []string{"not an API key"}},
		"bad token":            {h("Authorization", "Bearer x.y.z"), "", false, nil, "", []string{"malformed"}},
		"key and token":        {h("X-API-Key", key, "Authorization", "Bearer "+token), "", false, nil, "", []string{"differ", "X-API-Key", "Authorization"}},
		"two keys":             {h("X-API-Key", key, "Authorization", "Bearer "+otherKey), "", false, nil, "", []string{"differ"}},
		"good and bad":         {h("X-API-Key", key, "Authorization", "Bearer "+bad), "", false, nil, "", []string{"differ"}},
		"two X-API-Keys":       {h("X-API-Key", key, "X-API-Key", otherKey), "", false, nil, "", []string{"differ"}},
		"two Authorizations":   {h("Authorization", "Bearer "+key, "Authorization", "Bearer "+token), "", false, nil, "", []string{"differ"}},
		"Basic beside Bearer":  {h("Authorization", "Bearer "+key, "Authorization", "Basic YTpi"), "", false, nil, "", []string{"another scheme"}},
		"header and query":     {h("X-API-Key", key), "apiKey=" + otherKey, true, nil, "", []string{"differ", "parameter apiKey"}},
		"two apiKeys":          {nil, "apiKey=" + key + "&apiKey=" + otherKey, true, nil, "", []string{"differ"}},
		"apiKey and authToken": {nil, "apiKey=" + key + "&authToken=" + token, true, nil, "", []string{"differ"}},
		"query not allowed":    {nil, "apiKey=" + key, false, nil, "", []string{"event streams and sockets only"}},
		"token not allowed":    {nil, "authToken=" + token, false, nil, "", []string{"event streams and sockets only"}},
		"query beside header":  {h("X-API-Key", key), "apiKey=" + key, false, nil, "", []string{"event streams and sockets only"}},
		"encoded not allowed":  {nil, "api%4Bey=" + key, false, nil, "", []string{"event streams and sockets only"}},
		"certificate and key":  {h("X-API-Key", key), "", false, verified(clientCertificate(clock, "backup")), "", []string{"client certificate", "X-API-Key", "present one"}},
		"other certificate":    {nil, "", false, verified(clientCertificate(clock, "somebody")), "", []string{`"somebody"`, "not one that this server lets in"}},
		"no common name":       {nil, "", false, verified(clientCertificate(clock, "")), "", []string{"serial number 4711"}},
		"name of a URI rule":   {nil, "", false, verified(clientCertificate(clock, "spiffe://example.org/orders")), "", []string{"not one that this server lets in"}},
		"not verified":         {nil, "", false, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{clientCertificate(clock, "backup")}}, "", []string{"has no credentials"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/event-stores?"+c.query, http.NoBody)
			r.Header, r.TLS = c.headers, c.tls
			if r.Header == nil {
				r.Header = headers{}
			}
			g, err := a.Authenticate(r, c.allowed)
			if c.words != nil {
				if g != nil {
					t.Fatalf("let in as %s", g.Who())
				}
				wantErr(t, err, wire.CodeUnauthorized, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Who() != c.who {
				t.Fatalf("let in as %s, want %s", g.Who(), c.who)
			}
			if err := a.Recheck(g); err != nil {
				t.Fatalf("Recheck: %v", err)
			}
		})
	}
}

func TestCertificateGrant(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{Clock: clock.Now, Certificates: []Certificate{
		{CommonName: "orders", Name: "the orders", Permissions: []string{"read:streams", "write:events"}, Stores: []string{"shop"}, Streams: []string{"order-"}},
	}}))
	if a.Open() {
		t.Fatal("open with certificates")
	}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.TLS = verified(clientCertificate(clock, "orders"))
	g := must[*Grant](t)(a.Authenticate(r, false))
	want := &Grant{
		Kind: KindCertificate, Subject: "orders", Permissions: []Permission{ReadEvents, WriteEvents},
		Stores: []string{"shop"}, Streams: []string{"order-"}, Expires: clock.Now().Add(time.Hour),
	}
	if !g.same(want) || g.Name != "the orders" {
		t.Fatalf("the grant is %+v", g)
	}
	clock.add(time.Hour)
	wantErr(t, a.Recheck(g), wire.CodeUnauthorized, "expired")
	_, err := a.Authenticate(r, false)
	wantErr(t, err, wire.CodeUnauthorized, "expired at")
	r.Header.Set("X-API-Key", newKey(newKeyID()))
	r.TLS = nil
	_, err = a.Authenticate(r, false)
	wantErr(t, err, wire.CodeUnauthorized, "takes no API keys")
	r.Header = http.Header{"Authorization": {"Bearer a.b.c"}}
	_, err = a.Authenticate(r, false)
	wantErr(t, err, wire.CodeUnauthorized, "takes no tokens")

	for name, c := range map[string]Certificate{
		"nothing":       {Permissions: []string{"*"}},
		"both":          {CommonName: "a", URI: "b", Permissions: []string{"*"}},
		"no permission": {CommonName: "a"},
		"unknown":       {CommonName: "a", Permissions: []string{"x"}},
		"stores":        {CommonName: "a", Permissions: []string{"*"}, Stores: []string{}},
		"streams":       {CommonName: "a", Permissions: []string{"*"}, Streams: []string{}},
	} {
		_, err := NewAuthenticator(&AuthenticatorOptions{Certificates: []Certificate{c}})
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantErr(t, err, nacre.CodeInvalid, "certificate 1 of the configuration")
	}
}

func TestOpenMode(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	keys := testKeys(t, clock.Now)
	a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{Keys: keys, Clock: clock.Now}))
	r := httptest.NewRequest(http.MethodDelete, "/event-stores/x?apiKey=whatever", http.NoBody)
	r.Header.Set("X-API-Key", "one")
	r.Header.Set("Authorization", "Basic two")
	g := must[*Grant](t)(a.Authenticate(r, false))
	if !a.Open() || g.Kind != KindOpen || g.Allows(Raw, "any") != nil || g.Allows(ManageStores, "") != nil || g.Confined() || a.Recheck(g) != nil {
		t.Fatalf("open mode's grant is %+v", g)
	}
	if none := must[*Authenticator](t)(NewAuthenticator(nil)); !none.Open() {
		t.Fatal("closed with nothing configured")
	}
	// The first key ends it, and its revocation does not bring it back.
	other := must[*Keys](t)(OpenKeys(keys.path, clock.Now))
	_, info := createKey(t, other, KeySpec{})
	clock.add(lookInterval)
	wantErr(t, a.Recheck(g), wire.CodeUnauthorized, "needs credentials by now")
	bare := httptest.NewRequest(http.MethodGet, "/event-stores", http.NoBody)
	_, err := a.Authenticate(bare, false)
	wantErr(t, err, wire.CodeUnauthorized, "no credentials")
	if _, err := other.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	clock.add(lookInterval)
	_, err = a.Authenticate(bare, false)
	wantErr(t, err, wire.CodeUnauthorized, "no credentials")
	if a.Open() {
		t.Fatal("open after the last key was revoked")
	}
}

// TestForeignNames has web pages whose names lead to the loopback.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4321}
	other := &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 4321}
	for name, c := range map[string]struct {
		local   net.Addr
		host    string
		anyHost bool
		want    bool
	}{
		"localhost":       {loopback, "localhost:4321", false, true},
		"127.0.0.1":       {loopback, "127.0.0.1:4321", false, true},
		"[::1]":           {&net.TCPAddr{IP: net.IPv6loopback, Port: 1}, "[::1]:4321", false, true},
		"[::1], no port":  {loopback, "[::1]", false, true},
		"app.localhost":   {loopback, "app.localhost:4321", false, true},
		"no port":         {loopback, "localhost", false, true},
		"evil":            {loopback, "evil.example.org:4321", false, false},
		"evil over IPv6":  {&net.TCPAddr{IP: net.IPv6loopback, Port: 1}, "evil.example.org", false, false},
		"evil localhost":  {loopback, "localhost.evil.example.org:4321", false, false},
		"no host":         {loopback, "", false, false},
		"network address": {loopback, "192.168.1.5:4321", false, false},
		"told so":         {loopback, "evil.example.org:4321", true, true},
		"not loopback":    {other, "nacre.example.org", false, true},
	} {
		a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{AnyHost: c.anyHost}))
		r := httptest.NewRequest(http.MethodPost, "/event-stores", http.NoBody)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.local))
		r.Host = c.host
		_, err := a.Authenticate(r, false)
		if c.want != (err == nil) {
			t.Errorf("%s: let in %v, want %v: %v", name, err == nil, c.want, err)
		} else if err != nil {
			wantErr(t, err, wire.CodeCrossOrigin, "nacre keys create", "--insecure")
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	keys := testKeys(t, clock.Now)
	key, _ := createKey(t, keys, KeySpec{})
	a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{Keys: keys}))
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	_, none := a.Authenticate(r, false)
	r.Header.Set("X-API-Key", key[:20])
	_, wrong := a.Authenticate(r, false)
	for want, err := range map[string]error{
		`Bearer realm="nacre"`:                             none,
		`Bearer realm="nacre", error="invalid_token"`:      wrong,
		`Bearer realm="nacre", error="insufficient_scope"`: (&Grant{}).Allows(Raw, "x"),
		"": nacre.Errorf(nacre.CodeInternal, "something else"),
	} {
		if got := a.Challenge(err); got != want {
			t.Errorf("%v: the challenge is %q, want %q", err, got, want)
		}
	}
	if a.Challenge(nil) != "" {
		t.Error("a challenge without an error")
	}
}

// TestDamagedKeysDoNotStopTokens has tokens go on while the keys file is damaged: only keys need it.
func TestDamagedKeysDoNotStopTokens(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	keys := testKeys(t, clock.Now)
	key, _ := createKey(t, keys, KeySpec{})
	a := must[*Authenticator](t)(NewAuthenticator(&AuthenticatorOptions{
		Keys: keys, JWT: openJWT(t, JWTOptions{SecretFile: testFile(t, "secret", testSecret), Clock: clock.Now}), Clock: clock.Now,
	}))
	writeTest(t, keys.path, "{")
	clock.add(lookInterval)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("X-API-Key", key)
	_, err := a.Authenticate(r, false)
	wantErr(t, err, nacre.CodeInternal, "nobody is let in")
	r.Header = http.Header{"Authorization": {"Bearer " + signers()[algHMAC].sign(t, nil, goodClaims(clock))}}
	g := must[*Grant](t)(a.Authenticate(r, false))
	clock.add(time.Hour)
	if err := a.Recheck(g); err != nil {
		t.Fatalf("within the leeway: %v", err)
	}
	clock.add(tokenLeeway)
	wantErr(t, a.Recheck(g), wire.CodeUnauthorized, "expired")
	if !slices.Equal(g.Permissions, []Permission{ReadEvents}) {
		t.Fatalf("the grant is %+v", g)
	}
}
