package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// signer makes tokens with one key.
type signer struct {
	method jwt.SigningMethod
	key    any
	public crypto.PublicKey
}

// signers are made once: RSA keys take their time.
var signers = sync.OnceValue(func() map[string]signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]signer{
		algRSA:     {jwt.SigningMethodRS256, rsaKey, &rsaKey.PublicKey},
		algECDSA:   {jwt.SigningMethodES256, ecKey, &ecKey.PublicKey},
		algEd25519: {jwt.SigningMethodEdDSA, edKey, edPublic},
		algHMAC:    {jwt.SigningMethodHS256, []byte(testSecret), nil},
	}
})

func (s signer) sign(t *testing.T, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, claims)
	maps.Copy(token.Header, header)
	return must[string](t)(token.SignedString(s.key))
}

func (s signer) pem(t *testing.T) string {
	t.Helper()
	der := must[[]byte](t)(x509.MarshalPKIXPublicKey(s.public))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// webKey is the key as a member of a key set.
func (s signer) webKey(id string) map[string]any {
	text := base64.RawURLEncoding.EncodeToString
	key := map[string]any{"kid": id, "use": "sig", "alg": s.method.Alg(), "x5t": "passed over"}
	switch public := s.public.(type) {
	case *rsa.PublicKey:
		key["kty"], key["n"], key["e"] = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		key["kty"], key["crv"], key["x"], key["y"] = "EC", "P-256", text(point[1:33]), text(point[33:])
	case ed25519.PublicKey:
		key["kty"], key["crv"], key["x"] = "OKP", "Ed25519", text(public)
	default:
		key["kty"], key["k"] = "oct", text(s.key.([]byte))
	}
	return key
}

func keySetOf(t *testing.T, keys ...map[string]any) string {
	t.Helper()
	return string(must[[]byte](t)(json.Marshal(map[string]any{"keys": keys})))
}

func testFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeTest(t, path, text)
	return path
}

