package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
)

// lastType is the type of a log's last event, which ends every follower.
const lastType = "ended"

// follower is somebody who follows a log, over all that happens to its server.
type follower struct {
	name   string
	filter nacre.Filter // nil is everything; lastType always belongs to it
	seen   []place
	cuts   int    // how often it began again
	epoch  string // of the log
	cursor string // where the protocol has one
	// earlier is what was seen before each time that the log was cut, and everything had to be seen again.
	earlier [][]place
	// follow goes on behind what was seen, until it sees the last event, which gives nil, or something ends
	// it. The error is one that a killed server does not explain.
	follow func(ctx context.Context, f *follower) (done bool, err error)
}

func (f *follower) after() nacre.Position {
	if len(f.seen) == 0 {
		return 0
	}
	return f.seen[len(f.seen)-1].Position
}

// take notes an event, and tells whether it was the last one.
func (f *follower) take(e *nacre.Event) (last bool, err error) {
	if p := f.after(); e.GlobalPosition <= p {
		return false, fmt.Errorf("position %d came behind %d", e.GlobalPosition, p)
	}
	if f.filter != nil && !f.filter.Matches(e) {
		return false, fmt.Errorf("%s of type %s came, which was not asked for", e.ID, e.Type)
	}
	f.seen = append(f.seen, placeOf(e))
	return e.Type == lastType, nil
}

// rewound begins anew, as somebody must who is told that the log was cut.
func (f *follower) rewound() {
	f.earlier = append(f.earlier, f.seen)
	f.seen, f.epoch, f.cursor = nil, "", ""
}

// run follows to the last event.
func (f *follower) run(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := f.follow(ctx, f)
		if done || err != nil {
			return err
		}
		f.cuts++
		pause(ctx, 3*time.Millisecond)
	}
	return ctx.Err()
}

// check compares what was seen with the log.
func (f *follower) check(t *testing.T, log []nacre.Event) {
	t.Helper()
	var want []place
	for i := range log {
		if f.filter == nil || f.filter.Matches(&log[i]) {
			want = append(want, placeOf(&log[i]))
		}
	}
	for _, before := range f.earlier {
		// Nothing is cut that anybody may have seen.
		if len(before) > len(want) || !slices.Equal(before, want[:len(before)]) {
			t.Fatalf("%s saw %d events up to %+v before the log was cut, and they are there no more", f.name, len(before), before[len(before)-1])
		}
	}
	if slices.Equal(f.seen, want) {
		return
	}
	for i := range min(len(want), len(f.seen)) {
		if f.seen[i] != want[i] {
			t.Fatalf("%s saw %+v where %+v stands", f.name, f.seen[i], want[i])
		}
	}
	t.Fatalf("%s saw %d events, there are %d for it", f.name, len(f.seen), len(want))
}

// subscriber follows with the library.
func subscriber(name string, s *nacre.Store, filter nacre.Filter) *follower {
	return &follower{name: name, filter: filter, follow: func(ctx context.Context, f *follower) (bool, error) {
		if f.epoch == "" {
			head, err := s.Head(ctx)
			if err != nil {
				return false, passing(err)
			}
			f.epoch = head.Epoch
		}
		for e, err := range s.Subscribe(ctx, filter, &nacre.SubscribeOptions{After: f.after(), Epoch: f.epoch}) {
			if nacre.CodeOf(err) == nacre.CodeLogRewound {
				f.rewound()
				return false, nil
			}
			if err != nil {
				return false, passing(err)
			}
			if last, err := f.take(&e); last || err != nil {
				return last, err
			}
		}
		return false, errors.New("the subscription ended without an error")
	}}
}

// parameters are a filter of one item as a query has them.
func parameters(filter nacre.Filter) url.Values {
	values := make(url.Values)
	for _, it := range filter {
		values["type"], values["category"], values["tag"] = it.Types, it.Categories, it.Tags
	}
	return values
}

