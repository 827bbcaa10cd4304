package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
	client "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connections is how many batches are appended at once; more wait for one another.
const connections = 16

// once appends an event unless it is known. What is known is written last: a script that fails in its middle is not
// undone, and an event that is known and not there would be lost.
const once = `if redis.call('EXISTS', KEYS[2]) == 1 then return '' end
local id = redis.call('XADD', KEYS[1], unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'EX', ARGV[1])
return id`

// sender appends the events of one subscription.
type sender struct {
	config *config
	key    *relay.Template
	client *client.Client
	wires  *wires
	addr   string

	mutex  sync.Mutex
	closed bool
	group  sync.WaitGroup
}

func newSender(o *Options, c *config, to *server, key *relay.Template) *sender {
	s := &sender{config: c, key: key, wires: newWires(o.Dial), addr: net.JoinHostPort(to.host, to.port)}
	options := &client.Options{
		Addr:     s.addr,
		Username: to.user,
		Password: to.password,
		DB:       to.database,
		Protocol: 2, // what every server speaks; nothing of the newer one is used
		// Attempts are the hub's.
		MaxRetries:            -1,
		DialerRetries:         1,
		DialTimeout:           c.timeout(),
		ReadTimeout:           c.timeout(),
		WriteTimeout:          c.timeout(),
		PoolTimeout:           c.timeout(),
		PoolSize:              connections,
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
		Dialer: s.wires.connect,
	}
	if to.tls {
		secure := o.TLS.Clone()
		if secure.ServerName == "" {
			secure.ServerName = to.host
		}
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.dialTLS(ctx, network, address, secure)
		}
	}
	s.client = client.NewClient(options)
	return s
}

// dialTLS makes a connection with TLS: the client leaves that to whoever dials.
func (s *sender) dialTLS(ctx context.Context, network, address string, secure *tls.Config) (net.Conn, error) {
	wire, err := s.wires.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(wire, secure)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, wire.Close())
	}
	return conn, nil
}

// Send implements delivery.Sender.
func (s *sender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	entries, err := s.entries(b)
	if err != nil {
		return delivery.Receipt{}, &delivery.Failure{Permanent: true, Err: fmt.Errorf("redis: %w", err)}
	}
	type answer struct {
		receipt delivery.Receipt
		err     error
	}
	answered := make(chan answer, 1)
	// The client looks at a context's deadline, and not at its end.
	if err := s.start(func() {
		limited, cancel := context.WithTimeout(ctx, s.config.timeout())
		defer cancel()
		receipt, err := s.add(limited, entries)
		answered <- answer{receipt, err}
	}); err != nil {
		return delivery.Receipt{}, err
	}
	select {
	case <-ctx.Done():
		return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, context.Cause(ctx))
	case a := <-answered:
		return a.receipt, a.err
	}
}

// start runs a function that Close waits for.
func (s *sender) start(run func()) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return errClosed
	}
	s.group.Go(run)
	return nil
}

// entry is an event as it is appended.
type entry struct {
	key  string
	seen string // the key by which a repeat is known
	e    *nacre.Event
	line []byte
}

func (s *sender) entries(b *delivery.Batch) ([]entry, error) {
	out := make([]entry, len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		line, err := e.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("event %q at position %d: %w", e.ID, e.GlobalPosition, err)
		}
		key := s.key.Name(b.Store, e, part)
		out[i] = entry{
			key: key, e: e, line: line,
			seen: fmt.Sprintf("nacre-sent:{%s}:%s", key, relay.MessageID(b.Store, b.Subscription, e)),
		}
	}
	return out, nil
}

// add appends entries, all or none of them.
func (s *sender) add(ctx context.Context, entries []entry) (delivery.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, err)
	}
	pipe := s.client.TxPipeline()
	ids := make([]func() (string, error), len(entries))
	for i := range entries {
		arguments := s.arguments(&entries[i])
		if s.config.DeduplicateSeconds > 0 {
			seconds := strconv.FormatInt(s.config.DeduplicateSeconds, 10)
			ids[i] = pipe.Eval(ctx, once, []string{entries[i].key, entries[i].seen}, append([]any{seconds}, arguments...)...).Text
			continue
		}
		command := client.NewStringCmd(ctx, append([]any{"xadd", entries[i].key}, arguments...)...)
		ids[i] = command.Result
		if err := pipe.Process(ctx, command); err != nil {
			return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, err)
		}
	}
	_, failed := pipe.Exec(ctx)
	last, repeats := "", 0
	for i := range ids {
		id, err := ids[i]()
		if err != nil {
			return delivery.Receipt{}, fmt.Errorf("redis %s: key %s: %w", s.addr, entries[i].key, err)
		}
		if id == "" {
			repeats++
		} else {
			last = fmt.Sprintf("up to entry %s of %s", id, entries[i].key)
		}
	}
	if failed != nil {
		return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, failed)
	}
	switch {
	case repeats == len(entries):
		last = fmt.Sprintf("all %d were there", repeats)
	case repeats > 0:
		last += fmt.Sprintf(", %d of %d were there", repeats, len(entries))
	}
	return delivery.Receipt{Response: last}, nil
}

// arguments are those of XADD behind the key.
func (s *sender) arguments(e *entry) []any {
	var out []any
	if s.config.MaxLength != uncapped {
		out = append(out, "MAXLEN", "~", strconv.FormatInt(s.config.MaxLength, 10))
	}
	return append(out, "*",
		"event", e.line,
		"eventId", e.e.ID,
		"type", e.e.Type,
		"streamId", string(e.e.StreamID),
		"position", strconv.FormatUint(uint64(e.e.GlobalPosition), 10))
}

// Close implements delivery.Sender.
func (s *sender) Close() error {
	s.mutex.Lock()
	closed := s.closed
	s.closed = true
	s.mutex.Unlock()
	if closed {
		return nil
	}
	s.wires.cut()
	s.group.Wait()
	if err := s.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("redis %s: %w", s.addr, err)
	}
	return nil
}
