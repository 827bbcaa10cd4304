package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

func (p *program) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "restore FROM",
		GroupID: "keep",
		Short:   "Make a store of a backup",
		Long: `Make the store --store in --data of the backup in the folder FROM, which is verified
first and stays as it is. A store of that name must not exist yet. The restored log
has a new epoch: whoever followed the old one is told to begin anew.`,
		Args: takes(1, 1),
		RunE: p.does(func(ctx context.Context, args []string) error {
			if err := p.needsDirectory("restore"); err != nil {
				return err
			}
			dir, err := p.folder()
			if err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
				return nacre.Errorf(nacre.CodeNotFound, "there is no backup in %s", args[0])
			}
			if _, err := os.Stat(dir); err == nil {
				return nacre.Errorf(nacre.CodeInvalid, "the store %q is there already, in %s: give another --store or --data", p.store, p.data)
			}
			if err := os.MkdirAll(p.data, 0o777); err != nil {
				return nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be made: %w", err)
			}
			bar := p.progress("restoring")
			err = filestore.Restore(ctx, args[0], dir, &filestore.RestoreOptions{Progress: bar.bytes})
			bar.done()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "restored store %q from %s\n", p.store, args[0])
			return err
		}),
	}
}
