package main

import (
	"cmp"
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/server/runners"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// choice says whose dead letters are meant.
type choice struct{ kind, name string }

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.kind, "kind", "", "of projections, process managers or subscriptions only: `projection, process or subscription`")
	cmd.Flags().StringVar(&c.name, "name", "", "of the one of this `name` only")
}

func (c *choice) check() error {
	id := runner.ID{Kind: c.kind, Name: c.name}
	if id.Kind == "" {
		id.Kind = runner.Projection
	}
	if id.Name == "" {
		id.Name = "any"
	}
	return id.Check()
}

// deadLettersCommand is "dead-letters".
func (p *program) deadLettersCommand() *cobra.Command {
	var c choice
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "dead-letters",
		GroupID: "run",
		Short:   "List what projections, process managers and subscriptions gave up, to retry or discard it",
		Long: `List open dead letters, the oldest first: events, commands and timers that failed
for good, and were set aside so that the rest goes on.`,
		Example: `  nacre dead-letters --name transfers
  nacre dead-letters show ID
  nacre dead-letters retry --all --name transfers`,
		Args: takes(0, 0),
	}
	c.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this `number` of them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's routes give it")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		if limit < 1 {
			return nacre.Errorf(nacre.CodeInvalid, "--limit: %d is not a number of dead letters: give 1 or more", limit)
		}
		if err := c.check(); err != nil {
			return err
		}
		return p.looking(ctx, func(ctx context.Context, s steering) error {
			return p.listLetters(ctx, s, &c, limit, asJSON)
		})
	})
	cmd.AddCommand(p.onServer(p.showLetterCommand()),
		p.onServer(p.settleCommand("retry", "Order dead letters to be tried again")),
		p.onServer(p.settleCommand("discard", "Order dead letters to be given up for good")))
	return cmd
}

// lettersPage is how many dead letters are asked for at once.
const lettersPage = 1_000

// letters gives the dead letters of a choice, up to a limit, and how many there are.
func letters(ctx context.Context, s steering, p wire.DeadLettersParams, limit int) (list []wire.DeadLetterReply, total int, err error) {
	for {
		p.Limit, p.Offset = min(limit-len(list), lettersPage), len(list)
		reply, err := s.letters(ctx, &p)
		if err != nil {
			return nil, 0, err
		}
		list, total = append(list, reply.DeadLetters...), reply.TotalCount
		if len(list) >= limit || len(reply.DeadLetters) == 0 || !reply.Pagination.HasMore {
			return list, total, nil
		}
	}
}

func (p *program) listLetters(ctx context.Context, s steering, c *choice, limit int, asJSON bool) error {
	list, total, err := letters(ctx, s, wire.DeadLettersParams{Kind: c.kind, Name: c.name}, limit)
	if err != nil {
		return err
	}
	switch {
	case total == 0:
		p.note("there are no open dead letters")
	case total > len(list):
		p.note("these are %d of %d dead letters: give --limit for more", len(list), total)
	}
	if asJSON {
		return printJSON(p.out, list...)
	}
	if len(list) == 0 {
		return nil
	}
	return letterTable(list).write(p.out)
}

func (p *program) showLetterCommand() *cobra.Command {
	var c choice
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell of a dead letter, with what it holds",
		Args:  takes(1, 1),
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if err := c.check(); err != nil {
			return err
		}
		return p.looking(ctx, func(ctx context.Context, s steering) error {
			l, err := theLetter(ctx, s, &c, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, l)
			}
			return showLetter(p.out, &l)
		})
	})
	return cmd
}

// theLetter is the one of an id; ids are unique among those of one runner only.
func theLetter(ctx context.Context, s steering, c *choice, id string) (wire.DeadLetterReply, error) {
	none := wire.DeadLetterReply{}
	if id == "" {
		return none, nacre.Errorf(nacre.CodeInvalid, "the id of the dead letter is empty")
	}
	list, _, err := letters(ctx, s, wire.DeadLettersParams{Kind: c.kind, Name: c.name, ID: id}, 2)
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, nacre.Errorf(nacre.CodeNotFound, "there is no open dead letter %q", id)
	case len(list) > 1:
		return none, nacre.Errorf(nacre.CodeInvalid, "%s %q and %s %q have a dead letter %q: give --kind and --name",
			wordsOf(list[0].Kind).one, list[0].Name, wordsOf(list[1].Kind).one, list[1].Name, id)
	}
	return list[0], nil
}

