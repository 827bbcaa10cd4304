package access

import (
	"crypto/x509"
	"net/http"
	"slices"

	"github.com/nacredb/nacre"
)

// Certificate says what the holder of a client certificate may do. The certificate is one that a client CA
// of the listener has signed; here it is only told from others.
type Certificate struct {
	// CommonName is that of the certificate's subject. Either it or URI is given.
	CommonName string
	// URI is among the certificate's alternative names, as in "spiffe://example.org/orders".
	URI string
	// Name is what people call it. Default "".
	Name string
	// Permissions are names as [ParsePermission] takes them; at least one.
	Permissions []string
	// Stores are the names of stores, or "*". Default "*".
	Stores []string
	// Streams are prefixes of stream ids that reads and writes are confined to. Nil is all streams.
	Streams []string
}

// certificateRule is a Certificate that was checked. Its grant has no expiry yet.
type certificateRule struct {
	commonName, uri string
	grant           Grant
}

func (c *Certificate) rule() (certificateRule, error) {
	if (c.CommonName == "") == (c.URI == "") {
		return certificateRule{}, nacre.Errorf(nacre.CodeInvalid, "give either the common name or the URI of the certificate")
	}
	perms, err := parsePermissions(c.Permissions)
	if err != nil {
		return certificateRule{}, err
	}
	stores := slices.Clone(c.Stores)
	if stores == nil {
		stores = []string{anyStore}
	}
	if err := checkStores(stores); err != nil {
		return certificateRule{}, err
	}
	if err := checkPrefixes(c.Streams); err != nil {
		return certificateRule{}, err
	}
	subject := c.CommonName
	if subject == "" {
		subject = c.URI
	}
	return certificateRule{commonName: c.CommonName, uri: c.URI, grant: Grant{
		Kind: KindCertificate, Subject: subject, Name: c.Name,
		Permissions: perms, Stores: stores, Streams: slices.Clone(c.Streams),
	}}, nil
}

func (c *certificateRule) fits(leaf *x509.Certificate) bool {
	if c.uri == "" {
		return leaf.Subject.CommonName == c.commonName
	}
	for _, u := range leaf.URIs {
		if u.String() == c.uri {
			return true
		}
	}
	return false
}

// certified gives the grant of a request's client certificate, or the name in one that no rule fits. One
// that was not verified does not count.
func (a *Authenticator) certified(r *http.Request) (g *Grant, unmapped string) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return nil, ""
	}
	leaf := r.TLS.VerifiedChains[0][0]
	for i := range a.certificates {
		if a.certificates[i].fits(leaf) {
			grant := a.certificates[i].grant
			grant.Expires = leaf.NotAfter
			return &grant, ""
		}
	}
	if unmapped = leaf.Subject.CommonName; unmapped == "" {
		unmapped = "serial number " + leaf.SerialNumber.String()
	}
	return nil, unmapped
}
