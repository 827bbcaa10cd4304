package main

import (
	"bufio"
	"context"
	"encoding/json"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

// streamLine is how a stream is listed.
type streamLine struct {
	nacre.StreamInfo
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

func (p *program) streamsCommand() *cobra.Command {
	var q nacre.StreamQuery
	var after string
	cmd := &cobra.Command{
		Use:     "streams",
		GroupID: "read",
		Short:   "List streams",
		Long: `List streams, one JSON line each, in byte order of their ids: the id, the version
(the position of the last event in the stream), the global positions of its first
and last event, and their times.`,
		Example: `  nacre streams --category order | jq -r .streamId`,
		Args:    takes(0, 0),
	}
	f := cmd.Flags()
	f.StringVar(&q.Category, "category", "", "of this `category`")
	f.StringVar(&q.Prefix, "prefix", "", "whose id begins with this `text`")
	f.StringVar(&after, "after", "", "behind this `stream`, to go on with the next page")
	f.IntVar(&q.Limit, "limit", 0, "at most this `number` of streams")
	cmd.MarkFlagsMutuallyExclusive("category", "prefix")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		q.After = nacre.StreamID(after)
		return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
			return p.printStreams(ctx, s, q)
		})
	})
	return cmd
}

func (p *program) printStreams(ctx context.Context, s *nacre.Store, q nacre.StreamQuery) error {
	w := bufio.NewWriter(p.out)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for info, err := range s.Streams(ctx, q) {
		if err != nil {
			if e := w.Flush(); e != nil {
				return e
			}
			return err
		}
		err = out.Encode(streamLine{
			StreamInfo: info,
			CreatedAt:  info.CreatedAt.UTC().Format(nacre.TimeFormat),
			UpdatedAt:  info.UpdatedAt.UTC().Format(nacre.TimeFormat),
		})
		if err != nil {
			return err
		}
	}
	return w.Flush()
}
