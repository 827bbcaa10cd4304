package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key))
	a.certificate = must[*x509.Certificate](t)(x509.ParseCertificate(der))
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// sign makes a certificate for the loopback and for clients.
func (a *authority) sign(t *testing.T, name string) (certPEM, keyPEM string) {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	serial := must[*big.Int](t)(rand.Int(rand.Reader, big.NewInt(1<<62)))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key))
	keyDER := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestTLSFilesRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "CA")
	cert, key := ca.sign(t, "server")
	_, otherKey := ca.sign(t, "other")
	certFile, keyFile := testFile(t, "cert.pem", cert), testFile(t, "key.pem", key)
	absent := filepath.Join(t.TempDir(), "absent.pem")
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	for name, c := range map[string]struct {
		cert, key, ca string
		words         []string
	}{
		"nothing":         {"", "", "", []string{"needs a certificate file and a key file"}},
		"no key":          {certFile, "", "", []string{"needs a certificate file and a key file"}},
		"absent cert":     {absent, keyFile, "", []string{absent, "no such file"}},
		"absent key":      {certFile, absent, "", []string{absent, "no such file"}},
		"absent CA":       {certFile, keyFile, absent, []string{absent, "client CAs"}},
		"swapped":         {keyFile, certFile, "", []string{keyFile, "has no certificate"}},
		"cert as key":     {certFile, certFile, "", []string{certFile, "has no private key"}},
		"other's key":     {certFile, testFile(t, "o.pem", otherKey), "", []string{"does not go with", certFile}},
		"encrypted key":   {certFile, testFile(t, "e.pem", strings.ReplaceAll(key, "PRIVATE", "ENCRYPTED PRIVATE")), "", []string{"is encrypted"}},
		"broken cert":     {testFile(t, "b.pem", cert+broken), keyFile, "", []string{"b.pem, certificate 2"}},
		"empty cert":      {testFile(t, "b.pem", ""), keyFile, "", []string{"has no certificate"}},
		"key as CA":       {certFile, keyFile, keyFile, []string{"client CAs", "has no certificate"}},
		"broken CA":       {certFile, keyFile, testFile(t, "ca.pem", broken), []string{"ca.pem, certificate 1"}},
		"CA is a folder":  {certFile, keyFile, t.TempDir(), []string{"not a regular file"}},
		"broken CA later": {certFile, keyFile, testFile(t, "ca.pem", ca.pem+broken), []string{"ca.pem, certificate 2"}},
	} {
		config, err := TLSConfig(c.cert, c.key, c.ca)
		if config != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantErr(t, err, nacre.CodeInvalid, c.words...)
	}
}

// TestTLS serves on the loopback, replaces every file, and looks at who talks to whom.
func TestTLS(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	serverCA, clientCA, otherCA := newAuthority(t, "server CA"), newAuthority(t, "client CA"), newAuthority(t, "other CA")
	cert, key := serverCA.sign(t, "first")
	certFile, keyFile, caFile := testFile(t, "cert.pem", cert), testFile(t, "key.pem", key), testFile(t, "ca.pem", clientCA.pem)
	var log lockedBuffer
	files := TLSFiles{Certificate: certFile, Key: keyFile, ClientCA: caFile, Clock: clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}
	config := must[*tls.Config](t)(files.Config())
	if config.MinVersion != tls.VersionTLS12 {
		t.Fatalf("the least version is %x", config.MinVersion)
	}
	server := &http.Server{
		TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.TLS.VerifiedChains) > 0 {
				_, _ = io.WriteString(w, r.TLS.VerifiedChains[0][0].Subject.CommonName)
			}
		}),
	}
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})

	roots := x509.NewCertPool()
	roots.AddCert(serverCA.certificate)
	// ask gives the name of the server's certificate, and the client's as the server knows it.
	ask := func(maxVersion uint16, by *authority) (server, client string, err error) {
		t.Helper()
		own := &tls.Config{RootCAs: roots, MaxVersion: maxVersion}
		if by != nil {
			c, k := by.sign(t, "a client")
			pair := must[tls.Certificate](t)(tls.X509KeyPair([]byte(c), []byte(k)))
			// Presented whatever CAs the server names.
			own.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		transport := &http.Transport{TLSClientConfig: own, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String(), http.NoBody))
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return "", "", err
		}
		defer response.Body.Close()
		if response.ProtoMajor != 2 {
			t.Errorf("HTTP/%d is spoken, want 2", response.ProtoMajor)
		}
		text := must[[]byte](t)(io.ReadAll(response.Body))
		return response.TLS.PeerCertificates[0].Subject.CommonName, string(text), nil
	}
	want := func(by *authority, server, client string) {
		t.Helper()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			gotServer, gotClient, err := ask(version, by)
			if err != nil || gotServer != server || gotClient != client {
				t.Fatalf("TLS %x: server %q, client %q, %v, want %q and %q", version, gotServer, gotClient, err, server, client)
			}
		}
	}
	wantRefused := func(by *authority) {
		t.Helper()
		if _, _, err := ask(tls.VersionTLS13, by); err == nil {
			t.Fatal("a client certificate of another CA is taken")
		}
	}
	want(nil, "first", "")
	want(clientCA, "first", "a client")
	wantRefused(otherCA)
	if _, _, err := ask(tls.VersionTLS11, nil); err == nil {
		t.Fatal("TLS 1.1 is spoken")
	}

	// The certificate is replaced, one file after the other.
	secondCert, secondKey := serverCA.sign(t, "second")
	writeTest(t, certFile, secondCert)
	clock.add(lookInterval)
	want(nil, "first", "")
	if !strings.Contains(log.String(), "does not go with") {
		t.Fatalf("the log says %q", log.String())
	}
	writeTest(t, keyFile, secondKey)
	clock.add(lookInterval)
	want(clientCA, "second", "a client")

	// So is the client CA, with a broken file on the way.
	writeTest(t, caFile, "nonsense")
	clock.add(lookInterval)
	want(clientCA, "second", "a client")
	wantRefused(otherCA)
	writeTest(t, caFile, otherCA.pem)
	clock.add(lookInterval)
	want(otherCA, "second", "a client")
	wantRefused(clientCA)
}

func TestToldOnce(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	var told toldOnce
	for _, err := range []error{nil, errors.New("one"), errors.New("one"), errors.New("two"), nil, nil, errors.New("two")} {
		told.tell(logger, "trouble", err)
	}
	if n := strings.Count(log.String(), "trouble"); n != 3 {
		t.Fatalf("told %d times, want when it begins, changes and begins again:\n%s", n, log.String())
	}
}
