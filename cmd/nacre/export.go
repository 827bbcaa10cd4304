package main

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

func (p *program) exportCommand() *cobra.Command {
	var sel selection
	var file string
	cmd := &cobra.Command{
		Use:     "export",
		GroupID: "read",
		Short:   "Write stored lines to a file or to the standard output",
		Long: `Write the log's stored lines, or what a filter selects of them, as they stand: body,
stamp and checksum. "nacre import" takes them, checks the checksums, and gives them new
positions; where a filter left out a part of a transaction of merge streams, it refuses the
rest. A FILE that ends in .gz is compressed; it is there whole or not at all.`,
		Example: `  nacre export -o orders.ndjson.gz --category order
  nacre export | ssh elsewhere nacre import -`,
		Args: takes(0, 0),
	}
	sel.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `file`")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		if err := sel.where.check(); err != nil {
			return err
		}
		return p.reading(ctx, func(ctx context.Context, s *nacre.Store) error {
			if file == "" || file == "-" {
				_, err := p.printLines(p.lines(ctx, s, sel.filter(), &sel.where, sel.options()))
				return err
			}
			n, err := exportFile(file, p.lines(ctx, s, sel.filter(), &sel.where, sel.options()))
			if err == nil {
				p.note("exported %s to %s", count(n, "event", "events"), file)
			}
			return err
		})
	})
	return cmd
}

// exportFile writes beside the file and then takes its name, so that no half export looks like a whole one.
func exportFile(name string, lines iter.Seq2[nacre.Line, error]) (n int, err error) {
	failed := func(err error) error {
		if nacre.CodeOf(err) != "" {
			return err
		}
		return nacre.Errorf(nacre.CodeInternal, "the export cannot be written: %w", err)
	}
	target, tmp := name, name+".partial"
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		tmp = name // a pipe or a device is written to, not replaced
	}
	file, err := os.Create(tmp)
	if err != nil {
		return 0, failed(err)
	}
	n, err = writeExport(file, strings.HasSuffix(name, ".gz"), lines)
	if err == nil && tmp != target {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if tmp == target {
		if err != nil {
			return n, failed(err)
		}
		return n, nil
	}
	if err == nil {
		err = os.Rename(tmp, target)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return n, failed(err)
	}
	return n, nil
}

func writeExport(to io.Writer, compress bool, lines iter.Seq2[nacre.Line, error]) (int, error) {
	var zip *gzip.Writer
	if compress {
		zip = gzip.NewWriter(to)
		to = zip
	}
	w := newLineWriter(to)
	err := w.copy(lines)
	if err == nil && zip != nil {
		err = zip.Close()
	}
	return w.n, err
}
