package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// consumption is what "consume" is told.
type consumption struct {
	exec        string
	concurrency int
	limit       int
	consumer    string
	timeout     time.Duration
}

// consumeCommand is "consume".
func (p *program) consumeCommand() *cobra.Command {
	var c consumption
	cmd := &cobra.Command{
		Use:     "consume GROUP",
		GroupID: "deliver",
		Short:   "Work off the events of a consumer group",
		Long: `Take the events of a consumer group of a server, print each as a line, and acknowledge
it then; or run a command for each, with the line on its standard input. Where that ends
with 0, the event is done, else it comes again, as the group's policy says. Several may
consume a group at once, and share its events; those of a stream come in order.

It goes on until it is interrupted. Events that were taken and not worked off by then are
given to others.`,
		Example: `  nacre consume mailers --server http://127.0.0.1:4321 | jq .
  nacre consume mailers --exec ./send-mail --concurrency 8`,
		Args: takes(1, 1),
	}
	f := cmd.Flags()
	f.StringVar(&c.exec, "exec", "", "run this shell `command` for each event")
	f.IntVar(&c.concurrency, "concurrency", 1, "work on this `number` of streams at once")
	f.IntVar(&c.limit, "limit", 0, "end after this `number` of events; 0 is never")
	f.StringVar(&c.consumer, "consumer", "", "the consumer's `name`, another one for each (default the host's and the process')")
	f.DurationVar(&c.timeout, "timeout", 0, "how long a command may take; less than the group's deadline (default for ever)")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		switch {
		case c.limit < 0:
			return nacre.Errorf(nacre.CodeInvalid, "--limit: %d is not a number of events: give 1 or more, 0 for no limit", c.limit)
		case c.concurrency < 1 || c.concurrency > 1000:
			return nacre.Errorf(nacre.CodeInvalid, "--concurrency: %d is not from 1 to 1000", c.concurrency)
		}
		if err := p.needsServer(); err != nil {
			return err
		}
		return p.onRemote(ctx, false, func(ctx context.Context, s *nacre.Store) error {
			g, err := client.Group(s, args[0])
			if err != nil {
				return err
			}
			return p.consume(ctx, g, &c)
		})
	})
	return cmd
}

func (p *program) consume(ctx context.Context, g consumer.Group, c *consumption) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := &worker{p: p, c: c, stop: stop}
	o := &consumer.Options{
		Consumer: c.consumer, Concurrency: c.concurrency, Global: c.concurrency == 1, HandlerTimeout: c.timeout, Logger: slog.New(&warnings{to: p, level: p.level()}),
	}
	if c.limit > 0 {
		o.Concurrency, o.Prefetch = min(c.concurrency, c.limit), min(c.concurrency, c.limit)
	}
	if err := consumer.Run(ctx, g, w.work, o); err != nil {
		return err
	}
	return w.failed
}

// worker works events off.
type worker struct {
	p    *program
	c    *consumption
	stop context.CancelFunc

	mu     sync.Mutex
	begun  int
	failed error // of the output
}

// errEnough gives an event back that is one too many, and was not tried.
var errEnough = fmt.Errorf("the consumer has as many events as it was to have: %w", context.Canceled)

func (w *worker) work(ctx context.Context, d consumer.Delivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return errEnough
	}
	if w.c.limit > 0 {
		if w.begun == w.c.limit {
			return errEnough
		}
		if w.begun++; w.begun == w.c.limit {
			w.stop()
		}
	}
	line := append(wire.AppendEvent(nil, &d.Event), '\n')
	if w.c.exec != "" {
		w.mu.Unlock()
		defer w.mu.Lock()
		return w.run(ctx, &d, line)
	}
	if _, err := w.p.out.Write(line); err != nil {
		w.failed = err
		w.stop()
		return errEnough // somebody else may print it
	}
	return nil
}

// run runs the command for an event.
func (w *worker) run(ctx context.Context, d *consumer.Delivery, line []byte) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", w.c.exec) //nolint:gosec // what the user wants to be run
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(line), w.p.out, w.p.err
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("NACRE_ATTEMPT=%d", d.Attempt))
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err != nil {
		w.p.note("the command failed on the event at position %d, attempt %d: %v", d.Event.GlobalPosition, d.Attempt, err)
	}
	return err
}
