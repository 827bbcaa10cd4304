package build_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nacredb/nacre/wasm"
)

func TestTheProbePassesTheVectors(t *testing.T) {
	m := load(t, filepath.Join(sources, "wasm", "guest", "probe", "module"))
	text, err := os.ReadFile(filepath.Join(sources, "spec", "vectors", "wasm", "probe.json"))
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := wasm.ReadVectors(text)
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
