package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// benched is a server on the loopback with its store in a folder, and Go's own client with as many connections.
func benched(b *testing.B, connections int) (*Server, *http.Client, string) {
	b.Helper()
	s, err := New(&Options{Backend: folders{b.TempDir()}})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	b.Cleanup(func() {
		client.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return s, client, "http://" + ln.Addr().String() + logPath
}

func BenchmarkAppend(b *testing.B) {
	event := `{"type":"order.placed","data":{"note":"` + strings.Repeat("n", 200) + `"}}`
	for _, c := range []struct{ connections, events int }{{1, 1}, {64, 1}, {8, 100}} {
		b.Run(fmt.Sprintf("connections=%d/events=%d", c.connections, c.events), func(b *testing.B) {
			_, client, url := benched(b, c.connections)
			body := `{"events":[` + strings.Repeat(event+",", c.events-1) + event + `]}`
			var writer atomic.Int64
			b.ReportAllocs()
			b.SetParallelism((c.connections + 1) / 2)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				target := fmt.Sprintf("%s/streams/order-%d", url, writer.Add(1))
				for pb.Next() {
					r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, strings.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					reply, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, reply.Body)
					_ = reply.Body.Close()
					if reply.StatusCode != http.StatusCreated {
						b.Errorf("status %d", reply.StatusCode)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N*c.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkAppendHandler is an append without a connection and without a disk: what the server itself costs.
func BenchmarkAppendHandler(b *testing.B) {
	s, err := New(&Options{Backend: newMemory()})
	if err != nil {
		b.Fatal(err)
	}
	h := s.Handler()
	body := []byte(`{"events":[{"type":"order.placed","data":{"note":"` + strings.Repeat("n", 200) + `"}}]}`)
	r := httptest.NewRequest(http.MethodPost, logPath+"/streams/order-1", http.NoBody)
	w := &discard{header: http.Header{}}
	in := bytes.NewReader(nil)
	b.ReportAllocs()
	for b.Loop() {
		in.Reset(body)
		clear(w.header)
		r.Body, r.ContentLength = io.NopCloser(in), int64(len(body))
		h.ServeHTTP(w, r)
	}
	if w.status != http.StatusCreated {
		b.Fatalf("status %d", w.status)
	}
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkLines(b *testing.B) {
	const events = 1_000_000
	s, client, url := benched(b, 1)
	n, err := s.shelf.acquire(b.Context(), DefaultStore)
	if err != nil {
		b.Fatal(err)
	}
	data := []byte(`{"note":"` + strings.Repeat("n", 90) + `"}`)
	for at := 0; at < events; {
		batch := make([]nacre.Event, 1000)
		for i := range batch {
			batch[i] = nacre.Event{Type: fmt.Sprintf("order.kind%d", at%20), Data: data}
			at++
		}
		id := nacre.StreamID(fmt.Sprintf("order-%d", at/1000))
		if _, err := n.store.Append(b.Context(), id, nacre.Any, batch...); err != nil {
			b.Fatal(err)
		}
	}
	s.shelf.release(n)
	for _, c := range []struct {
		name, query string
		events      int
	}{{"everything", "", events}, {"one in twenty", "?type=order.kind7", events / 20}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url+"/events"+c.query, http.NoBody)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Accept", wire.TypeNDJSON)
				reply, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				size, err := io.Copy(io.Discard, reply.Body)
				_ = reply.Body.Close()
				if err != nil || reply.Trailer.Get(wire.TrailerEnd) == "" {
					b.Fatalf("%d bytes, %v, %v", size, reply.Trailer, err)
				}
				b.SetBytes(size)
			}
			b.ReportMetric(float64(b.N*c.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
