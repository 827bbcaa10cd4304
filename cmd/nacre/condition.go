package main

import (
	"context"
	"iter"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// condition is the flag that says what a filter cannot.
type condition struct {
	text string
	is   *query.Condition // nil where there is none
}

func (c *condition) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.text, "where", "", "events of which this `condition` is true: data.total > 100 AND tags CONTAINS 'vip'")
}

// check reads the condition. What is none is told with its place, before anything is opened.
func (c *condition) check() error {
	if c.text == "" {
		return nil
	}
	var err error
	if c.is, err = query.Where(c.text); err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "--where: %s", strings.TrimPrefix(message(pointed(err, c.text)), "query: "))
	}
	return nil
}

// lines are a store's lines that a filter selects and of which the condition is true. A server evaluates it itself.
func (p *program) lines(ctx context.Context, s *nacre.Store, f nacre.Filter, c *condition, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	switch {
	case c.is == nil:
		return s.ReadLines(ctx, f, o)
	case p.remote.url != "":
		return client.ReadWhere(ctx, s, f, c.text, o)
	case o.From == 0 && o.Until == 0: // these bound the one stream of a filter of nothing else
		f = c.is.Narrow(f)
	}
	all := *o
	if all.Limit > 0 {
		all.Limit = 0
	}
	return c.among(s.ReadLines(ctx, f, &all), o.Limit)
}

// among are those of some lines of which the condition is true, up to a limit; 0 is none.
func (c *condition) among(lines iter.Seq2[nacre.Line, error], limit int) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		n := 0
		for line, err := range lines {
			var e nacre.Event
			if err == nil {
				err = wire.ParseLine(line.Bytes, &e)
			}
			if err != nil {
				yield(nacre.Line{}, err)
				return
			}
			if !c.is.Matches(&e) {
				continue
			}
			n++
			if !yield(line, nil) || n == limit {
				return
			}
		}
	}
}
