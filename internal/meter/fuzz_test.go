package meter_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

// little is taken, so that fuzzers do not spend their time on compiling.
var little = &meter.Options{Functions: 200, Body: 4 << 10, Items: 50, Elements: 200, MemoryPages: 4, Frame: 4 << 10}

// judge is a runtime that tells which modules are valid.
func judge(t testing.TB) wazero.Runtime {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(little.MemoryPages))
	t.Cleanup(func() { _ = runtime.Close(ctx) })
	return runtime
}

// sameVerdict wants that no binary makes Instrument panic, and that what it takes is instrumented to a module that wazero
// takes where it takes the one that was given, and refuses where it refuses that. It tells whether the module was valid.
func sameVerdict(t *testing.T, runtime wazero.Runtime, binary []byte) bool {
	t.Helper()
	ctx := context.Background()
	out, info, err := meter.Instrument(binary, little)
	if err != nil {
		refused, ok := errors.AsType[*meter.Error](err)
		if !ok || refused.Offset < 0 || refused.Offset > len(binary) || out != nil || info != nil {
			t.Fatalf("it is refused by %v\n%x", err, binary)
		}
		return false
	}
	before, beforeErr := runtime.CompileModule(ctx, binary)
	after, afterErr := runtime.CompileModule(ctx, out)
	switch {
	case beforeErr == nil && afterErr != nil:
		t.Fatalf("wazero takes the module, and not what it is instrumented to: %v\n%x", afterErr, binary)
	case beforeErr != nil && afterErr == nil && !strings.Contains(beforeErr.Error(), "section custom"):
		// Names that cannot be read make no module invalid, by the specification.
		t.Fatalf("wazero takes what the module is instrumented to, and not the module: %v\n%x", beforeErr, binary)
	}
	if afterErr != nil || beforeErr != nil {
		return false
	}
	defer before.Close(ctx)
	defer after.Close(ctx)
	a, b := before.ExportedFunctions(), after.ExportedFunctions()
	if len(a) != len(b) {
		t.Fatalf("%d functions are exported, and %d afterwards\n%x", len(a), len(b), binary)
	}
	for name, f := range a {
		if g := b[name]; g == nil || !sameTypes(f, g) {
			t.Fatalf("the export %q is another one afterwards\n%x", name, binary)
		}
	}
	return true
}

func sameTypes(f, g api.FunctionDefinition) bool {
	return bytes.Equal(f.ParamTypes(), g.ParamTypes()) && bytes.Equal(f.ResultTypes(), g.ResultTypes())
}

func FuzzInstrument(f *testing.F) {
	for _, p := range programs {
		f.Add(p.module.bytes())
	}
	f.Add(randomProgram(newPCG(1), true))
	f.Add(randomProgram(newPCG(2), false))
	runtime := judge(f)
	f.Fuzz(func(t *testing.T, binary []byte) {
		sameVerdict(t, runtime, binary)
	})
}

// TestMutations changes some bytes of modules that are valid: most of what comes of it is nearly valid.
func TestMutations(t *testing.T) {
	seed := newSeed(t)
	rounds := 8_000
	if testing.Short() || racing {
		rounds = 1000
	}
	runtime := judge(t)
	r := newPCG(seed)
	valid := 0
	for range rounds {
		binary := programs[r.IntN(len(programs))].module.bytes()
		if r.IntN(10) == 0 {
			binary = randomProgram(r, true)
		}
		for range 1 + r.IntN(3) {
			at := r.IntN(len(binary))
			switch r.IntN(5) {
			case 0:
				binary[at] = byte(r.Uint32())
			case 1:
				binary[at] ^= 1 << r.IntN(8)
			case 2:
				binary[at]++
			case 3:
				binary[at]--
			default: // what means something at many places
				binary[at] = []byte{0, empty, i32, 0x80, 0xff, block, loop, if_, end, br, brIf, call, drop, refFunc}[r.IntN(14)]
			}
		}
		if sameVerdict(t, runtime, binary) {
			valid++
		}
	}
	t.Logf("%d of %d were valid", valid, rounds)
	if valid == 0 || valid == rounds {
		t.Error("that shows little")
	}
}
