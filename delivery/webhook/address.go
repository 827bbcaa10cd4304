package webhook

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// network is a range of addresses that are not public.
type network struct {
	prefix netip.Prefix
	what   string
}

// networks are the ranges that IANA's registries of special addresses have as not reachable by everybody, and what
// clouds answer their machines at. Of the sixth version, what is not in 2000::/3 is refused as a whole.
var networks = []network{
	{netip.MustParsePrefix("0.0.0.0/8"), "this host"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's network"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a metadata service"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, metadata services among it"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay of tunnels"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for measurements"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},

	{netip.MustParsePrefix("::/128"), "this host"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a translation to a private network"},
	{netip.MustParsePrefix("2001::/23"), "reserved for protocols and tunnels"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("fc00::/7"), "a private network"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "a private network"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

var (
	global6 = netip.MustParsePrefix("2000::/3")
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4  = netip.MustParsePrefix("2002::/16")
)

// private is the range of an address that is not public; "" is public.
func private(ip netip.Addr) (what string) {
	ip = ip.WithZone("").Unmap()
	for i := range networks {
		if networks[i].prefix.Contains(ip) {
			return networks[i].what
		}
	}
	if ip.Is4() {
		return ""
	}
	inner, embedded := embedded4(ip)
	switch {
	case embedded && private(inner) != "":
		return "which stands for " + inner.String() + ", " + private(inner)
	case !global6.Contains(ip) && !nat64.Contains(ip):
		return "reserved"
	}
	return ""
}

// embedded4 is the address of the fourth version that one of the sixth leads to.
func embedded4(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixTo4.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

// guard is what may be connected to.
type guard struct {
	open  bool
	allow []netip.Prefix
}

// privateError is an address that is not public.
type privateError struct {
	what string // the address, or a name, and what it is
}

func (e *privateError) Error() string {
	return e.what + ": the server sends nothing there unless it runs with --allow-private-webhooks; " +
		"give an address that is public"
}

// check tells whether an address may be connected to.
func (g *guard) check(ip netip.Addr) error {
	if g.open {
		return nil
	}
	plain := ip.WithZone("").Unmap()
	for _, p := range g.allow {
		if p.Contains(plain) {
			return nil
		}
	}
	if what := private(ip); what != "" {
		return &privateError{what: "leads to " + ip.String() + ", " + what}
	}
	return nil
}

// control is called for each connection when its address is known, before anything is sent: what a name resolved to when
// a subscription was made does not matter.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %q is none: check config.url", address)
	}
	return g.check(at.Addr())
}

// checkHost tells at once what can be told of a host without looking it up.
func (g *guard) checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		return g.check(ip)
	}
	if g.open || len(g.allow) > 0 { // what it resolves to may be allowed
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	for _, own := range []string{"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback", "metadata.google.internal"} {
		if name == own || strings.HasSuffix(name, "."+own) {
			return &privateError{what: fmt.Sprintf("leads to %q, which is the server itself or what it runs on", host)}
		}
	}
	return nil
}

// hostProblem is what is wrong with a host as such.
func hostProblem(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	name := strings.TrimSuffix(host, ".")
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if len(name) > 253 || last == "" {
		return "has a host that is no name: give 1 to 253 bytes"
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInNames) {
			return fmt.Sprintf("has the host %q: give letters, digits and hyphens, with single dots in between", host)
		}
	}
	// Some resolvers take 127.1 and 0x7f000001 for addresses.
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") || strings.HasPrefix(last, "0X") {
		return fmt.Sprintf(`has the host %q, which is neither a name nor an address: write addresses like "203.0.113.7" or "[2001:db8::7]"`, host)
	}
	return ""
}

func notInNames(r rune) bool {
	return r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}
