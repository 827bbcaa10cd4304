package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

const groupPath = subscriptionsPath + "/g"

// newGroup is a server with six events and a group that begins with the first.
func newGroup(t *testing.T, policy string) *harness {
	t.Helper()
	h, _ := delivering(t, nil)
	h.fill()
	h.post(subscriptionsPath, `{"name":"g","kind":"group","start":"earliest","policy":`+policy+`}`).is(201)
	h.until(groupPath, 6, "open") // all of them are read
	return h
}

// delivered reads the answer to a poll.
func (r *result) delivered() []wire.DeliveryReply {
	r.t.Helper()
	var reply wire.DeliveriesReply
	if err := wire.Decode(r.is(200).body, &reply); err != nil {
		r.t.Fatal(err)
	}
	return reply.Deliveries
}

// places are the positions of deliveries, sorted.
func places(list []wire.DeliveryReply) []int {
	out := []int{}
	for i := range list {
		out = append(out, int(list[i].Event.GlobalPosition))
	}
	slices.Sort(out)
	return out
}

func TestGroupOverHTTP(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{"retry":{"maxAttempts":3}}`)
	poll := func(who string, most int) []wire.DeliveryReply {
		return h.post(groupPath+"/poll", fmt.Sprintf(`{"consumer":%q,"max":%d,"waitMs":20000}`, who, most)).delivered()
	}
	// One of each stream.
	all := poll("a", 10)
	same(t, places(all), []int{1, 2, 5, 6})
	if d := all[0]; d.Attempt != 1 || d.DeliveryID == "" || d.Event.StreamID == "" || d.Event.ID == "" || d.Event.CreatedAt.IsZero() {
		t.Errorf("a delivery is %+v", d)
	}
	by := map[nacre.Position]string{}
	for _, d := range all {
		by[d.Event.GlobalPosition] = d.DeliveryID
	}
	same(t, places(h.at("/api").post(groupPath+"/poll", `{"consumer":"b"}`).delivered()), []int{})
	h.get(groupPath).has("a", "consumers", 0).has("b", "consumers", 1)

	// Done, again, with the dead letters, left out; and nobody's.
	got := h.post(groupPath+"/ack", fmt.Sprintf(`{"consumer":"a","ack":[%q,"gone"],"nack":[{"deliveryId":%q},{"deliveryId":%q,"action":"park","reason":"too hard"},
		{"deliveryId":%q,"action":"skip"},{"deliveryId":"lost","action":"retry","afterMs":5}]}`, by[1], by[2], by[5], by[6])).is(200)
	got.has(4, "done").has("gone", "unknown", 0).has("lost", "unknown", 1)
	next := poll("b", 10)
	same(t, places(next), []int{2, 3})
	for _, d := range next {
		if want := map[nacre.Position]int{2: 2, 3: 1}[d.Event.GlobalPosition]; d.Attempt != want {
			t.Errorf("position %d is tried for the %d. time, want %d", d.Event.GlobalPosition, d.Attempt, want)
		}
	}
	h.until(groupPath+"/dead-letters", 1, "totalCount").has(5, "deadLetters", 0, "position")
	h.get(groupPath+"/deliveries").is(200).has(nil, "deliveries", 0, "id")

	// Whoever leaves gives back what it had, and nothing is counted.
	h.post(groupPath+"/leave", `{"consumer":"b"}`).is(200).has(true, "success")
	again := poll("a", 10)
	same(t, places(again), []int{2, 3})
	h.post(groupPath+"/ack", fmt.Sprintf(`{"ack":[%q,%q]}`, again[0].DeliveryID, again[1].DeliveryID)).is(200).has(2, "done")
	last := poll("a", 1)
	same(t, places(last), []int{4})
	h.post(groupPath+"/ack", fmt.Sprintf(`{"ack":[%q]}`, last[0].DeliveryID)).has(1, "done")
	h.until(groupPath, 6, "position").has(0, "open")

	// A poll waits for what comes.
	late := make(chan *result, 1)
	go func() {
		r, err := h.try("POST", groupPath+"/poll", `{"consumer":"w","max":5,"waitMs":60000}`)
		if err != nil {
			t.Error(err)
		}
		late <- r
	}()
	h.until(groupPath, "w", "consumers", 1)
	h.post(logPath+"/streams/order-7", `{"events":[{"type":"order.placed","data":7}]}`).is(201)
	same(t, places((<-late).delivered()), []int{7})

	h.post(groupPath+"/pause", "").is(200)
	h.post(groupPath+"/poll", `{"consumer":"a"}`).refused(wire.CodeSubscriptionHalted, "paused")
	h.post(groupPath+"/ack", `{"ack":["x"]}`).is(200).has("x", "unknown", 0)
}

func TestBadConsumers(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{}`)
	for _, bad := range [][3]string{
		{"poll", ``, "body"},
		{"poll", `{}`, "consumer"},
		{"poll", `{"consumer":""}`, "consumer"},
		{"poll", `{"consumer":"a b"}`, "consumer"},
		{"poll", `{"consumer":"` + strings.Repeat("a", 65) + `"}`, "consumer"},
		{"poll", `{"consumer":"a","max":0}`, "max"},
		{"poll", `{"consumer":"a","max":1001}`, "max"},
		{"poll", `{"consumer":"a","waitMs":-1}`, "waitMs"},
		{"poll", `{"consumer":"a","waitMs":60001}`, "waitMs"},
		{"poll", `{"consumer":"a","wait":1}`, "wait"},
		{"ack", `{}`, "ack"},
		{"ack", `{"consumer":"a"}`, "ack"},
		{"ack", `{"ack":"x"}`, "ack"},
		{"ack", `{"ack":[7]}`, "ack[0]"},
		{"ack", `{"ack":[],"consumer":"ä"}`, "consumer"},
		{"ack", `{"nack":[{}]}`, "nack[0].deliveryId"},
		{"ack", `{"nack":[{"deliveryId":"x","action":"eat"}]}`, "nack[0].action"},
		{"ack", `{"nack":[{"deliveryId":"x","afterMs":3600001}]}`, "nack[0].afterMs"},
		{"ack", `{"nack":[{"deliveryId":"x","reason":"` + strings.Repeat("x", 1001) + `"}]}`, "nack[0].reason"},
		{"ack", `{"nack":[{"deliveryId":"x","colour":1}]}`, "nack[0].colour"},
		{"ack", `{"ack":[` + strings.Repeat(`"x",`, 10_000) + `"x"]}`, "ack[10000]"},
		{"leave", `{}`, "consumer"},
		{"leave", `{"consumer":"a","x":1}`, "x"},
		{"poll?max=1", `{"consumer":"a"}`, "max"},
	} {
		got := h.post(groupPath+"/"+bad[0], bad[1]).refused(nacre.CodeInvalid)
		if got.Details == nil || got.Details.Field != bad[2] {
			t.Errorf("%s %.80s is refused with %+v %s, want the field %s", bad[0], bad[1], got.Details, got.Message, bad[2])
		}
	}
	h.post(groupPath+"/leave", `{"consumer":"nobody"}`).is(200)
}

