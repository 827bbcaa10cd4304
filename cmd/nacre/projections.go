package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/server/runners"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// runnerWords are how a kind of runners is called.
type runnerWords struct {
	kind     string
	command  string
	one      string
	many     string
	does     string // what they do
	orders   []string
	explains map[string]string
}

var projectionWords = runnerWords{
	kind: wire.KindProjection, command: "projections", one: "projection", many: "projections",
	does:   "fold events into read models",
	orders: []string{"pause", "resume", "reset", "rebuild"},
	explains: map[string]string{
		"pause":   "stop following, until it is resumed; it stays paused when its program starts again",
		"resume":  "go on",
		"reset":   "forget what it derived, and begin from the start",
		"rebuild": "derive everything anew beside what is in use, and then put it in its place",
	},
}

var processWords = runnerWords{
	kind: wire.KindProcess, command: "processes", one: "process manager", many: "process managers",
	does:   "react to events with commands",
	orders: []string{"pause", "resume"},
	explains: map[string]string{
		"pause":  "stop reacting, until it is resumed; it stays paused when its program starts again",
		"resume": "go on",
	},
}

// runnersCommand is "projections" or "processes".
func (p *program) runnersCommand(w *runnerWords) *cobra.Command {
	var asJSON bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:     w.command,
		GroupID: "run",
		Short:   "List " + w.many + ", wherever they run, and steer them",
		Long: fmt.Sprintf(`List the %s that ever ran on the store, which %s: their states,
how far they are, how far behind the log's end, how fast, and what is wrong.

They run in programs of yours, which tell of themselves and take orders in the
store's companion log.`, w.many, w.does),
		Example: fmt.Sprintf(`  nacre %[1]s
  nacre %[1]s --watch
  nacre %[1]s --json | jq -r 'select(.lag > 1000) | .name'`, w.command),
		Args: takes(0, 0),
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's routes give it")
	f.DurationVar(&every, "watch", 0, "list them again after this `time`, until interrupted")
	f.Lookup("watch").NoOptDefVal = "2s"
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		if every < 0 || f.Changed("watch") && every < minWatch {
			return nacre.Errorf(nacre.CodeInvalid, "--watch: %v is not a time to wait: give %v or more", every, minWatch)
		}
		err := p.looking(ctx, func(ctx context.Context, s steering) error {
			return p.again(ctx, every, func() error { return p.listRunners(ctx, s, w, asJSON) })
		})
		if every > 0 && ctx.Err() != nil && nacre.CodeOf(err) == nacre.CodeCanceled {
			return nil // to be interrupted is how watching ends
		}
		return err
	})
	cmd.AddCommand(p.onServer(p.showRunnerCommand(w)))
	for _, do := range w.orders {
		cmd.AddCommand(p.onServer(p.orderCommand(w, do)))
	}
	return cmd
}

// minWatch is the shortest wait between two lists.
const minWatch = 100 * time.Millisecond

// again does something, and once more after each wait, if there is one. A terminal is cleared before.
func (p *program) again(ctx context.Context, every time.Duration, do func() error) error {
	for first := true; ; first = false {
		separator := ""
		switch {
		case every > 0 && isTerminal(p.out):
			separator = "\x1b[H\x1b[2J"
		case !first:
			separator = "\n"
		}
		if _, err := fmt.Fprint(p.out, separator); err != nil {
			return err
		}
		if err := do(); err != nil || every == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nacre.Errorf(nacre.CodeCanceled, "%w", ctx.Err())
		case <-time.After(every):
		}
	}
}

func (p *program) listRunners(ctx context.Context, s steering, w *runnerWords, asJSON bool) error {
	list, err := s.list(ctx, w.kind)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		p.note("no %s ever ran on store %q", w.one, p.store)
	}
	if asJSON {
		return printJSON(p.out, list...)
	}
	if len(list) == 0 {
		return nil
	}
	return runnerTable(list).write(p.out)
}

func (p *program) showRunnerCommand(w *runnerWords) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Tell of one " + w.one,
		Args:  takes(1, 1),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if err := (runner.ID{Kind: w.kind, Name: args[0]}).Check(); err != nil {
			return err
		}
		return p.looking(ctx, func(ctx context.Context, s steering) error {
			r, err := s.get(ctx, w.kind, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, r)
			}
			return showRunner(p.out, w, &r)
		})
	})
	return cmd
}

// giving is what the commands that give orders have in common.
type giving struct {
	by     string
	wait   time.Duration
	asJSON bool
}

