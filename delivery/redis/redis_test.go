package redis_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	client "github.com/gomodule/redigo/redis"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/delivery/redis"
)

const elsewhere = `{"url":"redis://127.0.0.1:4"}`

// TestConformance is not beside others: the suite counts goroutines.
func TestConformance(t *testing.T) {
	for name, once := range map[string]bool{"appended": false, "appended once": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			// A server that wants no password takes any from its default user.
			n := 0
			deliverytest.Run(t, func(t *testing.T) deliverytest.Fixture {
				n++
				key := fmt.Sprintf("k%d:shop", n)
				seconds := 0
				if once {
					seconds = 600
				}
				return deliverytest.Fixture{
					Kind: redis.New(nil),
					Config: fmt.Appendf(nil, `{"url":"redis://default:s3cret@%s","key":"k%d:{store}","deduplicateSeconds":%d,"timeoutMs":60000}`,
						s.addr, n, seconds),
					Elsewhere: json.RawMessage(elsewhere),
					Secrets:   []string{"s3cret"},
					Refused:   refused,
					Received:  func(t testing.TB) []nacre.Event { return s.events(t, key) },
					Stop:      s.stop,
					Start:     s.start,
					Once:      once,
				}
			})
		})
	}
}

var refused = map[string]string{
	`{}`:                                   "config.url",
	`{"url":""}`:                           "config.url",
	`{"url":"http://h"}`:                   "config.url",
	`{"url":"unix:///var/run/redis.sock"}`: "config.url",
	`{"url":"redis://"}`:                   "config.url",
	`{"url":"redis://h:0"}`:                "config.url",
	`{"url":"redis://h:"}`:                 "config.url",
	`{"url":"redis://h,i"}`:                "config.url",
	`{"url":"redis://h/x"}`:                "config.url",
	`{"url":"redis://h/1/2"}`:              "config.url",
	`{"url":"redis://h/-1"}`:               "config.url",
	`{"url":"redis://h?db=1"}`:             "config.url",
	`{"url":"redis://user@h"}`:             "config.url",
	`{"url":"redis://u:-hidden-@h"}`:       "config.url",
	`{"url":"redis://u:s3cret@h:port"}`:    "config.url",
	`{"url":"redis://h","key":"{"}`:        "config.key",
	`{"url":"redis://h","key":"{tag}"}`:    "config.key",
	`{"url":"redis://h","key":"` + strings.Repeat("k", 257) + `"}`: "config.key",
	`{"url":"redis://h","maxLength":-2}`:                           "config.maxLength",
	`{"url":"redis://h","deduplicateSeconds":-1}`:                  "config.deduplicateSeconds",
	`{"url":"redis://h","deduplicateSeconds":604801}`:              "config.deduplicateSeconds",
	`{"url":"redis://h","timeoutMs":9}`:                            "config.timeoutMs",
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	checked, err := redis.New(nil).Check([]byte(`{"url":"redis://h"}`), nil)
	if want := `{"url":"redis://h","key":"nacre:{store}:{category}","maxLength":1000000,"timeoutMs":5000}`; err != nil || string(checked) != want {
		t.Errorf("got %s, %v", checked, err)
	}
}

