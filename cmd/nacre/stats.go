package main

import (
	"context"
	"encoding/json"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

func (p *program) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		GroupID: "keep",
		Short:   "Print a store's figures",
		Long: `Print a store's figures as one JSON object: streams, events, sizes in bytes,
segments, the epoch, and the times of the first and the last event.`,
		Args: takes(0, 0),
		RunE: p.does(func(ctx context.Context, _ []string) error {
			return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
				stats, err := s.Stats(ctx)
				if err != nil {
					return err
				}
				out := json.NewEncoder(p.out)
				if isTerminal(p.out) {
					out.SetIndent("", "  ")
				}
				return out.Encode(stats)
			})
		}),
	}
}
