package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		Long: `Make the store --store in --data of the backup FROM, which is verified first and stays as
it is: a folder, or a tar that a server sent (POST …/backup), compressed with gzip or not,
"-" being the standard input. A store of that name must not exist yet. The restored log has
a new epoch: whoever followed the old one is told to begin anew.`,
		Example: `  nacre restore monday --store again
  curl -s -X POST localhost:4321/event-stores/default/backup | nacre restore - --data copy`,
		Args: takes(1, 1),
		RunE: p.does(func(ctx context.Context, args []string) error {
			if err := p.needsDirectory("restore"); err != nil {
				return err
			}
			dir, err := p.folder()
			if err != nil {
				return err
			}
			if _, err := os.Stat(dir); err == nil {
				return nacre.Errorf(nacre.CodeInvalid, "the store %q is there already, in %s: give another --store or --data", p.store, p.data)
			}
			from := args[0]
			info, err := os.Stat(from)
			switch {
			case from != "-" && errors.Is(err, fs.ErrNotExist):
				return nacre.Errorf(nacre.CodeNotFound, "there is no backup in %s", from)
			case from != "-" && err != nil:
				return nacre.Errorf(nacre.CodeInternal, "the backup cannot be looked at: %w", err)
			}
			if err := os.MkdirAll(p.data, 0o777); err != nil {
				return nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be made: %w", err)
			}
			if from == "-" || !info.IsDir() {
				return p.restoreArchive(ctx, from, dir)
			}
			return p.restoreFolder(ctx, from, from, dir)
		}),
	}
}

// restoreArchive unpacks a tar beside the store that is to be, and restores that.
func (p *program) restoreArchive(ctx context.Context, from, dir string) error {
	in, name := p.in, "standard input"
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "the backup cannot be read: %w", err)
		}
		defer file.Close() //nolint:errcheck // it was read only
		in, name = io.Reader(file), from
	}
	unpacked, err := os.MkdirTemp(p.data, ".unpacked-")
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "no folder can be made to unpack the backup: %w", err)
	}
	defer func() { _ = os.RemoveAll(unpacked) }() // what stays has a name that says what it is
	if err := unpackBackup(ctx, in, name, unpacked); err != nil {
		return err
	}
	return p.restoreFolder(ctx, unpacked, name, dir)
}

func (p *program) restoreFolder(ctx context.Context, from, name, dir string) error {
	bar := p.progress("restoring")
	err := filestore.Restore(ctx, from, dir, &filestore.RestoreOptions{Progress: bar.bytes})
	bar.done()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "restored store %q from %s\n", p.store, name)
	return err
}