// TestSecrets: what is shown can be given back with a change; another server never gets the password.
func TestSecrets(t *testing.T) {
	t.Parallel()
	k := redis.New(nil)
	checked, err := k.Check([]byte(`{"url":"rediss://:s3cret@h/2"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	public := string(k.Public(checked))
	if strings.Contains(public, "s3cret") || !strings.Contains(public, "rediss://:-hidden-@h/2") {
		t.Errorf("public is %s", public)
	}
	again, err := k.Check([]byte(strings.Replace(public, "5000", "6000", 1)), checked)
	if err != nil || !strings.Contains(string(again), "s3cret") || k.Same(again, checked) {
		t.Errorf("given back, it is %s, %v", again, err)
	}
	if got, err := k.Check([]byte(strings.Replace(public, "@h", "@evil", 1)), checked); err == nil {
		t.Errorf("another server gets %s", got)
	}
}

func open(t testing.TB, o *redis.Options, config string, args ...any) delivery.Sender {
	t.Helper()
	k := redis.New(o)
	checked, err := k.Check(fmt.Appendf(nil, config, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(checked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestEntry is what an entry has, and under which key it stands.
func TestEntry(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	s := open(t, nil, `{"url":"redis://%s","deduplicateSeconds":60}`, server.addr)
	events := deliverytest.Events(41, 3, 1)
	events[1].StreamID = "a:b {c}*-1"
	batch := &delivery.Batch{ID: "b-1", Store: "shop", Subscription: "all", Events: events}
	if receipt, err := s.Send(t.Context(), batch); err != nil || !strings.HasSuffix(receipt.Response, " of nacre:shop:order") {
		t.Fatalf("got %+v, %v", receipt, err)
	}
	want := map[string]string{
		"event": deliverytest.Line(t, &events[0]), "eventId": events[0].ID, "type": "order.placed",
		"streamId": "order-0", "position": "42",
	}
	if got := server.entries(t, "nacre:shop:order"); len(got) != 2 || !maps.Equal(got[0], want) {
		t.Errorf("got %+v", got)
	}
	if got := server.entries(t, "nacre:shop:a%3Ab%20%7Bc%7D%2A"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	// Sent again, they are known, in other batches as well.
	for n, want := range map[int]string{3: "all 3 were there", 1: "all 1 were there"} {
		again := &delivery.Batch{ID: "b-2", Store: "shop", Subscription: "all", Attempt: 2, Events: events[:n]}
		if receipt, err := s.Send(t.Context(), again); err != nil || receipt.Response != want {
			t.Errorf("got %+v, %v", receipt, err)
		}
	}
	// Another subscription's are others, and what is known is forgotten in time.
	if _, err := s.Send(t.Context(), &delivery.Batch{ID: "b-3", Store: "shop", Subscription: "some", Events: events[:1]}); err != nil {
		t.Error(err)
	}
	if got := server.entries(t, "nacre:shop:order"); len(got) != 3 {
		t.Errorf("%d entries are there", len(got))
	}
	server.look(t, func(c client.Conn) {
		keys, err := client.Strings(c.Do("KEYS", "nacre-sent:*"))
		if err != nil || len(keys) != 4 {
			t.Errorf("got %q, %v", keys, err)
		}
		for _, key := range keys {
			if left, err := client.Int(c.Do("TTL", key)); err != nil || left <= 0 {
				t.Errorf("%s is kept for %v, %v", key, left, err)
			}
		}
	})
}

func TestCap(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	batches := deliverytest.Batches(deliverytest.Events(0, 1000, 1), 100)
	for key, length := range map[string]int{"capped": 100, "free": -1} {
		s := open(t, nil, `{"url":"redis://%s","key":%q,"maxLength":%d}`, server.addr, key, length)
		for _, b := range batches {
			if _, err := s.Send(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := len(server.entries(t, "capped")); got < 100 || got > 300 {
		t.Errorf("%d entries are there, with a cap of about 100", got)
	}
	if got := len(server.entries(t, "free")); got != 1000 {
		t.Errorf("%d entries are there without a cap", got)
	}
}

// TestRefusedByTheServer: what the server does not take is there in no part, and goes on when it does.
func TestRefusedByTheServer(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{0, 60} {
		server := newServer(t)
		s := open(t, nil, `{"url":"redis://%s","key":"k","deduplicateSeconds":%d}`, server.addr, seconds)
		batches := deliverytest.Batches(deliverytest.Events(0, 20, 1), 10)
		server.look(t, func(c client.Conn) {
			do := func(command string, args ...any) func() error {
				return func() error { _, err := c.Do(command, args...); return err }
			}
			for _, trouble := range []struct{ begin, end func() error }{
				{do("SET", "k", "no stream"), do("DEL", "k")},
				{do("CONFIG", "SET", "maxmemory", "1"), do("CONFIG", "SET", "maxmemory", "0")},
			} {
				if err := trouble.begin(); err != nil {
					t.Fatal(err)
				}
				_, err := s.Send(t.Context(), batches[0])
				if f, is := errors.AsType[*delivery.Failure](err); err == nil || is && f.Permanent {
					t.Errorf("got %v", err)
				}
				if err := trouble.end(); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got := len(server.events(t, "k")); got != 0 {
			t.Errorf("%d events are there that were refused", got)
		}
		for _, b := range batches {
			if _, err := s.Send(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(server.events(t, "k")); got != 20 {
			t.Errorf("%d events are there", got)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	server := newServer(t, "--requirepass", "p#ss")
	batch := deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]
	for login, fine := range map[string]bool{"": false, ":wrong@": false, ":p%23ss@": true, "default:p%23ss@": true} {
		_, err := open(t, nil, `{"url":"redis://%s%s/3"}`, login, server.addr).Send(t.Context(), batch)
		if (err == nil) != fine {
			t.Errorf("%q: got %v", login, err)
		}
	}
}

// TestTLS has a server behind one that speaks TLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	cert := httptest.NewTLSServer(nil)
	defer cert.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cert.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", server.addr)
			if err != nil {
				conn.Close()
				continue
			}
			go func() { defer behind.Close(); _, _ = io.Copy(behind, conn) }()
			go func() { defer conn.Close(); _, _ = io.Copy(conn, behind) }()
		}
	}()
	batch := deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]
	config := `{"url":"rediss://%s"}`
	if _, err := open(t, nil, config, l.Addr()).Send(t.Context(), batch); err == nil {
		t.Error("a certificate that nobody knows was taken")
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Certificate())
	o := &redis.Options{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	if _, err := open(t, o, config, l.Addr()).Send(t.Context(), batch); err != nil {
		t.Error(err)
	}
	if got := len(server.events(t, "nacre:shop:order")); got != 1 {
		t.Errorf("%d events are there", got)
	}
}

func TestNoEvent(t *testing.T) {
	t.Parallel()
	events := deliverytest.Events(0, 1, 1)
	events[0].Data = nil
	_, err := open(t, nil, elsewhere).Send(t.Context(), &delivery.Batch{ID: "b", Store: "s", Events: events})
	if f, is := errors.AsType[*delivery.Failure](err); !is || !f.Permanent {
		t.Errorf("got %v", err)
	}
}

// TestMute has an other side that takes connections and says nothing: neither the context nor Close waits for it.
func TestMute(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := redis.New(nil).Open(fmt.Appendf(nil, `{"url":"redis://%s","timeoutMs":600000}`, l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	batch := deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Send(ctx, batch)
		ended <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Send(t.Context(), batch); err == nil {
		t.Error("a closed sender sends")
	}
}

// TestDial: a server may refuse places, whatever a name leads to.
func TestDial(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	o := &redis.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		asked <- address
		return nil, errors.New("not this place")
	}}
	s := open(t, o, `{"url":"redis://localhost"}`)
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); err == nil || !strings.Contains(err.Error(), "not this place") {
		t.Errorf("got %v", err)
	}
	if got := []string{<-asked}; !slices.Equal(got, []string{"localhost:6379"}) {
		t.Errorf("asked for %q", got)
	}
}