// consume opens a group's WebSocket.
func (h *harness) consume(query string, header ...string) *talk {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.Cleanup(cancel)
	o := &websocket.DialOptions{HTTPClient: h.web.Client(), HTTPHeader: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		o.HTTPHeader.Set(header[i], header[i+1])
	}
	conn, _, err := websocket.Dial(ctx, h.web.URL+h.prefix+groupPath+"/ws"+query, o) //nolint:bodyclose // the library closes it
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = conn.CloseNow() })
	return &talk{h.T, conn, ctx}
}

// hear reads the next message.
func (c *talk) hear() wire.GroupMessage {
	c.Helper()
	kind, message, err := c.Read(c.ctx)
	if err != nil || kind != websocket.MessageText {
		c.Fatalf("%v %s, %v", kind, message, err)
	}
	doc, err := document()
	if err != nil {
		c.Fatal(err)
	}
	(&checking{t: c.T}).visit(doc, "GroupMessage", message)
	m, err := wire.ParseGroupMessage(message)
	if err != nil {
		c.Fatalf("%s: %v", message, err)
	}
	return m
}

// gets wants deliveries of these positions.
func (c *talk) gets(want ...int) []wire.DeliveryReply {
	c.Helper()
	m := c.hear()
	if m.Deliveries == nil {
		c.Fatalf("the answer is %+v", m)
	}
	same(c.T, places(m.Deliveries.Deliveries), want)
	return m.Deliveries.Deliveries
}

