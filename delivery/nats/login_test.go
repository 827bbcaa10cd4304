package nats_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/delivery/nats"
	"github.com/nats-io/nkeys"
)

// login is a way to be known to a server, and whether it is one.
type login struct {
	name, config string // of which %s is host and port
	tls          *tls.Config
	fine         bool
	says         string // what an error has
}

// try sends with each way of logging in. No error has a secret.
func try(t *testing.T, b *broker, secrets []string, logins ...login) {
	t.Helper()
	batch := deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]
	for _, l := range logins {
		s := openWith(t, &nats.Options{TLS: l.tls}, strings.ReplaceAll(l.config, "%s", strings.TrimPrefix(b.url, "nats://")))
		receipt, err := s.Send(t.Context(), batch)
		if (err == nil) != l.fine {
			t.Errorf("%s: got %+v, %v", l.name, receipt, err)
		}
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), l.says) {
			t.Errorf("%s: %q is not in %v", l.name, l.says, err)
		}
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: a secret is in %v", l.name, err)
			}
		}
	}
}

func openWith(t testing.TB, o *nats.Options, config string) delivery.Sender {
	t.Helper()
	k := nats.New(o)
	checked, err := k.Check([]byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(checked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestPassword has a server that wants a user and a password.
func TestPassword(t *testing.T) {
	t.Parallel()
	b := newBroker(t, "--user", "u", "--pass", "p#ss")
	try(
		t, b, []string{"p#ss", "p%23ss", "wr0ng"},
		login{name: "nobody", config: `{"url":"nats://%s","stream":"S","create":true}`, says: "Authorization"},
		login{name: "another password", config: `{"url":"nats://u:wr0ng@%s","stream":"S","create":true}`, says: "Authorization"},
		login{name: "the user", config: `{"url":"nats://u:p%23ss@%s","stream":"S","create":true}`, fine: true},
	)
}

// TestToken has a server that wants a token.
func TestToken(t *testing.T) {
	t.Parallel()
	b := newBroker(t, "--auth", "t0ken")
	try(
		t, b, []string{"t0ken", "wr0ng"},
		login{name: "another token", config: `{"url":"nats://%s","token":"wr0ng","stream":"S","create":true}`, says: "Authorization"},
		login{name: "the token", config: `{"url":"nats://%s","token":"t0ken","stream":"S","create":true}`, fine: true},
	)
}

// certificate writes a certificate for 127.0.0.1, which servers and clients may show, and its key into files, and gives who
// trusts it.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool, both tls.Certificate) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if both, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(both.Leaf)
	return cert, key, pool, both
}

// TestTLS: a server that speaks TLS is spoken to in TLS, whatever the URL says, and only where its certificate is good.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool, _ := certificate(t)
	b := newBroker(t, "--tls", "--tlscert", cert, "--tlskey", key, "--user", "u", "--pass", "s3cret")
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	misled := trusting.Clone()
	misled.ServerName = "elsewhere.test"
	try(
		t, b, []string{"s3cret"},
		login{name: "tls", config: `{"url":"tls://u:s3cret@%s","stream":"S","create":true}`, tls: trusting, fine: true},
		login{name: "the server's wish", config: `{"url":"nats://u:s3cret@%s","stream":"S","create":true}`, tls: trusting, fine: true},
		login{name: "nobody knows it", config: `{"url":"tls://u:s3cret@%s"}`, says: "certificate"},
		login{name: "another name", config: `{"url":"tls://u:s3cret@%s"}`, tls: misled, says: "certificate"},
		login{name: "no login", config: `{"url":"tls://%s"}`, tls: trusting, says: "Authorization"},
	)
}

// TestMutualTLS has a server that wants a certificate.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool, both := certificate(t)
	b := newBroker(t, "--tlsverify", "--tlscert", cert, "--tlskey", key, "--tlscacert", cert)
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	known := trusting.Clone()
	known.Certificates = []tls.Certificate{both}
	try(
		t, b, nil,
		login{name: "unknown", config: `{"url":"tls://%s"}`, tls: trusting},
		login{name: "known", config: `{"url":"tls://%s","stream":"S","create":true}`, tls: known, fine: true},
	)
}

