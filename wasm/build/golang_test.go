package build_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestTheProbePassesTheVectors(t *testing.T) {
	m, _ := load(t, filepath.Join(sources, "wasm", "guest", "probe", "module"))
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

// TestOddTypes builds testdata/odd.txtar, whose tests say what must come of it.
func TestOddTypes(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "odd.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(sources)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	notes := ""
	for _, f := range archive.Files {
		if f.Name == "notes" {
			notes = string(f.Data)
			continue
		}
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.ReplaceAll(f.Data, []byte("SOURCES"), []byte(root)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	m, built := load(t, dir)
	if got := strings.Join(built.Notes, "\n") + "\n"; got != notes {
		t.Errorf("the notes are\n%s, and not\n%s", got, notes)
	}
	runTests(t, m)
}
