package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// served is a server, or a demo, in a process of its own.
type served struct {
	cmd    *exec.Cmd
	first  string // line of the standard output
	out    *bufio.Reader
	err    told
	closed chan struct{} // when the standard output has ended
	rest   bytes.Buffer  // of the standard output; to be read when closed is closed
}

// told is what a process has written to its standard error so far.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *told) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *told) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// launch starts the program in a folder, and waits for its first line.
func launch(dir string, env []string, args ...string) (*served, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(exec.Command(self, args...), dir, env)
}

// start starts a command that becomes the program in a folder, and waits for its first line.
func start(cmd *exec.Cmd, dir string, env []string) (*served, error) {
	s := &served{cmd: cmd, closed: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Env = append(env, asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	s.cmd.Stderr = &s.err
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if s.first, err = s.out.ReadString('\n'); err != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return nil, fmt.Errorf("%v did not begin (%w): %s", cmd.Args, err, s.err.String())
	}
	return s, nil
}

// drain reads the rest of the standard output in the background.
func (s *served) drain() {
	go func() {
		defer close(s.closed)
		_, _ = io.Copy(&s.rest, s.out)
	}()
}

// url is the first one that the process names.
func (s *served) url() string {
	for word := range strings.FieldsSeq(s.first) {
		if strings.HasPrefix(word, "http") {
			return word
		}
	}
	return ""
}

// end waits for the process, and gives its exit code, -1 where a signal ended it.
func (s *served) end() (int, error) {
	<-s.closed
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// serveIn starts "nacre serve" on a free port, for the length of a test.
func serveIn(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s, err := launch(dir, os.Environ(), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	s.drain()
	s.endedWith(t)
	return s
}

// endedWith ends the process with the test, where nothing ended it before.
func (s *served) endedWith(t *testing.T) {
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.closed
		_ = s.cmd.Wait()
	})
}

type servers struct{}

// server NAME ARG...: starts "nacre serve" on a free port, and sets URL, PORT and PID.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME ARG...")
	}
	env := []string{"GORACE=atexit_sleep_ms=0"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "NACRE_DATA", "NACRE_CONFIG", "NACRE_LOG_FORMAT", "NACRE_MAX_BODY"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	s, err := launch(ts.MkAbs("."), env, append([]string{"serve", "--listen", "127.0.0.1:0"}, args[1:]...)...)
	ts.Check(err)
	s.drain()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.closed
		_ = s.cmd.Wait()
	})
	ts.Value(servers{}).(map[string]*served)[args[0]] = s
	ts.Setenv("URL", s.url())
	ts.Setenv("PORT", s.url()[strings.LastIndexByte(s.url(), ':')+1:])
	ts.Setenv("PID", strconv.Itoa(s.cmd.Process.Pid))
}

// halt NAME: ends a server by SIGTERM, which has to be a good end, and writes what it told to NAME.out and NAME.err. It is not
// called stop, since testscript has a stop of its own, which is the end of the script.
func stopServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: halt NAME")
	}
	s := ts.Value(servers{}).(map[string]*served)[args[0]]
	if s == nil {
		ts.Fatalf("there is no server %s", args[0])
	}
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	code, err := s.end()
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("the server ended with %d: %s", code, s.err.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(s.first+s.rest.String()), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(s.err.String()), 0o666))
}

// send STATUS METHOD URL [BODY]: a request, with the key in the variable KEY; writes the reply's body to "reply".
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: send STATUS METHOD URL [BODY]")
	}
	var body io.Reader
	if len(args) == 4 {
		body = strings.NewReader(args[3])
	}
	req, err := http.NewRequest(args[1], args[2], body)
	ts.Check(err)
	if key := ts.Getenv("KEY"); key != "" {
		req.Header.Set("X-API-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("reply"), text, 0o666))
	if got := strconv.Itoa(resp.StatusCode); got != args[0] {
		ts.Fatalf("the status is %s, not %s: %s", got, args[0], text)
	}
}

// trim VARIABLE FILE: sets a variable to a file's text, without its last line end.
func trim(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
}
