package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
)

const (
	// connections is how many batches are appended at once; more wait for one another.
	connections = 16
	// idleTime is how long nothing was sent on a connection that is tried before it is used.
	idleTime = time.Second
)

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
	pool   *redis.Pool
	wires  *wires
	addr   string

	mutex  sync.Mutex
	closed bool
	broke  time.Time // when a connection was last seen to be broken
	group  sync.WaitGroup
}

var errBroken = errors.New("another connection was broken")

func newSender(o *Options, c *config, to *server, key *relay.Template) *sender {
	s := &sender{config: c, key: key, wires: newWires(o.Dial), addr: net.JoinHostPort(to.host, to.port)}
	options := []redis.DialOption{
		redis.DialContextFunc(s.wires.connect),
		redis.DialUsername(to.user),
		redis.DialPassword(to.password),
		redis.DialDatabase(to.database),
		redis.DialReadTimeout(c.timeout()),
		redis.DialWriteTimeout(c.timeout()),
	}
	if to.tls {
		secure := o.TLS.Clone()
		if secure.ServerName == "" {
			secure.ServerName = to.host
		}
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(secure), redis.DialTLSHandshakeTimeout(c.timeout()))
	}
	s.pool = &redis.Pool{
		MaxActive: connections, MaxIdle: connections, Wait: true,
		TestOnBorrowContext: s.try,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", s.addr, options...)
		},
	}
	return s
}

// try tells whether a connection that was idle since a time may be used. Where one is broken, all those are not trusted that
// were idle then: each would cost an attempt, and a server that is restarted breaks all of them.
func (s *sender) try(ctx context.Context, c redis.Conn, since time.Time) error {
	s.mutex.Lock()
	broke := s.broke
	s.mutex.Unlock()
	if !since.After(broke) {
		return errBroken
	}
	if time.Since(since) < idleTime {
		return nil
	}
	_, err := redis.DoContext(c, ctx, "PING")
	if err != nil {
		s.broken()
	}
	return err
}

// broken notes that a connection is.
func (s *sender) broken() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.broke = time.Now()
}

// Send implements delivery.Sender.
func (s *sender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	entries, err := s.entries(b)
	if err != nil {
		return delivery.Receipt{}, &delivery.Failure{Permanent: true, Err: fmt.Errorf("redis: %w", err)}
	}
	// The client looks at a context's deadline, and not at its end.
	return relay.Detached(ctx, "redis "+s.addr, s.start, func() (delivery.Receipt, error) {
		limited, cancel := context.WithTimeout(ctx, s.config.timeout())
		defer cancel()
		return s.add(limited, entries)
	})
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
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, err)
	}
	defer func() {
		if conn.Err() != nil {
			s.broken()
		}
		_ = conn.Close() // it goes back to the pool, unless it broke
	}()
	err = conn.Send("MULTI")
	for i := range entries {
		e := &entries[i]
		if arguments := s.arguments(e); s.config.DeduplicateSeconds > 0 {
			err = errors.Join(err, conn.Send("EVAL", append([]any{once, 2, e.key, e.seen, s.config.DeduplicateSeconds}, arguments...)...))
		} else {
			err = errors.Join(err, conn.Send("XADD", append([]any{e.key}, arguments...)...))
		}
	}
	if err != nil {
		return delivery.Receipt{}, fmt.Errorf("redis %s: %w", s.addr, err)
	}
	answers, err := redis.Values(redis.DoContext(conn, ctx, "EXEC"))
	if err == nil && len(answers) != len(entries) {
		err = fmt.Errorf("it answered %d of %d commands", len(answers), len(entries))
	}
	if err != nil {
		return delivery.Receipt{}, fmt.Errorf("redis %s: key %s: %w", s.addr, entries[0].key, err)
	}
	last, repeats := "", 0
	for i := range answers {
		id, err := redis.String(answers[i], nil)
		if err != nil {
			return delivery.Receipt{}, fmt.Errorf("redis %s: key %s: %w", s.addr, entries[i].key, err)
		}
		if id == "" {
			repeats++
		} else {
			last = fmt.Sprintf("up to entry %s of %s", id, entries[i].key)
		}
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
	if err := s.pool.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("redis %s: %w", s.addr, err)
	}
	return nil
}
