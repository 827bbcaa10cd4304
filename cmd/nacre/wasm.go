package main

import "github.com/spf13/cobra"

// wasmCommand is "wasm".
func (p *program) wasmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "wasm",
		GroupID: "wasm",
		Short:   "Make, test, publish and run aggregates in WebAssembly",
		Long: `Make, test, publish and run aggregates in WebAssembly.

A module is an aggregate that was compiled to WebAssembly. Published to a store, it executes
the commands of its category, in a sandbox; every version of it stays. With --server the
store is a server's, otherwise it is opened here.`,
		Example: `  nacre wasm init counter
  nacre wasm build counter
  nacre wasm test counter.wasm
  nacre wasm publish counter counter.wasm
  nacre wasm execute counter c-1 increment '{"by":2}'
  nacre wasm rollback counter`,
		Args: takes(0, 0),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.initModuleCommand(), p.buildModuleCommand(), p.testModuleCommand())
	cmd.AddCommand(p.moduleCommands()...)
	return cmd
}
