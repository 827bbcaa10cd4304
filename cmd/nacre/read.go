package main

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

func (p *program) readCommand() *cobra.Command {
	var from, to int64
	var o nacre.ReadOptions
	var where condition
	cmd := &cobra.Command{
		Use:     "read STREAM",
		GroupID: "read",
		Short:   "Print a stream's events",
		Long: `Print a stream's events, one stored line each, the oldest first.

A stream that does not exist has no events, which is told on the standard error
and is no failure.`,
		Example: `  nacre read order-1
  nacre read order-1 --backward --limit 1 | jq .streamPosition`,
		Args: takes(1, 1),
	}
	f := cmd.Flags()
	f.Int64Var(&from, "from", 0, "begin with this stream `position`")
	f.Int64Var(&to, "to", 0, "end with this stream `position` (default the last one)")
	f.IntVar(&o.Limit, "limit", 0, "at most this `number` of events")
	where.flag(cmd)
	f.BoolVar(&o.Backwards, "backward", false, "the newest first")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		o.From = from
		if f.Changed("to") {
			if to < 0 || to+1 < 0 {
				return nacre.Errorf(nacre.CodeInvalid, "--to: %d is not a stream position: they begin at 0", to)
			}
			if to < from {
				return nacre.Errorf(nacre.CodeInvalid, "--to: %d is before --from %d", to, from)
			}
			o.Until = to + 1
		}
		if err := where.check(); err != nil {
			return err
		}
		return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
			stream := nacre.StreamID(args[0])
			n, err := p.printLines(p.lines(ctx, s, nacre.Filter{{Streams: []nacre.StreamID{stream}}}, &where, &o))
			if err != nil || n > 0 {
				return err
			}
			version, err := s.Version(ctx, stream)
			if err == nil && version < 0 {
				p.note("stream %q has no events", stream)
			}
			return err
		})
	})
	return cmd
}