// over wants an error to be the last word.
func (c *talk) over(code nacre.Code, status websocket.StatusCode, words string) {
	c.Helper()
	m := c.hear()
	if nacre.CodeOf(m.Err) != code || !strings.Contains(m.Err.Error(), words) {
		c.Fatalf("the answer is %+v, want %s with %q", m, code, words)
	}
	if _, _, err := c.Read(c.ctx); websocket.CloseStatus(err) != status {
		c.Fatalf("the end is %v, want the status %d", err, status)
	}
}

func TestGroupOverWebSocket(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{"batch":10}`)
	a := h.consume("?consumer=a")
	a.say(`{"poll":{"max":2}}`)
	got := a.gets(1, 3) // what is in line first, up to the number
	a.say(fmt.Sprintf(`{"ack":[%q],"nack":[{"deliveryId":"lost"}]}`, got[0].DeliveryID))
	if m := a.hear(); m.Answered == nil || m.Answered.Done != 1 || !slices.Equal(m.Answered.Unknown, []string{"lost"}) {
		t.Fatalf("the ack is answered with %+v", m)
	}
	// An ack is answered while a poll waits, in its turn.
	b := h.at("/api").consume("")
	b.say(`{"poll":{"consumer":"b","max":10}}`).gets(2, 5, 6)
	a.say(`{"poll":{"max":10,"waitMs":60000}}`).say(fmt.Sprintf(`{"ack":[%q]}`, got[1].DeliveryID))
	if m := a.hear(); m.Answered == nil || m.Answered.Done != 1 {
		t.Fatalf("the ack is answered with %+v", m)
	}
	a.gets(4)
	// Whoever goes gives back what it had.
	a.say(`{"poll":{"max":10,"waitMs":60000}}`)
	_ = b.Close(websocket.StatusNormalClosure, "")
	a.gets(2, 5, 6)
	if list := h.get(groupPath).is(200).json()["consumers"].([]any); !slices.Equal(list, []any{"a"}) {
		t.Errorf("the consumers are %v", list)
	}
	told := string(h.get("/metrics").body)
	if !strings.Contains(told, `nacre_followers{kind="consumer"} 1`) {
		t.Error("the figures do not have the consumer")
	}
	_ = a.CloseNow()
	eventually(t, "the consumers are gone", func() bool {
		h.s.followers.mu.Lock()
		defer h.s.followers.mu.Unlock()
		return h.s.followers.consumers == 0
	})
}

func TestBadConsumerSockets(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{}`)
	h.post(subscriptionsPath, `{"name":"p","kind":"probe","config":{"to":"a"}}`).is(201)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "MDEyMzQ1Njc4OTAxMjM0NQ=="}
	h.get(subscriptionsPath+"/none/ws", upgrade...).refused(wire.CodeSubscriptionNotFound)
	h.get(subscriptionsPath+"/p/ws", upgrade...).refused(wire.CodeSubscriptionWrongKind)
	h.get(groupPath+"/ws?consumer=a%20b", upgrade...).refused(nacre.CodeInvalid, "consumer")
	h.get(groupPath+"/ws?colour=red", upgrade...).refused(nacre.CodeInvalid, "colour")
	h.get(groupPath+"/ws").refused(nacre.CodeInvalid, "WebSocket")
	for message, words := range map[string]string{
		`{"poll":{}}`:                          "poll.consumer",
		`{}`:                                   "poll",
		`7`:                                    "body",
		`{"poll":{"consumer":"a"},"ack":[]}`:   "poll",
		`{"poll":{"consumer":"a","max":2000}}`: "max",
		`{"consumer":"x","ack":[],"nack":7}`:   "nack",
		`{"deliver":1}`:                        "deliver",
	} {
		h.consume("").say(message).over(nacre.CodeInvalid, 4400, words)
	}
	h.consume("?consumer=a").say(`{"poll":{"consumer":"b"}}`).over(nacre.CodeInvalid, 4400, "poll.consumer")
	h.consume("?consumer=a").say(`{"ack":[],"consumer":"b"}`).over(nacre.CodeInvalid, 4400, "consumer")
	c := h.consume("?consumer=c")
	if err := c.Write(c.ctx, websocket.MessageBinary, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	c.over(nacre.CodeInvalid, 4400, "binary")

	h.consume("?consumer=a").say(`{"poll":{"max":1000}}`).gets(1, 2, 5, 6)
	twice := h.consume("?consumer=d")
	twice.say(`{"poll":{"waitMs":60000}}`).say(`{"poll":{}}`)
	twice.over(nacre.CodeInvalid, 4400, "one at a time")
	paused := h.consume("?consumer=e").say(`{"poll":{"waitMs":60000}}`)
	h.until(groupPath, "e", "consumers", 1)
	h.post(groupPath+"/pause", "").is(200)
	paused.over(wire.CodeSubscriptionHalted, 4409, "paused")
	h.post(groupPath+"/resume", "").is(200)
	deleted := h.consume("?consumer=f")
	for n := 0; n < 4; { // they are read again as they come
		m := deleted.say(`{"poll":{"max":1000,"waitMs":60000}}`).hear()
		if m.Deliveries == nil {
			t.Fatalf("the answer is %+v", m)
		}
		n += len(m.Deliveries.Deliveries)
	}
	h.do("DELETE", groupPath, "").is(200)
	deleted.say(`{"poll":{}}`).over(wire.CodeSubscriptionNotFound, 4404, "g")
}

