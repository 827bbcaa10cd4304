package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

func TestBody(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		say(w, "thanks\n\x00\u202e ok")
	})
	k := newKind(t, nil)
	s := open(t, k, configOf(t, r.URL+"/in?x=1", map[string]any{"headers": map[string]string{"Authorization": "Bearer x"}}))
	e := event(1)
	receipt, err := s.Send(t.Context(), batchOf(e))
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Status != 201 || receipt.Response != `thanks\n\x00\u202e ok` {
		t.Errorf("the receipt is %+v", receipt)
	}
	got := r.last(t)
	line, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event":` + string(line) + `,"eventStoreName":"shop","eventStoreId":"nacre:shop","subscriptionId":"hook"}`
	if string(got.body) != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
	if got.path != "/in?x=1" {
		t.Errorf("it went to %s", got.path)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Webhook-Id": "hook:0123abcd:42", "Webhook-Timestamp": fmt.Sprint(at.Unix()),
		"Authorization": "Bearer x", "User-Agent": "Nacre-Webhooks/1.0", "Content-Length": fmt.Sprint(len(want)), "Accept-Encoding": "",
	} {
		if got.header.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), value)
		}
	}

	s = open(t, k, configOf(t, r.URL, map[string]any{"eventStoreName": `the "shop"`, "headers": map[string]string{"user-agent": "mine"}}))
	if _, err := s.Send(t.Context(), batchOf(e, event(2))); err != nil {
		t.Fatal(err)
	}
	got = r.last(t)
	var body struct {
		Events                                       []nacre.Event
		EventStoreName, EventStoreID, SubscriptionID string
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if len(body.Events) != 2 || body.Events[1].GlobalPosition != 2 || body.EventStoreName != `the "shop"` || body.EventStoreID != "nacre:shop" || got.header.Get("User-Agent") != "mine" {
		t.Errorf("got %s", got.body)
	}
	if len(members(t, got.body)) != 4 {
		t.Errorf("got %s", got.body)
	}
}

// Whatever the status, the body decides nothing.
func TestStatus(t *testing.T) {
	t.Parallel()
	status, header := 200, map[string]string{}
	r := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	})
	s := open(t, newKind(t, nil), configOf(t, r.URL, nil))
	for _, c := range []struct {
		status int
		retry  string
		after  time.Duration
		says   string
	}{
		{status: 200},
		{status: 202},
		{status: 204},
		{status: 299},
		{status: 299, retry: "60"},
		{status: 400, says: "log"},
		{status: 401, says: "config.headers"},
		{status: 403, says: "clocks"},
		{status: 404, says: "config.url"},
		{status: 405, says: "POST"},
		{status: 410, says: "delete"},
		{status: 413, says: "policy.batch"},
		{status: 415, says: "config.format"},
		{status: 418, says: "200 to 299"},
		{status: 429, retry: "7", after: 7 * time.Second, says: "policy.parallel"},
		{status: 500, says: "log"},
		{status: 503, retry: at.Add(90 * time.Second).Format(http.TimeFormat), after: 90 * time.Second, says: "log"},
		{status: 503, retry: at.Add(-time.Hour).Format(http.TimeFormat), says: "log"},
		{status: 503, retry: at.Add(48 * time.Hour).Format(time.RFC850), after: 24 * time.Hour, says: "log"},
		{status: 503, retry: "99999999999999999999999", after: 24 * time.Hour, says: "log"},
		{status: 503, retry: "86401", after: 24 * time.Hour, says: "log"},
		{status: 503, retry: "-5", says: "log"},
		{status: 503, retry: "soon", says: "log"},
		{status: 502, retry: "0", says: "log"},
		{status: 502, retry: "9", after: 9 * time.Second, says: "log"},
		{status: 999, says: "200 to 299"},
		{status: 302, says: "config.followRedirects"},
		{status: 304, says: "config.followRedirects"},
	} {
		status, header = c.status, map[string]string{"Retry-After": c.retry, "Location": "/elsewhere\"x"}
		receipt, err := s.Send(t.Context(), batchOf(event(1)))
		if receipt.Status != c.status {
			t.Errorf("%d: the receipt has %d", c.status, receipt.Status)
		}
		if c.says == "" {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		f, is := errors.AsType[*delivery.Failure](err)
		if !is || f.Gone != (c.status == 410) || f.Busy != (c.status == 429 || c.status == 503) || f.Permanent || f.RetryAfter != c.after {
			t.Errorf("%d, %q: got %+v", c.status, c.retry, f)
		}
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(c.status)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d: got %v, want it to name %q", c.status, err, c.says)
		}
	}
}

