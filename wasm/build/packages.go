package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// goPackage is a package as the go command lists it.
type goPackage struct {
	Dir, ImportPath, Name string
	GoFiles               []string
	Standard              bool
	Module                *struct {
		Path    string
		Main    bool
		Replace *struct{ Version string }
	}
}

// own tells whether files can be put beside a package's own: where it is of the module that is built, or of one that
// a folder stands for.
func (p *goPackage) own() bool {
	m := p.Module
	return !p.Standard && m != nil && (m.Main || m.Replace != nil && m.Replace.Version == "")
}

// support are the packages of the guest itself, which generated code and the generator import.
const support = "github.com/nacredb/nacre/wasm/guest"

// list finds the packages of the program.
func (b *goBuild) list(ctx context.Context) error {
	fields := "-json=Dir,ImportPath,Name,GoFiles,Standard,Module"
	out, err := run(ctx, b.dir, here, "go", "list", "-deps", fields, ".")
	if err != nil {
		return err
	}
	served := false
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &goPackage{}
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		served = served || p.ImportPath == support
		switch {
		case p.Dir == b.dir:
			b.main = p
		case !p.own(), p.Name == "main", p.ImportPath == support, strings.HasPrefix(p.ImportPath, support+"/jsontext"),
			strings.HasPrefix(p.ImportPath, support+"/codegen"), strings.HasPrefix(p.ImportPath, support+"/reflected"),
			p.ImportPath == "github.com/nacredb/nacre/decider":
			continue
		}
		b.packages = append(b.packages, p)
	}
	switch {
	case b.main == nil:
		return fmt.Errorf("the go command does not list the package in %s", b.dir)
	case b.main.Name != "main":
		return fmt.Errorf("%s is package %s: a module is a package main that calls guest.Serve in an init function", b.dir, b.main.Name)
	case !served:
		return fmt.Errorf("%s does not use %s: a module calls its Serve in an init function", b.dir, support)
	}
	return nil
}

// types are the names of the package's types, and of those that are errors: that have a method Error() string. They
// may be what Decide refuses a command with.
func (p *goPackage) types() (all, failures []string, err error) {
	all = []string{}
	generic := map[string]bool{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if name := errorOf(d); name != "" {
					failures = append(failures, name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if t, ok := s.(*ast.TypeSpec); ok {
						all = append(all, t.Name.Name)
						generic[t.Name.Name] = t.TypeParams != nil
					}
				}
			}
		}
	}
	failures = slices.DeleteFunc(failures, func(name string) bool { return generic[name] })
	slices.Sort(failures)
	return all, slices.Compact(failures), nil
}

// errorOf is the type that a declaration gives a method Error() string, "" where it does something else.
func errorOf(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) != 1 || d.Name.Name != "Error" || d.Type.Params.NumFields() != 0 || d.Type.Results.NumFields() != 1 {
		return ""
	}
	if result, ok := d.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "string" {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
