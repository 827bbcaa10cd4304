package meter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

// FuzzInstrument wants that no binary makes it panic, and that what it takes is instrumented to a module that wazero
// takes where it takes the one that was given, and refuses where it refuses that.
func FuzzInstrument(f *testing.F) {
	for _, p := range programs {
		f.Add(p.module.bytes())
	}
	f.Add(randomProgram(newPCG(1), true))
	f.Add(randomProgram(newPCG(2), false))
	// Little is taken, so that the fuzzer does not spend its time on compiling.
	options := &meter.Options{Functions: 200, Body: 4 << 10, Items: 50, Elements: 200, MemoryPages: 4, Frame: 4 << 10}
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(4))
	f.Cleanup(func() { _ = runtime.Close(ctx) })
	f.Fuzz(func(t *testing.T, binary []byte) {
		out, info, err := meter.Instrument(binary, options)
		if err != nil {
			var refused *meter.Error
			if !errors.As(err, &refused) || refused.Offset < 0 || refused.Offset > len(binary) || out != nil || info != nil {
				t.Fatalf("it is refused by %v", err)
			}
			return
		}
		if len(binary) > 1<<16 {
			return
		}
		before, beforeErr := runtime.CompileModule(ctx, binary)
		after, afterErr := runtime.CompileModule(ctx, out)
		switch {
		case beforeErr == nil && afterErr != nil:
			t.Fatalf("wazero takes the module, and not what it is instrumented to: %v", afterErr)
		case beforeErr != nil && afterErr == nil:
			t.Fatalf("wazero takes what the module is instrumented to, and not the module: %v", beforeErr)
		case beforeErr != nil:
			return
		}
		defer before.Close(ctx)
		defer after.Close(ctx)
		sameExports(t, before, after)
	})
}

func sameExports(t *testing.T, before, after wazero.CompiledModule) {
	a, b := before.ExportedFunctions(), after.ExportedFunctions()
	if len(a) != len(b) {
		t.Fatalf("%d functions are exported, and %d afterwards", len(a), len(b))
	}
	for name, f := range a {
		g := b[name]
		if g == nil || !equalTypes(f, g) {
			t.Fatalf("the export %q is another one afterwards", name)
		}
	}
}

func equalTypes(f, g api.FunctionDefinition) bool {
	return string(f.ParamTypes()) == string(g.ParamTypes()) && string(f.ResultTypes()) == string(g.ResultTypes())
}
