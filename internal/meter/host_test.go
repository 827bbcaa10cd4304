package meter_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

var errDeep = errors.New("the depth is exceeded")

// host runs modules, and notes what the code that measures tells it.
type host struct {
	runtime wazero.Runtime
	ticks   int
	deep    int
	next    int64                     // what tick gives
	onTick  func(ctx context.Context) // before that, where it is there
	traced  []uint64                  // what env.trace was called with
}

// newHost makes one that is closed with the test. The module env has trace (i32) and give () -> i32, which gives 7.
func newHost(t testing.TB, config wazero.RuntimeConfig) *host {
	t.Helper()
	ctx := context.Background()
	h := &host{runtime: wazero.NewRuntimeWithConfig(ctx, config), next: 1 << 20}
	t.Cleanup(func() { _ = h.runtime.Close(ctx) })
	_, err := h.runtime.NewHostModuleBuilder(meter.ModuleName).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(ctx context.Context, stack []uint64) {
		h.ticks++
		if h.onTick != nil {
			h.onTick(ctx)
		}
		stack[0] = uint64(h.next)
	}), nil, []api.ValueType{api.ValueTypeI64}).Export(meter.TickName).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {
		h.deep++
		panic(errDeep)
	}), nil, nil).Export(meter.DeepName).
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.runtime.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		h.traced = append(h.traced, uint64(uint32(stack[0])))
	}), []api.ValueType{api.ValueTypeI32}, nil).Export("trace").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		stack[0] = 7
	}), nil, []api.ValueType{api.ValueTypeI32}).Export("give").
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// engines are the two ways of wazero to run modules.
func engines() map[string]wazero.RuntimeConfig {
	return map[string]wazero.RuntimeConfig{
		"compiler":    wazero.NewRuntimeConfig(),
		"interpreter": wazero.NewRuntimeConfigInterpreter(),
	}
}

// instance instantiates a module.
func (h *host) instance(t testing.TB, binary []byte) api.Module {
	t.Helper()
	ctx := context.Background()
	compiled, err := h.runtime.CompileModule(ctx, binary)
	if err != nil {
		t.Fatalf("the module does not compile: %v", err)
	}
	i, err := h.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatalf("the module does not start: %v", err)
	}
	t.Cleanup(func() { _ = i.Close(ctx) })
	return i
}

// metered instruments a module, and instantiates it.
func (h *host) metered(t testing.TB, binary []byte, o *meter.Options) api.Module {
	t.Helper()
	return h.instance(t, instrument(t, binary, o))
}

func instrument(t testing.TB, binary []byte, o *meter.Options) []byte {
	t.Helper()
	out, _, err := meter.Instrument(binary, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome calls a function, and gives what two ways to run it have to agree on: the first line of the error, or the results.
func outcome(f api.Function, args ...uint64) (string, []uint64) {
	results, err := f.Call(context.Background(), args...)
	if err != nil {
		what, _, _ := strings.Cut(err.Error(), "\n") // what follows is the stack, with indexes
		return what, nil
	}
	for i, t := range f.Definition().ResultTypes() {
		if t == api.ValueTypeI32 {
			results[i] = uint64(uint32(results[i])) // what is above is anything
		}
	}
	return "", results
}

func containsLine(s, part string) bool {
	for line := range strings.Lines(s) {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}
