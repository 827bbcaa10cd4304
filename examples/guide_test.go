package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the guides show is what is there: each line of a guide's Go blocks that name no file stands in its sources, in that
// order.
func TestTheGuidesShowWhatIsThere(t *testing.T) {
	for guide, c := range map[string]struct {
		sources []string // patterns
		blocks  int      // at least
	}{
		"bank.md":     {[]string{"bank/*.go", "bank/app/*.go", "bank/model/*.go"}, 10},
		"albums.md":   {[]string{"albums/*.go"}, 12},
		"ankurah.md":  {[]string{"albums/*.go"}, 3},
		"live.md":     {[]string{"albums/*.go", "live_test.go"}, 5},
		"policies.md": {[]string{"policies_test.go", "entities_test.go"}, 3},
		"entities.md": {[]string{"albums/*.go", "entities_test.go", "../entity/example_test.go"}, 8},
		"wasm.md":     {[]string{"modules/*.go", "../wasm/build/templates/go/*.go.tmpl"}, 8},
	} {
		t.Run(guide, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../docs", guide))
			if err != nil {
				t.Fatal(err)
			}
			sources := squeezedFiles(t, c.sources)
			blocks := 0
			for i, part := range strings.Split(string(text), "```") {
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
					t.Errorf("this block stands nowhere in %q:\n%s", c.sources, block)
				}
			}
			if blocks < c.blocks {
				t.Errorf("the guide has %d Go blocks", blocks)
			}
		})
	}
}

// squeezedFiles are the files of patterns, each squeezed.
func squeezedFiles(t *testing.T, patterns []string) (out []string) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, squeezed(string(text)))
		}
	}
	return out
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
