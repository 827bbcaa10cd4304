//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/filestore"
)

// halfSent sends a request to append one event, but for its last byte.
func halfSent(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const body = `{"events":[{"type":"x","data":1}]}`
	_, err = fmt.Fprintf(conn, "POST /event-stores/default/streams/a-1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	if err != nil {
		t.Fatal(err)
	}
	// The server asks for the body: the request is under way.
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(body[:len(body)-1])); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waitFor waits until a server has told something.
func (s *served) waitFor(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(s.err.String(), text) {
		select {
		case <-t.Context().Done():
			t.Fatalf("the server has not told %q but %q", text, s.err.String())
		case <-time.After(time.Millisecond):
		}
	}
}

// A signal ends the server once what it accepted is finished.
func TestServeFinishesWhatItAccepted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serveIn(t, dir)
	conn := halfSent(t, s.url())
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, "stopping")
	if _, err := conn.Write([]byte("}")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d, %v: %s", resp.StatusCode, err, text)
	}
	if code, err := s.end(); code != 0 || err != nil {
		t.Fatalf("ended with %d, %v: %s", code, err, s.err.String())
	}
	if events, _ := readLog(t, filepath.Join(dir, "data", "default")); len(events) != 1 {
		t.Fatalf("%d events are there", len(events))
	}
}

// A second signal ends it at once, and the next server finds a whole store.
func TestServeEndsAtOnceOnASecondSignal(t *testing.T) {
	t.Parallel()
	for _, second := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := serveIn(t, dir)
			_ = halfSent(t, s.url())
			s.interruptedTwice(t, second)
			// Where the test itself began with interrupts ignored, so did the server.
			if code, err := s.end(); err != nil || code != -1 && !(code == exitInterrupted && signal.Ignored(os.Interrupt)) {
				t.Fatalf("ended with %d, %v: %s", code, err, s.err.String())
			}
			again := serveIn(t, dir)
			store, err := client.Open(again.url(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if v, err := store.Version(t.Context(), "a-1"); v != -1 || err != nil {
				t.Fatalf("%d, %v", v, err)
			}
		})
	}
}

func (s *served) interruptedTwice(t *testing.T, second os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, "interrupt again to stop at once")
	if err := s.cmd.Process.Signal(second); err != nil {
		t.Fatal(err)
	}
}

// A server in the background of a script, which begins with interrupts ignored, ends on them like any other.
func TestServeInTheBackgroundIsInterrupted(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(exec.Command("sh", "-c", `trap "" INT; exec "$0" serve --listen 127.0.0.1:0`, self), t.TempDir(), os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	s.drain()
	s.endedWith(t)
	_ = halfSent(t, s.url())
	s.interruptedTwice(t, os.Interrupt)
	if code, err := s.end(); code != exitInterrupted || err != nil {
		t.Fatalf("ended with %d, %v: %s", code, err, s.err.String())
	}
}

// A server that was killed has lost nothing that it acknowledged, and its directory can be served again.
func TestServeAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := int64(0)
	for range 3 {
		s := serveIn(t, dir)
		store, err := client.Open(s.url(), &client.Options{Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := store.Version(t.Context(), "a-1"); err != nil || v < acknowledged-1 {
			t.Fatalf("version %d is there, %d events were acknowledged, %v", v, acknowledged, err)
		} else {
			acknowledged = v + 1
		}
		killed := false
		for n := 0; ; n++ {
			if _, err := store.Append(t.Context(), "a-1", nacre.Exactly(acknowledged-1), nacre.NewEvent("x", n)); err != nil {
				if !killed {
					t.Fatal(err)
				}
				break
			}
			acknowledged++
			if n == 50 {
				killed = true
				go func() { _ = s.cmd.Process.Kill() }()
			}
		}
		_ = store.Close()
		if code, err := s.end(); code != -1 || err != nil {
			t.Fatalf("ended with %d, %v", code, err)
		}
	}
	report, err := filestore.Verify(t.Context(), filepath.Join(dir, "data", "default"), nil)
	if err != nil || len(report.Problems) > 0 || report.Events < acknowledged {
		t.Fatalf("%d events were acknowledged, and there is %+v, %v", acknowledged, report, err)
	}
}
