package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

const about = `Nacre is an event store: facts, in order, for ever.

A store is a folder of plain files, DATA/STORE. Its log is lines of JSON, which
jq, grep and tail read. "append" and "import" make a store that is not there yet.
"serve" puts the stores of a directory on the network; with --server, or
NACRE_SERVER, the commands work on those. "demo" shows all of it in a minute.`

// main runs the command line and tells what went wrong.
func (p *program) main(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !p.running {
		err = &usageError{err: err, command: cmd.CommandPath()}
	}
	return p.tell(ctx, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "nacre",
		Short:         "Keep and read event stores",
		Long:          about,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	flags := root.PersistentFlags()
	flags.StringVar(&p.data, "data", "./data", "the `directory` that holds the stores ("+variable("data")+")")
	flags.StringVar(&p.store, "store", "default", "the store's `name` ("+variable("store")+")")
	flags.BoolVarP(&p.verbose, "verbose", "v", false, "tell also what went well: recoveries, rebuilt indexes")
	root.PersistentPreRun = func(*cobra.Command, []string) {
		for name, to := range map[string]*string{"data": &p.data, "store": &p.store} {
			if text := os.Getenv(variable(name)); text != "" && !flags.Changed(name) {
				*to = text
			}
		}
	}
	root.AddGroup(
		&cobra.Group{ID: "write", Title: "Put events in:"},
		&cobra.Group{ID: "read", Title: "Take events out:"},
		&cobra.Group{ID: "entities", Title: "Keep entities, which many writers change:"},
		&cobra.Group{ID: "keep", Title: "Look after a store:"},
		&cobra.Group{ID: "run", Title: "Look after projections and process managers:"},
		&cobra.Group{ID: "wasm", Title: "Run aggregates in WebAssembly:"},
		&cobra.Group{ID: "deliver", Title: "Deliver events:"},
		&cobra.Group{ID: "serve", Title: "Serve stores over HTTP:"},
	)
	root.AddCommand(
		p.onServer(p.appendCommand()), p.onServer(p.importCommand()),
		p.onServer(p.readCommand()), p.onServer(p.logCommand()), p.onServer(p.exportCommand()), p.onServer(p.streamsCommand()),
		p.onDirectory(p.sqlCommand()),
		p.onServer(p.statsCommand()), p.onDirectory(p.verifyCommand()), p.onServer(p.backupCommand()), p.onDirectory(p.restoreCommand()),
		p.onServer(p.runnersCommand(&projectionWords)), p.onServer(p.runnersCommand(&processWords)), p.onServer(p.deadLettersCommand()),
		p.onServer(p.queryCommand()), p.entitiesCommand(), p.policiesCommand(),
		p.wasmCommand(),
		p.onServer(p.subscriptionsCommand()), p.onServer(p.consumeCommand()),
		p.serveCommand(), p.keysCommand(), p.demoCommand(),
		p.versionCommand(),
	)
	return root
}

// does wraps what a command does: an error from before it is the command line's.
func (p *program) does(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		p.running = true
		return f(cmd.Context(), args)
	}
}

// takes checks the number of arguments.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		if cmd.HasSubCommands() && most == 0 {
			text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
			cmd.SuggestionsMinimumDistance = 2 // as cobra does it for the first word
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				text += ": did you mean " + strings.Join(like, " or ") + "?"
			}
			return errors.New(text)
		}
		_, wants, _ := strings.Cut(cmd.Use, " ")
		return fmt.Errorf("%s given to %q", count(len(args), "argument was", "arguments were"), strings.TrimSpace(cmd.CommandPath()+" "+wants))
	}
}

// note tells people something beside the result.
func (p *program) note(format string, args ...any) {
	_, _ = fmt.Fprintf(p.err, "nacre: "+format+"\n", args...)
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
