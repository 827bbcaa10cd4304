package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mostPending is how many acknowledgements may be waited for on a connection: more than a subscription's policy allows.
const mostPending = 1 << 20

// link is a connection. When it is lost, it is over: what was published on it came in order, up to some point.
type link struct {
	conn   *client.Conn
	stream jetstream.JetStream
	over   chan struct{} // closed when the connection is
	ended  sync.Once
	unsure atomic.Bool // whether the stream is still there

	mutex sync.Mutex
	wire  net.Conn // below conn
}

func (l *link) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// close ends the connection at once, and whoever is writing to it.
func (l *link) close() {
	l.cut()
	if l.conn != nil {
		l.conn.Close()
		<-l.over
	}
}

// cut ends what is below the connection, also while that is being made.
func (l *link) cut() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.wire != nil {
		_ = l.wire.Close() // it may have failed by itself
	}
}

// dialer makes the connections of a link, until the sender is closed.
type dialer struct {
	sender *sender
	link   *link
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.sender.life, d.sender.config.timeout())
	defer cancel()
	wire, err := d.sender.options.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.link.mutex.Lock()
	d.link.wire = wire
	d.link.mutex.Unlock()
	return wire, nil
}

// connect makes a connection, and sees to the stream.
func (s *sender) connect(store string) (*link, error) {
	l := &link{over: make(chan struct{})}
	// The sender may be closed while the server is slow to greet.
	stop := context.AfterFunc(s.life, l.cut)
	defer stop()
	conn, err := client.Connect(s.config.URL, s.connectOptions(l)...)
	if err != nil {
		l.close()
		return nil, fmt.Errorf("connect to %s: %w", address(s.config.URL), err)
	}
	l.conn = conn
	if l.stream, err = jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(mostPending),
		jetstream.WithPublishAsyncTimeout(s.config.timeout())); err == nil {
		err = s.seeToStream(s.life, l, store)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (s *sender) connectOptions(l *link) []client.Option {
	timeout := s.config.timeout()
	options := []client.Option{
		client.Name("nacre"),
		client.SetCustomDialer(&dialer{sender: s, link: l}),
		client.SkipHostLookup(), // the dialer's part: it may refuse what a name leads to
		client.Timeout(timeout),
		client.FlusherTimeout(timeout),
		client.PingInterval(timeout),
		client.MaxPingsOutstanding(2),
		client.NoReconnect(),
		client.IgnoreDiscoveredServers(),
		client.ClosedHandler(func(*client.Conn) { l.ended.Do(func() { close(l.over) }) }),
		// What is wrong with a message comes with its acknowledgement.
		client.ErrorHandler(func(*client.Conn, *client.Subscription, error) {}),
		func(o *client.Options) error { o.TLSConfig = s.options.TLS.Clone(); return nil },
	}
	if s.config.Token != "" {
		options = append(options, client.Token(s.config.Token))
	}
	if s.config.Credentials != "" {
		options = append(options, client.UserCredentialBytes([]byte(s.config.Credentials)))
	}
	return options
}

// seeToStream looks whether the stream is there, and makes it where that is wanted.
func (s *sender) seeToStream(ctx context.Context, l *link, store string) error {
	if s.config.Stream == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.timeout())
	defer cancel()
	_, err := l.stream.Stream(ctx, s.config.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) && s.config.Create {
		_, err = l.stream.CreateStream(ctx, jetstream.StreamConfig{
			Name:        s.config.Stream,
			Description: "Events of the Nacre store " + store,
			Subjects:    filters(s.subject, store),
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil // somebody else made it meanwhile
		}
		if err != nil {
			return fmt.Errorf("create the stream %s at %s: %w", s.config.Stream, address(s.config.URL), err)
		}
		return nil
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("there is no stream %s at %s: create it, or set config.create", s.config.Stream, address(s.config.URL))
	}
	if err != nil {
		return fmt.Errorf("look for the stream %s at %s: %w", s.config.Stream, address(s.config.URL), err)
	}
	return nil
}
