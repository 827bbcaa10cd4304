package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// talk is a client's end of a WebSocket.
type talk struct {
	*testing.T
	*websocket.Conn
	ctx context.Context
}

func (h *harness) dial(query string, header ...string) (*talk, *http.Response, error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.Cleanup(cancel)
	o := &websocket.DialOptions{HTTPClient: h.web.Client(), HTTPHeader: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		o.HTTPHeader.Set(header[i], header[i+1])
	}
	conn, reply, err := websocket.Dial(ctx, h.web.URL+logPath+"/events/ws"+query, o)
	if err != nil {
		return nil, reply, err
	}
	conn.SetReadLimit(-1)
	h.Cleanup(func() { _ = conn.CloseNow() })
	return &talk{h.T, conn, ctx}, reply, nil
}

// socket opens a WebSocket.
func (h *harness) socket(query string, header ...string) *talk {
	h.Helper()
	c, _, err := h.dial(query, header...) //nolint:bodyclose // the library closes it
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// refusedSocket wants a handshake to be answered with an error.
func (h *harness) refusedSocket(code nacre.Code, query string, header ...string) {
	h.Helper()
	_, reply, err := h.dial(query, header...)
	if err == nil {
		h.Fatalf("%s was taken", query)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		h.Fatal(err)
	}
	(&result{t: h.T, status: reply.StatusCode, header: reply.Header, body: text}).refused(code)
}

func (c *talk) say(message string) *talk {
	c.Helper()
	if err := c.Write(c.ctx, websocket.MessageText, []byte(message)); err != nil {
		c.Fatal(err)
	}
	return c
}

func (c *talk) next() wire.Frame {
	c.Helper()
	kind, message, err := c.Read(c.ctx)
	if err != nil || kind != websocket.MessageText {
		c.Fatalf("%v %s, %v", kind, message, err)
	}
	f, err := wire.ParseFrame(message)
	if err != nil {
		c.Fatalf("%s: %v", message, err)
	}
	return f
}

func (c *talk) events(want ...nacre.Position) *talk {
	c.Helper()
	for _, p := range want {
		f := c.next()
		if f.Kind != wire.FrameEvent || !strings.Contains(string(f.Line), fmt.Sprintf(`"globalPosition":%d,`, p)) {
			c.Fatalf("frame %+v %s, want the event at %d", f, f.Line, p)
		}
	}
	return c
}

func (c *talk) caughtUp(want nacre.Position) wire.Cursor {
	c.Helper()
	f := c.next()
	if f.Kind != wire.FrameCaughtUp || f.Cursor.Position != want || f.Cursor.Epoch == "" {
		c.Fatalf("frame %+v, want caught-up at %d", f, want)
	}
	return f.Cursor
}

// ended wants an error frame, and a close frame that says the same.
func (c *talk) ended(status int, code nacre.Code, words string) {
	c.Helper()
	if f := c.next(); f.Kind != wire.FrameError || nacre.CodeOf(f.Err) != code || !strings.Contains(f.Err.Error(), words) {
		c.Fatalf("frame %+v, want the error %s with %q", f, code, words)
	}
	_, message, err := c.Read(c.ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusCode(status) || !strings.HasPrefix(closed.Reason, string(code)) {
		c.Fatalf("behind the end comes %s, %v", message, err)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.fill()
	c := h.socket("?after=2")
	cursor := c.events(3, 4, 5, 6).caughtUp(6)
	h.post(logPath+"/streams/order-3", `{"events":[{"type":"order.placed","data":{}},{"type":"order.paid","data":{}}]}`).is(201)
	c.events(7, 8)
	h.socket("", wire.HeaderLastEventID, cursor.String()).events(7, 8).caughtUp(8)
	h.socket(`?filter={"type":"order.placed","streamId":"order-3"}&clientId=me`).events(7).caughtUp(8)

	// What is followed may be said in the first message.
	h.socket("").say(`{"action":"subscribe"}`).events(1, 2, 3, 4, 5, 6, 7, 8).caughtUp(8)
	h.socket("?clientId=you").say(`{"action":"subscribe","after":"`+cursor.String()+`"}`).events(7, 8).caughtUp(8)
	deltaBase := h.socket("").say(`{"action":"subscribe","eventFilter":"payment.*"}`)
	deltaBase.events(2, 6).caughtUp(8)
	items := h.socket("").say(`{"action":"subscribe","filter":{"items":[{"categories":["order"],"tags":["customer:8"]}]},"after":0}`)
	items.events(5).caughtUp(8)
	h.post(logPath+"/streams/payment-3", `{"events":[{"type":"payment.taken","data":{}}]}`).is(201)
	deltaBase.events(9)
	c.events(9)
	h.get(logPath+"/websocket-connections").is(200).has(7, "totalCount").has("websocket", "connections", 0, "transport").
		has(9, "connections", 0, "globalPosition").has(7, "connections", 0, "eventsSent")
	for _, c := range []*talk{c, deltaBase, items} {
		if err := c.Close(websocket.StatusNormalClosure, "enough"); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "three have left", func() bool { return h.get(logPath + "/websocket-connections").json()["totalCount"] == 4.0 })
}

func TestWebSocketRefuses(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{MaxFollowers: 1, TrustedOrigins: []string{"https://trusted.example"}, ReadTimeout: 30 * time.Second})
	h.fill()
	h.refusedSocket(nacre.CodeLogRewound, "?after=7")
	h.refusedSocket(nacre.CodeInvalid, "?typ=x")
	h.refusedSocket(wire.CodeCrossOrigin, "", "Origin", "https://evil.example")
	h.get(logPath + "/events/ws").refused(nacre.CodeInvalid)
	h.get(logPath+"/events/ws", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "7").refused(nacre.CodeInvalid)
	h.alone()
	for _, c := range []struct {
		query, message string
		status         int
		code           nacre.Code
		words          string
	}{
		{"", `{"action":"unsubscribe"}`, 4400, nacre.CodeInvalid, "unsubscribe"},
		{"", `{"action":"subscribe","fliter":{}}`, 4400, nacre.CodeInvalid, "fliter"},
		{"", `{"action":"subscribe","after":99}`, 4410, nacre.CodeLogRewound, "99"},
		{"", `{"action":"subscribe","filter":{"data.x":1}}`, 4501, nacre.CodeUnsupported, "data.x"},
		{"", "hello", 4400, nacre.CodeInvalid, ""},
		{"?after=6", `{"action":"unsubscribe"}`, 4400, nacre.CodeInvalid, "unsubscribe"},
		{"?after=6", `{"action":"subscribe"}`, 4400, nacre.CodeInvalid, "one subscription"},
	} {
		s := h.socket(c.query, "Origin", "https://trusted.example")
		if c.query != "" {
			s.caughtUp(6)
			h.refusedSocket(wire.CodeTooManyConnections, "")
		}
		s.say(c.message).ended(c.status, c.code, c.words)
		h.alone()
	}
	s := h.socket("", "Origin", h.web.URL) // its own origin
	if err := s.Write(s.ctx, websocket.MessageBinary, []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.ended(4400, nacre.CodeInvalid, "binary")
	h.alone()

	s = h.socket("")
	s.say(strings.Repeat("x", maxMessage+1))
	if _, _, err := s.Read(s.ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("a message that is too long: %v", err)
	}
	h.alone()
}

func TestWebSocketWaitsForItsSubscriptionOnlySoLong(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{ReadTimeout: 20 * time.Millisecond})
	h.socket("").ended(4504, nacre.CodeDeadline, "subscribe")
}

func TestWebSocketIsToldWhyItEnds(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	one, two, last := h.socket("?after=0&clientId=me"), h.socket("?after=0&clientId=me"), h.socket("?after=0")
	for _, c := range []*talk{one, two, last} {
		c.caughtUp(0)
	}
	h.do(http.MethodDelete, logPath+"/websocket-connections/me", "").is(200).has(2, "connectionsClosedCount")
	one.ended(4499, nacre.CodeCanceled, "operator")
	two.ended(4499, nacre.CodeCanceled, "operator")
	closed := make(chan error, 1)
	go func() { closed <- h.s.Close(context.Background()) }()
	last.ended(1001, wire.CodeShuttingDown, "shutting down")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	h.alone()
}

func TestWebSocketPings(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{Heartbeat: 20 * time.Millisecond})
	h.pingsLong()
	h.fill()
	c := h.socket("?type=order.paid")
	c.events(3).caughtUp(6)
	// The library answers pings while it reads; what is passed over is told with them.
	h.post(logPath+"/streams/other-1", `{"events":[{"type":"nothing","data":{}}]}`).is(201)
	c.caughtUp(7)
	h.post(logPath+"/streams/order-1", `{"events":[{"type":"order.paid","data":{}}]}`).is(201)
	c.events(8)
	go func() { _, _, _ = c.Read(c.ctx) }()
	if err := c.Ping(c.ctx); err != nil {
		t.Error(err)
	}

	// Who answers none is ended.
	hurried := newHarness(t, &Options{Heartbeat: 20 * time.Millisecond})
	conn, in := hurried.rawSocket("?after=0", 4096)
	defer conn.Close()
	go func() { _, _ = io.Copy(io.Discard, in) }()
	hurried.stalled("kind=websocket")
}

// rawSocket opens a WebSocket and gives what is below it.
func (h *harness) rawSocket(query string, buffer int) (net.Conn, *bufio.Reader) {
	h.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.web.URL, "http://"))
	if err != nil {
		h.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
		h.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET %s/events/ws%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", logPath, query)
	in := bufio.NewReader(conn)
	reply, err := http.ReadResponse(in, nil) //nolint:bodyclose // it has none: the connection is a socket now
	if err != nil || reply.StatusCode != http.StatusSwitchingProtocols || reply.Header.Get("X-Content-Type-Options") != "nosniff" {
		h.Fatalf("%+v, %v", reply, err)
	}
	return conn, in
}