// listener follows by server-sent events, reading them itself. At times it dawdles, and leaves.
func listener(name string, web *http.Client, log string, filter nacre.Filter, rng *rand.Rand) *follower {
	return &follower{name: name, filter: filter, follow: func(ctx context.Context, f *follower) (bool, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, log+"/events?"+parameters(filter).Encode(), nil)
		if err != nil {
			return false, err
		}
		r.Header.Set("Accept", "text/event-stream")
		if f.cursor != "" {
			r.Header.Set("Last-Event-ID", f.cursor)
		}
		resp, err := web.Do(r)
		if err != nil {
			return false, nil //nolint:nilerr // the server is down
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusGone {
			f.rewound()
			return false, nil
		}
		if resp.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(resp.Body)
			return false, fmt.Errorf("%d: %s", resp.StatusCode, text)
		}
		leave := -1
		if rng.IntN(3) == 0 {
			leave = rng.IntN(300)
		}
		in := bufio.NewReaderSize(resp.Body, 64<<10)
		for n := 0; n != leave; n++ {
			kind, id, data, err := readMessage(in)
			if err != nil {
				return false, nil //nolint:nilerr // the connection broke off
			}
			if rng.IntN(500) == 0 {
				pause(ctx, time.Duration(rng.IntN(60))*time.Millisecond)
			}
			position, epoch, _ := strings.Cut(id, "@")
			at, err := strconv.ParseUint(position, 10, 64)
			if kind == "error" || err != nil || epoch == "" || f.epoch != "" && f.epoch != epoch {
				return false, fmt.Errorf("the message %q with the id %q and data %s came, in the epoch %s", kind, id, data, f.epoch)
			}
			f.epoch, f.cursor = epoch, id
			if kind == "caught-up" || data == nil {
				continue
			}
			var e nacre.Event
			if err := json.Unmarshal(data, &e); err != nil {
				return false, fmt.Errorf("%s: %w", data, err)
			}
			if nacre.Position(at) != e.GlobalPosition {
				return false, fmt.Errorf("the id %s came with %s", id, data)
			}
			if end, err := f.take(&e); end || err != nil {
				return end, err
			}
		}
		return false, nil
	}}
}

// readMessage reads a message as the standard of server-sent events says. One that is cut off is none; one
// without data has an id only.
func readMessage(in *bufio.Reader) (kind, id string, data []byte, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", "", nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if data != nil || id != "" {
				return kind, id, data, nil
			}
			kind = ""
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = append(data, value...)
		}
	}
}

// socket follows by WebSocket.
func socket(name string, web *http.Client, log string) *follower {
	return &follower{name: name, follow: func(ctx context.Context, f *follower) (bool, error) {
		address := log + "/events/ws?after=" + fmt.Sprint(f.after())
		conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: web}) //nolint:bodyclose // the library closes it
		if err != nil {
			if resp != nil {
				return false, fmt.Errorf("%d: %w", resp.StatusCode, err)
			}
			return false, nil // the server is down
		}
		defer conn.CloseNow()
		conn.SetReadLimit(4 << 20)
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return false, nil //nolint:nilerr // the connection broke off
			}
			var message struct {
				Event    *nacre.Event    `json:"event"`
				CaughtUp json.RawMessage `json:"caughtUp"`
				Error    json.RawMessage `json:"error"`
			}
			if err := json.Unmarshal(text, &message); err != nil || message.Error != nil {
				return false, fmt.Errorf("the message %s came: %w", text, err)
			}
			if message.Event == nil {
				continue
			}
			if last, err := f.take(message.Event); last || err != nil {
				return last, err
			}
		}
	}}
}

// followers run until all have seen the last event.
type followers struct {
	all []*follower
	wg  sync.WaitGroup
}

func (g *followers) begin(t *testing.T, all ...*follower) {
	t.Helper()
	g.all = all
	for _, f := range all {
		g.wg.Go(func() {
			if err := f.run(t.Context()); err != nil && t.Context().Err() == nil {
				t.Errorf("%s, behind %d: %v", f.name, f.after(), err)
			}
		})
	}
	t.Cleanup(g.wg.Wait) // the test's context has ended
}

// finish waits for all.
func (g *followers) finish(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		g.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the followers do not get to the log's end")
	}
}
