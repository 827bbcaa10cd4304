package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// arrivals are what a receiver of webhooks was sent.
type arrivals struct {
	mu    sync.Mutex
	ids   map[int]string // webhook-id by position
	last  map[string]int // the highest stream position that was received, by stream
	times map[int]int    // how often, by position
	wrong []string
	// strike is called instead of answering a delivery, once, after so many of them.
	strike func()
	left   int
	struck []int // the positions that were not answered for it
}

// strikes has something done instead of answering a delivery, when so many have come.
func (a *arrivals) strikes(after int, do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left, a.strike = after, do
}

// count is how many events have come.
func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// ServeHTTP implements http.Handler.
func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var body struct {
		Event struct {
			StreamID                       string
			GlobalPosition, StreamPosition int
		}
	}
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		return // the sender was killed in the middle
	}
	a.mu.Lock()
	e, id := body.Event, r.Header.Get("webhook-id")
	if was := a.ids[e.GlobalPosition]; was != "" && was != id {
		a.wrong = append(a.wrong, fmt.Sprintf("position %d comes as %s and as %s", e.GlobalPosition, was, id))
	}
	a.ids[e.GlobalPosition] = id
	a.times[e.GlobalPosition]++
	// What repeats comes from where the server took up again: nothing new comes before what is missing.
	if last, there := a.last[e.StreamID]; e.StreamPosition > last+1 || !there && e.StreamPosition > 0 {
		a.wrong = append(a.wrong, fmt.Sprintf("%s goes from %d to %d", e.StreamID, last, e.StreamPosition))
	}
	a.last[e.StreamID] = max(a.last[e.StreamID], e.StreamPosition)
	a.left--
	var strike func()
	if a.left == 0 {
		strike, a.struck = a.strike, append(a.struck, e.GlobalPosition)
	}
	a.mu.Unlock()
	if strike != nil {
		strike()
	}
}

// post sends a request to a server.
func post(t *testing.T, url, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if text, err := io.ReadAll(reply.Body); err != nil || reply.StatusCode/100 != 2 {
		t.Fatalf("%s: %d %s, %v", url, reply.StatusCode, text, err)
	}
}

// TestKilledWhileDelivering kills a server before what it delivers is answered: that comes again, as the same, and
// nothing is left out.
func TestKilledWhileDelivering(t *testing.T) {
	t.Parallel()
	const streams, each = 10, 40
	data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
	a := &arrivals{ids: map[int]string{}, last: map[string]int{}, times: map[int]int{}}
	receiver := httptest.NewServer(a)
	defer receiver.Close()
	const allow = "--allow-private-webhooks"
	p := start(t, data, address, allow)
	log := "http://" + address + "/event-stores/default"
	events := strings.TrimSuffix(strings.Repeat(`{"type":"made","data":1},`, each), ",")
	for i := range streams {
		post(t, fmt.Sprintf("%s/streams/s-%d", log, i), `{"events":[`+events+`]}`)
	}
	kills := []int{1, 57, 101}
	for i, n := range kills {
		struck, victim := make(chan struct{}), make(chan *process, 1)
		a.strikes(n, func() {
			p := <-victim
			_ = p.cmd.Process.Kill() // what it came to, kill tells
			<-p.ended
			close(struck)
		})
		if i == 0 {
			post(t, log+"/subscriptions", fmt.Sprintf(
				`{"name":"s","kind":"webhook","start":"earliest","config":{"url":%q},"policy":{"retry":{"initialDelayMs":10,"strategy":"fixed"}}}`, receiver.URL))
		} else {
			p = launch(t, data, address, allow) // it may be killed before it says that it serves
		}
		victim <- p
		select {
		case <-struck:
		case <-time.After(patience):
			t.Fatalf("the receiver was not sent %d events: %s", n, p.err.String())
		}
		p.kill(t)
	}
	p = start(t, data, address, allow)
	for begun := time.Now(); a.count() < streams*each; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("the receiver was sent %d events: %s", a.count(), p.err.String())
		}
	}
	p.stop(t)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, wrong := range a.wrong {
		t.Error(wrong)
	}
	for _, position := range a.struck {
		if a.times[position] < 2 {
			t.Errorf("position %d was not answered, and came %d times", position, a.times[position])
		}
	}
	if len(a.struck) != len(kills) {
		t.Errorf("the server was killed %d times", len(a.struck))
	}
}
