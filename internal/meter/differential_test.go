package meter_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/nacredb/nacre/internal/meter"
)

// language is a tool chain, and a program for it.
type language struct {
	name string
	tool string
	// build gives the arguments of the tool that put a module to a path.
	build func(to string) []string
	env   []string
	// calls are exported functions, and what to call them with: a little work each.
	calls []workload
}

type workload struct {
	name string
	arg  uint64
}

var languages = []language{
	{
		name: "Go", tool: "go",
		build: func(to string) []string {
			return []string{"build", "-trimpath", "-buildmode=c-shared", "-o", to, "./testdata/programs"}
		},
		env: []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"},
		calls: []workload{
			{"hash", 50}, {"sort", 5000}, {"decode", 20}, {"match", 10}, {"fibonacci", 20}, {"talk", 300}, {"recovers", 1001}, {"recovers", 1000}, {"tables", 3000},
		},
	},
	{
		name: "Rust", tool: "rustc",
		build: func(to string) []string {
			return []string{"--edition=2021", "--crate-type=cdylib", "--target=wasm32-unknown-unknown", "-Copt-level=3", "-o", to, "testdata/rust/programs.rs"}
		},
		calls: []workload{{"sort", 20000}, {"fibonacci", 22}, {"texts", 5000}, {"multiply", 60}, {"closures", 20000}},
	},
	{
		name: "C", tool: "clang",
		build: func(to string) []string {
			return []string{"--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-o", to, "testdata/c/programs.c"}
		},
		calls: []workload{{"sort", 20000}, {"fibonacci", 22}, {"closures", 20000}, {"choose", 50000}},
	},
}

var built sync.Map // name -> func() ([]byte, error)

// module builds the program, once for all tests.
func (l *language) module(t testing.TB) []byte {
	t.Helper()
	once, _ := built.LoadOrStore(l.name, sync.OnceValues(func() ([]byte, error) {
		tool, err := exec.LookPath(l.tool)
		if err != nil {
			return nil, nil
		}
		dir, err := os.MkdirTemp("", "meter-") //nolint:usetesting // it outlives the test that comes first
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		to := filepath.Join(dir, "program.wasm")
		cmd := exec.Command(tool, l.build(to)...)
		cmd.Env = append(os.Environ(), l.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, &buildError{err, out}
		}
		return os.ReadFile(to)
	}))
	binary, err := once.(func() ([]byte, error))()
	switch {
	case err != nil && l.tool != "go":
		t.Skipf("%s does not build for WebAssembly here: %v", l.tool, err)
	case err != nil:
		t.Fatal(err)
	case binary == nil:
		t.Skipf("there is no %s", l.tool)
	}
	return binary
}

type buildError struct {
	err error
	out []byte
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + string(e.out) }

// reactor instantiates a module that may want WASI and to be initialized.
func (h *host) reactor(t testing.TB, binary []byte) api.Module {
	t.Helper()
	ctx := context.Background()
	if h.runtime.Module(wasi_snapshot_preview1.ModuleName) == nil {
		wasi_snapshot_preview1.MustInstantiate(ctx, h.runtime)
	}
	i := h.instance(t, binary)
	if f := i.ExportedFunction("_initialize"); f != nil {
		if problem, _ := outcome(f); problem != "" {
			t.Fatal(problem)
		}
	}
	return i
}

// TestDifferential runs programs of real compilers as they are and instrumented, with ticks that come often.
func TestDifferential(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			if racing && l.name == "Go" {
				t.Skip("it takes a minute with the detector of races")
			}
			binary := l.module(t)
			out, info, err := meter.Instrument(binary, &meter.Options{Every: 1000, Depth: 8 << 20})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes, %d functions, about %s to compile; instrumented %d bytes", len(binary), info.Functions, info.Compile, len(out))
			h := newHost(t, wazero.NewRuntimeConfig())
			h.next = 1000
			plain, metered := h.reactor(t, binary), h.reactor(t, out)
			for range 2 {
				for _, c := range l.calls {
					wantErr, want := outcome(plain.ExportedFunction(c.name), c.arg)
					gotErr, got := outcome(metered.ExportedFunction(c.name), c.arg)
					if wantErr != "" || gotErr != "" || !slices.Equal(want, got) {
						t.Errorf("%s(%d) gives %v, %q as it is, and %v, %q instrumented", c.name, c.arg, want, wantErr, got, gotErr)
					}
				}
			}
			if h.ticks < 100 {
				t.Errorf("there were %d ticks", h.ticks)
			}
		})
	}
}
