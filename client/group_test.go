package client_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/storage/memstore"
)

// makeGroup makes the group "g" of a server's default store, from the first event on.
func makeGroup(t *testing.T, url, policy string) {
	t.Helper()
	tell(t, url, "", fmt.Sprintf(`{"name":"g","kind":"group","start":"earliest","policy":%s}`, policy))
}

// tell posts to the server's subscriptions.
func tell(t *testing.T, url, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/event-stores/default/subscriptions"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
}

func groupOf(t *testing.T, store *nacre.Store) consumer.Group {
	t.Helper()
	g, err := client.Group(store, "g")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func pollFor(t *testing.T, g consumer.Group, n int) []consumer.Delivery {
	t.Helper()
	var all []consumer.Delivery
	for len(all) < n {
		list, err := g.Poll(t.Context(), consumer.Request{Consumer: "ann", Max: n - len(all), Wait: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			t.Fatalf("there are %d, want %d", len(all), n)
		}
		all = append(all, list...)
	}
	return all
}

func TestAGroupOverTheWire(t *testing.T) {
	s := serve(t, "")
	store := open(t, s.url, nil)
	makeGroup(t, s.url, `{}`)
	g := groupOf(t, store)
	for _, stream := range []nacre.StreamID{"a-1", "a-2", "a-3", "a-4"} {
		e := nacre.NewEvent("x", map[string]int{"n": 1})
		e.Tags, e.Metadata = []string{"t:1"}, []byte(`{"actor":"ann"}`)
		if _, err := store.Append(t.Context(), stream, nacre.Any, e); err != nil {
			t.Fatal(err)
		}
	}
	list := pollFor(t, g, 4)
	want, found, err := store.FindEvent(t.Context(), "a-1", list[0].Event.ID)
	if err != nil || !found || fmt.Sprintf("%+v", list[0].Event) != fmt.Sprintf("%+v", want) || list[0].Attempt != 1 {
		t.Errorf("got %+v, want %+v: %v", list[0], want, err)
	}
	out, err := g.Ack(t.Context(), consumer.Answer{Consumer: "ann", Ack: []string{list[0].ID, "nobody's"}, Nack: []consumer.Nack{
		{ID: list[1].ID, Action: consumer.Skip}, {ID: list[2].ID, Action: consumer.Park, Reason: "odd"}, {ID: list[3].ID, After: time.Microsecond},
	}})
	if err != nil || out.Done != 4 || !slices.Equal(out.Unknown, []string{"nobody's"}) {
		t.Errorf("outcome %+v, %v", out, err)
	}
	again := pollFor(t, g, 1)
	if again[0].Event.ID != list[3].Event.ID || again[0].Attempt != 2 || again[0].ID == list[3].ID {
		t.Errorf("again %+v", again)
	}
	if err := g.(consumer.Leaver).Leave(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if back := pollFor(t, g, 1); back[0].Attempt != 2 {
		t.Errorf("given back: %+v", back)
	}
	if out, err := g.Ack(t.Context(), consumer.Answer{Consumer: "ann"}); err != nil || out.Done != 0 {
		t.Errorf("an empty answer: %+v, %v", out, err)
	}
	_, err = g.Poll(t.Context(), consumer.Request{Consumer: "a b"})
	expectCode(t, "a wrong name", err, nacre.CodeInvalid)
	tell(t, s.url, "/g/pause", "")
	_, err = g.Poll(t.Context(), consumer.Request{Consumer: "ann"})
	expectCode(t, "a paused group", err, "SUBSCRIPTION_HALTED")
	other, err := client.Group(store, "other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Poll(t.Context(), consumer.Request{Consumer: "ann"})
	expectCode(t, "no group", err, "SUBSCRIPTION_NOT_FOUND")
}

func TestGroupsThatCannotBe(t *testing.T) {
	memory := memstore.Open(nil)
	defer memory.Close()
	_, err := client.Group(memory, "g")
	expectCode(t, "a store in memory", err, nacre.CodeUnsupported)
	store, _ := alone(t, client.Options{})
	for _, name := range []string{"", ".", "..", "a/b", "a b", "ä", strings.Repeat("a", 65)} {
		_, err := client.Group(store, name)
		expectCode(t, name, err, nacre.CodeInvalid)
	}
}

// Close ends a poll that waits, and what comes later.
func TestCloseEndsAPoll(t *testing.T) {
	store, s := alone(t, client.Options{})
	asked := make(chan struct{})
	s.then(func(s *script, r *http.Request) (*http.Response, error) {
		close(asked)
		return hang(s, r)
	})
	g := groupOf(t, store)
	done := make(chan error)
	go func() {
		_, err := g.Poll(context.Background(), consumer.Request{Consumer: "ann", Wait: time.Minute})
		done <- err
	}()
	<-asked
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	expectCode(t, "the poll", <-done, nacre.CodeClosed)
	_, err := g.Ack(t.Context(), consumer.Answer{Ack: []string{"x"}})
	expectCode(t, "an answer", err, nacre.CodeClosed)
}

func TestWhatAGroupsServerAnswers(t *testing.T) {
	closed := `{"error":"STORE_CLOSED","message":"it is being closed"}`
	one := `{"deliveries":[{"deliveryId":"1","attempt":3,"event":{"streamId":"a-1","eventId":"e","type":"x","data":{},"globalPosition":1,"streamPosition":0,"createdAt":"2026-11-20T18:55:20.471204Z"}}]}`
	ctx := t.Context()
	store, s := alone(t, *client.Hurried(client.Options{Retries: 2}), drop, answer(503, closed), answer(200, one))
	g := groupOf(t, store)
	list, err := g.Poll(ctx, consumer.Request{Consumer: "ann"})
	if err != nil || len(list) != 1 || list[0].ID != "1" || list[0].Attempt != 3 || list[0].Event.StreamID != "a-1" {
		t.Errorf("a poll that fails twice: %+v, %v", list, err)
	}
	// A server's store that is closed for long is nothing that ends a consumer: another server may take its place.
	s.then(answer(503, closed), answer(503, closed), answer(503, closed))
	_, err = g.Poll(ctx, consumer.Request{Consumer: "ann"})
	expectCode(t, "a closed store", err, nacre.CodeInternal)
	s.then(answer(200, "what?"))
	_, err = g.Ack(ctx, consumer.Answer{Ack: []string{"1"}})
	expectCode(t, "no answer at all", err, nacre.CodeInternal)
	s.then(answer(401, `{"error":"UNAUTHORIZED","message":"no"}`))
	expectCode(t, "no key", consumer.Run(ctx, g, nil, &consumer.Options{Logger: slog.New(slog.DiscardHandler)}), "UNAUTHORIZED")
}

// Consumers of two programs behind connections that break off work off everything, in each stream's order.
func TestConsumersOverConnectionsThatBreakOff(t *testing.T) {
	s := serve(t, "")
	store := open(t, s.url, nil)
	makeGroup(t, s.url, `{"batch":4,"ackDeadlineMs":1000,"retry":{"maxAttempts":1000}}`)
	const streams, each = 10, 30
	for i := range streams * each {
		if _, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprint("s-", i%streams)), nacre.Any, nacre.NewEvent("x", i)); err != nil {
			t.Fatal(err)
		}
	}
	proxy := between(t, strings.TrimPrefix(s.url, "http://"), seed(t), 0.05)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var mu sync.Mutex
	next := map[nacre.StreamID]int64{}
	done := 0
	handler := func(_ context.Context, d consumer.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		e := &d.Event
		switch n := next[e.StreamID]; {
		case e.StreamPosition > n:
			t.Errorf("%s: %d, and %d was not there", e.StreamID, e.StreamPosition, n)
		case e.StreamPosition == n:
			next[e.StreamID]++
			if done++; done == streams*each {
				stop()
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			far, err := client.Open(proxy.url(), client.Hurried(client.Options{}))
			if err != nil {
				t.Error(err)
				return
			}
			defer far.Close()
			g, err := client.Group(far, "g")
			if err != nil {
				t.Error(err)
				return
			}
			if err := consumer.Run(ctx, g, handler, &consumer.Options{Prefetch: 4, AckEvery: 1, Logger: slog.New(slog.DiscardHandler)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if cuts := proxy.heal(); done != streams*each || cuts == 0 {
		t.Errorf("%d of %d were handled, with %d cuts", done, streams*each, cuts)
	}
}
