package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

const (
	// tokenLeeway is how far the clocks of two machines may be apart.
	tokenLeeway = 30 * time.Second
	// maxToken is the most bytes of a token.
	maxToken = 16 << 10
	// maxSubject is the most bytes of a subject.
	maxSubject = 256
	// maxClaim is the most entries of a list in a token.
	maxClaim = 1000
)

// JWTOptions say which tokens are believed. Exactly one of the four sources of keys is given.
type JWTOptions struct {
	// SecretFile holds the secret of HS256, at least 32 bytes; a line end behind it is not part of it.
	SecretFile string
	// PublicKeyFile holds public keys or certificates in PEM: RSA for RS256, P-256 for ES256, Ed25519 for
	// EdDSA. With several of them a token may be signed by any.
	PublicKeyFile string
	// KeySetFile holds a JSON Web Key set. It and the other files are read again when they change.
	KeySetFile string
	// KeySetURL is where a JSON Web Key set is fetched: https, or http on the loopback. It is fetched again
	// every 15 minutes while tokens come, and when a token names a key that is not in it, at most once a
	// minute. While it does not answer, the last set stays in use.
	KeySetURL string

	// Issuer is what iss must be. Empty checks nothing, which only a key that signs for nobody else allows.
	Issuer string
	// Audience are names of which aud must have one. Empty checks nothing; the same holds.
	Audience []string
	// PermissionsClaim is the name of the claim with the permissions: a list, or one text with spaces. Those
	// in scope count as well. Names that mean nothing here are passed over, since tokens are made for more
	// than this server. Default "permissions".
	PermissionsClaim string
	// Stores are those of a token without the claim "stores". Default all of them.
	Stores []string

	// Client fetches from KeySetURL; its time-out and rule about redirects are replaced. Default a client
	// of its own.
	Client *http.Client
	// Clock tells the time. Default the machine's.
	Clock Clock
	// Log is told of keys that cannot be had. Default nobody.
	Log *slog.Logger
}

// JWT believes tokens that somebody else has signed. Close it.
type JWT struct {
	parser  *jwt.Parser
	options JWTOptions

	files  *watched[[]signingKey] // one of them is there
	remote *remoteKeys
	told   toldOnce
}

func (o *JWTOptions) validate() error {
	given := 0
	for _, source := range []string{o.SecretFile, o.PublicKeyFile, o.KeySetFile, o.KeySetURL} {
		if source != "" {
			given++
		}
	}
	if given != 1 {
		return nacre.Errorf(nacre.CodeInvalid,
			"tokens need exactly one source of keys, and %d are given: a secret file, a public key file, a key set file or a key set URL", given)
	}
	if slices.Contains(o.Audience, "") {
		return nacre.Errorf(nacre.CodeInvalid, "an audience of tokens is empty")
	}
	if o.Stores != nil {
		return checkStores(o.Stores)
	}
	return nil
}

// NewJWT reads the keys. A file that cannot be read is an error; an address that does not answer is told to
// the log and asked again, and tokens are refused until it does.
func NewJWT(opts *JWTOptions) (*JWT, error) {
	if opts == nil {
		opts = &JWTOptions{}
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	j := &JWT{options: *opts}
	o := &j.options
	o.Clock = o.Clock.orMachine()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PermissionsClaim == "" {
		o.PermissionsClaim = "permissions"
	}
	if o.Stores == nil {
		o.Stores = []string{anyStore}
	}
	rules := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(tokenLeeway),
		jwt.WithTimeFunc(o.Clock), jwt.WithStrictDecoding(),
	}
	if o.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(o.Issuer))
	}
	if len(o.Audience) > 0 {
		rules = append(rules, jwt.WithAudience(o.Audience...))
	}
	j.parser = jwt.NewParser(rules...)
	if err := j.open(); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *JWT) open() error {
	o := &j.options
	if o.KeySetURL != "" {
		var err error
		if j.remote, err = newRemoteKeys(o.KeySetURL, o.Client, o.Clock, o.Log); err != nil {
			return nacre.Errorf(nacre.CodeInvalid, "the keys of tokens: %w", err)
		}
		return nil
	}
	path, parse := o.SecretFile, parseSecret
	switch {
	case o.PublicKeyFile != "":
		path, parse = o.PublicKeyFile, parsePublicKeys
	case o.KeySetFile != "":
		path, parse = o.KeySetFile, parseWebKeys
	}
	j.files = &watched[[]signingKey]{
		paths: []string{path}, limit: maxKeyFile, clock: o.Clock,
		parse: func(contents [][]byte) ([]signingKey, error) { return parse(path, contents[0]) },
	}
	if r := j.files.reread(); r.err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "the keys of tokens: %w", r.err)
	}
	return nil
}