func TestWebSocketThatReadsNothingIsEnded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.big(100)
	h.writesWithin(200 * time.Millisecond)
	conn, _ := h.rawSocket("?after=0", 4096)
	defer conn.Close()
	h.stalled("kind=websocket")
	h.writesWithin(time.Minute)
	if text := string(h.get("/metrics").body); !strings.Contains(text, `nacre_followers_ended_total{kind="websocket",reason="stalled"} 1`) {
		t.Errorf("the stalled follower was not counted:\n%s", text)
	}
	h.alone()
}

// TestFollowersAndGrants follows with keys that end, and that reach only some streams.
func TestFollowersAndGrants(t *testing.T) {
	t.Parallel()
	keys, err := access.OpenKeys(t.TempDir()+"/keys.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	newKey := func(name string, streams ...string) (secret, id string) {
		t.Helper()
		secret, info, err := keys.Create(access.KeySpec{Name: name, Permissions: []string{"*"}, Streams: streams})
		if err != nil {
			t.Fatal(err)
		}
		return secret, info.ID
	}
	all, _ := newKey("all")
	some, id := newKey("some", "order-1")
	a, err := access.NewAuthenticator(&access.AuthenticatorOptions{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, &Options{Access: a, Heartbeat: 10 * time.Millisecond})
	h.pingsLong()
	for _, stream := range []string{"order-1", "payment-1", "order-1"} {
		h.post(logPath+"/streams/"+stream, `{"events":[{"type":"a","data":{}}]}`, wire.HeaderAPIKey, all).is(201)
	}
	h.listen("").refused(wire.CodeUnauthorized)
	h.refusedSocket(wire.CodeUnauthorized, "")
	h.listen("?apiKey="+all).events(1, 2, 3).caughtUp(3)
	s, c := h.listen("?apiKey="+some), h.socket("?after=0&apiKey="+some)
	s.events(1, 3).caughtUp(3)
	c.events(1, 3).caughtUp(3)
	asked := h.socket("?apiKey=" + some).say(`{"action":"subscribe"}`)
	asked.events(1, 3).caughtUp(3)
	h.listen("?streamId=payment-1&apiKey=" + some).refused(wire.CodeForbidden)
	h.socket("?apiKey="+some).say(`{"action":"subscribe","filter":{"streamId":"payment-1"}}`).ended(4403, wire.CodeForbidden, "payment-1")
	h.get(logPath+"/websocket-connections", wire.HeaderAPIKey, some).refused(wire.CodeForbidden)
	h.do(http.MethodDelete, logPath+"/websocket-connections/x", "", wire.HeaderAPIKey, some).refused(wire.CodeForbidden)
	for _, stream := range []string{"payment-1", "order-1"} {
		h.post(logPath+"/streams/"+stream, `{"events":[{"type":"a","data":{}}]}`, wire.HeaderAPIKey, all).is(201)
	}
	s.events(5)
	if _, err := keys.Revoke(id); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == wire.FrameError {
			if nacre.CodeOf(f.Err) != wire.CodeUnauthorized {
				t.Errorf("the end of a key is told as %v", f.Err)
			}
			break
		}
	}
}
