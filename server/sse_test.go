package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// stream is a follower's end of server-sent events.
type stream struct {
	*testing.T
	*wire.SSEReader
	reply *http.Response
	end   context.CancelFunc
}

// listen follows the default store; headers are pairs.
func (h *harness) listen(query string, headers ...string) *stream {
	h.Helper()
	return listen(h.T, h.web.Client(), h.web.URL+logPath+"/events"+query, headers...)
}

func listen(t *testing.T, client *http.Client, address string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", wire.TypeSSE)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reply.Body.Close() })
	return &stream{T: t, SSEReader: wire.NewSSEReader(reply.Body, 0), reply: reply, end: cancel}
}

// refused wants the reply to be an error.
func (s *stream) refused(code nacre.Code) wire.ErrorBody {
	s.Helper()
	text, err := io.ReadAll(s.reply.Body)
	if err != nil {
		s.Fatal(err)
	}
	r := &result{t: s.T, status: s.reply.StatusCode, header: s.reply.Header, body: text}
	return r.refused(code)
}

// events wants the next frames to be these positions' events.
func (s *stream) events(want ...nacre.Position) *stream {
	s.Helper()
	for _, p := range want {
		f, err := s.Next()
		if err != nil || f.Kind != wire.FrameEvent || f.Cursor.Position != p || f.Cursor.Epoch == "" {
			s.Fatalf("frame %+v, %v, want the event at %d", f, err, p)
		}
		var e nacre.Event
		if err := json.Unmarshal(f.Line, &e); err != nil || e.GlobalPosition != p || !strings.Contains(string(f.Line), `"crc"`) {
			s.Fatalf("line %s, %v, want the stored one of %d", f.Line, err, p)
		}
	}
	return s
}

func (s *stream) caughtUp(want nacre.Position) wire.Cursor {
	s.Helper()
	f, err := s.Next()
	if err != nil || f.Kind != wire.FrameCaughtUp || f.Cursor.Position != want {
		s.Fatalf("frame %+v, %v, want caught-up at %d", f, err, want)
	}
	return f.Cursor
}

// ended wants an error frame, and nothing behind it.
func (s *stream) ended(code nacre.Code, words string) {
	s.Helper()
	f, err := s.Next()
	if err != nil || f.Kind != wire.FrameError || nacre.CodeOf(f.Err) != code || !strings.Contains(f.Err.Error(), words) {
		s.Fatalf("frame %+v, %v, want the error %s with %q", f, err, code, words)
	}
	if f, err := s.Next(); !errors.Is(err, io.EOF) {
		s.Fatalf("behind the end comes %+v, %v", f, err)
	}
}

// eventually waits for something that needs no more than a moment.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("it did not come to pass: %s", what)
}

// alone waits until nobody follows.
func (h *harness) alone() {
	h.Helper()
	eventually(h.T, "nobody follows", func() bool {
		h.s.followers.mu.Lock()
		defer h.s.followers.mu.Unlock()
		return len(h.s.followers.all) == 0 && len(h.s.followers.feeds) == 0 && h.s.followers.consumers == 0
	})
}

func TestSSE(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		s := h.listen("")
		for name, want := range map[string]string{
			"Content-Type": wire.TypeSSE, "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff",
		} {
			if got := s.reply.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		cursor := s.events(1, 2, 3, 4, 5, 6).caughtUp(6)
		h.post(logPath+"/streams/order-3", `{"events":[{"type":"order.placed","data":{}},{"type":"order.paid","data":{}}]}`).is(201)
		s.events(7, 8)

		// Again, by each form of a cursor.
		h.listen("", wire.HeaderLastEventID, cursor.String()).events(7, 8).caughtUp(8)
		h.listen("?after=3", wire.HeaderLastEventID, cursor.String()).events(7, 8).caughtUp(8)
		h.listen("?after="+cursor.String()).events(7, 8).caughtUp(8)
		h.listen("?after=7").events(8).caughtUp(8)

		// By filter, in the history and behind it.
		filtered := h.listen("?type=order.*&category=order")
		filtered.events(1, 3, 4, 5, 7, 8).caughtUp(8)
		tagged := h.listen("?tag=customer:7")
		tagged.events(1, 2).caughtUp(8)
		flat := h.listen(`?filter={"type":"payment.*"}`)
		flat.events(2, 6).caughtUp(8)
		one := h.listen("?streamId=order-2&eventFilter=*.placed")
		one.events(5).caughtUp(8)
		dated := h.listen("?toDate=2001-01-01")
		dated.caughtUp(8)
		h.post(logPath+"/streams/payment-2", `{"events":[{"type":"payment.taken","data":{},"tags":["customer:7"]}]}`).is(201)
		h.post(logPath+"/streams/order-2", `{"events":[{"type":"order.placed","data":{}}]}`).is(201)
		s.events(9, 10)
		filtered.events(10)
		tagged.events(9)
		flat.events(9)
		one.events(10)
	})
}