// Close ends the fetching of keys.
func (j *JWT) Close() error {
	if j.remote != nil {
		j.remote.close()
	}
	return nil
}

// keys gives those at hand.
func (j *JWT) keys() ([]signingKey, error) {
	if j.remote != nil {
		return j.remote.current()
	}
	r := j.files.get()
	// A file that is being replaced, or was replaced by a wrong one, does not lock everybody out.
	j.told.tell(j.options.Log, "the keys of tokens cannot be read again: the last ones stay in use", r.err)
	return r.value, nil
}

// errMissingKey is why a token cannot be judged by the keys at hand.
var errMissingKey = errors.New("no key fits")

// Authenticate takes a token and gives what its claims allow: sub is who, the claim of permissions and scope
// are what, "stores" and "streams" are where, exp is until when. It may wait for keys to be fetched, as
// long as the context lasts.
func (j *JWT) Authenticate(ctx context.Context, token string) (*Grant, error) {
	if len(token) > maxToken {
		return nil, nacre.Errorf(wire.CodeUnauthorized, "the token has %d bytes, at most %d are taken", len(token), maxToken)
	}
	claims, missing, err := j.verify(token)
	if missing && j.remote != nil && j.remote.newer(ctx) {
		claims, _, err = j.verify(token)
	}
	if err != nil {
		return nil, err
	}
	return j.grant(claims)
}

// verify checks signature, times, issuer and audience. Missing tells that a key which is not at hand might
// change the answer.
func (j *JWT) verify(text string) (claims jwt.MapClaims, missing bool, err error) {
	keys, err := j.keys()
	if err != nil {
		j.told.tell(j.options.Log, "tokens are refused", err)
		return nil, true, nacre.Errorf(nacre.CodeInternal,
			"no token is taken: the server has no keys to check them with, and its log says why")
	}
	claims = jwt.MapClaims{}
	guessed := false
	token, err := j.parser.ParseWithClaims(text, claims, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical {
			return nil, errors.New(`its header has "crit", and no extension is known here`)
		}
		id, isText := t.Header["kid"].(string)
		if _, named := t.Header["kid"]; named && !isText {
			return nil, errors.New("its kid is not text")
		}
		guessed = !slices.ContainsFunc(keys, func(k signingKey) bool { return k.id != "" && k.id == id })
		return fitting(keys, t.Method.Alg(), id)
	})
	if err == nil {
		return claims, false, nil
	}
	missing = errors.Is(err, errMissingKey) || guessed && errors.Is(err, jwt.ErrTokenSignatureInvalid)
	return nil, missing, nacre.Errorf(wire.CodeUnauthorized, "%s", j.refusal(token, claims, err))
}

// fitting gives the keys that may have signed: of the algorithm's kind and, where both are named, of the
// id. So a public key is never taken for a shared secret.
func fitting(keys []signingKey, alg, id string) (jwt.VerificationKeySet, error) {
	var set jwt.VerificationKeySet
	for i := range keys {
		k := &keys[i]
		if k.alg == alg && (id == "" || k.id == "" || k.id == id) {
			set.Keys = append(set.Keys, k.key)
		}
	}
	if len(set.Keys) == 0 {
		return set, errMissingKey
	}
	return set, nil
}

