package wasm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The modules that guests import from.
const (
	hostModule  = "nacre"
	meterModule = "nacre:meter"
	wasiModule  = "wasi_snapshot_preview1"
)

// runKey finds a run in a context that somebody has wrapped.
type runKey struct{}

// Value is that of the context below, or the run itself.
func (r *run) Value(key any) any {
	if key == (runKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// runOf is the call in which a host function was called.
func runOf(ctx context.Context) *run {
	if r, ok := ctx.(*run); ok {
		return r
	}
	return ctx.Value(runKey{}).(*run) // every call of a guest has one
}

// hostFunction is a function that guests import.
type hostFunction struct {
	name            string
	params, results []api.ValueType
	call            func(r *run, stack []uint64)
}

var hostFunctions = []hostFunction{
	{"log", types(i32, i32, i32), nil, func(r *run, stack []uint64) {
		text, ok := r.in.linear.read(api.DecodeU32(stack[1]), api.DecodeU32(stack[2]))
		if !ok {
			r.end(CodeTrapped, "it logged a text that is not in its memory")
		}
		r.work(min(len(text), maxLogBytes))
		r.journal.add(api.DecodeI32(stack[0]), text)
	}},
}

var meterFunctions = []hostFunction{
	{"tick", nil, types(i64), func(r *run, stack []uint64) {
		r.tick()
		stack[0] = tickEvery
	}},
	{"deep", nil, nil, func(r *run, _ []uint64) { r.deep() }},
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

func types(t ...api.ValueType) []api.ValueType { return t }

// provide makes the modules that guests import from.
func provide(ctx context.Context, runtime wazero.Runtime) error {
	all := map[string][]hostFunction{hostModule: hostFunctions, meterModule: meterFunctions, wasiModule: wasiFunctions()}
	maps.Copy(all, thaloFunctions)
	for module, functions := range all {
		b := runtime.NewHostModuleBuilder(module)
		for _, f := range functions {
			b.NewFunctionBuilder().
				WithGoFunction(api.GoFunc(func(ctx context.Context, stack []uint64) { f.call(runOf(ctx), stack) }), f.params, f.results).
				Export(f.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// provided tells whether guests may import a function, and what its type is.
func provided(module, name string) (string, bool) {
	var functions []hostFunction
	switch module {
	case hostModule:
		functions = hostFunctions
	case wasiModule:
		functions = wasiFunctions()
	}
	i := slices.IndexFunc(functions, func(f hostFunction) bool { return f.name == name })
	if i < 0 {
		return "", false
	}
	return signature(functions[i].params, functions[i].results), true
}

// signature is a function's type as package meter writes it, as in "(i32,i32)->i64".
func signature(params, results []api.ValueType) string {
	names := make([]string, 0, len(params))
	for _, t := range params {
		names = append(names, api.ValueTypeName(t))
	}
	result := "()"
	if len(results) == 1 {
		result = api.ValueTypeName(results[0])
	}
	return "(" + strings.Join(names, ",") + ")->" + result
}
