package guest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// sandboxed is an instance of a module in WebAssembly.
type sandboxed struct {
	t                               testing.TB
	module                          api.Module
	describe, decide, evolve, alloc api.Function
	logs                            *[]string
}

// build makes a module of a package as anybody does who has Go only.
func build(t testing.TB, pkg string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "module.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// runtime compiles a module, and gives what makes instances of it.
func sandbox(t testing.TB, binary []byte) func() *sandboxed {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { _ = r.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	var logs []string
	_, err := r.NewHostModuleBuilder("nacre").NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, level, at, n uint32) {
		text, _ := m.Memory().Read(at, n)
		logs = append(logs, strings.Repeat("!", int(int32(level)))+string(text))
	}).Export("log").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	return func() *sandboxed {
		m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		if err != nil {
			t.Fatal(err)
		}
		return &sandboxed{
			t: t, module: m, logs: &logs,
			describe: m.ExportedFunction("nacre_describe"), decide: m.ExportedFunction("nacre_decide"),
			evolve: m.ExportedFunction("nacre_evolve"), alloc: m.ExportedFunction("nacre_alloc"),
		}
	}
}

func (s *sandboxed) Describe() []byte             { return s.call(s.describe) }
func (s *sandboxed) Decide(request []byte) []byte { return s.call(s.decide, s.put(request)...) }
func (s *sandboxed) Evolve(request []byte) []byte { return s.call(s.evolve, s.put(request)...) }

func (s *sandboxed) put(request []byte) []uint64 {
	at, err := s.alloc.Call(context.Background(), uint64(len(request)))
	if err != nil || !s.module.Memory().Write(uint32(at[0]), request) {
		s.t.Fatalf("the request could not be written: %v", err)
	}
	return []uint64{at[0], uint64(len(request))}
}

func (s *sandboxed) call(f api.Function, args ...uint64) []byte {
	got, err := f.Call(context.Background(), args...)
	if err != nil {
		s.t.Fatal(err)
	}
	reply, ok := s.module.Memory().Read(uint32(got[0]>>32), uint32(got[0]))
	if !ok {
		s.t.Fatalf("the reply is out of bounds: %x", got[0])
	}
	return append([]byte(nil), reply...)
}

func TestAModuleWithoutGeneratedCodecsPassesTheVectors(t *testing.T) {
	start := sandbox(t, build(t, "./probe/module"))
	runVectors(t, readVectors(t), func() instance { return start() })
}

func BenchmarkPlain(b *testing.B) {
	s := sandbox(b, build(b, "./probe/module"))()
	req := []byte(`{"id":"ann","state":{"count":0,"note":"","tags":[]},"keep":2,"command":"add","payload":{"by":3},"context":{"time":"2000-01-01T00:00:00Z"}}`)
	for b.Loop() {
		s.Decide(req)
	}
}