// A socket ends when its key does.
func TestConsumerSocketEndsWithItsKey(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Heartbeat: 50 * time.Millisecond})
	g.pingsLong()
	g.post(subscriptionsPath, `{"name":"g","kind":"group"}`, g.root...).is(201)
	secret, key, err := g.keys.Create(access.KeySpec{Name: "short", Permissions: []string{"read:events"}})
	if err != nil {
		t.Fatal(err)
	}
	socket := g.consume("?consumer=a&apiKey=" + secret).say(`{"poll":{"waitMs":60000}}`)
	if _, err := g.keys.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	socket.over(wire.CodeUnauthorized, 4401, "")
}

// Sockets end when the server stops, whatever they wait for; one whose client reads nothing ends by itself.
func TestConsumerSocketsEnd(t *testing.T) {
	t.Parallel()
	h := newGroup(t, `{}`)
	socket := h.consume("?consumer=b")
	socket.say(`{"poll":{"max":1000}}`).gets(1, 2, 5, 6)
	socket.say(`{"poll":{"waitMs":60000}}`)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- h.s.Close(ctx) }()
	socket.over(wire.CodeShuttingDown, websocket.StatusGoingAway, "shutting down")
	if err := <-closed; err != nil {
		t.Error(err)
	}

	dead, _ := delivering(t, &Options{Heartbeat: 5 * time.Millisecond})
	dead.post(subscriptionsPath, `{"name":"g","kind":"group"}`).is(201)
	dead.consume("?consumer=c") // it answers pings while it reads, which it does not
	eventually(t, "a silent consumer is gone", func() bool {
		return strings.Contains(string(dead.get("/metrics").body), `nacre_followers_ended_total{kind="consumer",reason="stalled"} 1`)
	})
}

// Sockets count among those that follow.
func TestTooManyConsumers(t *testing.T) {
	t.Parallel()
	h, _ := delivering(t, &Options{MaxFollowers: 2})
	h.post(subscriptionsPath, `{"name":"g","kind":"group"}`).is(201)
	h.consume("?consumer=a")
	h.socket("?after=0")
	h.refusedSocket(wire.CodeTooManyConnections, "?after=0")
	h.get(groupPath+"/ws", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "MDEyMzQ1Njc4OTAxMjM0NQ==").refused(wire.CodeTooManyConnections)
}
