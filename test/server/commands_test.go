package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// commander has commands executed over HTTP, and publishes what executes them.
type commander struct {
	client *http.Client
	store  string // the URL of the store
}

// newCommander has connections for so many callers.
func newCommander(t *testing.T, url string, callers int) *commander {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: callers, ResponseHeaderTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &commander{client: &http.Client{Transport: transport}, store: url + "/event-stores/default"}
}

// refusal is what is answered in place of a result.
type refusal struct {
	Code    nacre.Code `json:"error"`
	Message string     `json:"message"`
}

// ask is one request. The error is that no whole answer came.
func (c *commander) ask(ctx context.Context, method, path string, body []byte, into any) (int, *refusal, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.store+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	reply, err := c.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0, nil, err
	}
	if reply.StatusCode >= 300 {
		refused := &refusal{}
		if err := json.Unmarshal(text, refused); err != nil {
			return reply.StatusCode, nil, fmt.Errorf("%d: %q: %w", reply.StatusCode, text, err)
		}
		return reply.StatusCode, refused, nil
	}
	return reply.StatusCode, nil, json.Unmarshal(text, into)
}

// must is a request that is answered well.
func (c *commander) must(t *testing.T, method, path string, body []byte, into any) {
	t.Helper()
	if status, refused, err := c.ask(t.Context(), method, path, body, into); err != nil || refused != nil {
		t.Fatalf("%s %s was answered with %d: %+v, %v", method, path, status, refused, err)
	}
}

// publish makes a binary a version.
func (c *commander) publish(t *testing.T, name string, binary []byte) wire.PublishReply {
	t.Helper()
	var done wire.PublishReply
	c.must(t, http.MethodPut, "/modules/"+name, binary, &done)
	return done
}

// order is a command of a caller.
type order struct {
	module, id, command string // command is the command's id
	sure                bool   // it was acknowledged
	at                  nacre.Position
	version             int64
	eventID             string
}

func (o *order) stream() nacre.StreamID { return nacre.StreamID(o.module + "-" + o.id) }

// execute asks for a command, again and again until it is answered. Where it gives up before, because the context
// ended or retries is false, what became of it is not known. again says that it was acknowledged before.
func (c *commander) execute(ctx context.Context, o *order, retries, again bool) error {
	path := "/aggregates/" + o.module + "/" + o.id + "/commands/increment"
	body := fmt.Appendf(nil, `{"payload":{},"commandId":%q}`, o.command)
	for open, deadline := again, time.Now().Add(patience); ; open = true {
		var reply wire.CommandReply
		status, refused, err := c.ask(ctx, http.MethodPost, path, body, &reply)
		switch {
		case err != nil && status != 0, refused != nil && refused.Code != wire.CodeShuttingDown:
			return fmt.Errorf("%s of %s was answered with %d: %+v, %w", o.command, o.stream(), status, refused, err)
		case err != nil || refused != nil:
			if ctx.Err() != nil || !retries {
				return nil
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s of %s is not answered: %w", o.command, o.stream(), err)
			}
			pause(ctx, 5*time.Millisecond)
			continue
		}
		return o.acknowledged(&reply, open, again)
	}
}

func (o *order) acknowledged(reply *wire.CommandReply, open, again bool) error {
	switch {
	case reply.StreamID != o.stream() || len(reply.Events) != 1:
		return fmt.Errorf("%s of %s was answered with %+v", o.command, o.stream(), reply)
	case reply.Duplicate && !open, again && !reply.Duplicate:
		return fmt.Errorf("%s of %s: that it was there before is said to be %v: %+v", o.command, o.stream(), reply.Duplicate, reply)
	}
	e := &reply.Events[0]
	if again && (e.ID != o.eventID || e.GlobalPosition != o.at || e.StreamPosition != o.version) {
		return fmt.Errorf("%s of %s led to %s at %d, and is now said to be %+v", o.command, o.stream(), o.eventID, o.at, e)
	}
	if !again { // others read it by then
		o.sure, o.at, o.version, o.eventID = true, e.GlobalPosition, e.StreamPosition, e.ID
	}
	return nil
}

// orders are all commands of all callers, each in its caller's order.
type orders struct {
	mu   sync.Mutex
	list []*order
}

func (os *orders) add(o *order) {
	os.mu.Lock()
	defer os.mu.Unlock()
	os.list = append(os.list, o)
}

func (os *orders) sure() (n int) {
	os.mu.Lock()
	defer os.mu.Unlock()
	for _, o := range os.list {
		if o.sure {
			n++
		}
	}
	return n
}

// check looks at what the log has: each acknowledged command once, where it was said to be, each other one at most
// once, and nothing else. It gives how many events each stream has.
func (os *orders) check(t *testing.T, log []nacre.Event) map[nacre.StreamID]int64 {
	t.Helper()
	os.mu.Lock()
	defer os.mu.Unlock()
	given := make(map[string]*order, len(os.list))
	for _, o := range os.list {
		given[o.command] = o
	}
	found := make(map[string]bool, len(log))
	versions := make(map[nacre.StreamID]int64)
	for i := range log {
		e := &log[i]
		if e.GlobalPosition != nacre.Position(i+1) || e.StreamPosition != versions[e.StreamID] {
			t.Fatalf("event %d stands at %d, and in %s at %d, where %d is due", i+1, e.GlobalPosition, e.StreamID, e.StreamPosition, versions[e.StreamID])
		}
		versions[e.StreamID]++
		var m struct {
			CommandID string `json:"commandId"`
		}
		if err := json.Unmarshal(e.Metadata, &m); err != nil {
			t.Fatalf("the metadata at %d: %v", e.GlobalPosition, err)
		}
		o := given[m.CommandID]
		switch {
		case o == nil:
			t.Fatalf("nobody gave the command %q, which stands at %d", m.CommandID, e.GlobalPosition)
		case found[m.CommandID]:
			t.Fatalf("the command %s stands twice, the second time at %d", m.CommandID, e.GlobalPosition)
		case e.StreamID != o.stream():
			t.Fatalf("the command %s of %s stands in %s", m.CommandID, o.stream(), e.StreamID)
		case o.sure && (e.GlobalPosition != o.at || e.StreamPosition != o.version || e.ID != o.eventID):
			t.Fatalf("acknowledged was %+v, there is %+v", o, e)
		}
		found[m.CommandID] = true
	}
	for _, o := range os.list {
		if o.sure && !found[o.command] {
			t.Fatalf("%+v was acknowledged, and is not there", o)
		}
	}
	return versions
}
