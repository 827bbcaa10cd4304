package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// harness is a server on the loopback, and a client that checks every reply against the document.
type harness struct {
	*testing.T
	s      *Server
	web    *httptest.Server
	client *http.Client
	prefix string // of paths that begin with a slash
	log    *logged
}

// logged is what the server told its log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// newHarness starts a server; o may be nil, and its Backend is stores in memory unless given.
func newHarness(t *testing.T, o *Options) *harness {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Backend == nil {
		o.Backend = newMemory()
	}
	h := &harness{T: t, log: &logged{}}
	if o.Logger == nil {
		o.Logger = h.log.logger()
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.waking.Wait() // what a test changes of the backend, it changes when nobody looks
	h.s, h.web = s, httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("closing the server: %v", err)
		}
		h.web.Close()
	})
	h.client = &http.Client{Transport: &checking{t: t, next: h.web.Client().Transport, table: s.table}}
	return h
}

// writesWithin is the time that who asks from here on has to read what is sent. No request may be under way.
func (h *harness) writesWithin(d time.Duration) { h.s.o.WriteTimeout = d }

// readsWithin is the time for the bodies of what is asked from here on. No request may be under way.
func (h *harness) readsWithin(d time.Duration) { h.s.o.ReadTimeout = d }

// pingsLong has no client that is slow to answer pings ended, however short the heartbeats are. Nobody may follow yet.
func (h *harness) pingsLong() { h.s.followers.pingWithin = time.Minute }

// result is a reply that has been read.
type result struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
	end    http.Header // trailers
	major  int         // of HTTP
	close  bool        // the connection ends with it
}

// at gives the same harness for another prefix.
func (h *harness) at(prefix string) *harness {
	other := *h
	other.prefix = prefix
	return &other
}

// do sends a request; headers are pairs.
func (h *harness) do(method, path, body string, headers ...string) *result {
	h.Helper()
	r, err := h.try(method, path, body, headers...)
	if err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (h *harness) try(method, path, body string, headers ...string) (*result, error) {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, h.web.URL+h.prefix+path, in)
	if err != nil {
		return nil, err
	}
	for pair := range slices.Chunk(headers, 2) {
		if strings.EqualFold(pair[0], "Host") {
			r.Host = pair[1]
			continue
		}
		r.Header.Add(pair[0], pair[1])
	}
	reply, err := h.client.Do(r)
	if err != nil {
		return nil, err
	}
	return readAll(h.T, reply)
}

// readAll reads a reply to its end.
func readAll(t *testing.T, reply *http.Response) (*result, error) {
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	return &result{
		t: t, status: reply.StatusCode, header: reply.Header, body: text, end: reply.Trailer,
		major: reply.ProtoMajor, close: reply.Close,
	}, nil
}

func (h *harness) get(path string, headers ...string) *result {
	h.Helper()
	return h.do(http.MethodGet, path, "", headers...)
}

func (h *harness) post(path, body string, headers ...string) *result {
	h.Helper()
	return h.do(http.MethodPost, path, body, headers...)
}

// is wants a status.
func (r *result) is(status int) *result {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// refused wants an error, with words in its message or field.
func (r *result) refused(code nacre.Code, words ...string) wire.ErrorBody {
	r.t.Helper()
	r.is(wire.Status(code))
	var body wire.ErrorBody
	if err := wire.Decode(r.body, &body); err != nil {
		r.t.Fatalf("%s: %v", r.body, err)
	}
	if body.Code != code {
		r.t.Fatalf("code %s, want %s: %s", body.Code, code, r.body)
	}
	for _, w := range words {
		if !strings.Contains(string(r.body), w) {
			r.t.Fatalf("the error is %s, want %q in it", r.body, w)
		}
	}
	if r.header.Get(headerRequestID) == "" {
		r.t.Fatalf("the error has no request id")
	}
	return body
}

// json reads the body as any JSON object.
func (r *result) json() map[string]any {
	r.t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.body, &out); err != nil {
		r.t.Fatalf("%s: %v", r.body, err)
	}
	return out
}

// has wants a member, by a path of names and indexes, to be a value as JSON has it.
func (r *result) has(want any, path ...any) *result {
	r.t.Helper()
	var at any = r.json()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := at.(map[string]any)
			if !ok {
				r.t.Fatalf("%v: no object has %v", path, step)
			}
			at = object[step]
		case int:
			list, ok := at.([]any)
			if !ok || step >= len(list) {
				r.t.Fatalf("%v: no list has %v in %s", path, step, r.body)
			}
			at = list[step]
		}
	}
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if at != want {
		r.t.Fatalf("%v is %v, want %v: %s", path, at, want, r.body)
	}
	return r
}

// events reads a page's events.
func (r *result) events() []nacre.Event {
	r.t.Helper()
	var page struct{ Events []nacre.Event }
	if err := json.Unmarshal(r.body, &page); err != nil {
		r.t.Fatalf("%s: %v", r.body, err)
	}
	return page.Events
}

// lines reads a stream of lines.
func (r *result) lines() []nacre.Event {
	r.t.Helper()
	var out []nacre.Event
	for line := range bytes.Lines(r.body) {
		var e nacre.Event
		if err := json.Unmarshal(line, &e); err != nil || line[len(line)-1] != '\n' {
			r.t.Fatalf("%q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

// positions are events' places, for comparing.
func positions(events []nacre.Event) []int {
	out := []int{}
	for _, e := range events {
		out = append(out, int(e.GlobalPosition))
	}
	return out
}

func same[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

const logPath = "/event-stores/default"

// fill appends a small life of orders and payments: positions 1 to 6.
func (h *harness) fill() {
	h.Helper()
	h.post(logPath+"/streams/order-1", `{"events":[{"type":"order.placed","data":{"n":1},"tags":["customer:7"]}]}`).is(201)
	h.post(logPath+"/streams/payment-1", `{"events":[{"type":"payment.taken","data":{"n":2},"tags":["customer:7","eu"]}]}`).is(201)
	h.post(logPath+"/streams/order-1", `{"events":[{"type":"order.paid","data":{"n":3}},{"type":"order.shipped","data":{"n":4}}]}`).is(201)
	h.post(logPath+"/streams/order-2", `{"events":[{"type":"order.placed","data":{"n":5},"tags":["customer:8"]}]}`).is(201)
	h.post(logPath+"/streams/payment-2", `{"events":[{"type":"payment.taken","data":{"n":6},"tags":["customer:8"]}]}`).is(201)
}
