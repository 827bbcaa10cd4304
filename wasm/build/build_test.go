package build_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/build"
)

var sources = filepath.Join("..", "..")

// TestTemplates makes a module of each template, with the SDK of these sources, and runs its tests.
func TestTemplates(t *testing.T) {
	for _, l := range build.Languages {
		t.Run(string(l), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "module")
			files, _, err := build.Init(dir, l, &build.InitOptions{SDK: sources})
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil || strings.Contains(string(text), "@DEPENDENCY@") || strings.Contains(string(text), "@REQUIRE@") {
					t.Errorf("%s: %v\n%s", file, err, text)
				}
			}
			if testing.Short() && l != build.Go {
				t.Skip("the tests of the SDKs build the same with these tool chains")
			}
			skipWithoutTools(t, l, dir)
			m, _ := load(t, dir)
			if n := len(m.Tests()); n < 5 {
				t.Errorf("the template has %d tests", n)
			}
			runTests(t, m)
		})
	}
}

// skipWithoutTools skips where the tool chain of a language is not there.
func skipWithoutTools(t *testing.T, l build.Language, dir string) {
	t.Helper()
	switch l {
	case build.Rust:
		out, err := exec.CommandContext(t.Context(), "rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
		if err == nil {
			_, err = os.Stat(strings.TrimSpace(string(out)))
		}
		if err != nil {
			t.Skipf("Rust with the target wasm32-unknown-unknown is not here: %v", err)
		}
	case build.AssemblyScript:
		// What npm would do: the compiler and the SDK are those of the sources.
		packages, err := filepath.Abs(filepath.Join(sources, "sdk", "assemblyscript", "node_modules"))
		if err == nil {
			_, err = os.Stat(filepath.Join(packages, "@nacredb", "guest"))
		}
		if err == nil {
			err = os.Symlink(packages, filepath.Join(dir, "node_modules"))
		}
		if err != nil {
			t.Skipf("the packages of sdk/assemblyscript are not here: %v", err)
		}
	}
}

// TestTemplatesAreTheExamples wants the templates to be the counters of the SDKs, which their own tests look after.
func TestTemplatesAreTheExamples(t *testing.T) {
	for l, dir := range map[build.Language]string{build.Rust: "rust", build.AssemblyScript: "assemblyscript"} {
		made := t.TempDir()
		files, _, err := build.Init(made, l, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if file == ".gitignore" {
				continue
			}
			want, err := os.ReadFile(filepath.Join(sources, "sdk", dir, "examples", "counter", file))
			if err != nil {
				t.Error(err)
				continue
			}
			got, err := os.ReadFile(filepath.Join(made, file))
			if err != nil {
				t.Fatal(err)
			}
			if withoutSDK(string(got)) != withoutSDK(string(want)) {
				t.Errorf("templates/%s/%s.tmpl is not the example's", l, file)
			}
		}
	}
}

// withoutSDK leaves out the lines that say where the SDK is.
func withoutSDK(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "nacre-guest = ") && !strings.Contains(line, `"@nacredb/guest": `) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestAToolThatIsMissingIsSaid(t *testing.T) {
	for _, l := range build.Languages {
		dir := t.TempDir()
		if _, _, err := build.Init(dir, l, nil); err != nil {
			t.Fatal(err)
		}
		path := os.Getenv("PATH")
		t.Setenv("PATH", t.TempDir())
		_, err := build.Build(t.Context(), dir, nil)
		t.Setenv("PATH", path)
		if err == nil || !strings.Contains(err.Error(), "is not there, which builds modules in") {
			t.Errorf("%s: %v", l, err)
		}
	}
}

// load builds a folder and compiles the module.
func load(t *testing.T, dir string) (*wasm.Module, *build.Module) {
	t.Helper()
	built, err := build.Build(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wasm.NewEngine(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	m, err := engine.Compile(t.Context(), built.Binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Hash() != built.Hash || len(m.Tests()) != built.Tests {
		t.Errorf("the module has the hash %s and %d tests, and was built with %s and %d", m.Hash(), len(m.Tests()), built.Hash, built.Tests)
	}
	return m, built
}

// runTests runs a module's own tests.
func runTests(t *testing.T, m *wasm.Module) {
	t.Helper()
	failures, err := m.RunCases(t.Context(), m.Tests())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}
