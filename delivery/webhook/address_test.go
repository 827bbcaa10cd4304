package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
		"192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::127.0.0.1", "::10.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:101::", "3fff::1", "5f00::1",
		"2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:192.168.0.1",
		"fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff00::1", "ff02::1", "ff0e::1", "4000::1", "8000::1",
	} {
		ip := netip.MustParseAddr(address)
		err := (&guard{}).check(ip)
		if _, is := errors.AsType[*privateError](err); !is {
			t.Errorf("%s is taken: %v", address, err)
			continue
		}
		if !strings.Contains(err.Error(), "--allow-private-webhooks") || !strings.Contains(err.Error(), ip.String()) {
			t.Errorf("%s: the error does not say what to do: %v", address, err)
		}
		if err := (&guard{open: true}).check(ip); err != nil {
			t.Errorf("%s is refused though all are allowed: %v", address, err)
		}
		dialed := net.JoinHostPort(address, "80")
		if err := (&guard{}).control(t.Context(), "tcp", dialed, nil); err == nil {
			t.Errorf("a connection to %s is let through", dialed)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0",
		"172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::1", "2001:4860:4860::8888", "2002:808:808::1", "2606:4700:4700::1111", "2a00:1450::1", "2a00:1450::5efe:8.8.8.8",
	} {
		if err := (&guard{}).check(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s is refused: %v", address, err)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	g := &guard{allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for address, allowed := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00:1::1": true, "fd00:2::1": false, "127.0.0.1": false, "8.8.8.8": true,
	} {
		if err := g.check(netip.MustParseAddr(address)); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestControlOfOddAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "example.com:80", "/run/socket", "127.0.0.1"} {
		if err := (&guard{}).control(t.Context(), "tcp", address, nil); err == nil {
			t.Errorf("%q is let through", address)
		}
	}
}

// nameServer answers each question for the address of a name with the next address, and the last one from then on.
func nameServer(asked *atomic.Int32, addresses ...string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for {
				var size [2]byte // this connection is a stream
				if _, err := io.ReadFull(there, size[:]); err != nil {
					return
				}
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(there, q); err != nil {
					return
				}
				end := 12
				for q[end] != 0 {
					end += int(q[end]) + 1
				}
				kind := binary.BigEndian.Uint16(q[end+1:])
				a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end+5]...)
				if kind == 1 {
					n := int(asked.Add(1))
					ip := netip.MustParseAddr(addresses[min(n, len(addresses))-1]).As4()
					a[7] = 1
					a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
					a = append(a, ip[:]...)
				}
				if _, err := there.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
					return
				}
			}
		}()
		return here, nil
	}}
}

// A name that leads to an allowed address first and to a private one then: what was allowed before does not count.
func TestRebinding(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this system has one loopback address only:", err)
	}
	good := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	front := &http.Server{Handler: good.Config.Handler}
	go front.Serve(l) //nolint:errcheck // it is closed below
	t.Cleanup(func() { front.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var hit atomic.Bool
	inner, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Skip("the port is taken:", err)
	}
	private := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit.Store(true) }))
	private.Listener.Close()
	private.Listener = inner
	private.Start()
	t.Cleanup(private.Close)

	var asked atomic.Int32
	k := newKind(t, &Options{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		Resolver: nameServer(&asked, "127.0.0.2", "127.0.0.1"),
	})
	s := open(t, k, configOf(t, "http://hooks.example.com:"+port+"/in", nil))
	if _, err := s.Send(t.Context(), batchOf(event(1))); err != nil {
		t.Fatalf("first: %v", err)
	}
	for range 3 {
		_, err = s.Send(t.Context(), batchOf(event(2)))
		if err == nil || !strings.Contains(err.Error(), "--allow-private-webhooks") || !strings.Contains(err.Error(), "127.0.0.1") ||
			!strings.Contains(err.Error(), "hooks.example.com") {
			t.Errorf("got %v, want the private address to be refused", err)
		}
		if f, is := errors.AsType[*delivery.Failure](err); is && (f.Permanent || f.Gone) {
			t.Errorf("it is not tried again: %+v", f)
		}
	}
	if hit.Load() {
		t.Error("the private address was reached")
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("the name was looked up %d times, want once an attempt", n)
	}
	if n := len(good.requests()); n != 1 {
		t.Errorf("%d requests came, want 1", n)
	}
}

