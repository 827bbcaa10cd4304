//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

// nacreCommand is the program in a process of its own.
func nacreCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// startImport begins an import of the first lines of a text, over a pipe that stays open, and returns
// when some events are in the store.
func startImport(t *testing.T, data string, text []byte, n int) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	dir := filepath.Join(data, "default")
	s, err := filestore.Open(dir, nil)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := nacreCommand(t, "import", "-", "--data", data)
	var told bytes.Buffer
	cmd.Stderr = &told
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	part := bytes.Join(bytes.SplitAfter(text, []byte("\n"))[:n], nil)
	if _, err := in.Write(part); err != nil {
		t.Fatal(err)
	}
	s, err = filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return cmd, &told
}

// finishImport imports the whole text and checks that it is in the log in its order.
func finishImport(t *testing.T, data string, text []byte) {
	t.Helper()
	cmd := nacreCommand(t, "import", "-", "--data", data)
	cmd.Stdin = bytes.NewReader(text)
	told, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	if strings.Contains(string(told), ", 0 already there") {
		t.Fatalf("nothing was there already: %s", told)
	}
	report, err := filestore.Verify(t.Context(), filepath.Join(data, "default"), nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report)
	}
	s, err := filestore.Open(filepath.Join(data, "default"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got, want []string
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Data))
	}
	for line := range bytes.Lines(text) {
		_, rest, _ := strings.Cut(string(line), `"data":`)
		want = append(want, strings.TrimSuffix(rest, "}\n"))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the log has %d events, the file %d, or the order differs", len(got), len(want))
	}
}

func TestImportGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	data, text := t.TempDir(), generated(3000, 13)
	cmd, _ := startImport(t, data, text, 1700)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	finishImport(t, data, text)
}

func TestImportEndsInOrderWhenInterrupted(t *testing.T) {
	t.Parallel()
	data, text := t.TempDir(), generated(2000, 13)
	cmd, told := startImport(t, data, text, 1100)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitOf(t, cmd.Wait()); code != exitInterrupted {
		t.Fatalf("ended with %d: %s", code, told)
	}
	if !strings.Contains(told.String(), "run the same command again to go on\nnacre: interrupted\n") {
		t.Fatalf("told %q", told)
	}
	finishImport(t, data, text)
}

// A reader that goes away, as head does, ends the program without a word.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, err := filestore.Open(filepath.Join(data, "default"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var events []nacre.Event
	for range 900 {
		events = append(events, nacre.NewEvent("x", strings.Repeat("x", 2000)))
	}
	if _, err := s.Append(t.Context(), "a", nacre.Any, events...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"log"}, {"read", "a"}, {"export"}, {"log", "--follow"}} {
		cmd := nacreCommand(t, append(args, "--data", data)...)
		var told bytes.Buffer
		cmd.Stderr = &told
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		if code := exitOf(t, cmd.Wait()); code != 0 || told.Len() > 0 {
			t.Errorf("%v ended with %d: %s", args, code, &told)
		}
	}
}

// A position that the log does not have is another log's.
func TestFollowerAheadOfTheLog(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if out, err := nacreCommand(t, "append", "a-1", "x", "--data", data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := nacreCommand(t, "log", "--follow", "--after", "9", "--data", data).CombinedOutput()
	if code := exitOf(t, err); code != exitFailed || !strings.Contains(string(out), "(LOG_REWOUND)") {
		t.Fatalf("ended with %d: %s", code, out)
	}
}
