package server_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the file of the program, built once, with the race detector where the tests have it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nacre-test-")
	if err != nil {
		return "", err
	}
	programDir = dir
	// What the tests have looked at, their cached results depend on; what others build, they do not.
	sources, err := filepath.Glob("../../cmd/nacre/*.go")
	if err != nil {
		return "", err
	}
	for _, source := range sources {
		if _, err := os.Stat(source); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, "nacre.exe")
	args := []string{"build", "-o", file}
	if raced {
		args = append(args, "-race")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", append(args, "../../cmd/nacre")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

var programDir string

func removeProgram() {
	if programDir != "" {
		_ = os.RemoveAll(programDir)
	}
}

// command is the program with arguments, in an environment that sets nothing of it.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), file, args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "NACRE_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs the program to its end, which is to be a good one, and returns what it told.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nacre %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// told is what a process has written, and tells when there is a line.
type told struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan struct{} // closed when there is one
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	had := bytes.IndexByte(o.text.Bytes(), '\n') >= 0
	n, err := o.text.Write(p)
	if !had && bytes.IndexByte(p, '\n') >= 0 {
		close(o.lines)
	}
	return n, err
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a server in a process of its own.
type process struct {
	cmd      *exec.Cmd
	url      string
	out, err told
	ended    chan struct{} // closed when it has been waited for
}

// freePort is a port of the loopback that nobody listens on. It is none of those that the system gives to
// connections, one of which could take it while the server is down.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(15_000))
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err == nil {
			_ = ln.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// launch starts a server, and does not wait for it.
func launch(t *testing.T, data, address string, args ...string) *process {
	t.Helper()
	return launchOf(t, command, data, address, args...)
}

// launchOf is launch of a program that command gives.
func launchOf(
	t *testing.T, command func(t *testing.T, args ...string) *exec.Cmd, data, address string, args ...string,
) *process {
	t.Helper()
	p := &process{
		cmd: command(t, append([]string{"serve", "--data", data, "--listen", address, "--log-level", "warn"}, args...)...),
		url: "http://" + address, ended: make(chan struct{}),
	}
	p.out.lines, p.err.lines = make(chan struct{}), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the server told %q, %q", p.out.String(), p.err.String())
		}
	})
	return p
}

// ready waits until the server has said that it serves.
func (p *process) ready(t *testing.T) {
	t.Helper()
	select {
	case <-p.out.lines:
	case <-p.ended:
		t.Fatalf("the server ended by itself: %v: %s", p.cmd.ProcessState, p.err.String())
	case <-time.After(patience):
		t.Fatalf("the server is not ready: %s", p.err.String())
	}
}

// start starts a server and waits until it is ready.
func start(t *testing.T, data, address string, args ...string) *process {
	t.Helper()
	p := launch(t, data, address, args...)
	p.ready(t)
	return p
}

// kill ends the server as a power switch would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Kill()
	p.wait(t)
	if p.cmd.ProcessState.Exited() {
		t.Fatalf("the server ended by itself: %v: %s", p.cmd.ProcessState, p.err.String())
	}
	if text := p.err.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") {
		t.Fatal(text)
	}
}

// cutTail is told of a log whose last batch was not whole. Of the default store only: others have no followers.
var cutTail = regexp.MustCompile(`a torn tail was cut.* file=\S*/default/\d`)

// cuts is how often the server has cut its log.
func (p *process) cuts() int { return len(cutTail.FindAllString(p.err.String(), -1)) }

func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("the server does not end: %s", p.err.String())
	}
}

// stop tells the server to end, and expects it to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := terminate(p.cmd.Process); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	p.endedWell(t)
}

func (p *process) endedWell(t *testing.T) {
	t.Helper()
	if code := p.cmd.ProcessState.ExitCode(); graceful && code != 0 {
		t.Errorf("the server ended with %d: %s", code, p.err.String())
	}
	if text := p.err.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") {
		t.Error(text)
	}
}
