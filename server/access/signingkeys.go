package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// The algorithms of signatures that are taken.
const (
	algHMAC    = "HS256"
	algRSA     = "RS256"
	algECDSA   = "ES256"
	algEd25519 = "EdDSA"
)

var algorithms = []string{algHMAC, algRSA, algECDSA, algEd25519}

const (
	// maxKeyFile is the most bytes of a file with a key, and of a key set.
	maxKeyFile = 1 << 20
	// maxSigningKeys is the most keys of a set: a token that names none is tried with each.
	maxSigningKeys = 100
	// minSecret is the fewest bytes of a shared secret: those of the hash.
	minSecret = 32
	// The lengths of an RSA modulus, in bits: shorter ones are broken, longer ones cost time.
	minModulus, maxModulus = 2048, 16384
)

// signingKey checks signatures, by the one algorithm that its kind has.
type signingKey struct {
	id  string // kid; "" where the key has none
	alg string
	key any // as jwt takes it
}

// parseSecret takes the content of a file with a shared secret. One line end behind it is not part of it.
func parseSecret(path string, data []byte) ([]signingKey, error) {
	secret := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.Contains(secret, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("%s holds a PEM block, and a shared secret was expected: give it as the file of public keys", path)
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the secret in %s has %d bytes and needs %d at least: make one with `openssl rand -hex 32`",
			path, len(secret), minSecret)
	}
	return []signingKey{{alg: algHMAC, key: slices.Clone(secret)}}, nil
}

// parsePublicKeys takes the content of a PEM file: public keys, or certificates that have some.
func parsePublicKeys(path string, data []byte) ([]signingKey, error) {
	var keys []signingKey
	for n := 1; ; n++ {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		key, err := parsePublicKey(block)
		if err != nil {
			return nil, fmt.Errorf("%s, block %d: %w", path, n, err)
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, fmt.Errorf(`%s has no PEM block: it should begin with "-----BEGIN PUBLIC KEY-----"`, path)
	case len(keys) > maxSigningKeys:
		return nil, fmt.Errorf("%s has %d keys, at most %d are taken", path, len(keys), maxSigningKeys)
	}
	return keys, nil
}

func parsePublicKey(block *pem.Block) (signingKey, error) {
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return signingKey{}, fmt.Errorf("it holds a private key, which only the maker of tokens should have: " +
			"make the public one with `openssl pkey -pubout`")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		err = fmt.Errorf("a block of type %q is none of PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE", block.Type)
	}
	if err != nil {
		return signingKey{}, err
	}
	return newSigningKey("", public)
}

// newSigningKey pins the algorithm to the kind of the key.
func newSigningKey(id string, public any) (signingKey, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minModulus || bits > maxModulus {
			return signingKey{}, fmt.Errorf("the RSA key has %d bits, %d to %d are taken", bits, minModulus, maxModulus)
		}
		if key.E < 3 || key.E%2 == 0 {
			return signingKey{}, fmt.Errorf("the RSA key has the exponent %d", key.E)
		}
		return signingKey{id: id, alg: algRSA, key: key}, nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return signingKey{}, fmt.Errorf("the key is on the curve %s, and only P-256 is taken", key.Curve.Params().Name)
		}
		return signingKey{id: id, alg: algECDSA, key: key}, nil
	case ed25519.PublicKey:
		return signingKey{id: id, alg: algEd25519, key: key}, nil
	}
	return signingKey{}, fmt.Errorf("it holds a key of a kind that is not taken: RSA, P-256 and Ed25519 are")
}

// webKey is a key of a JSON Web Key set (RFC 7517), as far as it matters here.
type webKey struct {
	Kind       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Curve      string   `json:"crv"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// parseWebKeys takes a key set. Keys for something else, and of kinds that are not taken, are passed over as
// the RFC wants it; symmetric ones are among them, since a secret has no place in what others may read.
func parseWebKeys(source string, data []byte) ([]signingKey, error) {
	var set struct {
		Keys []webKey `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("%s is not a JSON Web Key set: %w", source, jsonReason(err))
	}
	if len(set.Keys) > maxSigningKeys {
		return nil, fmt.Errorf("%s has %d keys, at most %d are taken", source, len(set.Keys), maxSigningKeys)
	}
	var keys []signingKey
	var why error
	for i := range set.Keys {
		k := &set.Keys[i]
		if !k.verifies() {
			continue
		}
		public, err := k.public()
		var key signingKey
		if err == nil {
			key, err = newSigningKey(k.ID, public)
		}
		if err == nil && k.Algorithm != "" && k.Algorithm != key.alg {
			err = fmt.Errorf("it is for %s, and only %s is taken of its kind", k.Algorithm, key.alg)
		}
		if err != nil {
			why = fmt.Errorf("keys[%d] (kid %q): %w", i, k.ID, err)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		if why == nil {
			why = fmt.Errorf("it has %d keys, and none is for signatures", len(set.Keys))
		}
		return nil, fmt.Errorf("%s has no key that can be used: %w", source, why)
	}
	return keys, nil
}

// verifies tells whether the key is meant for signatures.
func (k *webKey) verifies() bool {
	return (k.Use == "" || k.Use == "sig") && (len(k.Operations) == 0 || slices.Contains(k.Operations, "verify"))
}

func (k *webKey) public() (any, error) {
	switch {
	case k.Kind == "RSA":
		n, err := decodeField("n", k.N)
		if err != nil {
			return nil, err
		}
		e, err := decodeField("e", k.E)
		if err != nil {
			return nil, err
		}
		exponent := new(big.Int).SetBytes(e)
		if len(e) > 4 || exponent.BitLen() > 31 {
			return nil, fmt.Errorf("its exponent has more than 31 bits")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
	case k.Kind == "EC" && k.Curve == "P-256":
		x, err := decodeField("x", k.X)
		if err != nil {
			return nil, err
		}
		y, err := decodeField("y", k.Y)
		if err != nil {
			return nil, err
		}
		if len(x) != 32 || len(y) != 32 {
			return nil, fmt.Errorf("its coordinates have %d and %d bytes, those of P-256 have 32", len(x), len(y))
		}
		// It refuses what is not on the curve.
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	case k.Kind == "OKP" && k.Curve == "Ed25519":
		x, err := decodeField("x", k.X)
		if err != nil {
			return nil, err
		}
		if len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("it has %d bytes, those of Ed25519 have %d", len(x), ed25519.PublicKeySize)
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, fmt.Errorf("its kind %q %q is not taken: RSA, P-256 and Ed25519 are", k.Kind, k.Curve)
}

func decodeField(name, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("its %q is missing or not base64url", name)
	}
	return raw, nil
}
