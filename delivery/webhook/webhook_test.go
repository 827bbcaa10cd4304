package webhook

import (
	"encoding/json"
	"io"
	"maps"
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

// testSecret is base64 of 24 bytes.
const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// at is what the tests' clock says.
var at = time.Date(2026, 11, 20, 18, 55, 20, 0, time.UTC)

// request is what a receiver got.
type request struct {
	header http.Header
	body   []byte
	path   string
	proto  string
}

// receiver keeps what it gets and answers as it is told.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []request
	conn map[string]bool // where requests came from
}

func newReceiver(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{conn: map[string]bool{}}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("a body did not arrive: %v", err)
		}
		r.mu.Lock()
		r.got = append(r.got, request{req.Header.Clone(), body, req.URL.String(), req.Proto})
		r.conn[req.RemoteAddr] = true
		n := len(r.got)
		r.mu.Unlock()
		if answer != nil {
			answer(n, w, req)
		}
	}))
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.got...)
}

func (r *receiver) last(t testing.TB) request {
	t.Helper()
	all := r.requests()
	if len(all) == 0 {
		t.Fatal("nothing came")
	}
	return all[len(all)-1]
}

// rawReceiver writes bytes to each connection as they are, once the head of a request is there.
func rawReceiver(t testing.TB, answer func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				buffer := make([]byte, 1<<16)
				if _, err := c.Read(buffer); err == nil {
					answer(c)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); group.Wait() })
	return "http://" + l.Addr().String()
}

func newKind(t testing.TB, o *Options) *Kind {
	t.Helper()
	if o == nil {
		o = &Options{AllowPrivate: true}
	}
	if o.Clock == nil {
		o.Clock = func() time.Time { return at }
	}
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.transport.CloseIdleConnections)
	return k
}

// configOf is a configuration with a few members more.
func configOf(t testing.TB, address string, members map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{"url": address, "secrets": []string{testSecret}}
	maps.Copy(all, members)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func open(t testing.TB, k *Kind, config json.RawMessage) delivery.Sender {
	t.Helper()
	checked, err := k.Check(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(checked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func event(n int) nacre.Event {
	return nacre.Event{
		GlobalPosition: nacre.Position(n), StreamPosition: int64(n - 1), StreamID: "order-1", ID: "01JD3Y" + strings.Repeat("0", 19) + string(rune('0'+n%10)),
		Type: "order.shipped", CreatedAt: at, Data: json.RawMessage(`{"n":1.10,"text":"<b>&\u2028"}`),
		Metadata: json.RawMessage(`{"correlationId":"c-1","causationId":"cause"}`), Tags: []string{"customer:7"},
	}
}

func batchOf(events ...nacre.Event) *delivery.Batch {
	return &delivery.Batch{ID: "hook:0123abcd:42", Store: "shop", Subscription: "hook", Attempt: 1, Events: events}
}

func members(t testing.TB, raw []byte) map[string]json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return out
}
