//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issued are the files of a CA, a server and a client.
type issued struct{ ca, serverCert, serverKey, clientCert, clientKey string }

func issue(t *testing.T, dir string) issued {
	t.Helper()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	caKey := newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	sign := func(c *x509.Certificate, name string, key *ecdsa.PrivateKey) (cert, private string) {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		cert = write(name+".crt", "CERTIFICATE", der)
		if der, err = x509.MarshalECPrivateKey(key); err != nil {
			t.Fatal(err)
		}
		return cert, write(name+".key", "EC PRIVATE KEY", der)
	}
	leaf := func(n int64, name string, use x509.ExtKeyUsage) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
	}
	var out issued
	out.ca, _ = sign(ca, "ca", caKey)
	out.serverCert, out.serverKey = sign(leaf(2, "server", x509.ExtKeyUsageServerAuth), "server", newKey())
	out.clientCert, out.clientKey = sign(leaf(3, "billing", x509.ExtKeyUsageClientAuth), "client", newKey())
	return out
}

// ran runs a command to its end.
func ran(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	cmd := nacreCommand(t, args...)
	cmd.Env = append(cmd.Env, env...)
	text, err := cmd.CombinedOutput()
	return string(text), exitOf(t, err)
}

// A certificate of the server's that a CA signed is trusted by its file, and a client's is asked for.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := issue(t, dir)
	config := filepath.Join(dir, "nacre.toml")
	text := "[[certificate]]\ncommon-name = \"billing\"\npermissions = [\"read:events\", \"write:events\"]\nstream-prefixes = [\"bill-\"]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveIn(t, dir, "--tls-cert", files.serverCert, "--tls-key", files.serverKey, "--tls-client-ca", files.ca, "--config", config)
	if !strings.HasPrefix(s.url(), "https://127.0.0.1:") || !strings.Contains(s.first, "certificate is required") {
		t.Fatalf("told %q", s.first)
	}
	on := []string{"NACRE_SERVER=" + s.url()}
	trusting := append(on, "NACRE_CA="+files.ca)
	known := append(trusting, "NACRE_CLIENT_CERT="+files.clientCert, "NACRE_CLIENT_KEY="+files.clientKey)
	for _, c := range []struct {
		env  []string
		args []string
		code int
		says string
	}{
		{on, []string{"log"}, exitFailed, "is not trusted"},
		{trusting, []string{"log"}, exitFailed, "certificate"},
		{known, []string{"append", "bill-1", "bill.made"}, 0, `"streamId":"bill-1"`},
		{known, []string{"append", "order-1", "order.placed"}, exitFailed, "(FORBIDDEN)"},
		{known, []string{"read", "bill-1"}, 0, `"type":"bill.made"`},
		{on, []string{"log", "--ca", config}, exitUsage, "has no certificate in PEM"},
		{on, []string{"log", "--client-cert", files.clientCert}, exitUsage, "--client-cert and --client-key"},
	} {
		if out, code := ran(t, c.env, c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v ended with %d: %s", c.args, code, out)
		}
	}
}

// A token is taken where a key is, by the same variable.
func TestServeTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveIn(t, dir, "--jwt-secret-file", secret, "--jwt-issuer", "me", "--jwt-audience", "nacre")
	token := func(issuer string) string {
		claims, err := json.Marshal(map[string]any{
			"sub": "ann", "iss": issuer, "aud": "nacre", "exp": time.Now().Add(time.Hour).Unix(), "permissions": []string{"read:events", "write:events"},
		})
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
		mac := hmac.New(sha256.New, []byte(strings.Repeat("s", 32)))
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil))
	}
	for _, c := range []struct {
		key  string
		code int
		says string
	}{
		{"", exitFailed, "set NACRE_API_KEY (UNAUTHORIZED)"},
		{token("you"), exitFailed, "(UNAUTHORIZED)"},
		{token("me"), 0, `"type":"x"`},
	} {
		out, code := ran(t, []string{"NACRE_SERVER=" + s.url(), "NACRE_API_KEY=" + c.key}, "append", "a-1", "x")
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("ended with %d: %s", code, out)
		}
		if c.key != "" && strings.Contains(out, c.key) {
			t.Errorf("the token is told: %s", out)
		}
	}
}
