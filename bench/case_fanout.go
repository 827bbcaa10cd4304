package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
)

const (
	// fans is how many WebSockets follow.
	fans = 1000
	// followed is what the frames have that they wait for.
	followed = `"order-followed"`
)

// crowd is many WebSocket clients of one server, which note when a frame comes that they wait for.
type crowd struct {
	wait  []byte // what such a frame has
	conns []*websocket.Conn
	came  []atomic.Int64 // when the last event came, by client, in nanoseconds since began
	began time.Time
	left  chan int // clients that have it, each once a round
	frame atomic.Pointer[[]byte]
	fails chan error
}

// gather connects the clients, has each of them say something, if anything, and starts to read.
func gather(ctx context.Context, url, say, wait string) (*crowd, error) {
	c := &crowd{wait: []byte(wait), came: make([]atomic.Int64, fans), began: time.Now(), left: make(chan int, fans), fails: make(chan error, fans)}
	for range fans {
		conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http"), nil) //nolint:bodyclose // it needs no closing, as the library says
		if err != nil {
			c.leave()
			return nil, err
		}
		conn.SetReadLimit(1 << 20)
		c.conns = append(c.conns, conn)
		if say != "" {
			if err := conn.Write(ctx, websocket.MessageText, []byte(say)); err != nil {
				c.leave()
				return nil, err
			}
		}
	}
	for i, conn := range c.conns {
		go c.read(ctx, i, conn)
	}
	return c, nil
}

func (c *crowd) read(ctx context.Context, i int, conn *websocket.Conn) {
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			c.fails <- err
			return
		}
		if !bytes.Contains(frame, c.wait) {
			continue
		}
		c.came[i].Store(int64(time.Since(c.began)))
		if i == 0 {
			c.frame.Store(&frame)
		}
		c.left <- i
	}
}

// all waits until every client has the event of a round that began then, and adds how long each took.
func (c *crowd) all(ctx context.Context, start time.Time, into *latencies) error {
	from := start.Sub(c.began)
	for range c.conns {
		select {
		case i := <-c.left:
			into.add(time.Duration(c.came[i].Load()) - from)
		case err := <-c.fails:
			return fmt.Errorf("a client that follows: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.CloseNow() // the server sees it
	}
}

// fanout measures one append to many WebSockets beside a bare relay that writes the same frames.
func fanout(ctx context.Context, s *settings, r *report, dir string) (err error) {
	on, store, leaveServer, err := served(ctx, filepath.Join(dir, "served"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leaveServer()) }()
	limit, err := startChild(ctx, task{What: childRelay})
	if err != nil {
		return err
	}
	defer limit.kill()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	followers, err := gather(ctx, on.eventsURL("/ws?after=0"), "", followed)
	if err != nil {
		return err
	}
	defer followers.leave()
	listeners, err := gather(ctx, limit.told.URL, "", followed)
	if err != nil {
		return err
	}
	defer listeners.leave()
	data := newPayloads(dataBytes)
	ours := func(i int, into *latencies) error {
		start := time.Now()
		if _, err := store.Append(ctx, "order-followed", nacre.Any, nacre.Event{Type: typeOf(int64(i)), Data: data[i%len(data)]}); err != nil {
			return err
		}
		return followers.all(ctx, start, into)
	}
	we, limits, err := inTurn(s.fanouts, ours, func(into *latencies) error {
		return relayed(ctx, limit.told.URL, *followers.frame.Load(), listeners, into)
	})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("one append to %d WebSocket followers", fans)
	t := r.section("Server: "+what, fmt.Sprintf(
		"%d appends over HTTP, each seen by all before the next one, in turn with a bare relay that writes the same frame to as many. "+
			"Server, relay and clients share the machine; the append is synced, the relay keeps nothing.", s.fanouts), "from the request to the client", "p50", "p99")
	t.row("a server, the sync included", short(we.quantile(0.5)), short(we.quantile(0.99)))
	t.row("a bare relay", short(limits.quantile(0.5)), short(limits.quantile(0.99)))
	times := float64(we.quantile(0.99)) / float64(limits.quantile(0.99))
	r.say("%s: p99 %s, of a bare relay %s", what, short(we.quantile(0.99)), short(limits.quantile(0.99)))
	r.holds(what+", p99 of a bare relay's", "at most 3 x", fmt.Sprintf("%.2f x", times), times <= 3)
	return nil
}

// inTurn measures both, one after the other, many times, and somewhat more often, to warm up.
func inTurn(rounds int, ours func(i int, into *latencies) error, bare func(into *latencies) error) (we, limits latencies, err error) {
	for i := range rounds + rounds/10 {
		var warm latencies
		mine, its := &we, &limits
		if i < rounds/10 {
			mine, its = &warm, &warm
		}
		if err := errors.Join(ours(i, mine), bare(its)); err != nil {
			return we, limits, err
		}
	}
	return we, limits, nil
}

// relayed has a bare relay write a frame, and waits until all have it.
func relayed(ctx context.Context, url string, frame []byte, listeners *crowd, into *latencies) error {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(frame))
	if err != nil {
		return err
	}
	reply, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := reply.Body.Close(); err != nil || reply.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("the relay answered %s", reply.Status))
	}
	return listeners.all(ctx, start, into)
}