// A receiver's dates are by its own clock, however far that is from the server's, or the server's from where it was.
func TestRetryAfterIsByTheReceiversClock(t *testing.T) {
	t.Parallel()
	var wrong time.Duration // how far the receiver is ahead
	date := true
	r := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		now := at.Add(wrong)
		if w.Header()["Date"] = nil; date {
			w.Header().Set("Date", now.Format(http.TimeFormat))
		}
		w.Header().Set("Retry-After", now.Add(2*time.Minute).Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	s := open(t, newKind(t, nil), configOf(t, r.URL, nil))
	after := func() time.Duration {
		_, err := s.Send(t.Context(), batchOf(event(1)))
		f, is := errors.AsType[*delivery.Failure](err)
		if !is {
			t.Fatal(err)
		}
		return f.RetryAfter
	}
	for _, wrong = range []time.Duration{0, 5 * time.Hour, -5 * time.Hour, 400 * 24 * time.Hour} {
		if got := after(); got != 2*time.Minute {
			t.Errorf("the receiver's clock is ahead by %v: nothing is tried for %v, want two minutes", wrong, got)
		}
	}
	date = false
	for off, want := range map[time.Duration]time.Duration{0: 2 * time.Minute, -time.Hour: 0, 100 * time.Hour: 24 * time.Hour} {
		wrong = off
		if got := after(); got != want {
			t.Errorf("ahead by %v, and the answer has no date: nothing is tried for %v, want %v", off, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	end := newReceiver(t, nil)
	hops := 0
	var answer func(w http.ResponseWriter, r *http.Request)
	front := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) { hops++; answer(w, r) })
	to := func(status int, address string) {
		hops = 0
		answer = func(w http.ResponseWriter, _ *http.Request) {
			if address != "" {
				w.Header().Set("Location", address)
			}
			w.WriteHeader(status)
		}
	}
	k := newKind(t, nil)
	config := configOf(t, front.URL, map[string]any{"followRedirects": true, "headers": map[string]string{"X-Api-Key": "k", "Authorization": "a"}})
	config = []byte(strings.Replace(string(config), front.URL, front.URL+"/?token=s3cret", 1))
	s := open(t, k, config)
	for _, status := range []int{307, 308} {
		to(status, end.URL+"/end")
		if receipt, err := s.Send(t.Context(), batchOf(event(1))); err != nil || receipt.Status != 200 {
			t.Fatalf("%d: %+v, %v", status, receipt, err)
		}
		got, first := end.last(t), front.last(t)
		if !bytes.Equal(got.body, first.body) || got.path != "/end" || got.header.Get("Webhook-Signature") != first.header.Get("Webhook-Signature") {
			t.Errorf("%d: %s arrived at the end as %s", status, first.body, got.body)
		}
		if got.header.Get("X-Api-Key") != "" || got.header.Get("Authorization") != "" || first.header.Get("X-Api-Key") != "k" {
			t.Errorf("%d: headers that are for one host went to another: %v", status, got.header)
		}
		if strings.Contains(fmt.Sprint(got.header), "s3cret") {
			t.Errorf("%d: the address before the redirect is in %v", status, got.header)
		}
	}
	n := len(end.requests())
	for _, status := range []int{301, 302, 303} {
		to(status, end.URL)
		receipt, err := s.Send(t.Context(), batchOf(event(1)))
		if err == nil || receipt.Status != status || !strings.Contains(err.Error(), "307") {
			t.Errorf("%d: %+v, %v", status, receipt, err)
		}
	}
	to(307, "")
	if _, err := s.Send(t.Context(), batchOf(event(1))); err == nil || !strings.Contains(err.Error(), "Location") {
		t.Errorf("no address: %v", err)
	}
	to(307, "http://[::bad")
	if _, err := s.Send(t.Context(), batchOf(event(1))); err == nil {
		t.Errorf("a bad address: %v", err)
	}
	// To itself, for ever. Headers stay, since it is the same host.
	to(307, front.URL)
	receipt, err := s.Send(t.Context(), batchOf(event(1)))
	if err == nil || receipt.Status != 307 || hops != maxHops+1 || !strings.Contains(err.Error(), "5 times") {
		t.Errorf("after %d hops: %+v, %v", hops, receipt, err)
	}
	if front.last(t).header.Get("X-Api-Key") != "k" {
		t.Error("a header is lost on the same host")
	}
	if len(end.requests()) != n {
		t.Error("what is not to be followed was")
	}
	// From https to http.
	secure := httptest.NewTLSServer(http.RedirectHandler(end.URL, http.StatusTemporaryRedirect))
	defer secure.Close()
	k = newKind(t, &Options{AllowPrivate: true, TLS: trusting(secure)})
	s = open(t, k, configOf(t, secure.URL, map[string]any{"followRedirects": true}))
	if _, err := s.Send(t.Context(), batchOf(event(1))); err == nil || !strings.Contains(err.Error(), "https to http") || len(end.requests()) != n {
		t.Errorf("got %v", err)
	}
}

func trusting(s *httptest.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// Each receiver fails in its way; the error says how, and what to do.
func TestBadReceivers(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := "http://" + closed.Addr().String()
	closed.Close()
	write := func(text string) func(c net.Conn) {
		return func(c net.Conn) { say(c, text) }
	}
	plain := newReceiver(t, nil)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, c := range map[string]struct {
		address, says string
		status        int
	}{
		"down":               {address: down, says: "nobody listens"},
		"hanging":            {address: rawReceiver(t, hang), says: "config.timeoutMs"},
		"hanging in headers": {address: rawReceiver(t, func(c net.Conn) { write("HTTP/1.1 200 OK\r\nA: b\r\n")(c); hang(c) }), says: "config.timeoutMs"},
		"closing":            {address: rawReceiver(t, func(net.Conn) {}), says: "closed the connection"},
		"resetting":          {address: rawReceiver(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), says: "closed the connection"}, //nolint:errcheck // a test's
		"closing in headers": {address: rawReceiver(t, write("HTTP/1.1 200 OK\r\nA: b\r\n")), says: "closed the connection"},
		"no HTTP":            {address: rawReceiver(t, write("SSH-2.0-OpenSSH\r\n\r\n")), says: "cannot be used"},
		"bad status":         {address: rawReceiver(t, write("HTTP/1.1 abc\x00\x1b[31m OK\r\n\r\n")), says: "cannot be used"},
		"bad header":         {address: rawReceiver(t, write("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n")), says: "cannot be used"},
		"endless header":     {address: rawReceiver(t, write("HTTP/1.1 200 OK\r\nA: "+strings.Repeat("a", answerHeaders+5000))), says: "cannot be used"},
		"endless 1xx":        {address: rawReceiver(t, write(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 4000)+"\r\n\r\n", 20))), says: "cannot be used"},
		"other protocol":     {address: rawReceiver(t, write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc")), says: "101", status: 101},
		"two lengths":        {address: rawReceiver(t, write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")), says: "cannot be used"},
		"http for https":     {address: strings.Replace(plain.URL, "http:", "https:", 1), says: "TLS"},
		"https for http":     {address: strings.Replace(secure.URL, "https:", "http:", 1), says: "400", status: 400},
		"unknown authority":  {address: secure.URL, says: "certificate"},
		"no such name":       {address: "http://nowhere.invalid/?token=hunter2", says: "does not resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKind(t, &Options{AllowPrivate: true, Resolver: nobody})
			patience := 30_000 // where something else is to go wrong first
			if c.says == "config.timeoutMs" {
				patience = minTimeout + 200
			}
			s := open(t, k, configOf(t, c.address, map[string]any{"timeoutMs": patience}))
			receipt, err := s.Send(t.Context(), batchOf(event(1)))
			if err == nil || receipt.Status != c.status || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %+v, %v, want it to name %q", receipt, err, c.says)
				return
			}
			if f, is := errors.AsType[*delivery.Failure](err); is && (f.Permanent || f.Gone) {
				t.Errorf("it is not tried again: %+v", f)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\x00\x1b") || len(err.Error()) > 1000 {
				t.Errorf("the error tells too much: %q", err)
			}
		})
	}
}

// quiet is for servers whose handshakes fail, or are not needed after all.
var quiet = log.New(io.Discard, "", 0)

// say answers, to a sender that may have gone.
func say(w io.Writer, text string) { io.WriteString(w, text) } //nolint:errcheck // see above

// hang waits until the sender gives up.
func hang(c net.Conn) { io.Copy(io.Discard, c) } //nolint:errcheck // a test's

// nobody is a resolver that knows no name.
var nobody = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}}

// The status counts, whatever becomes of the body.
func TestBodyThatFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(c net.Conn, status string){
		"cut": func(c net.Conn, status string) {
			say(c, "HTTP/1.1 "+status+"\r\nContent-Length: 100\r\n\r\nabc")
		},
		"chunked": func(c net.Conn, status string) {
			say(c, "HTTP/1.1 "+status+"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzzz")
		},
		"hanging": func(c net.Conn, status string) {
			say(c, "HTTP/1.1 "+status+"\r\nContent-Length: 100\r\n\r\nabc")
			hang(c)
		},
		"endless": func(c net.Conn, status string) {
			say(c, "HTTP/1.1 "+status+"\r\n\r\nabc")
			for chunk := bytes.Repeat([]byte{'x'}, 1<<16); ; {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKind(t, nil)
			patience := 30_000
			if name == "hanging" {
				patience = 2_000 // in which the status has come
			}
			for _, status := range []string{"200 OK", "500 Internal Server Error"} {
				s := open(t, k, configOf(t, rawReceiver(t, func(c net.Conn) { answer(c, status) }), map[string]any{"timeoutMs": patience}))
				receipt, err := s.Send(t.Context(), batchOf(event(1)))
				if (err == nil) != (status == "200 OK") || fmt.Sprint(receipt.Status) != status[:3] || !strings.HasPrefix(receipt.Response, "abc") || len(receipt.Response) > answerKept {
					t.Errorf("%s: %+v, %v", status, receipt, err)
				}
			}
		})
	}
}

