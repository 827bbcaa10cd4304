package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the guide shows is what is there: each line of its Go blocks that name no file stands in this program, or in the
// module that "nacre wasm init" writes, in that order.
func TestTheGuideShowsThisProgram(t *testing.T) {
	guide, err := os.ReadFile("../../docs/wasm.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, pattern := range []string{"*.go", "../../wasm/build/templates/go/*.go.tmpl"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, squeezed(string(text)))
		}
	}
	blocks := 0
	for i, part := range strings.Split(string(guide), "```") {
		block, isGo := strings.CutPrefix(part, "go\n")
		if i%2 == 0 || !isGo {
			continue
		}
		blocks++
		found := false
		for _, s := range sources {
			found = found || strings.Contains(s, squeezed(block))
		}
		if !found {
			t.Errorf("this block of docs/wasm.md stands neither in the example nor in the template:\n%s", block)
		}
	}
	if blocks < 8 {
		t.Errorf("the guide has %d Go blocks", blocks)
	}
}

// squeezed is a text with its lines trimmed, and without empty ones.
func squeezed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