func openJWT(t *testing.T, opts JWTOptions) *JWT {
	t.Helper()
	j := must[*JWT](t)(NewJWT(&opts))
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// goodClaims are taken by everyone here.
func goodClaims(clock *handClock) jwt.MapClaims {
	return jwt.MapClaims{
		"sub": "ann", "exp": clock.Now().Add(time.Hour).Unix(), "iss": "https://id.example.org", "aud": "nacre",
		"permissions": []string{"read:events"},
	}
}

func TestTokensOfEachKind(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	for alg, s := range signers() {
		sources := map[string]JWTOptions{"secret": {SecretFile: testFile(t, "secret", testSecret+"\n")}}
		if alg != algHMAC {
			sources = map[string]JWTOptions{
				"pem":     {PublicKeyFile: testFile(t, "key.pem", s.pem(t))},
				"key set": {KeySetFile: testFile(t, "keys.json", keySetOf(t, s.webKey("one")))},
			}
		}
		for name, opts := range sources {
			opts.Clock, opts.Issuer, opts.Audience = clock.Now, "https://id.example.org", []string{"other", "nacre"}
			j := openJWT(t, opts)
			claims := goodClaims(clock)
			g, err := j.Authenticate(t.Context(), s.sign(t, map[string]any{"kid": "one"}, claims))
			if err != nil {
				t.Errorf("%s from %s: %v", alg, name, err)
				continue
			}
			if g.Who() != "token:ann" || !slices.Equal(g.Permissions, []Permission{ReadEvents}) || !g.AllowsStore("any") ||
				g.Confined() || !g.Expires.Equal(clock.Now().Add(time.Hour+tokenLeeway)) {
				t.Errorf("%s from %s: the grant is %+v", alg, name, g)
			}
			if _, err := j.Authenticate(t.Context(), s.sign(t, nil, claims)); err != nil {
				t.Errorf("%s from %s, without kid: %v", alg, name, err)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	s := signers()[algHMAC]
	j := openJWT(t, JWTOptions{
		SecretFile: testFile(t, "secret", testSecret), Issuer: "https://id.example.org", Audience: []string{"nacre"},
		PermissionsClaim: "https://nacre.example/can", Stores: []string{"orders"}, Clock: clock.Now,
	})
	type claims = map[string]any
	for name, c := range map[string]struct {
		change claims // nil removes
		want   *Grant
		words  []string
	}{
		"as it is":       {claims{}, &Grant{Stores: []string{"orders"}}, nil},
		"own claim":      {claims{"https://nacre.example/can": []string{"write:events"}}, &Grant{Permissions: []Permission{WriteEvents}, Stores: []string{"orders"}}, nil},
		"claim as text":  {claims{"https://nacre.example/can": "raw write:events"}, &Grant{Permissions: []Permission{Raw, WriteEvents}, Stores: []string{"orders"}}, nil},
		"scope":          {claims{"scope": "openid read:events profile create:event_store"}, &Grant{Permissions: []Permission{ReadEvents, ManageStores}, Stores: []string{"orders"}}, nil},
		"both":           {claims{"scope": "*", "https://nacre.example/can": []string{"raw"}}, &Grant{Permissions: []Permission{Raw, Everything}, Stores: []string{"orders"}}, nil},
		"default's name": {claims{"permissions": []string{"*"}}, &Grant{Stores: []string{"orders"}}, nil},
		"stores":         {claims{"stores": []string{"users", "carts"}}, &Grant{Stores: []string{"users", "carts"}}, nil},
		"stores as text": {claims{"stores": "users carts"}, &Grant{Stores: []string{"users", "carts"}}, nil},
		"streams":        {claims{"streams": []string{"order-"}}, &Grant{Stores: []string{"orders"}, Streams: []string{"order-"}}, nil},
		"audiences":      {claims{"aud": []string{"x", "nacre"}}, &Grant{Stores: []string{"orders"}}, nil},
		"late by 29 s":   {claims{"exp": clock.Now().Add(-29 * time.Second).Unix()}, &Grant{Stores: []string{"orders"}, Expires: clock.Now().Add(time.Second)}, nil},
		"early by 29 s":  {claims{"nbf": clock.Now().Add(29 * time.Second).Unix()}, &Grant{Stores: []string{"orders"}}, nil},

		"expired":             {claims{"exp": clock.Now().Add(-31 * time.Second).Unix()}, nil, []string{"expired at 2030-05-17T11:59:29Z"}},
		"no exp":              {claims{"exp": nil}, nil, []string{"lacks a claim: exp"}},
		"exp text":            {claims{"exp": "tomorrow"}, nil, []string{"cannot be read"}},
		"too early":           {claims{"nbf": clock.Now().Add(31 * time.Second).Unix()}, nil, []string{"not valid before", "clocks"}},
		"other issuer":        {claims{"iss": "https://evil.example.org"}, nil, []string{"issuer", "https://evil.example.org", "https://id.example.org"}},
		"no issuer":           {claims{"iss": nil}, nil, []string{"lacks a claim: iss"}},
		"other audience":      {claims{"aud": "other"}, nil, []string{"audience", "other", "nacre"}},
		"no audience":         {claims{"aud": nil}, nil, []string{"lacks a claim: aud"}},
		"no sub":              {claims{"sub": nil}, nil, []string{"sub is empty"}},
		"sub number":          {claims{"sub": 7}, nil, []string{"sub is empty"}},
		"sub control":         {claims{"sub": "a\nb"}, nil, []string{"sub has control characters"}},
		"sub long":            {claims{"sub": strings.Repeat("a", 257)}, nil, []string{"at most 256"}},
		"permissions number":  {claims{"https://nacre.example/can": 7}, nil, []string{"neither a list"}},
		"permissions mixed":   {claims{"https://nacre.example/can": []any{"raw", 7}}, nil, []string{"not text"}},
		"permissions null":    {claims{"https://nacre.example/can": json.RawMessage("null")}, nil, []string{"is null"}},
		"scope object":        {claims{"scope": claims{}}, nil, []string{"neither a list"}},
		"stores empty":        {claims{"stores": []string{}}, nil, []string{"claim stores", "no store"}},
		"stores empty text":   {claims{"stores": ""}, nil, []string{"claim stores", "no store"}},
		"stores null":         {claims{"stores": json.RawMessage("null")}, nil, []string{"claim stores", "is null"}},
		"stores wrong":        {claims{"stores": []string{"No"}}, nil, []string{"not the name of a store"}},
		"streams empty":       {claims{"streams": []string{}}, nil, []string{"claim streams", "empty"}},
		"streams empty text":  {claims{"streams": "  "}, nil, []string{"claim streams", "empty"}},
		"streams null":        {claims{"streams": json.RawMessage("null")}, nil, []string{"claim streams", "is null"}},
		"streams empty entry": {claims{"streams": []string{""}}, nil, []string{"claim streams", "is empty"}},
		"streams object":      {claims{"streams": claims{"order-": true}}, nil, []string{"claim streams"}},
		"too many":            {claims{"scope": slices.Repeat([]string{"x"}, maxClaim+1)}, nil, []string{"at most 1000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := goodClaims(clock)
			delete(all, "permissions")
			for k, v := range c.change {
				if all[k] = v; v == nil {
					delete(all, k)
				}
			}
			g, err := j.Authenticate(t.Context(), s.sign(t, nil, all))
			if c.want == nil {
				wantErr(t, err, wire.CodeUnauthorized, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := *c.want
			want.Kind, want.Subject = KindToken, "ann"
			if want.Expires.IsZero() {
				want.Expires = clock.Now().Add(time.Hour + tokenLeeway)
			}
			if want.Claims = g.Claims; g.Claims["sub"] != "ann" || len(g.Claims) != len(all) {
				t.Errorf("the claims are %v", g.Claims)
			}
			if !g.same(&want) {
				t.Fatalf("the grant is %+v, want %+v", g, want)
			}
		})
	}
}

// raw makes a token of any header and claims with any signature.
func raw(header, claims any, signature []byte) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(header) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestConfusion has the attacks on what a token says of itself.
func TestConfusion(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	claims := goodClaims(clock)
	claims["permissions"] = []string{"*"}
	all := signers()
	rsaPEM := all[algRSA].pem(t)
	modulus := all[algRSA].public.(*rsa.PublicKey).N.Bytes()
	edBytes := []byte(all[algEd25519].public.(ed25519.PublicKey))
	type header = map[string]any
	byPEM := openJWT(t, JWTOptions{PublicKeyFile: testFile(t, "all.pem", rsaPEM+all[algECDSA].pem(t)+all[algEd25519].pem(t)), Clock: clock.Now})
	bySet := openJWT(t, JWTOptions{KeySetFile: testFile(t, "set.json", keySetOf(t,
		all[algRSA].webKey("rsa"), all[algECDSA].webKey("ec"), all[algEd25519].webKey("ed"), all[algHMAC].webKey("oct"))), Clock: clock.Now})
	bySecret := openJWT(t, JWTOptions{SecretFile: testFile(t, "secret", testSecret), Clock: clock.Now})
	hmac := func(key []byte) signer { return signer{method: jwt.SigningMethodHS256, key: key} }
	otherRSA := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	good := all[algRSA].sign(t, header{"kid": "rsa"}, claims)
	parts := strings.Split(good, ".")

	for name, c := range map[string]struct {
		token string
		by    []*JWT
		word  string
	}{
		"none":                   {raw(header{"alg": "none"}, claims, nil), []*JWT{byPEM, bySet, bySecret}, "none"},
		"None":                   {raw(header{"alg": "None"}, claims, nil), []*JWT{byPEM, bySet, bySecret}, "None"},
		"none with signature":    {raw(header{"alg": "none"}, claims, []byte("x")), []*JWT{byPEM, bySet, bySecret}, "none"},
		"no alg":                 {raw(header{"typ": "JWT"}, claims, nil), []*JWT{byPEM, bySet, bySecret}, "cannot be checked"},
		"alg number":             {raw(header{"alg": 7}, claims, nil), []*JWT{byPEM, bySet, bySecret}, "cannot be checked"},
		"no signature":           {raw(header{"alg": algRSA}, claims, nil), []*JWT{byPEM, bySet}, "signature is wrong"},
		"public PEM as secret":   {hmac([]byte(rsaPEM)).sign(t, nil, claims), []*JWT{byPEM, bySet}, "no key of the server fits"},
		"PEM trimmed as secret":  {hmac([]byte(strings.TrimSpace(rsaPEM))).sign(t, nil, claims), []*JWT{byPEM, bySet}, "no key of the server fits"},
		"modulus as secret":      {hmac(modulus).sign(t, header{"kid": "rsa"}, claims), []*JWT{byPEM, bySet}, "no key of the server fits"},
		"Ed25519 key as secret":  {hmac(edBytes).sign(t, header{"kid": "ed"}, claims), []*JWT{byPEM, bySet}, "no key of the server fits"},
		"secret of the key set":  {all[algHMAC].sign(t, header{"kid": "oct"}, claims), []*JWT{byPEM, bySet}, "no key of the server fits"},
		"empty secret":           {hmac([]byte{}).sign(t, nil, claims), []*JWT{bySecret}, "signature is wrong"},
		"RS256 to a secret":      {good, []*JWT{bySecret}, "no key of the server fits"},
		"ES256 named as RSA":     {all[algECDSA].sign(t, header{"kid": "rsa"}, claims), []*JWT{bySet}, "no key of the server fits"},
		"unknown kid":            {all[algRSA].sign(t, header{"kid": "../../etc/passwd"}, claims), []*JWT{bySet}, "no key of the server fits"},
		"kid number":             {all[algRSA].sign(t, header{"kid": 7}, claims), []*JWT{byPEM, bySet}, "cannot be checked"},
		"another key":            {signer{method: jwt.SigningMethodRS256, key: otherRSA}.sign(t, header{"kid": "rsa"}, claims), []*JWT{byPEM, bySet}, "signature is wrong"},
		"key in the header":      {signer{method: jwt.SigningMethodRS256, key: otherRSA}.sign(t, header{"jwk": signer{method: jwt.SigningMethodRS256, public: &otherRSA.PublicKey}.webKey("x"), "jku": "https://evil.example.org"}, claims), []*JWT{byPEM, bySet}, "signature is wrong"},
		"RS512":                  {signer{method: jwt.SigningMethodRS512, key: all[algRSA].key}.sign(t, nil, claims), []*JWT{byPEM, bySet}, "are taken"},
		"PS256":                  {signer{method: jwt.SigningMethodPS256, key: all[algRSA].key}.sign(t, nil, claims), []*JWT{byPEM, bySet}, "are taken"},
		"HS512":                  {signer{method: jwt.SigningMethodHS512, key: []byte(testSecret)}.sign(t, nil, claims), []*JWT{bySecret}, "are taken"},
		"critical extension":     {all[algRSA].sign(t, header{"kid": "rsa", "crit": []string{"b64"}, "b64": false}, claims), []*JWT{byPEM, bySet}, "cannot be checked"},
		"claims changed":         {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","exp":9999999999}`)) + "." + parts[2], []*JWT{byPEM, bySet}, "signature is wrong"},
		"two parts":              {parts[0] + "." + parts[1], []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"five parts":             {good + ".a.b", []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"padded":                 {parts[0] + "." + parts[1] + "." + parts[2] + "==", []*JWT{byPEM, bySet}, "malformed"},
		"empty":                  {"", []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"dots":                   {"..", []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"too long":               {strings.Repeat("a", maxToken+1), []*JWT{byPEM, bySet, bySecret}, "at most"},
		"claims are a list":      {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`[]`)) + "." + parts[2], []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"an API key, not a JWT":  {newKey(newKeyID()), []*JWT{byPEM, bySet, bySecret}, "malformed"},
		"signature of other alg": {raw(header{"alg": algEd25519}, claims, []byte("short")), []*JWT{byPEM, bySet}, "signature is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, j := range c.by {
				g, err := j.Authenticate(t.Context(), c.token)
				if g != nil {
					t.Fatalf("let in as %+v", g)
				}
				wantErr(t, err, wire.CodeUnauthorized, c.word)
				if len(parts[2]) > 0 && strings.Contains(err.Error(), parts[2]) {
					t.Errorf("the error shows the token: %v", err)
				}
			}
		})
	}
	// The good one is good, or the rest would show nothing.
	for _, j := range []*JWT{byPEM, bySet} {
		if _, err := j.Authenticate(t.Context(), good); err != nil {
			t.Error(err)
		}
	}
}

func TestJWTConfiguration(t *testing.T) {
	t.Parallel()
	all := signers()
	small := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	smallDER := must[[]byte](t)(x509.MarshalPKIXPublicKey(&small.PublicKey))
	privateDER := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(all[algECDSA].key))
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	shortRSA := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	shortDER := must[[]byte](t)(x509.MarshalPKIXPublicKey(shortRSA))
	secret := testFile(t, "secret", testSecret)
	ec, ed := all[algECDSA].webKey("ec"), all[algEd25519].webKey("ed")
	with := func(key map[string]any, name string, value any) map[string]any {
		key = maps.Clone(key)
		key[name] = value
		return key
	}
	for name, c := range map[string]struct {
		opts  JWTOptions
		words []string
	}{
		"nothing":          {JWTOptions{}, []string{"exactly one source", "0 are given"}},
		"two":              {JWTOptions{SecretFile: secret, KeySetURL: "https://x"}, []string{"2 are given"}},
		"absent":           {JWTOptions{SecretFile: secret + "x"}, []string{secret + "x", "no such file"}},
		"short secret":     {JWTOptions{SecretFile: testFile(t, "s", "short\n")}, []string{"has 5 bytes", "openssl rand"}},
		"PEM as secret":    {JWTOptions{SecretFile: testFile(t, "s", all[algRSA].pem(t))}, []string{"PEM block"}},
		"secret as PEM":    {JWTOptions{PublicKeyFile: secret}, []string{"no PEM block"}},
		"private key":      {JWTOptions{PublicKeyFile: testFile(t, "p", block("PRIVATE KEY", privateDER))}, []string{"private key", "openssl pkey -pubout"}},
		"bad PEM":          {JWTOptions{PublicKeyFile: testFile(t, "p", block("PUBLIC KEY", []byte("x")))}, []string{"block 1"}},
		"other block":      {JWTOptions{PublicKeyFile: testFile(t, "p", block("X509 CRL", []byte("x")))}, []string{"X509 CRL"}},
		"P-384":            {JWTOptions{PublicKeyFile: testFile(t, "p", block("PUBLIC KEY", smallDER))}, []string{"P-384", "P-256"}},
		"short RSA":        {JWTOptions{PublicKeyFile: testFile(t, "p", block("PUBLIC KEY", shortDER))}, []string{"1024 bits"}},
		"set not JSON":     {JWTOptions{KeySetFile: secret}, []string{"not a JSON Web Key set"}},
		"set empty":        {JWTOptions{KeySetFile: testFile(t, "k", `{"keys":[]}`)}, []string{"no key that can be used", "0 keys"}},
		"set of secrets":   {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, all[algHMAC].webKey("x")))}, []string{"oct", "not taken"}},
		"set to encrypt":   {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ec, "use", "enc")))}, []string{"none is for signatures"}},
		"set to sign only": {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ec, "key_ops", []string{"sign"})))}, []string{"none is for signatures"}},
		"set other alg":    {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ec, "alg", algHMAC)))}, []string{"it is for HS256"}},
		"off the curve":    {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ec, "y", ec["x"])))}, []string{`kid "ec"`}},
		"short point":      {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ec, "y", "AQ")))}, []string{"those of P-256 have 32"}},
		"short Ed25519":    {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ed, "x", "AQ")))}, []string{"those of Ed25519 have 32"}},
		"not base64":       {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(ed, "x", "!")))}, []string{"not base64url"}},
		"large exponent":   {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(all[algRSA].webKey("r"), "e", "AQAAAAE")))}, []string{"31 bits"}},
		"even exponent":    {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, with(all[algRSA].webKey("r"), "e", "Ag")))}, []string{"exponent 2"}},
		"too many keys":    {JWTOptions{KeySetFile: testFile(t, "k", keySetOf(t, slices.Repeat([]map[string]any{ed}, 101)...))}, []string{"at most 100"}},
		"http":             {JWTOptions{KeySetURL: "http://id.example.org/keys"}, []string{"https"}},
		"http by name":     {JWTOptions{KeySetURL: "http://localhost.example.org/keys"}, []string{"https"}},
		"file":             {JWTOptions{KeySetURL: "file:///etc/keys"}, []string{"https"}},
		"no host":          {JWTOptions{KeySetURL: "https:///keys"}, []string{"https"}},
		"no address":       {JWTOptions{KeySetURL: "https://[::1"}, []string{"address of the key set"}},
		"empty audience":   {JWTOptions{SecretFile: secret, Audience: []string{""}}, []string{"audience"}},
		"bad stores":       {JWTOptions{SecretFile: secret, Stores: []string{"No"}}, []string{"not the name of a store"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, err := NewJWT(&c.opts)
			if j != nil {
				t.Fatal("taken")
			}
			wantErr(t, err, nacre.CodeInvalid, c.words...)
		})
	}
	if _, err := NewJWT(nil); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Error(err)
	}
}

