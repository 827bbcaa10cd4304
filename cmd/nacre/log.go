package main

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

func (p *program) logCommand() *cobra.Command {
	var sel selection
	var backward, follow bool
	cmd := &cobra.Command{
		Use:     "log",
		GroupID: "read",
		Short:   "Print the log, or what a filter selects of it",
		Long: `Print the log's events, one stored line each, in the order of their global positions.

An event is printed where every kind of flag that is given matches: one of the
streams, one of the categories, one of the types, all of the tags; and where the
condition of --where is true of it, in the query language, on anything that an event
has.
With --follow the command waits at the log's end for what is appended, by this or
by any other process, until it is interrupted.`,
		Example: `  nacre log --category order --type 'order.*' --limit 10
  nacre log --after 1042 --follow | jq -c .data
  nacre log --type 'order.*' --where "data.total > 100 AND tags CONTAINS 'vip'" -f`,
		Args: takes(0, 0),
	}
	sel.flags(cmd)
	cmd.Flags().BoolVar(&backward, "backward", false, "the newest first")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is appended")
	cmd.MarkFlagsMutuallyExclusive("backward", "follow")
	cmd.MarkFlagsMutuallyExclusive("before", "follow")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		if err := sel.where.check(); err != nil {
			return err
		}
		err := p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
			if follow {
				return p.followLines(ctx, s, &sel)
			}
			o := sel.options()
			o.Backwards = backward
			_, err := p.printLines(p.lines(ctx, s, sel.filter(), &sel.where, o))
			return err
		})
		if follow && ctx.Err() != nil && nacre.CodeOf(err) == nacre.CodeCanceled {
			return nil // to be interrupted is how following ends
		}
		return err
	})
	return cmd
}

// followLines prints history, then what is appended, without gap or repeat, until ctx ends.
func (p *program) followLines(ctx context.Context, s *nacre.Store, sel *selection) error {
	f, w := sel.filter(), newLineWriter(p.out)
	seen, epoch := nacre.Position(sel.after), ""
	for {
		head, err := s.Head(ctx)
		if err != nil {
			return err
		}
		if epoch == "" {
			epoch = head.Epoch
		}
		if head.Epoch != epoch || head.Position < seen {
			return nacre.Errorf(nacre.CodeLogRewound,
				"the log ends at position %d of epoch %s, and position %d of epoch %s had been reached: it was cut, restored or replaced; begin anew",
				head.Position, head.Epoch, seen, epoch)
		}
		if head.Position > seen {
			o := &nacre.ReadOptions{After: seen, Before: head.Position + 1}
			if sel.limit != 0 {
				o.Limit = sel.limit - w.n
			}
			if err := w.copy(p.lines(ctx, s, f, &sel.where, o)); err != nil {
				return err
			}
			if sel.limit > 0 && w.n >= sel.limit {
				return nil
			}
			seen = head.Position
		}
		if err := s.Wait(ctx, seen); err != nil {
			return err
		}
	}
}
