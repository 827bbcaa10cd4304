package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

func (p *program) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify [FOLDER]",
		GroupID: "keep",
		Short:   "Check every byte of a store, or of a backup",
		Long: `Check a store from end to end, and change nothing: every checksum, that positions have
no gaps, the manifest and the marks, that every index agrees with a full scan, the
companion log and the blobs. Each problem is printed with its file, line and byte,
and makes the exit code 4. FOLDER is a store's own folder, as a backup is one;
without it the store is --store in --data.`,
		Args: takes(0, 1),
		RunE: p.does(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				if err := p.needsDirectory("verify"); err != nil {
					return err
				}
			}
			dir, err := p.toVerify(args)
			if err != nil {
				return err
			}
			bar := p.progress("verifying")
			report, err := filestore.Verify(ctx, dir, &filestore.VerifyOptions{Progress: bar.bytes})
			bar.done()
			if err != nil {
				return err
			}
			if err := p.printReport(dir, report); err != nil {
				return err
			}
			if n := len(report.Problems); n > 0 {
				return nacre.Errorf(nacre.CodeDamaged, "%s found in %s", count(n, "problem was", "problems were"), dir)
			}
			return nil
		}),
	}
}

func (p *program) toVerify(args []string) (string, error) {
	if len(args) == 0 {
		return p.present()
	}
	info, err := os.Stat(args[0])
	if err == nil && !info.IsDir() {
		err = errors.New("it is a file: a store is a folder")
	}
	if err != nil {
		return "", nacre.Errorf(nacre.CodeNotFound, "%s cannot be verified: %w", args[0], err)
	}
	return args[0], nil
}

func (p *program) printReport(dir string, r *filestore.Report) error {
	w := bufio.NewWriter(p.out)
	for _, problem := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n", message(problem))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	verdict := "all is whole"
	if n := len(r.Problems); n > 0 {
		verdict = count(n, "problem", "problems")
	}
	fmt.Fprintf(w, "%s: %s in %s, %s of %d bytes, epoch %s: %s\n", dir,
		count(r.Events, "event", "events"), count(r.Streams, "stream", "streams"),
		count(r.Segments, "segment", "segments"), r.Bytes, r.Epoch, verdict)
	return w.Flush()
}

// count is a number with its noun.
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
