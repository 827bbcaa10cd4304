package build_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/build"
)

func TestTheProbePassesTheVectors(t *testing.T) {
	built, err := build.Build(t.Context(), filepath.Join("..", "guest", "probe", "module"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", "wasm", "probe.json"))
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := wasm.ReadVectors(text)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wasm.NewEngine(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(context.Background())
	m, err := engine.Compile(t.Context(), built.Binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	failures, err := m.RunVectors(t.Context(), vectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}
