// Command nacre keeps and reads event stores in directories, from the command line.
//
// A file of this package is a subcommand: append, import, read, log, export, streams, stats, verify, query, entities,
// backup, restore, projections (and processes), dead-letters, subscriptions, consume, serve, keys, demo, version. docs/cli.md
// describes them with their output. The commands of the log work on the store --store of the directory
// --data, in the folder DATA/STORE, or of the server --server.
//
// Guarantees:
//
//  1. Events are printed as one JSON line each, the stored line with its checksum verified.
//  2. What a command says was appended or imported is durable when it ends.
//  3. Commands that read need no lock and change nothing; they run beside a process that writes. Those that read
//     entities bring their tables up to date where nobody else has them open, which the log makes anew at any time.
//  4. The same import, run again after whatever ended it, takes up where it stopped: no event is missing
//     and none is there twice.
//  5. "serve" ends on a signal once what it accepted is finished; what it acknowledged is durable. A store
//     that it makes or deletes is there whole or not at all, whenever the process ends.
//  6. Results go to the standard output; errors, warnings and progress to the standard error.
//
// The process ends with 0 when the command did what it was asked, 1 when it failed, 2 when the command
// line is wrong, 3 on a conflict (of versions or of event ids), 4 when damage was found, 130 when it was
// interrupted, where that is not how the command ends anyway. An error is one line with its code in brackets.
//
// What this package does not do: it has no logic of a store; it parses, calls nacre.Store, and prints.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(Main()) }

// Main runs the program on the process's arguments and streams, and returns its exit code.
func Main() int {
	// A reader that went away, as in "nacre log | head", is told by the write's error, and ends quietly.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	// The first signal ends the work in an orderly way, the second one ends the process: also one that comes
	// as soon as the first has done anything, so that it is let through before. To a process that began with
	// interrupts ignored, as a script's background does, the system lets none through.
	signals, again := make(chan os.Signal, 1), make(chan os.Signal, 1)
	ignored := signal.Ignored(os.Interrupt)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		if ignored {
			signal.Notify(again, os.Interrupt)
			go func() {
				<-again
				os.Exit(exitInterrupted)
			}()
		}
		signal.Stop(signals)
		stop()
	}()
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	return p.main(ctx, os.Args[1:])
}

// program is one run: its streams, and the flags that all commands share.
type program struct {
	in       io.Reader
	out, err io.Writer

	data, store string
	remote      remote
	actor       string // who edits entities
	verbose     bool

	running bool // the command line was understood
}
