package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

func (p *program) importCommand() *cobra.Command {
	var batch int
	var skip bool
	cmd := &cobra.Command{
		Use:     "import FILE|-",
		GroupID: "write",
		Short:   "Import events from lines of JSON",
		Long: `Import events from a file, or from the standard input ("-"), of one JSON object a line,
compressed with gzip or not, in their order:

  {"streamId":"order-1","type":"order.placed","data":{"total":30}}

streamId, type and data have to be there; eventId, metadata, tags, createdAt and
transactionId may be. Whole lines that were exported are taken: their checksum is checked,
their positions are left out, since positions are this store's own. Times and metadata
are kept as they are.

A line without an eventId gets one made of its number and its bytes. So whatever ended an
import, the same command goes on with it: events that the store holds are passed over.
A line that is wrong ends the import; what stands before it has been imported.`,
		Example: `  nacre import orders.ndjson.gz
  zstdcat old.ndjson.zst | nacre import - --store archive`,
		Args: takes(1, 1),
	}
	f := cmd.Flags()
	f.IntVar(&batch, "batch", 500, "commit at most this `number` of events together, 1 to 1000")
	f.BoolVar(&skip, "skip-invalid", false, "skip lines that are wrong, and list them")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if batch < 1 || batch > mostEvents {
			return nacre.Errorf(nacre.CodeInvalid, "--batch: %d is not a number from 1 to %d", batch, mostEvents)
		}
		if p.remote.url == "" {
			if _, err := p.folder(); err != nil {
				return err
			}
		}
		from, err := openSource(args[0], p.in)
		if err != nil {
			return err
		}
		defer from.close()
		return p.importFrom(ctx, from, batch, skip)
	})
	return cmd
}

func (p *program) importFrom(ctx context.Context, from *source, batch int, skip bool) error {
	begun, bar := time.Now(), p.progress("importing")
	im := importer{from: from, batch: batch, progress: func(t tally) {
		bar.events(t.appended+t.held, from.bytes.Load(), from.size)
	}}
	if skip {
		im.skip = func(err *lineError) {
			bar.clear()
			p.note("skipped: %s", message(err))
		}
	}
	// Commits need not be synced one by one: nothing is promised before the store is closed, which syncs
	// them all, and an import that a power loss ended goes on like any other.
	opened := false
	err := p.writing(ctx, filestore.Interval, func(ctx context.Context, s *nacre.Store) error {
		opened = true
		im.store = s
		return im.run(ctx)
	})
	bar.done()
	if !opened {
		return err
	}
	t, took := im.tally, time.Since(begun)
	summary := fmt.Sprintf("%s imported from %s, %d already there, %d skipped, in %.1f s (%.0f events/s)",
		count(t.appended, "event", "events"), from.name, t.held, t.skipped, took.Seconds(),
		float64(t.appended+t.held)/max(took.Seconds(), 0.001))
	switch {
	case err == nil:
		p.note("%s", summary)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		p.note("%s; run the same command again to go on", summary)
	case isLineError(err):
		p.note("%s; what stands before the line below is imported: correct it and run the same command again, or give --skip-invalid", summary)
		err = &inputError{err}
	default:
		p.note("%s before the error below", summary)
	}
	return err
}
