package webhook

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery/deliverytest"
)

// place is a receiver that can be taken away, and keeps what it got.
type place struct {
	address string
	mu      sync.Mutex
	events  []nacre.Event
	server  *http.Server
	done    chan struct{}
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var body struct {
		Event  *nacre.Event
		Events []nacre.Event
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if body.Event != nil {
		p.events = append(p.events, *body.Event)
	}
	p.events = append(p.events, body.Events...)
}

func (p *place) start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	p.server, p.done = &http.Server{Handler: p}, make(chan struct{})
	go func() { p.server.Serve(l); close(p.done) }() //nolint:errcheck // it is closed
}

func (p *place) stop(testing.TB) {
	p.server.Close()
	<-p.done
}

// TestSuite looks for goroutines that were left, so it runs beside nothing.
func TestSuite(t *testing.T) {
	deliverytest.Run(t, func(t *testing.T) deliverytest.Fixture {
		p := &place{address: "127.0.0.1:0"}
		p.start(t)
		t.Cleanup(func() { p.stop(t) })
		return deliverytest.Fixture{
			Kind:      newKind(t, nil),
			Config:    configOf(t, "http://"+p.address+"/in", map[string]any{"headers": map[string]string{"Authorization": "Bearer topsecret"}}),
			Elsewhere: configOf(t, "http://127.0.0.1:1/", nil),
			Secrets:   []string{testSecret, "topsecret"},
			Refused:   map[string]string{`{"url":"ftp://x"}`: "config.url", `{"url":"http://a","timeoutMs":1}`: "config.timeoutMs"},
			Received: func(testing.TB) []nacre.Event {
				p.mu.Lock()
				defer p.mu.Unlock()
				return append([]nacre.Event(nil), p.events...)
			},
			Stop:  p.stop,
			Start: p.start,
		}
	})
}
