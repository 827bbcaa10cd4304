package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nacredb/nacre/wasm/guest/codegen"
)

// The files that are put beside a package's own. Init functions run in the order of their files' names, and the one of
// the generator has to be the last.
const (
	generatorFile = "zzzzzzzz_nacre_generator.go"
	typesFile     = "zzzzzzzz_nacre_types.go"
	codecsFile    = "zz_nacre_codecs.go"
)

const codegenPath = "github.com/nacredb/nacre/wasm/guest/codegen"

// target is WebAssembly for the go command. A module has nothing of the machine that it was built on.
var target = []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}

// here is the machine's own platform, whatever the environment says.
var here = []string{"GOOS=", "GOARCH=", "CGO_ENABLED=0"}

func buildGo(ctx context.Context, dir string, o *Options) (module []byte, notes []string, err error) {
	if err := needs("go", "Go", "install Go 1.26 or later"); err != nil {
		return nil, nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // as the go command names it
		return nil, nil, err
	}
	temporary, err := os.MkdirTemp("", "nacre-wasm-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	b := &goBuild{dir: dir, temporary: temporary}
	if err := b.list(ctx); err != nil {
		return nil, nil, err
	}
	outcome, err := b.generate(ctx)
	if err != nil {
		return nil, nil, err
	}
	if module, err = b.compile(ctx, outcome); err != nil {
		return nil, nil, err
	}
	if o.KeepGenerated {
		if err := b.keep(outcome); err != nil {
			return nil, nil, err
		}
	}
	return module, outcome.Notes, nil
}

// goBuild is one build of a Go module.
type goBuild struct {
	dir, temporary string
	main           *goPackage
	packages       []*goPackage // those that files can be put beside
}

// generate runs the program on this machine, with the generator in it.
func (b *goBuild) generate(ctx context.Context) (*codegen.Outcome, error) {
	task := codegen.Task{Out: filepath.Join(b.temporary, "outcome.json")}
	task.Main, task.Packages = b.main.ImportPath, map[string]codegen.Package{}
	files := map[string]string{
		filepath.Join(b.main.Dir, generatorFile): fmt.Sprintf("package main\n\nimport codegen %q\n\nfunc init() { codegen.Main() }\n", codegenPath),
	}
	for _, p := range b.packages {
		types, failures, err := p.types()
		if err != nil {
			return nil, err
		}
		task.Packages[p.ImportPath] = codegen.Package{Name: p.Name, Types: types}
		if len(failures) == 0 {
			continue
		}
		var text strings.Builder
		fmt.Fprintf(&text, "package %s\n\nimport codegen %q\n", p.Name, codegenPath)
		for _, t := range failures {
			fmt.Fprintf(&text, "\nvar _ = codegen.Also[%s]()\n", t)
		}
		files[filepath.Join(p.Dir, typesFile)] = text.String()
	}
	program := filepath.Join(b.temporary, "generator")
	if err := b.build(ctx, here, files, program); err != nil {
		return nil, fmt.Errorf("the module has to compile for this machine too, as its codecs are generated from it: %w", err)
	}
	text, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	taskFile := filepath.Join(b.temporary, "task.json")
	if err := os.WriteFile(taskFile, text, 0o600); err != nil {
		return nil, err
	}
	if _, err := run(ctx, b.dir, []string{codegen.TaskVariable + "=" + taskFile}, program, "the codecs"); err != nil {
		return nil, fmt.Errorf("the codecs could not be generated: %w", err)
	}
	if text, err = os.ReadFile(task.Out); err != nil {
		return nil, fmt.Errorf("the program ended before its codecs were generated: an init function ends it: %w", err)
	}
	outcome := &codegen.Outcome{}
	if err := json.Unmarshal(text, outcome); err != nil {
		return nil, err
	}
	if outcome.Err != "" {
		return nil, errors.New(outcome.Err)
	}
	return outcome, nil
}

// compile makes the module, with the generated codecs.
func (b *goBuild) compile(ctx context.Context, outcome *codegen.Outcome) ([]byte, error) {
	args := []string{"-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}
	if !outcome.Reflects {
		args = append(args, "-tags=nacre_codecs")
	}
	out := filepath.Join(b.temporary, "module.wasm")
	if err := b.build(ctx, target, b.generated(outcome), out, args...); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// generated are the files with codecs, by where they are to stand.
func (b *goBuild) generated(outcome *codegen.Outcome) map[string]string {
	files := map[string]string{}
	for _, p := range b.packages {
		if text := outcome.Files[p.ImportPath]; text != nil {
			files[filepath.Join(p.Dir, codecsFile)] = string(text)
		}
	}
	return files
}

// keep leaves the generated files where they stood for the compiler.
func (b *goBuild) keep(outcome *codegen.Outcome) error {
	files := b.generated(outcome)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(name, []byte(files[name]), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// build compiles the folder, as if the files stood where they say.
func (b *goBuild) build(ctx context.Context, env []string, files map[string]string, out string, args ...string) error {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, p := range b.packages { // files that were kept once are not seen
		if kept := filepath.Join(p.Dir, codecsFile); files[kept] == "" {
			if _, err := os.Stat(kept); err == nil {
				overlay.Replace[kept] = ""
			}
		}
	}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		from := filepath.Join(b.temporary, fmt.Sprintf("%s.%d.go", filepath.Base(out), i))
		if err := os.WriteFile(from, []byte(files[name]), 0o600); err != nil {
			return err
		}
		overlay.Replace[name] = from
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	overlayFile := out + ".overlay.json"
	if err := os.WriteFile(overlayFile, text, 0o600); err != nil {
		return err
	}
	all := append([]string{"build", "-overlay", overlayFile, "-o", out}, args...)
	_, err = run(ctx, b.dir, env, "go", append(all, ".")...)
	return err
}
