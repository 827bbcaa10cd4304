package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// panicking is a store whose head panics.
type panicking struct{ nacre.Driver }

func (p panicking) Head(context.Context) (nacre.Head, error) { panic("secret of the driver") }

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	b := newMemory()
	b.make = func(string) *nacre.Store { return nacre.NewStore(panicking{memoryDriver()}, nil) }
	h := newHarness(t, &Options{Backend: b})
	r := h.get(logPath+"/head", headerRequestID, "my-request")
	r.refused(nacre.CodeInternal)
	if strings.Contains(string(r.body), "secret") || r.header.Get(headerRequestID) != "my-request" {
		t.Errorf("the reply is %s, %v", r.body, r.header)
	}
	for _, want := range []string{"a handler panicked", "secret of the driver", "robust_test.go", "my-request"} {
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`).is(201)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	if r := h.get(logPath+"/head", headerRequestID, "abc/1").is(200); r.header.Get(headerRequestID) != "abc/1" {
		t.Errorf("the reply has %q", r.header.Get(headerRequestID))
	}
	for _, bad := range []string{"a b", strings.Repeat("x", 129)} {
		if r := h.get(logPath+"/nothing", headerRequestID, bad).is(404); len(r.header.Get(headerRequestID)) != 26 {
			t.Errorf("for %q the reply has %q", bad, r.header.Get(headerRequestID))
		}
	}
	made := h.get("/nothing").header.Get(headerRequestID)
	if len(made) != 26 || !strings.Contains(h.log.String(), "request="+made) {
		t.Errorf("the id that was made is %q", made)
	}
}

// raw opens a connection and writes to it.
func (h *harness) raw(text string) net.Conn {
	h.Helper()
	conn, err := new(net.Dialer).DialContext(h.Context(), "tcp", h.web.Listener.Addr().String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		h.Fatal(err)
	}
	return conn
}

func readReply(t *testing.T, conn net.Conn) *result {
	t.Helper()
	reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readAll(t, reply)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBodiesThatPauseAndBreakOff(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{MaxBodyBytes: 1 << 20})
	const head = "POST " + logPath + "/streams/s-1 HTTP/1.1\r\nHost: localhost\r\n"
	h.readsWithin(50 * time.Millisecond)
	readReply(t, h.raw(head+"Content-Length: 100\r\n\r\n{")).refused(nacre.CodeDeadline, "in time")
	h.readsWithin(time.Minute)
	conn := h.raw(head + "Content-Length: 100\r\n\r\n{")
	_ = conn.(*net.TCPConn).CloseWrite()
	readReply(t, conn).refused(nacre.CodeInvalid, "broke off")
	// One that is announced as too large is refused before it is sent.
	r := readReply(t, h.raw(head+"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"))
	if r.refused(nacre.CodeTooLarge, "1048576"); !r.close {
		t.Error("the connection stays")
	}
	h.get(logPath+"/head").has(0, "globalPosition")
}

// Whoever sends a byte now and then is not waited for longer than who sends nothing; a body that keeps its
// pace may take as long as it needs.
func TestBodiesThatAreSlow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{ReadTimeout: 100 * time.Millisecond})
	conn := h.raw("POST " + logPath + "/streams/s-1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
	dripped := make(chan struct{})
	go func() {
		defer close(dripped)
		for range 100_000 {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	readReply(t, conn).refused(nacre.CodeDeadline, "in time")
	_ = conn.Close()
	<-dripped

	x := &exchange{s: &Server{o: Options{ReadTimeout: time.Minute}}}
	first := x.bodyDeadline(0)
	if later := x.bodyDeadline(0); !later.Equal(first) {
		t.Errorf("who sends nothing is waited for until %v, and later until %v", first, later)
	}
	x.bodyBegun = x.bodyBegun.Add(-time.Hour)
	if late := x.bodyDeadline(3601 << 10); late.Before(first) {
		t.Errorf("an hour behind its begin, a body at its pace is waited for until %v only", late)
	}
}

// A client that reads nothing is cut off, and what it had of the store is given back.
func TestClientsThatDoNotRead(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.post("/event-stores", `{"name":"large"}`).is(201)
	large := `{"type":"a","data":"` + strings.Repeat("x", 1<<20-4096) + `"}`
	for range 8 {
		h.post("/event-stores/large/streams/s-1", `{"events":[`+large+`,`+large+`]}`).is(201)
	}
	h.writesWithin(200 * time.Millisecond)
	conn := h.raw("GET /event-stores/large/events HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n")
	waitFor(t, func() bool { return strings.Contains(h.log.String(), "path=/event-stores/large/events") })
	h.writesWithin(time.Minute)
	n, err := io.Copy(io.Discard, conn)
	if n > 16<<20 {
		t.Errorf("the client got %d bytes, %v", n, err)
	}
	h.do("DELETE", "/event-stores/large?confirm=true", "").is(200)
	if strings.Contains(h.log.String(), "while requests still use it") {
		t.Error("the store was still used")
	}
}

// waitFor waits for something that is about to be so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass in 30 s")
		}
	}
}

func TestFailedStoresAreTold(t *testing.T) {
	t.Parallel()
	b := newMemory()
	b.make = func(string) *nacre.Store { return nacre.NewStore(failedDriver{memoryDriver()}, nil) }
	h := newHarness(t, &Options{Backend: b})
	h.get("/readyz").is(200)
	h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`).refused(nacre.CodeFailed)
	h.get("/readyz").refused(nacre.CodeFailed, "default")
	h.get(logPath).is(200).has("failed", "status")
	metrics := string(h.get("/metrics").is(200).body)
	for _, want := range []string{`nacre_store_usable{store="default"} 0`, `nacre_store_errors_total{store="default"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the figures do not have %s", want)
		}
	}
}

type failedDriver struct{ nacre.Driver }

func (failedDriver) Append(context.Context, []nacre.Append, *nacre.Condition) ([]nacre.Appended, error) {
	return nil, nacre.Errorf(nacre.CodeFailed, "a sync failed")
}

// System is nil, so that opening a store writes nothing.
func (failedDriver) System() nacre.Driver { return nil }

func TestFigures(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{Version: "1.2.3"})
	h.fill()
	h.post("/event-stores", `{"name":"brief"}`).is(201)
	h.post("/event-stores/brief/streams/s-1", `{"events":[{"type":"a","data":1,"eventId":"e"}]}`).is(201)
	h.post("/event-stores/brief/streams/s-1", `{"events":[{"type":"a","data":1,"eventId":"e"}]}`).is(200)
	h.get(logPath + "/streams/order-1").is(200)
	h.post(logPath+"/streams/order-1", `{`).is(400)
	h.get("/nothing").is(404)
	told := string(h.get("/metrics").is(200).body)
	for _, want := range []string{
		`nacre_http_requests_total{method="POST",route="/event-stores/{store}/streams/{stream}",status="201"} 6`,
		`nacre_http_requests_total{method="POST",route="/event-stores/{store}/streams/{stream}",status="400"} 1`,
		`nacre_http_requests_total{method="GET",route="/event-stores/{store}/streams/{stream}",status="200"} 1`,
		`nacre_http_requests_total{method="unknown",route="unknown",status="404"} 1`,
		`nacre_http_request_duration_seconds_count{method="POST",route="/event-stores/{store}/streams/{stream}"} 8`,
		`nacre_appended_events_total{store="default"} 6`,
		`nacre_appended_events_total{store="brief"} 1`,
		`nacre_store_head_position{store="default"} 6`,
		`nacre_store_events{store="brief"} 1`,
		`nacre_store_usable{store="default"} 1`,
		`nacre_build_info{version="1.2.3"} 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the figures do not have %s", want)
		}
	}
	h.do("DELETE", "/event-stores/brief?confirm=true", "").is(200)
	if told := string(h.get("/metrics").body); strings.Contains(told, `store="brief"`) {
		t.Error("the figures have a store that is no more")
	}
	if !strings.Contains(h.log.String(), "level=DEBUG msg=request method=GET path=/nothing status=404") {
		t.Error("the log has no requests")
	}
}
