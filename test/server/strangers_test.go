package server_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wire"
)

const storePath = "/event-stores/" + server.DefaultStore

// request is the head of a request.
func request(method, path string, headers ...string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	return text + "\r\n"
}

// unread are requests whose answers are larger than what a connection holds by itself.
var unread = map[string]string{
	"lines":     request("GET", storePath+"/events", "Accept: "+wire.TypeNDJSON),
	"a page":    request("GET", storePath+"/events"),
	"a stream":  request("GET", storePath+"/streams/fill-1", "Accept: "+wire.TypeNDJSON),
	"messages":  request("GET", storePath+"/events", "Accept: "+wire.TypeSSE),
	"a backup":  request("POST", storePath+"/backup"),
	"selection": request("POST", storePath+"/read", "Content-Length: 2") + "{}",
	"a socket": request("GET", storePath+"/events/ws?after=0", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
}

// stored is how much the log has in these tests, in bytes.
const stored = 24 << 20

// drip sends a text byte by byte, until the server has enough of it.
func drip(ctx context.Context, s *stranger, text string, every time.Duration) {
	for i := range len(text) {
		if ctx.Err() != nil || !s.say(text[i:i+1]) {
			return
		}
		pause(ctx, every)
	}
}

// TestStrangersHoldNobodyBack has clients that say nothing, speak slowly or do not listen, with time-outs that
// do not end them. Others are answered, memory stays, and when they have gone, nothing of them is left.
func TestStrangersHoldNobodyBack(t *testing.T) {
	const long = 10 * time.Minute
	address, _ := serve(t, &server.Options{
		ReadHeaderTimeout: long, ReadTimeout: long, WriteTimeout: long, IdleTimeout: long, Heartbeat: 20 * time.Millisecond,
		TempDir: t.TempDir(),
	})
	store := openClient(t, "http://"+address, &client.Options{Timeout: patience})
	fill(t, store, stored)
	goroutines, heap := runtime.NumGoroutine(), heapInUse()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all []*stranger
	add := func(texts ...string) *stranger {
		s := dial(t, address)
		all = append(all, s)
		for _, text := range texts {
			s.say(text)
		}
		return s
	}
	const idle, each = 200, 4
	for range idle {
		add()
	}
	for range each {
		add(request("GET", "/healthz")).hear(t, `"ok"`)
		add("GET /healthz HTTP/1.1\r\nHost: lo")
		add(request("POST", storePath+"/streams/slow-1", "Content-Length: 100") + `{"events":`)
		for _, text := range unread {
			add(text).hear(t, "HTTP/1.1 ")
		}
	}
	slow := add()
	go drip(ctx, slow, request("GET", "/"+strings.Repeat("x", 10_000)), 20*time.Millisecond)

	useIt(t, store, "http://"+address)
	// A connection has one goroutine, a follower or reader a few; a page is at most 16 MiB, and everything
	// else a few pieces.
	if n := runtime.NumGoroutine() - goroutines; n > 2*len(all)+100 {
		t.Errorf("%d connections have %d goroutines", len(all), n)
	}
	if grown := heapInUse() - heap; grown > each*20<<20+64<<20 {
		t.Errorf("%d connections have %d bytes", len(all), grown)
	}
	stop()
	for _, s := range all {
		_ = s.Close()
	}
	until(t, "their goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	useIt(t, store, "http://"+address)
}

// heapInUse is what is reachable.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// useIt appends, reads, follows and takes the figures.
func useIt(t *testing.T, store *nacre.Store, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 20 {
		a, err := store.Append(ctx, "asked-1", nacre.Any, nacre.NewEvent("t", 1))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := store.Version(ctx, "asked-1"); err != nil || v != a.Version {
			t.Fatalf("%d, %v", v, err)
		}
		for e, err := range store.Subscribe(ctx, nil, &nacre.SubscribeOptions{After: a.Position() - 1}) {
			if err != nil || e.GlobalPosition != a.Position() {
				t.Fatal(e.GlobalPosition, err)
			}
			break
		}
	}
	web := &web{client: webClient(t), log: url}
	for _, path := range []string{"/healthz", "/readyz", storePath, storePath + "/streams/asked-1"} {
		if status, _, err := web.exchange(ctx, http.MethodGet, path, nil, ""); status != http.StatusOK || err != nil {
			t.Fatalf("%s: %d, %v", path, status, err)
		}
	}
}

// TestStrangersAreEnded has the same clients, with time-outs that end them.
func TestStrangersAreEnded(t *testing.T) {
	t.Parallel()
	const short = 250 * time.Millisecond
	address, _ := serve(t, &server.Options{
		ReadHeaderTimeout: short, ReadTimeout: short, WriteTimeout: short, IdleTimeout: short, Heartbeat: 20 * time.Millisecond,
		TempDir: t.TempDir(),
	})
	store := openClient(t, "http://"+address, &client.Options{Timeout: patience})
	// Who asks has all the time for it that a busy machine needs, and only what comes of it has not.
	answering, closed := serve(t, &server.Options{WriteTimeout: short, Heartbeat: 20 * time.Millisecond, TempDir: t.TempDir()})
	fill(t, openClient(t, "http://"+answering, &client.Options{Timeout: patience}), stored)
	for name, send := range map[string]func(s *stranger){
		"nothing":          func(*stranger) {},
		"a part of a head": func(s *stranger) { s.say("GET /healthz HTTP/1.1\r\nHost: lo") },
		"a slow head": func(s *stranger) {
			drip(t.Context(), s, request("GET", "/"+strings.Repeat("x", 10_000)), short/5)
		},
		"one request": func(s *stranger) { s.say(request("GET", "/healthz")) },
		"a part of a body": func(s *stranger) {
			s.say(request("POST", storePath+"/streams/slow-1", "Content-Length: 100") + `{"events":`)
		},
		"a slow body": func(s *stranger) {
			s.say(request("POST", storePath+"/streams/slow-1", "Content-Length: 100000") + `{"events":`)
			drip(t.Context(), s, strings.Repeat(" ", 10_000), short/5)
		},
		"a part of a chunk": func(s *stranger) {
			s.say(request("POST", storePath+"/events", "Transfer-Encoding: chunked") + "100\r\n{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dial(t, address)
			go send(s)
			s.gone(t)
		})
	}
	for name, text := range unread {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dial(t, answering)
			s.say(text)
			s.hear(t, "HTTP/1.1 ")
			until(t, "the server closes the connection", func() bool { return closed.has(s.LocalAddr()) })
			if n, whole := s.count(); n >= stored || whole {
				t.Errorf("%d bytes came of it, whole: %v", n, whole)
			}
		})
	}
	t.Run("others", func(t *testing.T) {
		t.Parallel()
		for n := range 10 {
			if _, err := store.Append(t.Context(), nacre.StreamID(fmt.Sprintf("asked-%d", n)), nacre.NoStream, nacre.NewEvent("t", n)); err != nil {
				t.Error(err)
			}
			pause(t.Context(), short/2)
		}
	})
}
