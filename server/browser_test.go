//go:build unix

package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// followerPage follows by EventSource and tells the test all that it gets.
const followerPage = `<!doctype html><title>follower</title><script>
let told = Promise.resolve();
const send = async text => {
  for (;;) {
    try { await fetch('/tell', {method: 'POST', body: text}); return; } catch { await new Promise(r => setTimeout(r, 50)); }
  }
};
const tell = text => { told = told.then(() => send(text)); };
const source = new EventSource('/event-stores/default/events?type=order.*');
source.onmessage = e => tell('event ' + e.lastEventId.split('@')[0] + ' ' + JSON.parse(e.data).type);
source.addEventListener('caught-up', e => tell('caught-up ' + JSON.parse(e.data).globalPosition));
source.addEventListener('error', e => { if (e.data) tell('error ' + JSON.parse(e.data).error); });
</script>`

// browser finds a chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no chromium: install it to follow with a real browser")
	return ""
}

// TestBrowserFollowsAndResumes lets a browser follow by EventSource, and stops and starts the server under it.
func TestBrowserFollowsAndResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	program := browser(t)
	told := make(chan string, 100)
	dir := t.TempDir()
	start := func(address string) (s *Server, at string, stop func()) {
		t.Helper()
		s, err := New(&Options{Backend: folders{dir}})
		if err != nil {
			t.Fatal(err)
		}
		var ln net.Listener
		eventually(t, "the address can be listened on", func() bool {
			ln, err = net.Listen("tcp", address)
			return err == nil
		})
		mux := http.NewServeMux()
		mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, followerPage)
		})
		mux.HandleFunc("POST /tell", func(_ http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			told <- string(text)
		})
		mux.Handle("/", s.Handler())
		hs := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
		go func() { _ = hs.Serve(ln) }()
		return s, ln.Addr().String(), func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
			_ = hs.Close()
		}
	}
	s, address, stop := start("127.0.0.1:0")
	appended := func(s *Server, eventTypes ...string) {
		t.Helper()
		for _, eventType := range eventTypes {
			if _, err := theLog(t, s).Append(t.Context(), "order-1", nacre.Any, nacre.NewEvent(eventType, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	appended(s, "order.placed", "other", "order.paid")

	profile, err := os.MkdirTemp("", "browser") //nolint:usetesting // the browser may write on while it is being ended
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-extensions", "--no-proxy-server", "--remote-debugging-port=0", "--user-data-dir="+profile,
		"http://"+address+"/page")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	var output strings.Builder
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = c.Wait()
	}()
	last := ""
	want := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-told:
				if got == last {
					got = <-told // what was told to a server that stopped before it answered is told again
				}
				if last = got; got != w {
					t.Fatalf("the browser told %q, want %q", got, w)
				}
			case <-ctx.Done():
				cancel()
				_ = c.Wait()
				t.Fatalf("the browser did not tell %q:\n%s", w, output.String())
			}
		}
	}
	want("event 1 order.placed", "event 3 order.paid", "caught-up 3")
	appended(s, "order.shipped")
	want("event 4 order.shipped")
	appended(s, "other")
	stop()

	s, _, stop = start(address)
	defer func() { stop() }()
	appended(s, "other", "order.returned")
	// The old server's word reaches the new one: the browser keeps what it could not tell.
	want("error SHUTTING_DOWN", "event 7 order.returned", "caught-up 7")
	appended(s, "order.closed")
	want("event 8 order.closed")
	if n := len(told); n > 0 {
		t.Error(fmt.Sprint("the browser told more: ", <-told))
	}
}