// A yes that comes too late is no answer; the next attempt is the same, but for its time.
func TestAnswerAfterTheTimeOut(t *testing.T) {
	t.Parallel()
	gaveUp := make(chan struct{})
	r := newReceiver(t, func(n int, w http.ResponseWriter, req *http.Request) {
		if n == 1 {
			<-gaveUp
		}
		w.WriteHeader(http.StatusOK)
	})
	var mu sync.Mutex
	now := at
	k := newKind(t, &Options{AllowPrivate: true, Clock: func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Minute); return now }})
	b := batchOf(event(1))
	s := open(t, k, configOf(t, r.URL, map[string]any{"timeoutMs": 2_000})) // in which the request has come
	if receipt, err := s.Send(t.Context(), b); !errors.Is(err, context.DeadlineExceeded) || receipt.Status != 0 {
		t.Fatalf("got %+v, %v", receipt, err)
	}
	close(gaveUp)
	b.Attempt = 2
	s = open(t, k, configOf(t, r.URL, map[string]any{"timeoutMs": 30_000}))
	if _, err := s.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all := r.requests()
	first, second := all[0], all[1]
	if first.header.Get("Webhook-Id") != second.header.Get("Webhook-Id") || !bytes.Equal(first.body, second.body) {
		t.Error("what repeats differs")
	}
	if first.header.Get("Webhook-Timestamp") == second.header.Get("Webhook-Timestamp") || first.header.Get("Webhook-Signature") == second.header.Get("Webhook-Signature") {
		t.Error("both attempts have the same time")
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	address := rawReceiver(t, func(c net.Conn) { close(begun); hang(c) })
	s := open(t, newKind(t, nil), configOf(t, address, nil))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := s.Send(ctx, batchOf(event(1))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Send(ctx, batchOf(event(1))); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that was over: %v", err)
	}
}

