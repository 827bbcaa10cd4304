package redis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	client "github.com/gomodule/redigo/redis"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// redisServer is a redis-server of this test's own.
type redisServer struct {
	binary string
	args   []string
	addr   string
	output bytes.Buffer

	mutex   sync.Mutex
	process *exec.Cmd
}

// newServer starts a server, and stops it with the test.
func newServer(t *testing.T, args ...string) *redisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server here: install Debian's package redis-server")
	}
	port := deliverytest.FreePort(t)
	s := &redisServer{
		binary: binary,
		addr:   fmt.Sprintf("127.0.0.1:%d", port),
		args: append([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", t.TempDir(),
			"--save", "", "--appendonly", "yes", "--appendfsync", "no",
		}, args...),
	}
	s.start(t)
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the server said: %s", &s.output)
		}
	})
	return s
}

// start starts the server, and waits until it answers.
func (s *redisServer) start(t testing.TB) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.process = exec.Command(s.binary, s.args...)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	s.process.WaitDelay = time.Second
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			answer := make([]byte, 64)
			_, _ = conn.Write([]byte("PING\r\n")) // what fails shows in the answer
			n, _ := conn.Read(answer)
			conn.Close()
			if n > 0 && !bytes.HasPrefix(answer, []byte("-LOADING")) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("redis-server does not answer: %s", &s.output)
}

// stop kills the server. It may be called twice.
func (s *redisServer) stop(t testing.TB) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.process == nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil {
		t.Errorf("stop redis-server: %v", err)
	}
	_ = s.process.Wait() // it was killed
	s.process = nil
}

func (s *redisServer) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// look gives a connection to look with, and closes it behind.
func (s *redisServer) look(t testing.TB, with func(c client.Conn)) {
	t.Helper()
	c, err := client.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	with(c)
}

// entries are what those of a key say.
func (s *redisServer) entries(t testing.TB, key string) (out []map[string]string) {
	t.Helper()
	s.look(t, func(c client.Conn) {
		list, err := client.Values(c.Do("XRANGE", key, "-", "+"))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range list {
			pair, err := client.Values(entry, nil)
			if err != nil || len(pair) != 2 {
				t.Fatal(pair, err)
			}
			values, err := client.StringMap(pair[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, values)
		}
	})
	return out
}

func (s *redisServer) events(t testing.TB, key string) (out []nacre.Event) {
	t.Helper()
	for _, entry := range s.entries(t, key) {
		var e nacre.Event
		if err := json.Unmarshal([]byte(entry["event"]), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
