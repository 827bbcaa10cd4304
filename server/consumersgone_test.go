package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// vanishing is a reply whose client goes while it is sent.
type vanishing struct {
	*httptest.ResponseRecorder
	write, flush func() error
}

func (v *vanishing) Write(p []byte) (int, error) {
	if err := v.write(); err != nil {
		return 0, err
	}
	return v.ResponseRecorder.Write(p)
}

func (v *vanishing) FlushError() error { return v.flush() }

// What is given to a client that is gone by then is given to others at once, and does not count as tried: the deadline of
// this group is a day, and it takes one attempt.
func TestPollWhoseClientIsGone(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	for name, how := range map[string]func() (write, flush func() error){
		"the write fails": func() (write, flush func() error) {
			return func() error { return broken }, func() error { return nil }
		},
		"the flush fails": func() (write, flush func() error) {
			return func() error { return nil }, func() error { return broken }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newGroup(t, `{"ackDeadlineMs":86400000,"batch":10,"pinned":true,"retry":{"maxAttempts":1}}`)
			r := httptest.NewRequestWithContext(t.Context(), "POST", groupPath+"/poll", strings.NewReader(`{"consumer":"gone","max":1000}`))
			r.Host = "localhost"
			w := &vanishing{ResponseRecorder: httptest.NewRecorder()}
			w.write, w.flush = how()
			func() {
				defer func() {
					if p := recover(); p != http.ErrAbortHandler {
						t.Errorf("the handler ended with %v", p)
					}
				}()
				h.s.Handler().ServeHTTP(w, r)
			}()
			list := h.post(groupPath+"/poll", `{"consumer":"there","max":1000}`).delivered()
			same(t, places(list), []int{1, 2, 3, 4, 5, 6})
			for _, d := range list {
				if d.Attempt != 1 {
					t.Errorf("position %d is tried for the %d. time", d.Event.GlobalPosition, d.Attempt)
				}
			}
			h.get(groupPath).has(0, "failed").has(nil, "lastError").has("there", "consumers", 0)
		})
	}
}

// A client that hangs up as soon as it has its answer keeps what it got.
func TestPollOfAClientThatIsQuick(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{"ackDeadlineMs":86400000,"batch":10}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", groupPath+"/poll", strings.NewReader(`{"consumer":"quick","max":1}`))
	r.Host = "localhost"
	w := &vanishing{ResponseRecorder: httptest.NewRecorder(), write: func() error { return nil }, flush: func() error {
		cancel()
		return nil
	}}
	h.s.Handler().ServeHTTP(w, r)
	var got wire.DeliveriesReply
	if err := wire.Decode(w.Body.Bytes(), &got); err != nil || len(got.Deliveries) != 1 {
		t.Fatalf("%v in %s", err, w.Body)
	}
	h.post(groupPath+"/ack", fmt.Sprintf(`{"ack":[%q]}`, got.Deliveries[0].DeliveryID)).is(200).has(1, "done")
}

// A client that hung up while it waited takes nothing of what comes then.
func TestPollerThatHungUp(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, nil)
	h.post(subscriptionsPath, `{"name":"g","kind":"group","policy":{"ackDeadlineMs":86400000}}`).is(201)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.web.URL+groupPath+"/poll", strings.NewReader(`{"consumer":"gone","waitMs":60000}`))
		if err == nil {
			_, err = h.web.Client().Do(r) //nolint:bodyclose // it never answers
		}
		over <- err
	}()
	h.until(groupPath, "gone", "consumers", 0)
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	eventually(t, "the poll has ended", func() bool {
		return strings.Contains(string(h.get("/metrics").body), `nacre_http_requests_total{method="POST",route="/event-stores/{store}/subscriptions/{name}/poll",status="499"} 1`)
	})
	h.post(logPath+"/streams/a-1", `{"events":[{"type":"x","data":1}]}`).is(201)
	list := h.post(groupPath+"/poll", `{"consumer":"there","waitMs":20000}`).delivered()
	same(t, places(list), []int{1})
}

// A consumer that comes back under its name, before the connection that broke off was given up, keeps what it got since.
func TestConsumerComesBackUnderItsName(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{"ackDeadlineMs":86400000,"pinned":true}`)
	first := h.consume("?consumer=a").say(`{"poll":{"max":2}}`)
	first.gets(1, 2)
	second := h.consume("?consumer=a").say(`{"poll":{"max":2}}`)
	mine := second.gets(5, 6)
	_ = first.CloseNow()
	second.say(`{"poll":{"max":2,"waitMs":60000}}`)
	again := second.gets(1, 2) // what the first one had comes back at once
	if again[0].Attempt != 1 {
		t.Errorf("attempt %d", again[0].Attempt)
	}
	second.say(fmt.Sprintf(`{"ack":[%q,%q]}`, mine[0].DeliveryID, mine[1].DeliveryID))
	if m := second.hear(); m.Answered == nil || m.Answered.Done != 2 {
		t.Errorf("the ack is answered with %+v", m)
	}
	h.get(groupPath).has("a", "consumers", 0).has(0, "failed")
}

// A consumer who answers for nothing does not make the server remember what is nobody's any more.
func TestConsumerSocketForgetsWhatIsNotAwaited(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{"ackDeadlineMs":100,"retry":{"maxAttempts":1000}}`)
	n, err := h.s.shelf.acquire(t.Context(), DefaultStore)
	if err != nil {
		t.Fatal(err)
	}
	defer h.s.shelf.release(n)
	c := &consumerSocket{hub: n.hub.there(), group: "g", held: map[string]struct{}{}}
	for i := range 10 * leastCrowd {
		c.held[fmt.Sprint("old-", i)] = struct{}{}
	}
	c.hold(nil)
	if len(c.held) != 0 {
		t.Errorf("%d deliveries are remembered", len(c.held))
	}
}

