package guests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre/wasm"
)

// sdk is a guest SDK, and how its examples are built.
type sdk struct {
	name string
	// missing says what is not there of the tool chain; "" where all is.
	missing func() string
	// build gives the file of an example.
	build func(example string) (string, error)
	// cases is the file with an example's cases.
	cases func(example string) string
}

var (
	rustDir   = filepath.Join("..", "..", "sdk", "rust")
	scriptDir = filepath.Join("..", "..", "sdk", "assemblyscript")
)

var sdks = []*sdk{
	{
		name: "rust",
		missing: func() string {
			if _, err := exec.LookPath("cargo"); err != nil {
				return "cargo is not here"
			}
			libraries, err := exec.Command("rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
			if err != nil {
				return "rustc does not know wasm32-unknown-unknown"
			}
			if _, err := os.Stat(strings.TrimSpace(string(libraries))); err != nil {
				return "Rust's target is not here: rustup target add wasm32-unknown-unknown"
			}
			return ""
		},
		build: func(example string) (string, error) {
			cmd := exec.Command("cargo", "build", "--release", "--locked", "--offline", "--target", "wasm32-unknown-unknown")
			cmd.Dir = filepath.Join(rustDir, "examples", example)
			return filepath.Join(cmd.Dir, "target", "wasm32-unknown-unknown", "release", example+".wasm"), run(cmd)
		},
		cases: func(example string) string {
			return filepath.Join(rustDir, "examples", example, example+".test.json")
		},
	},
	{
		name: "assemblyscript",
		missing: func() string {
			if _, err := exec.LookPath("node"); err != nil {
				return "node is not here"
			}
			if _, err := os.Stat(filepath.Join(scriptDir, "node_modules", "assemblyscript")); err != nil {
				return "the compiler is not here: npm ci in sdk/assemblyscript"
			}
			return ""
		},
		build: func(example string) (string, error) {
			cmd := exec.Command("node", filepath.Join("scripts", "build.mjs"), example)
			cmd.Dir = scriptDir
			return filepath.Join(scriptDir, "build", example+".wasm"), run(cmd)
		},
		cases: func(example string) string {
			return filepath.Join(scriptDir, "examples", example, example+".test.json")
		},
	},
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return &buildError{err, string(out)}
	}
	return nil
}

type buildError struct {
	err  error
	text string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.text }

var (
	builds   sync.Mutex
	binaries = map[string][]byte{}
)

// module gives the binary of an example, which is built once.
func (s *sdk) module(t testing.TB, example string) []byte {
	t.Helper()
	if missing := s.missing(); missing != "" {
		t.Skipf("SKIPPED: the SDK for %s is not tested: %s", s.name, missing)
	}
	builds.Lock()
	defer builds.Unlock()
	key := s.name + "/" + example
	if binaries[key] == nil {
		file, err := s.build(example)
		if err != nil {
			t.Fatal(err)
		}
		if binaries[key], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return binaries[key]
}

// each runs a test for every SDK, with the example compiled.
func each(t *testing.T, example string, l *wasm.Limits, test func(t *testing.T, s *sdk, m *wasm.Module)) {
	for _, s := range sdks {
		t.Run(s.name, func(t *testing.T) {
			binary := s.module(t, example)
			test(t, s, compile(t, binary, l))
		})
	}
}

func compile(t testing.TB, binary []byte, l *wasm.Limits) *wasm.Module {
	t.Helper()
	e, err := wasm.NewEngine(t.Context(), nil)
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
	m, err := e.Compile(t.Context(), binary, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