// refusal says in words what was wrong with a token. The claims are told only as far as they are the
// token's own word for whom, from whom and when: whoever sent it has them already.
func (j *JWT) refusal(token *jwt.Token, claims jwt.MapClaims, err error) string {
	header := func(name string) any {
		if token == nil {
			return ""
		}
		return token.Header[name]
	}
	switch {
	case errors.Is(err, errMissingKey):
		return fmt.Sprintf("the token is signed with %.40q and key %.80q, and no key of the server fits that", header("alg"), header("kid"))
	case errors.Is(err, jwt.ErrTokenMalformed):
		return `the token is malformed: a JSON Web Token has three parts of base64url with "." between them`
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return fmt.Sprintf("the token cannot be checked: algorithm %.40q is not taken, or its header is wrong", header("alg"))
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		if alg, _ := header("alg").(string); !slices.Contains(algorithms, alg) {
			return fmt.Sprintf("the token is signed with %.40q: %s are taken", alg, strings.Join(algorithms, ", "))
		}
		return "the token's signature is wrong: it was changed, or signed with another key"
	case errors.Is(err, jwt.ErrTokenExpired):
		at, _ := claims.GetExpirationTime()
		return "the token expired at " + at.UTC().Format(time.RFC3339)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		at, _ := claims.GetNotBefore()
		return "the token is not valid before " + at.UTC().Format(time.RFC3339) + ": compare the clocks"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return fmt.Sprintf("the token's issuer is %.200q, and %q is wanted", claims["iss"], j.options.Issuer)
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return fmt.Sprintf("the token is for the audience %.200q, and %q is wanted", claims["aud"], j.options.Audience)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return "the token lacks a claim: " + j.lacking(claims)
	}
	return "the token has claims that cannot be read: exp, nbf and iat are numbers of seconds"
}

func (j *JWT) lacking(claims jwt.MapClaims) string {
	var names []string
	for _, name := range []string{"exp", "iss", "aud"} {
		wanted := name == "exp" || name == "iss" && j.options.Issuer != "" || name == "aud" && len(j.options.Audience) > 0
		if claims[name] == nil && wanted {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// grant takes the claims of a token that is believed.
func (j *JWT) grant(claims jwt.MapClaims) (*Grant, error) {
	refuse := func(format string, args ...any) (*Grant, error) {
		return nil, nacre.Errorf(wire.CodeUnauthorized, "the token is not taken: "+format, args...)
	}
	subject, _ := claims["sub"].(string)
	if problem := checkText(subject, maxSubject); problem != "" {
		return refuse("its sub %s", problem)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return refuse("its exp cannot be read")
	}
	g := &Grant{Kind: KindToken, Subject: subject, Stores: j.options.Stores, Expires: expires.Add(tokenLeeway), Claims: claims}
	for _, claim := range []string{j.options.PermissionsClaim, "scope"} {
		names, err := claimList(claims, claim)
		if err != nil {
			return refuse("%w", err)
		}
		for _, name := range names {
			if p, ok := lookupPermission(name); ok && !slices.Contains(g.Permissions, p) {
				g.Permissions = append(g.Permissions, p)
			}
		}
	}
	if _, given := claims["stores"]; given {
		if g.Stores, err = claimList(claims, "stores"); err == nil {
			err = checkStores(g.Stores)
		}
		if err != nil {
			return refuse("its claim stores: %w", err)
		}
	}
	if _, given := claims["streams"]; given {
		if g.Streams, err = claimList(claims, "streams"); err == nil {
			err = checkPrefixes(g.Streams)
		}
		if err != nil {
			return refuse("its claim streams: %w", err)
		}
	}
	return g, nil
}

// claimList takes a list of texts, or one text with spaces. An absent claim is nil, any other one is not.
func claimList(claims jwt.MapClaims, name string) ([]string, error) {
	switch value := claims[name].(type) {
	case nil:
		if _, given := claims[name]; given {
			return nil, fmt.Errorf("%q is null: give a list of texts, or leave it out", name)
		}
		return nil, nil
	case string:
		return append([]string{}, strings.Fields(value)...), nil
	case []any:
		if len(value) > maxClaim {
			return nil, fmt.Errorf("%q has %d entries, at most %d are taken", name, len(value), maxClaim)
		}
		list := make([]string, len(value))
		for i, v := range value {
			text, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%q has an entry that is not text", name)
			}
			list[i] = text
		}
		return list, nil
	}
	return nil, fmt.Errorf("%q is neither a list of texts nor one text with spaces", name)
}