// What a group has open of an earlier filter is not for who may not read it.
func TestConfinedConsumerGetsNothingOfAnEarlierFilter(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events"}, Streams: []string{"order-"}})
	g.post(subscriptionsPath, `{"name":"g","kind":"group","start":"earliest"}`, g.root...).is(201)
	all := g.post(groupPath+"/poll", `{"consumer":"root","max":10,"waitMs":20000}`, g.root...).delivered()
	for len(all) < 3 {
		all = append(all, g.post(groupPath+"/poll", `{"consumer":"root","max":10,"waitMs":20000}`, g.root...).delivered()...)
	}
	g.do("PATCH", groupPath, `{"filter":{"items":[{"streams":["order-1","order-2"]}]}}`, g.root...).is(200)
	refused := g.post(groupPath+"/poll", `{"consumer":"c","max":10,"waitMs":20000}`, reader...)
	refused.refused(wire.CodeForbidden, "earlier filter")
	if strings.Contains(string(refused.body), "payment") {
		t.Errorf("the refusal tells %s", refused.body)
	}
	g.consume("?consumer=d&apiKey="+reader[1]).say(`{"poll":{"max":10,"waitMs":20000}}`).over(wire.CodeForbidden, 4403, "earlier filter")
	list := g.post(groupPath+"/poll", `{"consumer":"root","max":10,"waitMs":20000}`, g.root...).delivered()
	same(t, places(list), []int{1, 2, 3})
	for _, d := range list {
		if d.Event.StreamID == "payment-1" {
			g.post(groupPath+"/ack", fmt.Sprintf(`{"ack":[%q]}`, d.DeliveryID), g.root...).has(1, "done")
		}
	}
	g.post(groupPath+"/leave", `{"consumer":"root"}`, g.root...).is(200)
	same(t, places(g.post(groupPath+"/poll", `{"consumer":"c","max":10,"waitMs":20000}`, reader...).delivered()), []int{1, 3})
}

// A stop begins nothing more, tells who waits at once, and lets what is being sent arrive, also where another request takes
// its time.
func TestStopBeginsNothingMore(t *testing.T) {
	t.Parallel()
	p := newProbe()
	p.hold = make(chan struct{})
	h := &harness{T: t, log: &logged{}}
	s, err := New(&Options{Backend: newMemory(), Kinds: []delivery.Kind{p}, Logger: h.log.logger(), StopTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	h.s, h.web, h.client = s, &httptest.Server{URL: "http://" + ln.Addr().String()}, &http.Client{Transport: &http.Transport{}}
	h.fill()
	h.post(subscriptionsPath, `{"name":"s","kind":"probe","start":"earliest","config":{"to":"a"},"policy":{"order":"global"}}`).is(201)
	h.post(subscriptionsPath, `{"name":"g","kind":"group"}`).is(201)
	h.until(subscriptionsPath+"/s", 6, "open")

	// One request that is under way for as long as it likes, a poll and a consumer's socket.
	slow, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	const body = `{"events":[{"type":"x","data":1}]}`
	if _, err := fmt.Fprintf(slow, "POST %s/streams/slow-1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", logPath, len(body)); err != nil {
		t.Fatal(err)
	}
	polled := make(chan *result, 1)
	go func() {
		r, err := h.try("POST", groupPath+"/poll", `{"consumer":"c","waitMs":60000}`)
		if err != nil {
			t.Error(err)
		}
		polled <- r
	}()
	h.until(groupPath, "c", "consumers", 0)
	conn, _, err := websocket.Dial(t.Context(), h.web.URL+groupPath+"/ws?consumer=w", nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	socket := (&talk{t, conn, t.Context()}).say(`{"poll":{"waitMs":60000}}`)
	h.until(groupPath, "w", "consumers", 1)

	stop()
	(<-polled).refused(wire.CodeShuttingDown)
	socket.over(wire.CodeShuttingDown, websocket.StatusGoingAway, "shutting down")
	close(p.hold)
	eventually(t, "what was being sent arrives", func() bool { return len(p.at("a")) > 0 })
	if _, err := slow.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	same(t, p.at("a"), []int{1})
}
