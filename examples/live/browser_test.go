//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browser is a chromium without a window, which is told what to do through a pipe.
type browser struct {
	t       *testing.T
	to      io.Writer
	from    *bufio.Reader
	session string
	asked   int
}

// browse opens a page in a chromium, or skips the test.
func browse(t *testing.T, url string) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no chromium: install it to try the page in a real browser")
	}
	profile, err := os.MkdirTemp("", "browser") //nolint:usetesting // the browser may write on while it is being ended
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-extensions", "--no-proxy-server", "--window-size=800,700", "--remote-debugging-pipe",
		"--user-data-dir="+profile, "about:blank")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	theirIn, ourOut := pipe(t)
	ourIn, theirOut := pipe(t)
	c.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := c.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	t.Cleanup(func() {
		cancel()
		_ = c.Wait()
	})
	b := &browser{t: t, to: ourOut, from: bufio.NewReader(ourIn)}
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.ask("Target.createTarget", map[string]any{"url": url}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.ask("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// ask has the browser do something, and waits until it has.
func (b *browser) ask(method string, params map[string]any, into any) {
	b.t.Helper()
	b.asked++
	request := map[string]any{"id": b.asked, "method": method, "params": params}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser has ended: %v", method, err)
		}
		var reply struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.Unmarshal(text[:len(text)-1], &reply); err != nil {
			b.t.Fatal(err)
		}
		if reply.ID != b.asked {
			continue // it tells of something
		}
		if reply.Error != nil {
			b.t.Fatalf("%s: %s", method, reply.Error)
		}
		if err := json.Unmarshal(reply.Result, into); err != nil {
			b.t.Fatalf("%s: %s: %v", method, reply.Result, err)
		}
		return
	}
}

// eval gives the text that an expression, or its promise, comes to in the page.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var out struct {
		Result struct {
			Value any
		}
		ExceptionDetails *struct {
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	b.ask("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out)
	if out.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, out.ExceptionDetails.Exception.Description)
	}
	return fmt.Sprint(out.Result.Value)
}

// until waits until an expression comes to a text.
func (b *browser) until(expression, want string) {
	b.t.Helper()
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = b.eval(expression); got == want {
			return
		}
	}
	b.t.Fatalf("%s\nis   %q\nnot  %q", expression, got, want)
}

// picture writes what the page looks like to a file, where NACRE_PICTURES names a folder.
func (b *browser) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("NACRE_PICTURES")
	if folder == "" {
		return
	}
	var shot struct{ Data string }
	b.ask("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(strings.TrimSuffix(folder, "/")+"/"+name+".png", data, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
