package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/consumer"
)

// tally is what one receiver had: each event, and the first time in its stream's order.
type tally struct {
	mu      sync.Mutex
	had     map[nacre.Position]int
	highest map[nacre.StreamID]int64
	wrong   []string
}

func newTally() *tally {
	return &tally{had: map[nacre.Position]int{}, highest: map[nacre.StreamID]int64{}}
}

func (y *tally) add(e *nacre.Event) {
	y.mu.Lock()
	defer y.mu.Unlock()
	last, seen := y.highest[e.StreamID]
	if !seen {
		last = -1
	}
	if e.StreamPosition > last+1 && len(y.wrong) < 10 {
		y.wrong = append(y.wrong, fmt.Sprintf("%s goes from %d to %d", e.StreamID, last, e.StreamPosition))
	}
	y.highest[e.StreamID] = max(last, e.StreamPosition)
	y.had[e.GlobalPosition]++
}

// check compares with a log of n events.
func (y *tally) check(t *testing.T, what string, n int) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, wrong := range y.wrong {
		t.Errorf("%s: %s", what, wrong)
	}
	repeats := 0
	for p := range n {
		times := y.had[nacre.Position(p+1)]
		if times == 0 {
			t.Errorf("%s: position %d never came", what, p+1)
			break
		}
		repeats += times - 1
	}
	if len(y.had) != n {
		t.Errorf("%s: %d events came, of %d", what, len(y.had), n)
	}
	t.Logf("%s: %d events, %d times one came again", what, len(y.had), repeats)
}

// position is how far a subscription is.
func position(t *testing.T, log, name string) nacre.Position {
	t.Helper()
	var s struct {
		Position nacre.Position
		Status   string
	}
	if err := json.Unmarshal([]byte(get(t, log+"/subscriptions/"+name)), &s); err != nil {
		t.Fatal(err)
	}
	if s.Status == "SUSPENDED" {
		t.Fatalf("%s is suspended", name)
	}
	return s.Position
}

// TestEverythingArrivesThroughKills has events flow to a webhook, a group and relays while the server is killed again and
// again: each of them has the whole log in the end, and each stream's events in their order.
func TestEverythingArrivesThroughKills(t *testing.T) {
	t.Parallel()
	f := flood{events: 3000, kills: 2, launch: launch, hook: hook}
	switch {
	case os.Getenv("NACRE_SOAK") != "":
		f.events, f.kills = 100_000, 20
	case testing.Short():
		f.events, f.kills = 1000, 1
	}
	f.run(t)
}

// flood is many events that flow to all kinds of receivers through what befalls the server.
type flood struct {
	events, kills int
	pace          time.Duration // between two batches
	launch        func(t *testing.T, data, address string, args ...string) *process
	hook          func(*tally) http.HandlerFunc
}

func (f *flood) run(t *testing.T) {
	const streams, batch = 100, 10
	dir, address := t.TempDir(), freePort(t)
	relayed := filepath.Join(dir, "relayed")
	if err := os.Mkdir(relayed, 0o750); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--allow-private-webhooks", "--relay-dir", relayed}
	redisAt, natsAt := redisServer(t), natsServer(t)
	for _, at := range []string{redisAt, natsAt} {
		if at != "" {
			flags = append(flags, "--relay-address", at)
		}
	}
	begin := func() *process {
		p := f.launch(t, filepath.Join(dir, "data"), address, flags...)
		p.ready(t)
		return p
	}
	p := begin()
	log := "http://" + address + "/event-stores/default"

	byHook := newTally()
	receiver := httptest.NewServer(f.hook(byHook))
	defer receiver.Close()
	const quickly = `"policy":{"retry":{"initialDelayMs":20,"strategy":"fixed","maxAttempts":1000}}`
	kinds := []string{"hook", "lines", "work"}
	post(t, log+"/subscriptions", fmt.Sprintf(`{"name":"hook","kind":"webhook","config":{"url":%q},%s}`, receiver.URL, quickly))
	post(t, log+"/subscriptions", `{"name":"lines","kind":"file","config":{"path":"lines.ndjson"},`+quickly+`}`)
	post(t, log+"/subscriptions", `{"name":"work","kind":"group","policy":{"batch":10,"ackDeadlineMs":5000,"retry":{"maxAttempts":1000}}}`)
	if redisAt != "" {
		kinds = append(kinds, "redis")
		post(t, log+"/subscriptions", fmt.Sprintf(
			`{"name":"redis","kind":"redis","config":{"url":"redis://%s","key":"log","maxLength":-1},%s}`, redisAt, quickly))
	}
	if natsAt != "" {
		kinds = append(kinds, "nats")
		post(t, log+"/subscriptions", fmt.Sprintf(
			`{"name":"nats","kind":"nats","config":{"url":"nats://%s","stream":"LOG","create":true},%s}`, natsAt, quickly))
	}

	store, err := client.Open("http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	group, err := client.Group(store, "work")
	if err != nil {
		t.Fatal(err)
	}
	working, stop := context.WithCancel(t.Context())
	byGroup := newTally()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := consumer.Run(working, group, func(_ context.Context, d consumer.Delivery) error {
				byGroup.add(&d.Event)
				return nil
			}, nil); err != nil {
				t.Error(err)
			}
		})
	}

	// The events are appended one batch after the other; the server is killed at even distances.
	for i := range f.events / batch {
		if n := f.events / batch / (f.kills + 1); i > 0 && i%n == 0 && i/n <= f.kills {
			p.kill(t)
			p = begin()
		}
		time.Sleep(f.pace)
		list := make([]nacre.Event, batch)
		for j := range list {
			list[j] = nacre.NewEvent("made", i).WithID(fmt.Sprintf("e-%d-%d", i, j))
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			_, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprintf("s-%d", i%streams)), nacre.Any, list...)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	for _, name := range kinds {
		for deadline := time.Now().Add(5 * patience); position(t, log, name) < nacre.Position(f.events); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is at %d: %s", name, position(t, log, name), get(t, log+"/subscriptions/"+name))
			}
		}
	}
	stop()
	all.Wait()
	p.stop(t)
	byHook.check(t, "the webhook", f.events)
	byGroup.check(t, "the group", f.events)
	byFile := newTally()
	fromFile(t, filepath.Join(relayed, "lines.ndjson"), byFile)
	byFile.check(t, "the file", f.events)
	if redisAt != "" {
		byRedis := newTally()
		fromRedis(t, redisAt, "log", byRedis)
		byRedis.check(t, "the relay to Redis", f.events)
	}
	if natsAt != "" {
		byNATS := newTally()
		fromNATS(t, natsAt, "LOG", byNATS)
		byNATS.check(t, "the relay to NATS", f.events)
	}
	if left := strings.TrimSpace(p.err.String()); strings.Contains(left, "dead letter") {
		t.Error(left)
	}
}

// hook is a receiver of webhooks that counts.
func hook(y *tally) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Event nacre.Event }
		if json.NewDecoder(r.Body).Decode(&body) == nil { // else the sender was killed in the middle
			y.add(&body.Event)
		}
	}
}

// get asks a server.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", url, reply.StatusCode, text, err)
	}
	return string(text)
}
