package access

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nacredb/nacre"
)

// TLSFiles are the files of a listener.
type TLSFiles struct {
	// Certificate holds the certificate of the server and those between it and its CA, in PEM.
	Certificate string
	// Key holds the private key of the certificate, in PEM.
	Key string
	// ClientCA holds the CAs whose client certificates are believed, in PEM. Default "", which asks for none.
	ClientCA string
	// Clock tells when the files are looked at again. Default the machine's.
	Clock Clock
	// Log is told of files that cannot be read again. Default nobody.
	Log *slog.Logger
}

// TLSConfig is [TLSFiles.Config] with nobody to tell when the files cannot be read again.
func TLSConfig(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	files := TLSFiles{Certificate: certFile, Key: keyFile, ClientCA: clientCAFile}
	return files.Config()
}

// Config reads the files, and reads them again when they change; while they cannot be read, or do not
// belong together because only one of them is there yet, the last ones stay in use. TLS 1.2 is the least
// that is spoken. With client CAs, a client may present a certificate, and one that they did not sign ends
// the handshake; to insist on one, set ClientAuth to tls.RequireAndVerifyClientCert.
func (t *TLSFiles) Config() (*tls.Config, error) {
	if t.Certificate == "" || t.Key == "" {
		return nil, nacre.Errorf(nacre.CodeInvalid, "TLS needs a certificate file and a key file, and has %q and %q", t.Certificate, t.Key)
	}
	log := t.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	certFile, keyFile := t.Certificate, t.Key
	pair := &watched[*tls.Certificate]{
		paths: []string{certFile, keyFile}, limit: maxKeyFile, clock: t.Clock.orMachine(),
		parse: func(contents [][]byte) (*tls.Certificate, error) {
			return parsePair(certFile, keyFile, contents[0], contents[1])
		},
	}
	if r := pair.reread(); r.err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "TLS: %w", r.err)
	}
	var told toldOnce
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			r := pair.get()
			told.tell(log, "the TLS certificate cannot be read again: the last one stays in use", r.err)
			return r.value, nil
		},
	}
	if t.ClientCA != "" {
		if err := t.addClientCA(config, log); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// addClientCA has client certificates verified by the CAs in the file, as it is at each handshake.
func (t *TLSFiles) addClientCA(config *tls.Config, log *slog.Logger) error {
	path := t.ClientCA
	pool := &watched[*x509.CertPool]{
		paths: []string{path}, limit: maxKeyFile, clock: t.Clock.orMachine(),
		parse: func(contents [][]byte) (*x509.CertPool, error) { return parsePool(path, contents[0]) },
	}
	first := pool.reread()
	if first.err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "TLS: client CAs: %w", first.err)
	}
	var told toldOnce
	config.ClientAuth = tls.VerifyClientCertIfGiven
	config.ClientCAs = first.value
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		r := pool.get()
		told.tell(log, "the client CAs cannot be read again: the last ones stay in use", r.err)
		if r.value == config.ClientCAs {
			return nil, nil // the configuration as it is
		}
		changed := config.Clone()
		changed.ClientCAs = r.value
		return changed, nil
	}
	return nil
}

func parsePair(certFile, keyFile string, certPEM, keyPEM []byte) (*tls.Certificate, error) {
	if err := checkCertificates(certFile, certPEM); err != nil {
		return nil, err
	}
	if !bytes.Contains(keyPEM, []byte("PRIVATE KEY-----")) {
		return nil, fmt.Errorf(`%s has no private key: it should have a block that begins with "-----BEGIN PRIVATE KEY-----"`, keyFile)
	}
	if bytes.Contains(keyPEM, []byte("ENCRYPTED")) {
		return nil, fmt.Errorf("the private key in %s is encrypted, and there is nobody to ask for the password: decrypt it with `openssl pkey`", keyFile)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the key in %s does not go with the certificate in %s: %s", keyFile, certFile,
			strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &pair, nil
}

func parsePool(path string, data []byte) (*x509.CertPool, error) {
	if err := checkCertificates(path, data); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	return pool, nil
}

// checkCertificates wants PEM with at least one certificate, and every one of them readable.
func checkCertificates(path string, data []byte) error {
	n := 0
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		n++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("%s, certificate %d: %s", path, n, strings.TrimPrefix(err.Error(), "x509: "))
		}
	}
	if n == 0 {
		return fmt.Errorf(`%s has no certificate: it should have a block that begins with "-----BEGIN CERTIFICATE-----"`, path)
	}
	return nil
}
