package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm/build"
	"github.com/spf13/cobra"
)

func (p *program) buildModuleCommand() *cobra.Command {
	var o build.Options
	out := ""
	cmd := &cobra.Command{
		Use:   "build [FOLDER]",
		Short: "Compile a folder to a module",
		Long: `Compile a folder to a WebAssembly module. The language is found out by what is in the
folder: Go files, a Cargo.toml (Rust), or an asconfig.json (AssemblyScript). Its tool chain
has to be there.

For Go, codecs are generated from the decider's tables, without reflection; the compiler sees
them, and the folder does not change. What none can be generated for is told, and read and
written by reflection. The folder's *.test.json files become the module's own tests, which
run before it is published. What only debuggers read is left out.`,
		Example: `  nacre wasm build
  nacre wasm build ./examples/bank/wasm/account -o account.wasm`,
		Args: takes(0, 1),
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` of the module (default the folder's name with .wasm, in the current folder)")
	f.BoolVar(&o.KeepGenerated, "keep-generated", false, "leave the generated Go files in the packages' folders, to look at")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		dir := "."
		if len(args) == 1 {
			dir = args[0]
		}
		return p.buildModule(ctx, dir, out, &o)
	})
	return cmd
}

func (p *program) buildModule(ctx context.Context, dir, out string, o *build.Options) error {
	if out == "" {
		name, err := filepath.Abs(dir)
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%s has no name: %w", dir, err)
		}
		out = filepath.Base(name) + ".wasm"
	}
	m, err := build.Build(ctx, dir, o)
	if ctx.Err() != nil {
		return nacre.Errorf(nacre.CodeCanceled, "%w", ctx.Err())
	}
	if err != nil {
		return err
	}
	for _, note := range m.Notes {
		p.note("%s", note)
	}
	if err := os.WriteFile(out, m.Binary, 0o666); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the module cannot be written: %w", err)
	}
	_, err = fmt.Fprintf(p.out, "%s: %s, %d bytes, %s, sha256 %s\n", out, m.Language, len(m.Binary), count(m.Tests, "test", "tests"), m.Hash)
	return err
}
