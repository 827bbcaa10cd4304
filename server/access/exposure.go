package access

import (
	"net"
	"net/netip"
	"strings"

	"github.com/nacredb/nacre"
)

// loopbackHost tells whether a host, without port, is this machine by its very name.
func loopbackHost(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && address.Unmap().IsLoopback()
}

// Loopback tells whether an address to listen on, as in "127.0.0.1:4321", can be reached from this machine
// only. An empty host is every address of the machine.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopbackHost(host)
}

// CheckExposure refuses a listener beyond the loopback that has not both credentials and TLS, unless the
// operator has said that he means it. HasKeys stands for any credentials that are required: keys, tokens or
// client certificates; see [Authenticator.Open].
func CheckExposure(listen string, hasKeys, hasTLS, insecure bool) error {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return nacre.Errorf(nacre.CodeInvalid, `the address to listen on, %q, is not host:port: give one as in "127.0.0.1:4321"`, listen)
	}
	if insecure || hasKeys && hasTLS || Loopback(listen) {
		return nil
	}
	var risks, remedies []string
	if !hasKeys {
		risks = append(risks, "without keys everybody who reaches it may read, write and delete everything")
		remedies = append(remedies, "make a key with `nacre keys create`")
	}
	if !hasTLS {
		risks = append(risks, "without TLS what is sent can be read and changed on the way, keys included")
		remedies = append(remedies, "give --tls-cert and --tls-key")
	}
	return nacre.Errorf(nacre.CodeInvalid,
		"the server does not start on %s, which is reached from other machines: %s. Do this: %s; or listen on 127.0.0.1; "+
			"or, where the network itself is protected or a proxy in front does it, say --insecure",
		listen, strings.Join(risks, ", and "), strings.Join(remedies, ", and "))
}