func TestNothingToSend(t *testing.T) {
	t.Parallel()
	for _, format := range []string{formatEvent, formatStructured} {
		s := open(t, newKind(t, nil), configOf(t, "http://127.0.0.1:1", map[string]any{"format": format}))
		for _, b := range []*delivery.Batch{batchOf(), batchOf(nacre.Event{ID: "x", Type: "t", StreamID: "s"})} {
			_, err := s.Send(t.Context(), b)
			if f, is := errors.AsType[*delivery.Failure](err); !is || !f.Permanent {
				t.Errorf("%s: got %v", format, err)
			}
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
}

// Senders of a kind share their connections, and close them with the last one.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		say(w, strings.Repeat("x", answerBody))
	})
	k := newKind(t, nil)
	a, b := open(t, k, configOf(t, r.URL, nil)), open(t, k, configOf(t, r.URL+"/b", nil))
	send := func(s delivery.Sender) {
		t.Helper()
		for range 5 {
			if _, err := s.Send(t.Context(), batchOf(event(1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.conn) }
	send(a)
	send(b)
	a.Close()
	a.Close()
	send(b)
	if n := count(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
	b.Close()
	c := open(t, k, configOf(t, r.URL, nil))
	send(c)
	if n := count(); n != 2 {
		t.Errorf("%d connections were made, want another one after the last sender was closed", n)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}))
	r.EnableHTTP2 = true
	r.Config.ErrorLog = quiet
	r.StartTLS()
	t.Cleanup(r.Close)
	s := open(t, newKind(t, &Options{AllowPrivate: true, TLS: trusting(r)}), configOf(t, r.URL, nil))
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := s.Send(t.Context(), batchOf(event(1))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain text": "plain text", "grün 🐚": "grün 🐚", "a\r\n\tb": `a\r\n\tb`, "\x00\x7f\u0085": `\x00\x7f\u0085`, "\u202e\ufeff": `\u202e\ufeff`,
		"a\xffb": "a\ufffdb", "cut \xf0\x9f\x90": "cut ", "\xc3": "",
	} {
		if got := printable([]byte(text), answerKept); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := printable(bytes.Repeat([]byte{1}, 1000), 10); got != `\x01\x01` {
		t.Errorf("got %q", got)
	}
}

func BenchmarkSend(b *testing.B) {
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { io.Copy(io.Discard, req.Body) })) //nolint:errcheck // a benchmark's
	b.Cleanup(r.Close)
	s := open(b, newKind(b, nil), configOf(b, r.URL, nil))
	batch := batchOf(event(1))
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Send(b.Context(), batch); err != nil {
				b.Error(err)
			}
		}
	})
}
