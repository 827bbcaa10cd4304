package webhook

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/nacredb/nacre/delivery"
)

// Options are what all webhooks of a kind have in common. Nil is the default of each field.
type Options struct {
	// AllowPrivate lets events be sent to addresses that are not public: loopback, private networks, link-local,
	// metadata services. Default false: whoever may create subscriptions could otherwise reach what only
	// the server can.
	AllowPrivate bool
	// Allow are networks that may be reached though they are not public. Default none.
	Allow []netip.Prefix
	// Proxy is what all requests go through, an http, https or socks5 address. Default none; the environment is not
	// asked. What a name resolves to is then for the proxy to check.
	Proxy *url.URL
	// TLS is how receivers' certificates are checked, and the server's own one. It is cloned. Default: the system's
	// authorities.
	TLS *tls.Config
	// Resolver looks names up. Default [net.DefaultResolver].
	Resolver *net.Resolver
	// UserAgent is the header of that name, unless a configuration has it. Default "Nacre-Webhooks/1.0".
	UserAgent string
	// Clock is the time of signatures, of secrets' ends, and what a Retry-After date counts from where the answer has no
	// date of its own. Default time.Now.
	Clock func() time.Time
}

func (o *Options) validate() error {
	switch {
	case !validValue(o.UserAgent):
		return fmt.Errorf("webhook: Options.UserAgent %q is no value of a header: give printable ASCII", o.UserAgent)
	case o.Proxy != nil && o.Proxy.Scheme != "http" && o.Proxy.Scheme != "https" && o.Proxy.Scheme != "socks5",
		o.Proxy != nil && o.Proxy.Hostname() == "":
		return fmt.Errorf("webhook: Options.Proxy %q is no proxy: give an http, https or socks5 address with a host", o.Proxy.Redacted())
	}
	for _, p := range o.Allow {
		if !p.IsValid() {
			return fmt.Errorf("webhook: Options.Allow has a network that is none: make it with netip.ParsePrefix")
		}
	}
	return nil
}

// Kind is the way of sending that is called "webhook".
type Kind struct {
	o         Options
	guard     guard
	transport *http.Transport

	mu      sync.Mutex
	senders int
}

var _ delivery.Kind = (*Kind)(nil)

// New makes the kind.
func New(o *Options) (*Kind, error) {
	k := &Kind{}
	if o != nil {
		k.o = *o
	}
	if err := k.o.validate(); err != nil {
		return nil, err
	}
	k.o.UserAgent = cmp.Or(k.o.UserAgent, "Nacre-Webhooks/1.0")
	if k.o.Clock == nil {
		k.o.Clock = time.Now
	}
	k.guard = guard{open: k.o.AllowPrivate, allow: k.o.Allow}
	k.transport = k.newTransport()
	return k, nil
}

// Name is "webhook".
func (*Kind) Name() string { return "webhook" }

// Check takes a configuration as the package's comment describes it, and gives it with what was left out. Secrets
// are those of before where the configuration has none, and one is made where there is none before.
func (k *Kind) Check(raw, before json.RawMessage) (json.RawMessage, error) {
	c, err := parse(raw)
	if err != nil {
		return nil, err
	}
	var old *config
	if len(before) > 0 {
		// What is stored and cannot be read any more is replaced.
		old, _ = parse(before) // it is nil then
	}
	if err := c.fill(old, k.o.Clock()); err != nil {
		return nil, err
	}
	if err := c.check(&k.guard); err != nil {
		return nil, err
	}
	return c.encode()
}

// Same tells whether two configurations have the same address, headers, time-out and format. Secrets do not count:
// a receiver would get everything twice.
func (*Kind) Same(a, b json.RawMessage) bool {
	x, errX := parse(a)
	y, errY := parse(b)
	if errX != nil || errY != nil {
		return string(a) == string(b)
	}
	return plainURL(x.URL) == plainURL(y.URL) && maps.Equal(x.Headers, y.Headers) && x.TimeoutMS == y.TimeoutMS && x.Format == y.Format
}

// Public has of each secret a hint, its last 4 characters, and of each header the name.
func (*Kind) Public(raw json.RawMessage) json.RawMessage {
	c, err := parse(raw)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	for name := range c.Headers {
		c.Headers[name] = hidden
	}
	for i := range c.Secrets {
		s := &c.Secrets[i]
		s.Hint, s.Key = s.hint(), ""
	}
	out, err := c.encode()
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return out
}

// Open makes a sender. It does not check again whether the address is public: each attempt does.
func (k *Kind) Open(raw json.RawMessage) (delivery.Sender, error) {
	c, err := parse(raw)
	if err != nil {
		return nil, err
	}
	s, err := newSender(k, c)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.senders++
	return s, nil
}

// closed is for a sender that was.
func (k *Kind) closed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.senders--; k.senders == 0 {
		k.transport.CloseIdleConnections()
	}
}

// Rotate is a checked configuration with a new secret, which is the first. Those that were there sign along for the
// overlap, or until the end that they had before; 0 ends them at once. The overlap is at most 90 days.
func (k *Kind) Rotate(raw json.RawMessage, overlap time.Duration) (json.RawMessage, error) {
	if overlap < 0 || overlap > maxOverlap {
		return nil, invalid("overlap", "is %v: give 0 to %v", overlap, maxOverlap)
	}
	c, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if err := c.rotateSecrets(k.o.Clock(), overlap); err != nil {
		return nil, err
	}
	return c.encode()
}

// Secret is the first secret of a checked configuration: what to show, once, to who created the subscription or
// rotated its secrets. It is "" where there is none.
func Secret(raw json.RawMessage) string {
	c, err := parse(raw)
	if err != nil || len(c.Secrets) == 0 {
		return ""
	}
	return c.Secrets[0].Key
}
