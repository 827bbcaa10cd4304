package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/build"
)

func TestAModuleIsCountedAndSentCommands(t *testing.T) {
	built, err := build.Build(t.Context(), filepath.Join("..", "counter", "wasm"), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "counter.wasm")
	if err := os.WriteFile(file, built.Binary, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"version 1 is active: true\nnorth: 1 at version 0\nsouth: 1 at version 0\nnorth: 2 at version 1\nmap[north:2 south:1 total:3]\n",
		"version 1 is active: true\nnorth: 3 at version 2\nsouth: 2 at version 1\nnorth: 4 at version 3\nmap[north:4 south:2 total:6]\n",
	} {
		var out strings.Builder
		if err := run(t.Context(), &out, file, filepath.Join(dir, "data", "default")); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got\n%s\nnot\n%s", &out, want)
		}
	}
}