// TestNoTLS: where TLS is wanted and the server has none, nothing secret is sent.
func TestNoTLS(t *testing.T) {
	t.Parallel()
	b := newBroker(t, "--user", "u", "--pass", "s3cret")
	var leaked atomic.Bool
	k := &nats.Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, address)
		return &watched{Conn: conn, secret: "s3cret", leaked: &leaked}, err
	}}
	s := openWith(t, k, fmt.Sprintf(`{"url":"tls://u:s3cret@%s"}`, strings.TrimPrefix(b.url, "nats://")))
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	if leaked.Load() {
		t.Error("the password was sent in the open")
	}
}

// watched is a connection that tells whether a secret was written to it.
type watched struct {
	net.Conn
	secret string
	leaked *atomic.Bool
}

func (w *watched) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.secret) {
		w.leaked.Store(true)
	}
	return w.Conn.Write(p)
}

// signed is a JWT as NATS has them, of what stands under "nats".
func signed(t *testing.T, by, subject nkeys.KeyPair, claims map[string]any) string {
	t.Helper()
	name := func(k nkeys.KeyPair) string {
		public, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	claims["version"] = 2
	body, err := json.Marshal(map[string]any{"jti": "x", "iat": 1700000000, "iss": name(by), "sub": name(subject), "name": "test", "nats": claims})
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ed25519-nkey"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	signature, err := by.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// authority is an operator with an account, as a server's configuration, and whom it makes users of.
type authority struct{ operator, account, system nkeys.KeyPair }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	var a authority
	var err error
	for to, create := range map[*nkeys.KeyPair]func() (nkeys.KeyPair, error){
		&a.operator: nkeys.CreateOperator, &a.account: nkeys.CreateAccount, &a.system: nkeys.CreateAccount,
	} {
		if *to, err = create(); err != nil {
			t.Fatal(err)
		}
	}
	return &a
}

// file is the server's configuration.
func (a *authority) file(t *testing.T) string {
	t.Helper()
	limits := func(disk int) map[string]any {
		return map[string]any{
			"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
			"mem_storage": disk, "disk_storage": disk, "streams": disk, "consumer": disk,
		}
	}
	account, _ := a.account.PublicKey()
	system, _ := a.system.PublicKey() // a pair that was made has one
	text := fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {\n%s: %s\n%s: %s\n}\n",
		signed(t, a.operator, a.operator, map[string]any{"type": "operator"}), system,
		account, signed(t, a.operator, a.account, map[string]any{"type": "account", "limits": limits(-1)}),
		system, signed(t, a.operator, a.system, map[string]any{"type": "account", "limits": limits(0)}))
	name := filepath.Join(t.TempDir(), "server.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// user makes a user, and gives what its ".creds" file has, and the seed in that.
func (a *authority) user(t *testing.T) (creds, seed string) {
	t.Helper()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	token := signed(t, a.account, user, map[string]any{"type": "user", "subs": -1, "data": -1, "payload": -1})
	return "-----BEGIN NATS USER JWT-----\n" + token + "\n------END NATS USER JWT------\n\n" +
		"-----BEGIN USER NKEY SEED-----\n" + string(secret) + "\n------END USER NKEY SEED------\n", string(secret)
}

// TestCredentials has a server that knows an operator's accounts, and takes their users by what ".creds" files have.
func TestCredentials(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBroker(t, "-c", a.file(t))
	creds, seed := a.user(t)
	stranger, strange := newAuthority(t).user(t)
	config := func(creds string) string {
		text, err := json.Marshal(creds)
		if err != nil {
			t.Fatal(err)
		}
		return `{"url":"nats://%s","stream":"S","create":true,"credentials":` + string(text) + `}`
	}
	try(
		t, b, []string{seed, strange},
		login{name: "nobody", config: `{"url":"nats://%s"}`, says: "Authorization"},
		login{name: "another operator's", config: config(stranger), says: "Authorization"},
		login{name: "the user's", config: config(creds), fine: true},
		login{name: "the user's again", config: config(creds), fine: true},
	)
	// What is public has none of it, and given back it still logs in.
	k := nats.New(nil)
	checked, err := k.Check([]byte(strings.ReplaceAll(config(creds), "%s", strings.TrimPrefix(b.url, "nats://"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	public := k.Public(checked)
	if strings.Contains(string(public), seed) || strings.Contains(string(public), "BEGIN") {
		t.Errorf("public is %s", public)
	}
	if again, err := k.Check(public, checked); err != nil || !k.Same(again, checked) {
		t.Errorf("given back, it is %s, %v", again, err)
	}
	evil := strings.ReplaceAll(string(public), "127.0.0.1", "127.0.0.2")
	if got, err := k.Check([]byte(evil), checked); err == nil {
		t.Errorf("another server gets %s", got)
	}
}
