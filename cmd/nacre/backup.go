package main

import (
	"context"
	"fmt"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

func (p *program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "backup DEST",
		GroupID: "keep",
		Short:   "Copy a store, while it is in use, into a new folder",
		Long: `Copy a store, with its companion log and blobs, into the folder DEST, which must
not exist yet. The store may be in use: the copy has what was durable when it was made.
DEST can be checked with "nacre verify DEST" and taken back with "nacre restore DEST".`,
		Args: takes(1, 1),
		RunE: p.does(func(ctx context.Context, args []string) error {
			return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
				if err := s.Backup(ctx, args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.out, "backed up store %q to %s\n", p.store, args[0])
				return err
			})
		}),
	}
}