// TestPEMBlocks has a public key in each of its wrappings.
func TestPEMBlocks(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	s := signers()[algRSA]
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, s.public, s.key))
	for kind, der := range map[string][]byte{
		"CERTIFICATE":    certificate,
		"RSA PUBLIC KEY": x509.MarshalPKCS1PublicKey(s.public.(*rsa.PublicKey)),
	} {
		file := testFile(t, "key.pem", "a comment\n"+string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		j := openJWT(t, JWTOptions{PublicKeyFile: file, Clock: clock.Now})
		if _, err := j.Authenticate(t.Context(), s.sign(t, nil, goodClaims(clock))); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestKeyFileRotates replaces the file by another key, by nonsense, and by the first again.
func TestKeyFileRotates(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	all := signers()
	path := testFile(t, "key.pem", all[algEd25519].pem(t))
	j := openJWT(t, JWTOptions{PublicKeyFile: path, Clock: clock.Now})
	first, second := all[algEd25519].sign(t, nil, goodClaims(clock)), all[algECDSA].sign(t, nil, goodClaims(clock))
	ask := func(token string, want bool) {
		t.Helper()
		if _, err := j.Authenticate(t.Context(), token); want != (err == nil) {
			t.Fatalf("taken %v, want %v: %v", err == nil, want, err)
		}
	}
	ask(first, true)
	ask(second, false)
	writeTest(t, path, all[algECDSA].pem(t))
	ask(first, true) // not looked at yet
	clock.add(lookInterval)
	ask(first, false)
	ask(second, true)
	for _, broken := range []string{"", "nonsense"} {
		writeTest(t, path, broken)
		clock.add(lookInterval)
		ask(second, true)
		ask(first, false)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock.add(lookInterval)
	ask(second, true)
	writeTest(t, path, all[algEd25519].pem(t))
	clock.add(lookInterval)
	ask(first, true)
	ask(second, false)
}

func FuzzWebKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"},{"kty":"OKP","crv":"Ed25519","x":"AQ"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseWebKeys("set", data)
		if (err == nil) == (len(keys) == 0) {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		for _, k := range keys {
			if k.alg == algHMAC || !slices.Contains(algorithms, k.alg) {
				t.Fatalf("a public key for %q", k.alg)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	clock := newHandClock()
	path := filepath.Join(f.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(testSecret), 0o600); err != nil {
		f.Fatal(err)
	}
	j, err := NewJWT(&JWTOptions{SecretFile: path, Clock: clock.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"alg":"HS256"}`, `{"sub":"a","exp":9999999999,"scope":"raw","stores":["abc"],"streams":["a-"]}`)
	f.Add(`{"alg":"none"}`, `{}`)
	f.Add(`{"alg":"HS256","crit":[],"kid":null}`, `{"sub":"a","exp":1e300,"nbf":-1e300,"aud":[1],"iss":{}}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		for _, signed := range []bool{false, true} {
			var signature []byte
			if signed {
				signature = must[[]byte](t)(jwt.SigningMethodHS256.Sign(text, []byte(testSecret)))
			}
			g, err := j.Authenticate(context.Background(), text+"."+base64.RawURLEncoding.EncodeToString(signature))
			switch {
			case err != nil:
				wantErr(t, err, wire.CodeUnauthorized)
			case !signed:
				t.Fatal("a token without a signature is taken")
			case g.Subject == "" || g.Expires.IsZero() || len(g.Stores) == 0 || g.Streams != nil && len(g.Streams) == 0:
				t.Fatalf("the grant is %+v", g)
			}
		}
	})
}