func TestSSERefuses(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{MaxFollowers: 1})
	h.fill()
	h.listen("?after=7").refused(nacre.CodeLogRewound)
	h.listen("", wire.HeaderLastEventID, "3@other").refused(nacre.CodeLogRewound)
	h.listen("", wire.HeaderLastEventID, "x").refused(nacre.CodeInvalid)
	h.listen("?typ=a").refused(nacre.CodeInvalid)
	h.listen("?limit=5").refused(nacre.CodeInvalid)
	h.listen("?clientId=" + strings.Repeat("x", 200)).refused(nacre.CodeInvalid)
	h.alone()

	first := h.listen("")
	first.events(1)
	h.listen("").refused(wire.CodeTooManyConnections)
	first.end()
	h.alone() // at once, not at the next sign of life
	h.listen("").events(1)
}

func TestSSEHead(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	r := h.do(http.MethodHead, logPath+"/events", "", "Accept", wire.TypeSSE).is(200)
	if got := r.header.Get("Content-Type"); got != wire.TypeSSE {
		t.Errorf("the type is %q", got)
	}
	h.alone()
}

func TestSSESignsOfLife(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{Heartbeat: 5 * time.Millisecond})
	h.fill()
	s := h.listen("?type=order.paid")
	in := bufio.NewScanner(s.reply.Body)
	var seen []string
	for in.Scan() {
		seen = append(seen, in.Text())
		if strings.HasPrefix(in.Text(), "data: {\"globalPosition\":6") {
			h.post(logPath+"/streams/order-9", `{"events":[{"type":"nothing","data":{}}]}`).is(201)
		}
		// The cursor moves on with what is passed over, and the page is not told.
		if strings.HasPrefix(in.Text(), "id: 7@") {
			if last := seen[len(seen)-2]; last != ":" {
				t.Errorf("before the cursor comes %q", last)
			}
			break
		}
	}
	if text := strings.Join(seen, "\n"); !strings.HasPrefix(text, "retry: ") || !strings.Contains(text, "\n\n:\n") {
		t.Errorf("the stream has no hint or no comment:\n%s", text)
	}
}

func TestSSEIsToldWhyItEnds(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.post("/event-stores", `{"name":"other"}`).is(201)
	other := listen(t, h.web.Client(), h.web.URL+"/event-stores/other/events?clientId=me")
	other.caughtUp(0)
	ended := listen(t, h.web.Client(), h.web.URL+"/event-stores/other/events?clientId=you&type=a.*", "User-Agent", "tester")
	ended.caughtUp(0)

	h.get("/event-stores/other/websocket-connections").is(200).has(2, "totalCount").has("other", "eventStoreName")
	h.get("/event-stores/other/websocket-connections?clientId=you").is(200).has(1, "totalCount").
		has("tester", "connections", 0, "userAgent").has("127.0.0.1", "connections", 0, "ipAddress").
		has("sse", "connections", 0, "transport").has("a.*", "connections", 0, "filter", "items", 0, "types", 0)
	h.get("/event-stores/other/websocket-connections?limit=1&offset=1").is(200).has("you", "connections", 0, "clientId").has(2, "totalCount")
	h.get("/event-stores/other/websocket-connections?limit=1").is(200).has(true, "pagination", "hasMore")
	h.do(http.MethodDelete, "/event-stores/other/websocket-connections/nobody", "").refused(nacre.CodeNotFound)
	h.do(http.MethodDelete, "/event-stores/other/websocket-connections/you?reason=too%20loud", "").is(200).has(1, "connectionsClosedCount")
	ended.ended(nacre.CodeCanceled, "too loud")

	h.do(http.MethodDelete, "/event-stores/other?confirm=true", "").is(200)
	other.ended(wire.CodeStoreNotFound, "other")

	last := h.listen("")
	last.caughtUp(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- h.s.Close(ctx) }()
	last.ended(wire.CodeShuttingDown, "shutting down")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	h.alone()
}