func (g *giving) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&g.by, "by", "", "who orders it, a `name` for whoever looks (default you; on a server, the key)")
	f.DurationVar(&g.wait, "wait", 0, "wait at most this `time` until it was obeyed; with --server")
	f.BoolVar(&g.asJSON, "json", false, "print the order as one JSON object")
}

// check refuses what cannot be.
func (g *giving) check(p *program) error {
	switch {
	case g.wait < 0:
		return nacre.Errorf(nacre.CodeInvalid, "--wait: %v is not a time to wait", g.wait)
	case g.wait > 0 && p.remote.url == "":
		return nacre.Errorf(nacre.CodeInvalid, "--wait: nobody can obey while the order is written to the directory: it is for --server")
	}
	return nil
}

func (p *program) orderCommand(w *runnerWords, do string) *cobra.Command {
	var g giving
	cmd := &cobra.Command{
		Use:   do + " NAME",
		Short: "Order a " + w.one + " to " + w.explains[do],
		Long: fmt.Sprintf(`Order a %s to %s.

The order is obeyed by the program that runs it: at once, or when it starts.`, w.one, w.explains[do]),
		Args: takes(1, 1),
	}
	g.flags(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if err := (runner.ID{Kind: w.kind, Name: args[0]}).Check(); err != nil {
			return err
		}
		if err := g.check(p); err != nil {
			return err
		}
		return p.ordering(ctx, func(ctx context.Context, s steering) error {
			return p.give(ctx, s, w.kind, args[0], runners.Order{Do: do}, &g)
		})
	})
	return cmd
}

// give gives an order, tells of it, and waits where that is wanted.
func (p *program) give(ctx context.Context, s steering, kind, name string, o runners.Order, g *giving) error {
	if o.By = g.by; o.By == "" && p.remote.url == "" {
		if you, err := user.Current(); err == nil {
			o.By = you.Username
		}
	}
	given, err := s.order(ctx, kind, name, o)
	if err != nil {
		return err
	}
	if g.asJSON {
		err = printJSON(p.out, given)
	} else {
		_, err = fmt.Fprintf(p.out, "order %d: %s %q is to %s%s\n", given.Order, wordsOf(kind).one, name, o.Do, ofLetters(&o))
	}
	if err == nil && p.remote.url == "" {
		p.note("no program has the store open now: the order is obeyed when one does") // else it would be locked
	}
	if err != nil || g.wait == 0 {
		return err
	}
	return p.awaitObeyed(ctx, s, &given, g.wait)
}

func wordsOf(kind string) *runnerWords {
	switch kind {
	case wire.KindProcess:
		return &processWords
	case wire.KindSubscription:
		return &runnerWords{kind: kind, one: "subscription"}
	}
	return &projectionWords
}

func ofLetters(o *runners.Order) string {
	switch {
	case o.Letter != "":
		return " dead letter " + quotable(o.Letter)
	case o.Do == "retry" || o.Do == "discard":
		return " all dead letters"
	}
	return ""
}

// askEvery is how often a status is asked for while an order is waited for.
const askEvery = 200 * time.Millisecond

// awaitObeyed waits until an order was obeyed, and fails where it was not carried out.
func (p *program) awaitObeyed(ctx context.Context, s steering, given *wire.OrderReply, most time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	what := fmt.Sprintf("order %d to %s %q", given.Order, wordsOf(given.Kind).one, given.Name)
	var r wire.RunnerReply
	for {
		now, err := s.get(limited, given.Kind, given.Name)
		if err != nil && limited.Err() == nil {
			return err
		}
		if err == nil {
			r = now
		}
		if last := r.LastOrder; last != nil && last.Order >= given.Order {
			if last.Order == given.Order && last.Failure != nil {
				return nacre.Errorf(nacre.CodeInternal, "%s was not carried out: %s", what, plain(failureText(last.Failure), 0))
			}
			p.note("%s was obeyed; it is %s", what, stateOf(&r))
			return nil
		}
		select {
		case <-time.After(askEvery):
		case <-limited.Done():
			if !errors.Is(limited.Err(), context.DeadlineExceeded) || ctx.Err() != nil {
				return nacre.Errorf(nacre.CodeCanceled, "%w", limited.Err())
			}
			return nacre.Errorf(nacre.CodeDeadline, "%s was not obeyed within %v: it is %s; the order stays, and is obeyed when it can be",
				what, most, stateOf(&r))
		}
	}
}
