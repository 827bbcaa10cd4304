package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// many is how many followers the tests of this file have: fewer where each costs more.
func many() int {
	if raceEnabled || testing.Short() {
		return 200
	}
	return 2000
}

// inUse is the memory of the process's heap and stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools keep goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func stacks() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.StackInuse)
}

// quiet opens n followers that read nothing beside what they have to, and gives their connections.
func quiet(t testing.TB, address, request string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for part := range 8 {
		wg.Go(func() {
			one := make([]byte, 512)
			for i := part; i < n; i += 8 {
				conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
				if err == nil {
					conns[i] = conn
					_, err = io.WriteString(conn, request)
				}
				for text := ""; err == nil && !strings.Contains(text, "globalPosition\":0"); {
					var got int
					got, err = conn.Read(one)
					text += string(one[:got])
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return conns
}

const (
	askSSE    = "GET " + logPath + "/events HTTP/1.1\r\nHost: localhost\r\nAccept: " + wire.TypeSSE + "\r\nUser-Agent: quiet\r\n\r\n"
	askSocket = "GET " + logPath + "/events/ws?after=0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nUser-Agent: quiet\r\n\r\n"
)

// onLoopback is a server without the harness, which keeps everything.
func onLoopback(t testing.TB, o *Options) (*Server, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return s, web.URL
}

func theLog(t testing.TB, s *Server) *nacre.Store {
	t.Helper()
	n, err := s.shelf.acquire(t.Context(), DefaultStore)
	if err != nil {
		t.Fatal(err)
	}
	s.shelf.release(n)
	return n.store
}

func TestIdleFollowersCostLittle(t *testing.T) {
	for name, request := range map[string]string{"sse": askSSE, "websocket": askSocket} {
		t.Run(name, func(t *testing.T) {
			s, address := onLoopback(t, &Options{Backend: newMemory()})
			warm := quiet(t, address, request, 20)
			before, stacksBefore := inUse(), stacks()
			n := many()
			conns := quiet(t, address, request, n)
			each := (inUse() - before) / int64(n)
			t.Logf("%d idle followers: %d bytes each, the client's connection included, %d of them stacks", n, each, (stacks()-stacksBefore)/int64(n))
			if each > 64<<10 && !raceEnabled {
				t.Errorf("an idle follower costs %d bytes", each)
			}

			// They have been woken once, and idle again.
			plain(t, theLog(t, s), "a-1", 1)
			for _, conn := range slices.Concat(conns, warm) {
				one := make([]byte, 512)
				for text := ""; !strings.Contains(text, `"a.b"`); {
					got, err := conn.Read(one)
					if err != nil {
						t.Fatal(err)
					}
					text += string(one[:got])
				}
			}
			t.Logf("after an event to each: %d bytes each", (inUse()-before)/int64(n))
		})
	}
}

// TestManyFollowersSlowAndFast has followers that read, some that read little by little, and some that read
// nothing until everything has been appended. Each gets everything, and memory does not grow with what the
// slow ones have not read.
func TestManyFollowersSlowAndFast(t *testing.T) {
	s, address := onLoopback(t, &Options{Backend: folders{t.TempDir()}, WriteTimeout: 2 * time.Minute})
	log := theLog(t, s)
	n := many()
	conns := quiet(t, address, askSSE, n)
	const events, size = 96, 8000
	before := inUse()
	var peak int64
	var wg sync.WaitGroup
	start := make(chan struct{}) // for those who read nothing
	failed := make(chan error, n)
	for i, conn := range conns {
		if i%2 == 1 {
			// Less than what is sent fits into the system's buffers.
			if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
		}
		wg.Go(func() {
			if i%2 == 1 {
				<-start
			}
			in := bufio.NewReaderSize(conn, 4096)
			r := wire.NewSSEReader(in, 0)
			for due := nacre.Position(1); due <= events; {
				f, err := r.Next()
				if err != nil || f.Kind == wire.FrameEvent && f.Cursor.Position != due {
					failed <- fmt.Errorf("follower %d: %+v, %w, want %d", i, f, err, due)
					return
				}
				if f.Kind == wire.FrameEvent {
					due++
				}
				if i%4 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for i := range events {
		if _, err := log.Append(t.Context(), "big-1", nacre.Any, nacre.NewEvent("big", strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
		if i%12 == 11 {
			peak = max(peak, inUse()-before)
		}
	}
	t.Logf("%d followers, half of them deaf for %d bytes each: at most %d bytes each in memory, their readers included", n, events*size, peak/int64(n))
	close(start)
	wg.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if !raceEnabled && peak/int64(n) > 128<<10 {
		t.Errorf("memory grew by %d bytes for each follower", peak/int64(n))
	}
}

// BenchmarkAppendToSSE measures from an append's return, which is when it has been synced, to when a follower
// has its event, one event at a time.
func BenchmarkAppendToSSE(b *testing.B) {
	for _, idle := range []int{0, 2000} {
		b.Run(fmt.Sprintf("others=%d", idle), func(b *testing.B) {
			s, address := onLoopback(b, &Options{Backend: folders{b.TempDir()}})
			log := theLog(b, s)
			conn := quiet(b, address, askSSE, 1)[0]
			others := strings.Replace(askSSE, "events ", "events?type=something.else ", 1)
			quiet(b, address, others, idle)
			r := wire.NewSSEReader(bufio.NewReader(conn), 0)
			seen := make(chan time.Time)
			go func() {
				for {
					f, err := r.Next()
					if err != nil {
						return
					}
					if f.Kind == wire.FrameEvent {
						seen <- time.Now()
					}
				}
			}()
			var took []time.Duration
			for b.Loop() {
				if _, err := log.Append(context.Background(), "a-1", nacre.Any, nacre.NewEvent("a.b", 1)); err != nil {
					b.Fatal(err)
				}
				synced := time.Now()
				took = append(took, (<-seen).Sub(synced))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}

// BenchmarkWakeAll measures an append until each of many idle followers has its event.
func BenchmarkWakeAll(b *testing.B) {
	const n = 2000
	s, address := onLoopback(b, &Options{Backend: folders{b.TempDir()}})
	log := theLog(b, s)
	var wg sync.WaitGroup
	for _, conn := range quiet(b, address, askSSE, n) {
		go func() {
			r := wire.NewSSEReader(conn, 0)
			for {
				f, err := r.Next()
				if err != nil {
					return
				}
				if f.Kind == wire.FrameEvent {
					wg.Done()
				}
			}
		}()
	}
	for b.Loop() {
		wg.Add(n)
		if _, err := log.Append(context.Background(), "a-1", nacre.Any, nacre.NewEvent("a.b", 1)); err != nil {
			b.Fatal(err)
		}
		wg.Wait()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkCatchUp measures how fast a follower gets the history.
func BenchmarkCatchUp(b *testing.B) {
	const n = 200_000
	store, err := filestore.Open(b.TempDir(), &filestore.Options{Durability: filestore.Never})
	if err != nil {
		b.Fatal(err)
	}
	m := newMemory()
	m.make = func(string) *nacre.Store { return store }
	_, address := onLoopback(b, &Options{Backend: m})
	events := make([]nacre.Event, 1000)
	for i := range events {
		events[i] = nacre.NewEvent("order.placed", map[string]any{"customer": "ann", "total": 99.99, "note": strings.Repeat("x", 80)})
	}
	for range n / len(events) {
		if _, err := store.Append(context.Background(), "order-1", nacre.Any, events...); err != nil {
			b.Fatal(err)
		}
	}
	for _, path := range []string{"sse", "websocket"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				request := askSSE
				if path == "websocket" {
					request = askSocket
				}
				conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.WriteString(conn, request); err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, 256<<10)
				end := []byte(fmt.Sprintf("globalPosition\":%d}", n))
				if path == "websocket" {
					end = []byte(fmt.Sprintf("{\"caughtUp\":{\"globalPosition\":%d", n))
				}
				kept := 0
				for {
					got, err := conn.Read(buf[kept:])
					if err != nil {
						b.Fatal(err)
					}
					if strings.Contains(string(buf[max(0, kept+got-1000):kept+got]), string(end)) {
						break
					}
					kept = copy(buf, buf[max(0, kept+got-100):kept+got])
				}
				_ = conn.Close()
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
