package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// GoVersion is the "go" line of go.mod. Every consumer's is at least as high, so it is raised on purpose only:
// "go get" raises it as well, when a dependency asks for more: 1.26.0, and not 1.26, which stands before it, is
// what the Prometheus client asks for.
const GoVersion = "1.26.0"

// CheckModule looks at the go.mod in root: its path, its go line, and that it has nothing that works only
// where it is the main module.
func CheckModule(ctx context.Context, root string) ([]Finding, error) {
	out, err := runGo(ctx, root, nil, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Module    struct{ Path string }
		Go        string
		Toolchain string
		Tool      []struct{ Path string }
		Replace   []struct{ Old struct{ Path string } }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, fmt.Errorf("archtest: what go mod edit printed: %w", err)
	}
	var found []Finding
	add := func(format string, args ...any) {
		found = append(found, Finding{File: "go.mod", Text: fmt.Sprintf(format, args...)})
	}
	if mod.Module.Path != Module {
		add("the module is %q, and not %q", mod.Module.Path, Module)
	}
	if mod.Go != GoVersion {
		add("the go line is %q, and not %q: every consumer inherits it, see GoVersion in internal/archtest", mod.Go, GoVersion)
	}
	if mod.Toolchain != "" {
		add("there is a toolchain line (%s): the go line is enough", mod.Toolchain)
	}
	for _, t := range mod.Tool {
		add("the tool %s stands here: tools have a module of their own, tools/go.mod", t.Path)
	}
	for _, r := range mod.Replace {
		add("%s is replaced, which does not hold for consumers", r.Old.Path)
	}
	return found, nil
}

// CheckPrograms asks the go command what the programs would compile on a platform, and returns what is not
// among their libraries. A program whose imports are not all there yet is left out, and told in skipped.
func CheckPrograms(ctx context.Context, root, platform string, programs []Program) (found []Finding, skipped []string, err error) {
	for _, p := range programs {
		if missing := absent(root, p.Imports); missing != "" {
			skipped = append(skipped, fmt.Sprintf("%s: there is no %s yet", p.Name, missing))
			continue
		}
		f, err := checkProgram(ctx, root, platform, p)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, f...)
	}
	return found, skipped, nil
}

func absent(root string, packages []string) string {
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(p))); err != nil {
			return p
		}
	}
	return ""
}

func checkProgram(ctx context.Context, root, platform string, p Program) ([]Finding, error) {
	args := []string{"list", "-deps", "-json=ImportPath,Standard,Imports"}
	for _, i := range p.Imports {
		args = append(args, "./"+i)
	}
	out, err := runGo(ctx, root, []string{"GOOS=" + platform, "CGO_ENABLED=0", "GOWORK=off"}, args...)
	if err != nil {
		return nil, err
	}
	var found []Finding
	importers := map[string][]string{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var d struct {
			ImportPath string
			Standard   bool
			Imports    []string
		}
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("archtest: what go list printed: %w", err)
		}
		for _, i := range d.Imports {
			importers[i] = append(importers[i], d.ImportPath)
		}
		if _, ours := insideModule(d.ImportPath); ours || d.Standard || matchesAny(p.Libs, d.ImportPath) {
			continue
		}
		found = append(found, Finding{File: d.ImportPath, Text: fmt.Sprintf("is compiled on %s by %s", platform, p.Name)})
	}
	// The list names what is imported before whoever imports it, so the importers are known only now.
	for i := range found {
		by := importers[found[i].File]
		slices.Sort(by)
		found[i].Text += ", imported by " + strings.Join(by, " and ")
	}
	return found, nil
}

func runGo(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("archtest: go %s: %w\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return out.Bytes(), nil
}
