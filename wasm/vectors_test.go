package wasm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nacredb/nacre/wasm"
)

func readVectors(t testing.TB) *wasm.Vectors {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "spec", "vectors", "wasm", "probe.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := wasm.ReadVectors(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) == 0 || len(v.Exchanges) == 0 {
		t.Fatal("the vectors are empty")
	}
	return v
}

func TestTheGoSDKPassesTheVectors(t *testing.T) {
	m := compile(t, newEngine(t, compiled()), goProbe(t), patient(4))
	failures, err := m.RunVectors(t.Context(), readVectors(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}
