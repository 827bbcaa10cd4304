package nats

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
)

// Options are how a server reaches brokers. Nil is the default of each field.
type Options struct {
	// Dial makes connections; it can refuse some. It gets host names as they stand in the configuration. Default
	// net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is for "tls://", and for servers that want it. Default the system's certificates, TLS 1.2 at least.
	TLS *tls.Config
}

// Kind publishes events to JetStream.
type Kind struct {
	options Options
}

var _ delivery.Kind = (*Kind)(nil)

// New makes the kind "nats".
func New(o *Options) *Kind {
	k := &Kind{}
	if o != nil {
		k.options = *o
	}
	k.options.Dial, k.options.TLS = relay.Network(k.options.Dial, k.options.TLS)
	return k
}

// Name implements delivery.Kind.
func (k *Kind) Name() string { return "nats" }

// Check implements delivery.Kind.
func (k *Kind) Check(config, before json.RawMessage) (json.RawMessage, error) {
	c, _, err := read(config, before)
	if err != nil {
		return nil, err
	}
	return relay.Encode(c), nil
}

// Same implements delivery.Kind. Another login is another place: it may be another account.
func (k *Kind) Same(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

// Public implements delivery.Kind.
func (k *Kind) Public(raw json.RawMessage) json.RawMessage {
	c := &config{}
	if err := relay.Decode(raw, c); err != nil {
		return json.RawMessage("{}") // nothing that was checked: show none of it
	}
	return relay.Encode(c.public())
}

// Open implements delivery.Kind. The first Send connects.
func (k *Kind) Open(raw json.RawMessage) (delivery.Sender, error) {
	c, subject, err := read(raw, nil)
	if err != nil {
		return nil, err
	}
	s := &sender{options: &k.options, config: c, subject: subject}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}