// deaf is a client that reads only when it wants to.
func deaf(t *testing.T, address, path string, buffer int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n", path, wire.TypeSSE)
	return conn
}

// big appends n events of 50 kB, n being a multiple of ten.
func (h *harness) big(n int) {
	h.Helper()
	event := `{"type":"big","data":"` + strings.Repeat("x", 50_000) + `"}`
	for range n / 10 {
		h.post(logPath+"/streams/big-1", `{"events":[`+strings.Repeat(event+",", 9)+event+`]}`, wire.HeaderPrefer, wire.PreferMinimal).is(201)
	}
}

func TestWhoReadsNothingIsEnded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.big(100)
	h.writesWithin(200 * time.Millisecond)
	deaf(t, h.web.URL, logPath+"/events", 4096)
	h.stalled(`level=WARN msg="a follower ended" kind=sse store=default`)
	h.writesWithin(time.Minute)
	if text := string(h.get("/metrics").body); !strings.Contains(text, `nacre_followers_ended_total{kind="sse",reason="stalled"} 1`) {
		t.Errorf("the stalled follower was not counted:\n%s", text)
	}
	h.alone()
}

// stalled waits until a follower that reads nothing was ended, which is logged with the words.
func (h *harness) stalled(words string) {
	h.Helper()
	waitFor(h.T, func() bool {
		for line := range strings.Lines(h.log.String()) {
			if strings.Contains(line, "reason=stalled") && strings.Contains(line, words) {
				return true
			}
		}
		return false
	})
}

func TestWhoReadsSlowlyGetsEverything(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.big(40)
	conn := deaf(t, h.web.URL, logPath+"/events", 64<<10)
	in := bufio.NewReaderSize(conn, 4096)
	reply, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	s := &stream{T: t, SSEReader: wire.NewSSEReader(&slowly{r: reply.Body}, 0), reply: reply}
	for p := range nacre.Position(40) {
		s.events(p + 1)
	}
	s.caughtUp(40)
}

// slowly reads with pauses.
type slowly struct {
	r io.Reader
	n int
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.n++; s.n%64 == 0 {
		time.Sleep(time.Millisecond)
	}
	return s.r.Read(p[:min(len(p), 2048)])
}

func TestSSEOverHTTP2(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.big(120)
	web := httptest.NewUnstartedServer(h.s.Handler())
	web.EnableHTTP2 = true
	web.StartTLS()
	t.Cleanup(web.Close)
	s := listen(t, web.Client(), web.URL+logPath+"/events?after=118")
	if s.reply.ProtoMajor != 2 || s.reply.TLS.NegotiatedProtocol != "h2" {
		t.Fatalf("the protocol is %s", s.reply.Proto)
	}
	s.events(119, 120).caughtUp(120)
	h.fill()
	s.events(121, 122, 123, 124, 125, 126)
	h.fill2()
	s.events(127)

	// Over TLS with HTTP/1.1 the connection is its own.
	transport := web.Client().Transport.(*http.Transport).Clone()
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.TLSClientConfig.NextProtos = nil
	defer transport.CloseIdleConnections()
	one := listen(t, &http.Client{Transport: transport}, web.URL+logPath+"/events?after=125")
	if one.reply.ProtoMajor != 1 {
		t.Fatalf("the protocol is %s", one.reply.Proto)
	}
	one.events(126, 127).caughtUp(127)
	s.end()
	one.end()
	h.alone()
}

func (h *harness) fill2() {
	h.Helper()
	h.post(logPath+"/streams/order-2", `{"events":[{"type":"order.paid","data":{}}]}`).is(201)
}
