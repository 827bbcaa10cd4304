package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// serving is a server on a listener of its own.
type serving struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func serve(t *testing.T, o *Options) *serving {
	t.Helper()
	if o.Backend == nil {
		o.Backend = newMemory()
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &serving{url: "http://" + ln.Addr().String(), stop: cancel, done: make(chan error, 1)}
	if o.TLS != nil {
		out.url = "https://" + ln.Addr().String()
	}
	go func() { out.done <- s.Serve(ctx, ln) }()
	t.Cleanup(cancel)
	return out
}

func fetch(t *testing.T, client *http.Client, method, url, body string) (*result, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	reply, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	return readAll(t, reply)
}

// Every append that was answered is there after a stop under load, and the stop is clean.
func TestServeStopsUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, &Options{Backend: folders{dir}})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var answered atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				r, err := fetch(t, client, "POST", fmt.Sprintf("%s%s/streams/w-%d", s.url, logPath, w),
					fmt.Sprintf(`{"events":[{"type":"a","data":%d}],"expectedStreamVersion":%d}`, i, i-1))
				switch {
				case err != nil:
					return
				case r.status == 503 && strings.Contains(string(r.body), string(wire.CodeShuttingDown)):
					return
				case r.status != 201:
					t.Errorf("%d %s", r.status, r.body)
					return
				}
				answered.Add(1)
			}
		})
	}
	waitFor(t, func() bool { return answered.Load() > 200 })
	s.stop()
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	h := newHarness(t, &Options{Backend: folders{dir}})
	head := int64(h.get(logPath + "/head").is(200).json()["globalPosition"].(float64))
	// What was accepted is finished, so that at most nothing is there that was not answered.
	if head < answered.Load() {
		t.Errorf("%d appends were answered, %d are there", answered.Load(), head)
	}
}

func TestServeTooManyConnections(t *testing.T) {
	t.Parallel()
	s := serve(t, &Options{MaxConnections: 2})
	address := strings.TrimPrefix(s.url, "http://")
	dial := func() net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		return conn
	}
	const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []net.Conn
	for range 2 {
		conn := dial()
		held = append(held, conn)
		_, _ = io.WriteString(conn, request)
		readReply(t, conn).is(200)
	}
	third := dial()
	_, _ = io.WriteString(third, request)
	refused := readReply(t, third).is(503).has(string(wire.CodeTooManyConnections), "error")
	if refused.header.Get(wire.HeaderRetryAfter) == "" || !refused.close {
		t.Errorf("the third connection got %v", refused.header)
	}
	_ = third.Close()
	_ = held[0].Close()
	waitFor(t, func() bool {
		conn := dial()
		defer conn.Close()
		_, _ = io.WriteString(conn, request)
		return readReply(t, conn).status == 200
	})
	_ = held[1].Close()
	s.stop()
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
}

// testTLS is a configuration with a certificate for the loopback, and one that believes it.
func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// HTTP/1.1 and HTTP/2, with TLS and without.
func TestServeProtocols(t *testing.T) {
	t.Parallel()
	secured, trusting := testTLS(t)
	for _, c := range []struct {
		name  string
		tls   bool
		set   func(*http.Protocols)
		major int
	}{
		{"HTTP/1.1", false, func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		{"HTTP/2 without TLS", false, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, 2},
		{"HTTP/1.1 over TLS", true, func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		{"HTTP/2 over TLS", true, func(p *http.Protocols) { p.SetHTTP2(true) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := &Options{WriteTimeout: time.Second}
			if c.tls {
				o.TLS = secured
			}
			s := serve(t, o)
			transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: trusting.Clone()}
			c.set(transport.Protocols)
			client := &http.Client{Transport: transport}
			defer client.CloseIdleConnections()
			r, err := fetch(t, client, "POST", s.url+logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`)
			if err != nil || r.status != 201 || r.major != c.major {
				t.Fatalf("%+v, %v", r, err)
			}
			r, err = fetch(t, client, "POST", s.url+logPath+"/read", `{}`)
			if err != nil || r.status != 200 || r.end.Get(wire.TrailerEnd) != "1" {
				t.Errorf("%+v, %v", r, err)
			}
			// A wait longer than a write may take.
			r, err = fetch(t, client, "GET", s.url+logPath+"/head?wait=1&timeout=2", "")
			if err != nil || r.status != 200 {
				t.Errorf("%+v, %v", r, err)
			}
			waited := make(chan string, 1)
			go func() {
				r, err := fetch(t, client, "GET", s.url+logPath+"/head?wait=9&timeout=300", "")
				if err == nil {
					waited <- string(r.body)
					return
				}
				waited <- err.Error()
			}()
			// The stop may come before the wait does: then it is refused, with the same words.
			s.stop()
			if err := <-s.done; err != nil {
				t.Error(err)
			}
			if told := <-waited; !strings.Contains(told, string(wire.CodeShuttingDown)) && !strings.Contains(told, "refused") &&
				!strings.Contains(told, "EOF") && !strings.Contains(told, "GOAWAY") && !strings.Contains(told, "reset") {
				t.Errorf("who waited was told %s", told)
			}
		})
	}
}

func TestServeTellsOfItsListener(t *testing.T) {
	t.Parallel()
	s, err := New(&Options{Backend: newMemory()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := s.Serve(t.Context(), ln); nacre.CodeOf(err) != nacre.CodeInternal || !strings.Contains(err.Error(), "listener") {
		t.Errorf("a closed listener: %v", err)
	}
}
