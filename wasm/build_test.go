package wasm_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre/wasm"
)

// newEngine makes an engine that is closed when the test ends.
func newEngine(t testing.TB, o *wasm.EngineOptions) *wasm.Engine {
	t.Helper()
	e, err := wasm.NewEngine(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return e
}

// compile makes a module, or fails the test.
func compile(t testing.TB, e *wasm.Engine, binary []byte, l *wasm.Limits) *wasm.Module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// folder is where the probe is built, and what it compiles to is kept.
var folder string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "nacre-wasm")
	if err != nil {
		panic(err)
	}
	folder = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// probe is the module of the vectors, made with the Go SDK. It is built once.
var probe = sync.OnceValues(func() ([]byte, error) {
	out := filepath.Join(folder, "probe.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./guest/probe/module")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, &buildError{err, string(text)}
	}
	return os.ReadFile(out)
})

// compiled are the options of an engine that keeps what the probe compiles to, which takes a second.
func compiled() *wasm.EngineOptions {
	return &wasm.EngineOptions{Cache: filepath.Join(folder, "compiled"), Logger: slog.New(slog.DiscardHandler)}
}

type buildError struct {
	err  error
	text string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.text }

func goProbe(t testing.TB) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a module with the go command")
	}
	binary, err := probe()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// patient limits are for machines that have a lot to do beside.
func patient(instances int) *wasm.Limits {
	return &wasm.Limits{Instances: instances, Running: time.Minute, Call: 10 * time.Minute}
}

func contextThatEnded() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