// Each hop of a redirect is looked at as an address of its own.
func TestRedirectToPrivate(t *testing.T) {
	t.Parallel()
	var hit atomic.Bool
	inside := newReceiver(t, func(int, http.ResponseWriter, *http.Request) { hit.Store(true) })
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this system has one loopback address only:", err)
	}
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	for _, to := range []string{inside.URL, "http://localhost.example:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://2130706433:" + port, "file:///etc/passwd", "http://u:p@127.0.0.1:" + port} {
		front := httptest.NewUnstartedServer(http.RedirectHandler(to, http.StatusTemporaryRedirect))
		front.Listener.Close()
		if l == nil {
			if l, err = net.Listen("tcp", "127.0.0.2:0"); err != nil {
				t.Fatal(err)
			}
		}
		front.Listener, l = l, nil
		front.Start()
		k := newKind(t, &Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Resolver: nameServer(new(atomic.Int32), "127.0.0.1")})
		s := open(t, k, configOf(t, front.URL, map[string]any{"followRedirects": true}))
		_, err := s.Send(t.Context(), batchOf(event(1)))
		if err == nil {
			t.Errorf("a redirect to %s was followed", to)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("the error has a password: %v", err)
		}
		front.Close()
	}
	if hit.Load() {
		t.Error("the private address was reached")
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := newReceiver(t, nil)
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	k := newKind(t, &Options{Proxy: address})
	s := open(t, k, configOf(t, "http://hooks.example.com/in", nil))
	if _, err := s.Send(t.Context(), batchOf(event(1))); err != nil {
		t.Fatal(err)
	}
	if got := proxy.last(t).path; got != "http://hooks.example.com/in" {
		t.Errorf("the proxy was asked for %q", got)
	}
	// A private address that was allowed once is refused without a look-up.
	stored, err := newKind(t, nil).Check(configOf(t, "http://10.0.0.1/in", nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := k.Open(stored)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Send(t.Context(), batchOf(event(1))); err == nil || !strings.Contains(err.Error(), "--allow-private-webhooks") {
		t.Errorf("got %v", err)
	}
	if n := len(proxy.requests()); n != 1 {
		t.Errorf("the proxy was asked %d times", n)
	}
}

func TestTheEnvironmentHasNoSay(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if newKind(t, nil).transport.Proxy != nil {
		t.Error("the environment's proxy is used")
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []*Options{
		{UserAgent: "a\r\nb"},
		{Proxy: &url.URL{Scheme: "ftp", Host: "example.com"}},
		{Proxy: &url.URL{Scheme: "http"}},
		{Allow: []netip.Prefix{{}}},
	} {
		if k, err := New(o); err == nil {
			t.Errorf("%+v is taken: %v", o, k)
		}
	}
	if _, err := New(nil); err != nil {
		t.Error(err)
	}
}

func TestPrivateIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	k := newKind(t, &Options{})
	for _, address := range []string{
		"http://127.0.0.1", "http://127.0.0.1:80/x", "https://[::1]/", "http://[::ffff:10.0.0.1]:8080", "http://10.0.0.1", "http://169.254.169.254/latest",
		"http://localhost", "http://LOCALHOST:1", "http://localhost./", "http://a.localhost", "http://metadata.google.internal/x", "http://[fe80::1%25eth0]/",
		"http://0.0.0.0/", "http://ip6-localhost/",
	} {
		_, err := k.Check(configOf(t, address, nil), nil)
		if e, is := errors.AsType[*nacre.Error](err); !is || e.Field != "config.url" || !strings.Contains(e.Message, "--allow-private-webhooks") {
			t.Errorf("%s: got %v", address, err)
		}
		if _, err := newKind(t, nil).Check(configOf(t, address, nil), nil); err != nil {
			t.Errorf("%s is refused though private addresses are allowed: %v", address, err)
		}
	}
}
