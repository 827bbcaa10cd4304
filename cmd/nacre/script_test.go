package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram makes the test binary be the program, for the tests that need processes of their own.
const asProgram = "NACRE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main())
	}
	testscript.Main(m, map[string]func(){
		"nacre": func() { os.Exit(Main()) },
	})
}

// TestScript runs testdata/script/*.txtar: each is a user's session.
func TestScript(t *testing.T) {
	modules := t.TempDir()
	buildModules(t, modules)
	tools := goTools(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[heldStore{}] = &holder{}
			env.Values[servers{}] = map[string]*served{}
			// With the race detector every process would wait for a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("MODULES", modules)
			for name, value := range tools {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"archive": archive,
			"efdb":    efdb,
			"exits":   exits,
			"events":  events,
			"bodies":  bodies,
			"column":  column,
			"flip":    flip,
			"hold":    hold,
			"put":     put,
			"server":  startServer,
			"halt":    stopServer,
			"send":    send,
			"trim":    trim,
			"follow":  followLog,
			"bury":    buryLetter,
			"until":   until,
		},
	})
}

// exits CODE PROGRAM ARG...: runs the program, which has to end with the code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("ended with %d, not %d", got, want)
	}
}

// events N STREAMS FILE: writes N events to import, which go round the streams in an uneven way.
func events(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	streams, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), generated(n, streams), 0o666))
}

// generated is N lines to import.
func generated(n, streams int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"streamId":"thing-%d","type":"thing.changed","data":{"n":%d,"text":"%s"}}`+"\n",
			(i*i+i/7)%streams, i, strings.Repeat("x", i%50))
	}
	return b.Bytes()
}

// bodies IN OUT: copies lines without their stamps.
func bodies(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	for line := range lines(ts, args[0]) {
		at := bytes.LastIndex(line, []byte(`,"globalPosition":`))
		if at < 0 {
			ts.Fatalf("a line without a stamp: %s", line)
		}
		out.Write(line[:at])
		out.WriteByte('\n')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o666))
}

// column MEMBER IN OUT: copies one member's value of each line, up to the next comma or brace.
func column(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	for line := range lines(ts, args[1]) {
		_, rest, ok := bytes.Cut(line, []byte(`"`+args[0]+`":`))
		if !ok {
			ts.Fatalf("a line without %q: %s", args[0], line)
		}
		out.Write(rest[:bytes.IndexAny(rest, ",}")])
		out.WriteByte('\n')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out.Bytes(), 0o666))
}

// lines are a file's, or those of stdout, uncompressed.
func lines(ts *testscript.TestScript, file string) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		var in io.Reader = strings.NewReader(ts.ReadFile(file))
		if strings.HasSuffix(file, ".gz") {
			zip, err := gzip.NewReader(in)
			ts.Check(err)
			in = zip
		}
		scan := bufio.NewScanner(in)
		for scan.Scan() && yield(scan.Bytes()) {
		}
		ts.Check(scan.Err())
	}
}

// flip FILE BYTE: changes one bit.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	b[at] ^= 1
	ts.Check(os.WriteFile(name, b, 0o666))
}

type heldStore struct{}

// hold FOLDER: opens a store for writing, in the test's process, and sets HOLDER to its process id.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	s, err := filestore.Open(ts.MkAbs(args[0]), nil)
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
	ts.Value(heldStore{}).(*holder).store = s
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
}

type holder struct{ store *nacre.Store }

// put STREAM TYPE DATA: appends to the store that is held.
func put(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(heldStore{}).(*holder).store
	_, err := s.Append(context.Background(), nacre.StreamID(args[0]), nacre.Any, nacre.Event{Type: args[1], Data: []byte(args[2])})
	ts.Check(err)
}