// settleCommand is "dead-letters retry" or "dead-letters discard".
func (p *program) settleCommand(do, short string) *cobra.Command {
	var c choice
	var g giving
	var all bool
	cmd := &cobra.Command{
		Use:   do + " ID… | --all",
		Short: short,
		Long: short + `: those of the ids, or all that are open, where
--kind and --name may say whose. The order is obeyed by the program that runs the
projection or process manager: at once, or when it starts.`,
		Example: "  nacre dead-letters " + do + " --all --name transfers",
		Args:    takes(0, 1_000),
	}
	c.flags(cmd)
	g.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if all == (len(args) > 0) {
			return nacre.Errorf(nacre.CodeInvalid, "give the ids of dead letters, or --all")
		}
		if err := c.check(); err != nil {
			return err
		}
		if c.kind == wire.KindSubscription {
			ids := "--all"
			if !all {
				ids = quotable(args[0])
			}
			return ofSubscription(do, cmp.Or(c.name, "NAME"), ids)
		}
		if err := g.check(p); err != nil {
			return err
		}
		return p.ordering(ctx, func(ctx context.Context, s steering) error {
			if all {
				return p.settleAll(ctx, s, do, &c, &g)
			}
			return p.settle(ctx, s, do, args, &c, &g)
		})
	})
	return cmd
}

// ofSubscription says how the dead letters of a subscription are settled: its server does that at once.
func ofSubscription(do, name, ids string) error {
	return nacre.Errorf(nacre.CodeInvalid, "a server looks after the dead letters of subscriptions: nacre subscriptions %s %s %s --server URL", do, name, ids)
}

// settle gives an order about each of some dead letters, once it is known whose they are.
func (p *program) settle(ctx context.Context, s steering, do string, ids []string, c *choice, g *giving) error {
	whose := make([]choice, len(ids))
	for i, id := range ids {
		if c.kind != "" && c.name != "" && id != "" {
			whose[i] = *c // and who may only steer need not look
			continue
		}
		l, err := theLetter(ctx, s, c, id)
		if err != nil {
			return err
		}
		if l.Kind == wire.KindSubscription {
			return ofSubscription(do, l.Name, quotable(id))
		}
		whose[i] = choice{l.Kind, l.Name}
	}
	for i, id := range ids {
		if err := p.give(ctx, s, whose[i].kind, whose[i].name, runners.Order{Do: do, Letter: id}, g); err != nil {
			return err
		}
	}
	return nil
}

// settleAll gives an order to each runner of a choice that has dead letters.
func (p *program) settleAll(ctx context.Context, s steering, do string, c *choice, g *giving) error {
	whose := []choice{*c}
	if c.kind == "" || c.name == "" {
		var err error
		if whose, err = haveLetters(ctx, s, c); err != nil {
			return err
		}
	}
	if len(whose) == 0 {
		p.note("there are no open dead letters")
	}
	for _, w := range whose {
		if err := p.give(ctx, s, w.kind, w.name, runners.Order{Do: do}, g); err != nil {
			return err
		}
	}
	return nil
}

// haveLetters are the runners of a choice that have open dead letters.
func haveLetters(ctx context.Context, s steering, c *choice) ([]choice, error) {
	var out []choice
	for _, kind := range []string{wire.KindProjection, wire.KindProcess} {
		if c.kind != "" && c.kind != kind {
			continue
		}
		list, err := s.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if c.name != "" && c.name != list[i].Name {
				continue
			}
			// What a heartbeat told may be behind.
			has, _, err := letters(ctx, s, wire.DeadLettersParams{Kind: kind, Name: list[i].Name}, 1)
			if err != nil {
				return nil, err
			}
			if len(has) > 0 {
				out = append(out, choice{kind, list[i].Name})
			}
		}
	}
	return out, nil
}
