package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nacredb/nacre/wasm/build"
	"github.com/spf13/cobra"
)

func (p *program) initModuleCommand() *cobra.Command {
	var o build.InitOptions
	language := string(build.Go)
	cmd := &cobra.Command{
		Use:   "init FOLDER",
		Short: "Write a small module to begin with",
		Long: `Write a small module to begin with: a counter, with tests, in Go, Rust or AssemblyScript.
Nothing is overwritten. "nacre wasm build FOLDER" compiles it.`,
		Example: `  nacre wasm init counter --lang rust`,
		Args:    takes(1, 1),
	}
	f := cmd.Flags()
	f.StringVar(&language, "lang", language, "the `language`: go, rust or assemblyscript")
	f.StringVar(&o.SDK, "sdk", "", "a `folder` with Nacre's sources, whose guest SDK is taken instead of the published one")
	cmd.RunE = p.does(func(_ context.Context, args []string) error {
		files, next, err := build.Init(args[0], build.Language(language), &o)
		if err != nil {
			return err
		}
		for _, file := range files {
			if _, err := fmt.Fprintln(p.out, filepath.Join(args[0], filepath.FromSlash(file))); err != nil {
				return err
			}
		}
		for _, step := range next {
			p.note("first, in %s: %s", args[0], step)
		}
		p.note("then: nacre wasm build %s", args[0])
		return nil
	})
	return cmd
}
