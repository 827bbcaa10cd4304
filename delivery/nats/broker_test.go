package nats_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery/deliverytest"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker is a nats-server of this test's own.
type broker struct {
	binary string
	args   []string
	url    string
	output bytes.Buffer

	mutex   sync.Mutex
	process *exec.Cmd
}

// newBroker starts a server with what it is given beside JetStream, and stops it with the test.
func newBroker(t *testing.T, args ...string) *broker {
	t.Helper()
	binary, err := exec.LookPath("nats-server")
	if err != nil {
		if binary = "/usr/sbin/nats-server"; !exists(binary) {
			t.Skip("there is no nats-server here: install Debian's package nats-server")
		}
	}
	port := deliverytest.FreePort(t)
	b := &broker{
		binary: binary,
		args:   append([]string{"-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js", "-sd", t.TempDir()}, args...),
		url:    fmt.Sprintf("nats://127.0.0.1:%d", port),
	}
	b.start(t)
	t.Cleanup(func() {
		b.stop(t)
		if t.Failed() {
			t.Logf("the server said: %s", &b.output)
		}
	})
	return b
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// start starts the server, and waits until it listens.
func (b *broker) start(t testing.TB) {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.process = exec.Command(b.binary, b.args...)
	b.process.Stderr = &b.output
	b.process.WaitDelay = time.Second
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		conn, err := net.Dial("tcp", b.url[len("nats://"):])
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nats-server does not listen: %s", &b.output)
}

// stop kills the server. It may be called twice.
func (b *broker) stop(t testing.TB) { b.end(t, syscall.SIGKILL) }

func (b *broker) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.process == nil {
		return
	}
	if err := b.process.Process.Signal(signal); err != nil {
		t.Errorf("stop nats-server: %v", err)
	}
	_ = b.process.Wait() // it was killed
	b.process = nil
}

// signal sends a signal to the server.
func (b *broker) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if err := b.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// look gives a connection to look with, and closes it behind.
func (b *broker) look(t testing.TB, with func(js jetstream.JetStream)) {
	t.Helper()
	conn, err := client.Connect(b.url, client.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	with(js)
}

// messages are those of a stream. A stream that is not there has none.
func (b *broker) messages(t testing.TB, name string) (out []*jetstream.RawStreamMsg) {
	t.Helper()
	b.look(t, func(js jetstream.JetStream) {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			return
		}
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := max(1, info.State.FirstSeq); n <= info.State.LastSeq; n++ {
			m, err := stream.GetMsg(t.Context(), n)
			if err != nil {
				t.Fatalf("message %d of %s: %v", n, name, err)
			}
			out = append(out, m)
		}
	})
	return out
}

func (b *broker) events(t testing.TB, name string) (out []nacre.Event) {
	t.Helper()
	for _, m := range b.messages(t, name) {
		var e nacre.Event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
